"""Looking up a name that the user chose."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from toolkit.errors import ConfigError

T = TypeVar("T")


def choose(table: Mapping[str, T], name: str, setting: str) -> T:
    """The entry called `name`.

    Args:
        table: Every valid name and what it stands for.
        name: What the user wrote.
        setting: Config key it came from, for the error.

    Raises:
        ConfigError: There is no such name; the nearest is suggested.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(str(name).lower().replace("-", "_"), table, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(f"`{setting}` is {name!r}, which is unknown: {hint}Expected one of {', '.join(table)}.")
