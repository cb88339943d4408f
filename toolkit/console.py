"""The only module that prints: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class TextTable:
    """A table to be shown.

    Attributes:
        title: Stands above it.
        columns: Headings.
        rows: Texts, one a column.
        caption: Stands below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


class Console:
    """What a person sees.

    Args:
        as_json: Results are one JSON object on stdout instead of tables.
        quiet: No progress and no notes.
    """

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._bars: Any = None  # the display under way: a terminal has room for one, inner bars join it

    def note(self, text: str) -> None:
        """One line on stderr."""
        if not self._quiet:
            self._stderr().print(text, markup=False, highlight=False, style="dim")

    def heading(self, text: str) -> None:
        """A step's name on stderr."""
        if not self._quiet:
            self._stderr().print(text, markup=False, highlight=False, style="bold cyan")

    @contextmanager
    def progress(self, description: str) -> Iterator[OnProgress]:
        """Show a bar with the share done and the time left; one closing line where stderr is no terminal.

        Args:
            description: What is being done, a few words.

        Yields:
            A callable to be called with (done, total).
        """
        if self._quiet:
            yield lambda done, total: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        console = self._stderr()
        if not (console.is_terminal or console.is_jupyter):
            seen = [0]

            def count(done: int, total: int) -> None:
                seen[0] = total

            yield count
            self.note(f"  {description}: {seen[0]:,} done" if seen[0] > 1 else f"  {description}: done")
            return
        if self._bars is not None:
            task = self._bars.add_task(description, total=None)
            yield lambda done, total: self._bars.update(task, completed=done, total=total)
            self._bars.remove_task(task)
            return
        bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeLeft(),
            console=console,
            transient=False,
        )
        with bar:
            self._bars = bar
            task = bar.add_task(description, total=None)
            try:
                yield lambda done, total: bar.update(task, completed=done, total=total)
            finally:
                self._bars = None

    def result(self, values: Mapping[str, Any], tables: Sequence[TextTable], lines: Sequence[str]) -> None:
        """Print a result on stdout: one JSON object, or tables and lines.

        Args:
            values: What `--json` prints.
            tables: What a person reads.
            lines: Plain lines below the tables, such as paths and the next command.
        """
        if self._as_json:
            sys.stdout.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")
            return
        console = self._stdout()
        for table in tables:
            console.print(rich_table(table))
        for line in lines:
            # Paths stay whole so that they can be copied.
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    def error(self, text: str) -> None:
        """One paragraph on stderr."""
        self._stderr().print(f"Error: {text}", markup=False, highlight=False, style="red", soft_wrap=True)

    @staticmethod
    def _stderr() -> Any:
        from rich.console import Console as Rich

        return Rich(stderr=True)

    @staticmethod
    def _stdout() -> Any:
        from rich.console import Console as Rich

        return Rich()


def rich_table(table: TextTable) -> Any:
    """The same table as rich draws it; columns of numbers are right-aligned."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title=escape(table.title), caption=escape(table.caption) or None, box=box.SIMPLE_HEAD,
                  title_justify="left", caption_justify="left", title_style="bold")  # fmt: skip
    for index, column in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        numeric = bool(cells) and all(_is_figure(cell) for cell in cells)
        drawn.add_column(escape(column), justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(escape(cell) for cell in row))
    return drawn


def _is_figure(cell: str) -> bool:
    return not cell or cell in {"-", "–"} or cell.lstrip("+-−").replace(",", "")[:1].isdigit()
