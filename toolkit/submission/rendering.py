"""Templates of the programs that are written into packages and bundles."""

from __future__ import annotations

from importlib import resources
from string import Template


def render(name: str, /, **values: str) -> str:
    """Fill a template.

    Args:
        name: File name in `templates/`.
        values: Text for each `${placeholder}`; give literals of Python as `repr(value)`.

    Returns:
        The text of the file.
    """
    text = resources.files("toolkit.submission").joinpath("templates", name).read_text(encoding="utf-8")
    return Template(text).substitute(values)
