"""A submission table: predictions in the very form of a sample, checked before a byte is written."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from toolkit.artifacts import write_text
from toolkit.errors import SubmissionError
from toolkit.sources.files import is_image
from toolkit.sources.table import Table
from toolkit.submission.checks import Check
from toolkit.submission.sample import SampleForm, number

_SUM_TOLERANCE = 1e-3


def match_ids(wanted: Sequence[str], image_ids: Sequence[str]) -> list[int]:
    """The row of each wanted id among the predicted pictures.

    Ids may be spelt with or without folder and file ending on either side, as long as that is unambiguous.

    Args:
        wanted: Ids of the sample.
        image_ids: n ids of pictures.

    Returns:
        An index into `image_ids` for each wanted id.

    Raises:
        SubmissionError: Ids are doubled or missing, or pictures are not asked for.
    """
    twice = [name for name, count in Counter(wanted).items() if count > 1]
    if twice:
        raise SubmissionError(f"The sample asks for {len(twice)} ids more than once, for example {twice[0]!r}.")
    best: tuple[list[str], dict[str, list[int]], Callable[[str], str]] | None = None
    for spelling in (str, _without_ending, _file_name, lambda name: _without_ending(_file_name(name))):
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(image_ids):
            rows.setdefault(spelling(name), []).append(row)
        missing = [name for name in wanted if spelling(name) not in rows]
        if best is None or len(missing) < len(best[0]):
            best = (missing, rows, spelling)
        if not missing:
            break
    missing, rows, spelling = best or ([], {}, str)
    if missing:
        raise SubmissionError(
            f"{len(missing)} of the sample's {len(wanted)} ids have no predicted picture, for example {missing[0]!r}; "
            f"pictures are called like {image_ids[0] if len(image_ids) else 'nothing: there are none'!r}. Compared "
            "with and without folder and file ending. Set package.test_source to the test pictures of this sample."
        )
    fitting = {name: rows[spelling(name)] for name in wanted}
    several = [name for name, found in fitting.items() if len(found) > 1]
    if several:
        first = several[0]
        raise SubmissionError(
            f"The sample's id {first!r} fits several pictures: "
            f"{', '.join(repr(image_ids[row]) for row in fitting[first][:3])}. Remove the copies from "
            "package.test_source."
        )
    used = [found[0] for found in fitting.values()]
    if len(set(used)) < len(used):
        shared = next(row for row, count in Counter(used).items() if count > 1)
        raise SubmissionError(f"Several ids of the sample fit the one picture {image_ids[shared]!r}.")
    extra = sorted(set(range(len(image_ids))) - set(used))
    if extra:
        raise SubmissionError(
            f"{len(extra)} of {len(image_ids)} predicted pictures are not asked for by the sample, for example "
            f"{image_ids[extra[0]]!r}: it is the sample of another test set, or package.test_source holds more than "
            "the test pictures. Name the folder or CSV of the test pictures alone."
        )
    return used


def fill(form: SampleForm, image_ids: Sequence[str], probabilities: np.ndarray) -> dict[str, list[str]]:
    """The table of a submission.

    Args:
        form: What the sample asks for.
        image_ids: n ids of pictures.
        probabilities: `(n, k)`.

    Returns:
        Cells by column, in the sample's order of columns and rows.

    Raises:
        SubmissionError: The ids do not fit the sample, or probabilities are not finite numbers of 0–1.
    """
    if not np.isfinite(probabilities).all() or (len(probabilities) and not _within(probabilities)):
        raise SubmissionError(
            "Some predicted probabilities are NaN, infinite or outside of 0 to 1, so nothing is written. A network "
            "that does not converge is the usual reason: train again with a lower train.learning_rate."
        )
    rows = probabilities[match_ids(form.ids, image_ids)]
    winners = rows.argmax(axis=1)
    columns = {name: list(values) for name, values in form.table.columns.items()}
    if form.spelling:
        columns[form.columns[0]] = [form.spelling[winner] for winner in winners]
        return columns
    for name, index in zip(form.columns, form.classes, strict=True):
        if form.values == "one_hot":
            columns[name] = [str(int(winner == index)) for winner in winners]
        else:
            columns[name] = [f"{value:.6f}" for value in rows[:, index]]
    return columns


def judge(form: SampleForm, columns: Mapping[str, Sequence[str]]) -> list[Check]:
    """Compare a table with the sample: columns, ids, their order, and every value.

    Args:
        form: What the sample asks for.
        columns: Cells by column.
    """
    asked = list(form.table.columns)
    if list(columns) != asked:
        message = f"The columns are {list(columns)}, but the sample's are {asked}. Use these, in this order."
        return [Check("columns", False, message)]
    checks = [Check("columns", True, ", ".join(asked)), *_judge_ids(form.ids, columns[form.id_column])]
    wrong = _wrong_value(form, columns)
    return [*checks, Check("values", wrong is None, wrong or form.values.replace("_", "-"))]


def write_table(path: Path, form: SampleForm, columns: Mapping[str, Sequence[str]]) -> list[Check]:
    """Check a table and write it as CSV, whole or not at all.

    Returns:
        The checks, all of which hold.

    Raises:
        SubmissionError: A check failed; nothing is written.
    """
    checks = judge(form, columns)
    failed = [check.message for check in checks if not check.ok]
    if failed:
        raise SubmissionError(f"{path.name} is not written, as the contest would refuse it: {' '.join(failed)}")
    write_text(path, table_text(columns))
    return checks


def table_text(columns: Mapping[str, Sequence[str]]) -> str:
    """Columns as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def labels_of(form: SampleForm, table: Table) -> np.ndarray:
    """`(n,)` class indices that a table says, in its order of rows."""
    if form.spelling:
        index = {name: position for position, name in enumerate(form.spelling)}
        return np.array([index[cell] for cell in table.column(form.columns[0])], np.int64)
    values = np.array([[float(cell) for cell in table.column(name)] for name in form.columns])
    if len(form.columns) == 1:
        (positive,) = form.classes
        return np.asarray(np.where(values[0] > 0.5, positive, 1 - positive), np.int64)
    return np.asarray(np.asarray(form.classes)[values.argmax(axis=0)], np.int64)


