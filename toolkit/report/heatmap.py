"""The heat map: counts with row-normalised shading for confusion matrices, or plain values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from toolkit.report.chart_blocks import Heatmap
from toolkit.report.formatting import number
from toolkit.report.svg import join, tag

# (most rows or columns, side of a cell, font size), pixels; below _SMALLEST_WITH_TEXT cells carry no numbers.
_SIZES = ((6, 56, 13), (10, 46, 13), (16, 38, 12), (24, 32, 11), (32, 28, 10), (60, 16, 9))
_SMALLEST_CELL = (11, 8)
_SMALLEST_WITH_TEXT = 28
_GAP = 2
_LONGEST_LABEL = 22
_FEW_COLUMNS = 10
_WIDEST_CELL = 96
# Mean width of a letter in a system font, in ems; generous, for class names in capitals.
_LETTER = 0.62
# From which shading on light letters are the more legible ones on either colour; in the dark scheme the colours are
# pale, and dark letters win from _MIDDLE on.
_DARK_ENOUGH = {"hit": 0.7, "miss": 0.9}
_MIDDLE = 0.6
_FAINTEST = 0.06


@dataclass(frozen=True)
class _Box:
    """Measures of a map whose cells are `side` high, CSS pixels."""

    side: int
    font: int
    label_font: int
    row_texts: list[str]
    column_texts: list[str]
    left: float
    top: float
    wide: float
    tilted: bool
    width: float

    @classmethod
    def of(cls, block: Heatmap, side: int, font: int) -> _Box:
        columns = len(block.column_labels)
        label_font = max(font, 9) if side >= 16 else font
        row_texts, column_texts = _shorten(block.row_labels), _shorten(block.column_labels)
        left = _width(row_texts, label_font) + 12 + (20 if block.row_title else 0)
        widest = _width(column_texts, label_font)
        roomy = block.shade == "value" and columns <= _FEW_COLUMNS and widest + 12 <= _WIDEST_CELL
        wide = max(side, 64.0, widest + 12) if roomy else float(side)
        tilted = widest > wide - 4
        reach = widest * math.sin(math.pi / 4) if tilted else 0.0
        top = (reach + label_font + 8 if tilted else label_font + 12) + (22 if block.column_title else 0)
        width = left + columns * wide + reach + 4
        return cls(side, font, label_font, row_texts, column_texts, left, top, wide, tilted, width)


def heatmap(block: Heatmap) -> Markup:
    """Draw a matrix of shaded cells; the box scrolls sideways where the page is narrow."""
    rows, columns = len(block.row_labels), len(block.column_labels)
    if not rows or not columns:
        return tag("p", "Nothing to show.", class_="empty")
    sizes = [(s, f) for most, s, f in _SIZES if max(rows, columns) <= most] or [_SMALLEST_CELL]
    boxes = (_Box.of(block, side, font) for side, font in sizes)
    box = next((box for box in boxes if block.fit is None or box.width <= block.fit), None)
    box = box or _Box.of(block, *sizes[-1])
    side, font, label_font, left, top = box.side, box.font, box.label_font, box.left, box.top
    row_texts, column_texts, wide, tilted = box.row_texts, box.column_texts, box.wide, box.tilted

    parts = [*_titles(block, left, top, columns * wide, rows * side)]
    for index, (text, whole) in enumerate(zip(row_texts, block.row_labels, strict=True)):
        parts.append(tag("text", text, tag("title", whole), x=left - 8, y=top + (index + 0.5) * side, dy="0.35em",
                         text_anchor="end", font_size=label_font))  # fmt: skip
    for index, (text, whole) in enumerate(zip(column_texts, block.column_labels, strict=True)):
        x, y = left + (index + 0.5) * wide, top - 8
        turn = f"rotate(-45 {x:.2f} {y:.2f})" if tilted else None
        parts.append(tag("text", text, tag("title", whole), x=x, y=y, text_anchor="start" if tilted else "middle",
                         font_size=label_font, transform=turn))  # fmt: skip
    parts += _cells(block, left, top, wide, side, font)
    told = f"{rows} by {columns} matrix, rows {block.row_title or 'as labelled'}, columns {block.column_title or 'too'}"
    picture = tag("svg", join(parts), class_="heatmap", role="img", aria_label=told, width=math.ceil(box.width),
                  height=math.ceil(top + rows * side + 4))  # fmt: skip
    return tag("div", picture, class_="scroll")


def _titles(block: Heatmap, left: float, top: float, width: float, height: float) -> Iterator[Markup]:
    if block.column_title:
        yield tag("text", block.column_title, class_="axis-title", x=left + width / 2, y=12, text_anchor="middle")
    if block.row_title:
        y = top + height / 2
        yield tag("text", block.row_title, class_="axis-title", x=12, y=y, text_anchor="middle",
                  transform=f"rotate(-90 12 {y:.2f})")  # fmt: skip


def _cells(block: Heatmap, left: float, top: float, wide: float, side: float, font: int) -> Iterator[Markup]:
    finite = [float(value) for row in block.matrix for value in row if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    for i, row in enumerate(block.matrix):
        total = sum(float(value) for value in row if math.isfinite(value))
        for j, value in enumerate(row):
            if block.shade == "row":
                share = float(value) / total if total > 0 else 0.0
                told = f" ({number(share, 'percent')} of the row)"
            else:
                share = (float(value) - low) / (high - low) if high > low else 0.5
                share, told = _FAINTEST + (1 - _FAINTEST) * share, ""
            share = min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
            colour = "hit" if block.shade == "value" or i == j else "miss"
            # The square root lifts confusions out of the ground: a tenth of a class gone astray must catch the eye,
            # and a single stray picture in a big class must stay visible.
            shade = max(share if colour == "hit" else math.sqrt(share), _FAINTEST)
            x, y = left + j * wide, top + i * side
            text = _cell_text(value, block, wide, font) if side >= _SMALLEST_WITH_TEXT else ""
            title = (
                f"{block.row_labels[i]} → {block.column_labels[j]}: {number(value, block.style, block.digits)}{told}"
            )
            yield tag(
                "g",
                tag("title", title),
                tag("rect", class_="ground", x=x, y=y, width=wide - _GAP, height=side - _GAP, rx=2),
                tag("rect", class_=colour, x=x, y=y, width=wide - _GAP, height=side - _GAP, rx=2,
                    fill_opacity=round(shade, 3)) if value else None,
                tag("text", text, x=x + (wide - _GAP) / 2, y=y + (side - _GAP) / 2, dy="0.35em", text_anchor="middle",
                    font_size=font, class_=_letters(shade, colour)) if text else None,
            )  # fmt: skip


def _letters(shade: float, colour: str) -> str:
    return "on-dark" if shade > _DARK_ENOUGH[colour] else "on-middle" if shade > _MIDDLE else "on-light"


def _cell_text(value: float, block: Heatmap, wide: float, font: int) -> str:
    if not value and block.shade == "row":
        return ""
    text = number(value, block.style, block.digits)
    shorter = [text, text.replace(",", "")]
    if block.style == "percent":
        shorter.append(number(100 * value, digits=0))
    elif abs(value) >= 1e3:
        shorter += [f"{value / 1e3:.1f}k", f"{value / 1e3:.0f}k", f"{value / 1e6:.0f}M"]
    return next((short for short in shorter if _width([short], font) <= wide), "")


def _shorten(labels: Sequence[str]) -> list[str]:
    texts = [str(label) for label in labels]
    return [text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…" for text in texts]


def _width(texts: list[str], font: int) -> float:
    return max(map(len, texts)) * font * _LETTER
