"""A person's decisions about pictures, which count more than every automatic action."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import DataError, MissingFileError

COLUMNS = ("image_id", "action", "label")
_ACTIONS = ("keep", "drop", "relabel")


@dataclass(frozen=True)
class Decision:
    """What a person wants done with one picture.

    Attributes:
        action: `keep`, `drop` or `relabel`.
        label: Index of the new class for `relabel`, else -1.
    """

    action: str
    label: int = -1


def read_decisions(path: Path, image_ids: Sequence[str], classes: Sequence[str]) -> dict[str, Decision]:
    """Read `decisions.csv`, as the page of `clean` saves it.

    Args:
        path: CSV with the columns `image_id`, `action` and, for `relabel`, `label` (a class name).
        image_ids: All pictures of the data set.
        classes: Class names by index.

    Returns:
        Decisions by image id.

    Raises:
        MissingFileError: There is no such file.
        DataError: A column is missing; an id or a class is unknown; an action is none; a picture is decided twice.
    """
    if not path.is_file():
        raise MissingFileError(f"There are no decisions at {path}. The page of `toolkit clean` saves them.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in COLUMNS[:2] if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{path} has no column {missing[0]!r}: expected {', '.join(COLUMNS)} in its first line, found "
                    f"{', '.join(reader.fieldnames or ()) or 'nothing'}. Save the decisions anew from the page."
                )
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a UTF-8 CSV file: {error}.") from error
    known, number = set(image_ids), {name: index for index, name in enumerate(classes)}
    found: dict[str, Decision] = {}
    for line, row in rows:
        name, action, label = (str(row.get(column) or "") for column in COLUMNS)
        where = f"{path}, line {line}"
        if name not in known:
            near = difflib.get_close_matches(name, image_ids, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"{where}: the data set has no picture {name!r}.{hint} Decisions belong to the data set on whose page "
                "they were made."
            )
        if action not in _ACTIONS:
            raise DataError(f"{where}: the action {action!r} is none of keep, drop and relabel.")
        if name in found:
            raise DataError(f"{where}: {name!r} is decided a second time. Leave one line a picture.")
        if action == "relabel" and label not in number:
            raise DataError(f"{where}: {label!r} is no class; the classes are {', '.join(classes)}.")
        found[name] = Decision(action, number[label] if action == "relabel" else -1)
    return found


def fingerprint_decisions(decisions: Mapping[str, Decision]) -> list[tuple[str, str, int]]:
    """The same value for the same decisions in any order."""
    return sorted((name, decision.action, decision.label) for name, decision in decisions.items())