def _judge_ids(wanted: Sequence[str], given: Sequence[str]) -> list[Check]:
    missing, extra = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    doubled = sorted(name for name, count in Counter(given).items() if count > 1)
    problems = [
        f"{len(names)} ids are {what}, for example {names[0]!r}."
        for names, what in ((missing, "missing"), (extra, "not in the sample"), (doubled, "there more than once"))
        if names
    ]
    if missing and {_without_ending(name) for name in missing} & {_without_ending(name) for name in extra}:
        problems.append("They differ by their file ending: spell ids as the sample does.")
    if problems:
        return [Check("ids", False, " ".join(problems))]
    if list(wanted) != list(given):
        row = next(row for row, (one, other) in enumerate(zip(wanted, given, strict=True)) if one != other)
        message = f"The ids are those of the sample in another order, from row {row + 1} on. Keep the sample's order."
        return [Check("ids", True, f"{len(given)}, each once"), Check("order", False, message)]
    return [Check("ids", True, f"{len(given)}, each once"), Check("order", True, "as in the sample")]


def _wrong_value(form: SampleForm, columns: Mapping[str, Sequence[str]]) -> str | None:
    if form.spelling:
        name, known = form.columns[0], set(form.spelling)
        strangers = [cell for cell in columns[name] if cell not in known]
        if strangers:
            return (
                f"{len(strangers)} values of {name!r} are no class, for example {strangers[0]!r}; the classes are "
                f"{', '.join(form.spelling[:8])}."
            )
        return None
    for name in form.columns:
        for cell in columns[name]:
            value = number(cell)
            if value is None:
                return f"{cell!r} in the column {name!r} is no number: NaN and empty cells are refused by contests."
            if not 0 <= value <= 1:
                return f"{cell} in the column {name!r} is outside of 0 to 1."
    if len(form.columns) > 1:
        sums = np.array([[float(cell) for cell in columns[name]] for name in form.columns]).sum(axis=0)
        worst = int(np.abs(sums - 1).argmax()) if len(sums) else 0
        if len(sums) and abs(sums[worst] - 1) > _SUM_TOLERANCE:
            return f"Rows must have the sum 1, but row {worst + 1} has {sums[worst]:.4f}."
    return None


def _within(probabilities: np.ndarray) -> bool:
    return bool(probabilities.min() >= 0 and probabilities.max() <= 1 + 1e-6)


def _without_ending(name: str) -> str:
    return name.rpartition(".")[0] if is_image(name) else name


def _file_name(name: str) -> str:
    return PurePosixPath(name).name
