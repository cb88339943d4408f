"""`toolkit init`: recognise a data set and write a commented config for it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from toolkit.artifacts import write_text
from toolkit.config import load_config
from toolkit.config.text import commented_yaml
from toolkit.console import Console, TextTable
from toolkit.errors import ConfigError
from toolkit.steps.results import Result


class InitResult(Result):
    """The config that was written.

    Attributes:
        config: Its path.
        format: What the data set was recognised as.
        pictures: How many pictures it lists.
        classes: Class names by index.
        counts: Pictures of each class.
        notes: What else was noticed.
    """

    config: Path
    format: str
    pictures: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    notes: tuple[str, ...]

    def tables(self) -> list[TextTable]:
        """Classes and their counts."""
        rows = tuple((name, f"{count:,}") for name, count in zip(self.classes, self.counts, strict=True))
        title = f"{self.pictures:,} pictures in {len(self.classes)} classes, read as {self.format}"
        return [TextTable(title, ("class", "pictures"), rows)]

    def lines(self) -> list[str]:
        """What was noticed, and the next command."""
        notes = [f"Note: {note}" for note in self.notes]
        return [*notes, f"Wrote {self.config}. Next: toolkit run -c {self.config}"]


def init_config(data: Path, output: Path, *, force: bool = False, console: Console | None = None) -> InitResult:
    """Write a commented config for a data set.

    Args:
        data: Folder of class folders, CSV, Kaggle folder, or `.npz`.
        output: The config to write.
        force: Replace an existing file.
        console: Unused, for symmetry with the steps.

    Raises:
        ConfigError: The file exists already.
    """
    from toolkit.sources import sniff

    if output.exists() and not force:
        raise ConfigError(f"{output} exists already. Choose another name with -o, or replace it with --force.")
    found = sniff(data)
    base = output.absolute().parent
    settings: dict[str, Any] = {"source": _relative(found.source, base), "format": found.format}
    for name in ("id_column", "path_column", "label_column"):
        if getattr(found, name):
            settings[name] = getattr(found, name)
    if found.group_column:
        settings["group"] = found.group_column
    if found.images:
        settings["images"] = _relative(found.images, base)
    if found.classes:
        settings["classes"] = list(found.classes)
    values: dict[str, Any] = {"name": _name(data), "data": settings}
    if found.test:
        values["evaluate"] = {"data": _relative(found.test, base)}
    header = (
        f"Written by `toolkit init`. Whole road: toolkit run -c {output.name}\n"
        "Every key is listed with its default; delete what you do not change. Paths start from this file's folder."
    )
    text = commented_yaml(values, header)
    write_text(output, text)
    load_config(output)  # what is written must be valid
    return InitResult(
        step="init",
        config=output,
        format=found.format,
        pictures=found.pictures,
        classes=tuple(found.classes),
        counts=tuple(found.counts),
        notes=tuple(found.notes),
    )


def _relative(path: Path, base: Path) -> str:
    """A path as seen from the config's folder; absolute where they share no parent but the root."""
    try:
        relative = os.path.relpath(path.absolute(), base)
    except ValueError:  # another drive
        return str(path.absolute())
    return Path(relative).as_posix()


def _name(data: Path) -> str:
    """A run name made of the data's name."""
    stem = data.absolute().stem if data.suffix else data.absolute().name
    if stem in {"train", "images", "data", "labels"}:
        stem = data.absolute().parent.name
    clean = re.sub(r"[^\w.-]+", "_", stem).strip("._-")
    return clean or "contest"
