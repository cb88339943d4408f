"""What the steps return: frozen models that the command line renders and a notebook inspects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from toolkit.console import Console, TextTable
from toolkit.metrics import Measured


class Result(BaseModel):
    """Common to all results.

    Attributes:
        step: Name of the step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str

    def tables(self) -> list[TextTable]:
        """What a person reads."""
        return []

    def lines(self) -> list[str]:
        """Paths and the next command."""
        return []

    def show(self, console: Console | None = None) -> None:
        """Print it."""
        (console or Console()).result(self.model_dump(mode="json"), self.tables(), self.lines())

    def _repr_html_(self) -> str:
        """Shown by notebooks."""
        from html import escape

        parts = []
        for table in self.tables():
            head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
            body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
            parts.append(f"<p><b>{escape(table.title)}</b></p><table><tr>{head}</tr>{body}</table>")
        return "".join(parts) + "".join(f"<p>{escape(line)}</p>" for line in self.lines())


class StepResult(Result):
    """A step with a run directory.

    Attributes:
        run_dir: `runs/<name>/<step>/<key>`.
        reused: True where the result was already there and nothing was computed.
        seconds: Wall time of the computation that made it.
        headline: The few figures that stand for it on the index page.
    """

    run_dir: Path
    reused: bool = False
    seconds: float = 0.0
    headline: dict[str, str] = {}

    def lines(self) -> list[str]:
        """Where the page is."""
        done = "Already done; nothing to do. " if self.reused else f"Done in {self.seconds:.0f} s. "
        return [f"{done}Page: {self.run_dir / 'report.html'}"]


class Interval(BaseModel):
    """A figure with its 95 % confidence interval."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(measured: Measured) -> dict[str, float]:
    """A measured value as `Interval` takes it."""
    return {"value": measured.value, "low": measured.low, "high": measured.high}


def percent(value: float | None) -> str:
    """`0.931` as `93.1 %`."""
    return "–" if value is None else f"{100 * value:.1f} %"


def jsonable(value: Any) -> Any:
    """A settings value as plain JSON types."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return value
