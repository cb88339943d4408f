"""A page: one HTML file that holds everything it shows and opens anywhere, without a network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup, escape

from toolkit.artifacts import write_text
from toolkit.report.blocks import Link, Section
from toolkit.report.charts import draw
from toolkit.report.formatting import number
from toolkit.report.tables import table_view
from toolkit.report.thumbnails import as_data_uri

if TYPE_CHECKING:
    from jinja2 import Environment

# What an HTML file cannot hold: control characters, and the lone surrogates that stand for bytes of odd file names.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Page:
    """A page of a report.

    Attributes:
        title: Heading and window title.
        subtitle: A sentence under it: what was found.
        sections: From top to bottom.
        meta: What was run: configuration, key, time; shown small under the heading.
        links: Files beside the page.
    """

    title: str
    subtitle: str = ""
    sections: Sequence[Section] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[Link] = ()


def render(page: Page) -> str:
    """Write a page as HTML; the same page gives the same text.

    Args:
        page: What to show; all of its text is escaped.

    Raises:
        DataError: A picture is no PNG or JPEG.
    """
    return render_template("page.html", page=page)


def write_page(path: Path, page: Page) -> None:
    """Write a page to a file, whole or not at all.

    Args:
        path: Such as `runs/<name>/<step>/<key>/report.html`.
        page: What to show.

    Raises:
        DataError: A picture is no PNG or JPEG.
        DiskFullError: The disk is full.
    """
    write_text(path, render(page))


def render_template(name: str, **values: Any) -> str:
    """Fill one of the package's templates.

    Args:
        name: File in `templates/`.
        values: What it shows.

    Returns:
        HTML without characters that a file could not hold.
    """
    return _UNWRITABLE.sub("\ufffd", _environment().get_template(name).render(**values))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("toolkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # A page may run these scripts and load nothing else: a browser refuses whatever escaping might ever let through.
    for prefix, name in (("", "script.js"), ("review_", "review.js")):
        script = _part(found, name)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        found.globals |= {f"{prefix}script": script, f"{prefix}script_hash": digest}
    found.globals |= {"style": _part(found, "style.css"), "review_style": _part(found, "review.css")}
    found.filters |= {
        "number": number,
        "prose": _prose,
        "href": _href,
        "chart": draw,
        "table_view": table_view,
        "data_uri": as_data_uri,
    }
    return found


def _part(environment: Environment, name: str) -> Markup:
    text, _, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
    return Markup(text)


def _href(path: str) -> str:
    # Two slashes at the beginning would name a host.
    return re.sub("^//+", "/", quote(path, safe="/", errors="replace"))


def _prose(text: str) -> Markup:
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", text))
    return Markup("\n").join(Markup("<p>{}</p>").format(_with_code(part)) for part in paragraphs if part)


def _with_code(text: str) -> Markup:
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its fellow is a backtick
        return escape(text)
    pieces = (Markup("<code>{}</code>").format(p) if index % 2 else escape(p) for index, p in enumerate(parts))
    return Markup("").join(pieces)
