"""Pages and tables of the methods of the reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.report import Bars, Column, Figure, Figures, Line, Lines, Note, Row, Section, Table
from toolkit.tuning.comparison import Comparison
from toolkit.tuning.modification import Judged, Modification
from toolkit.tuning.unfreezing import Unfreezing

TextRows = tuple[list[str], list[list[str]]]
_FEW = 4  # with fewer folds, the quantile of t at the level of one of ten values is 10 or more


def modification_table(found: Modification) -> TextRows:
    """Manual against tuned against modified settings, as report B's tables."""
    columns = {"manual": found.manual, "tuned": found.tuned, "modified": found.modified}
    given = {name: judged for name, judged in columns.items() if judged is not None}
    names = list(dict.fromkeys(name for judged in given.values() for name in judged.parameters))
    rows = [[name, *(_text(judged.parameters.get(name)) for judged in given.values())] for name in names]
    rows.append([f"score, {len(found.tuned.scores)} folds", *(_mean_sd(judged) for judged in given.values())])
    return ["setting", *given], rows


def modification_sections(found: Modification, metric: str) -> list[Section]:
    """The table, a sweep chart a setting, and the rule."""
    columns, rows = modification_table(found)
    folds = len(found.tuned.scores)
    accepted = found.accepted
    verdict = (
        Note(f"`{accepted.name}` = {_text(accepted.value)} is accepted: gain {accepted.gain:+.4f}, at least "
             f"{accepted.low:+.4f}.", "good")
        if accepted
        else Note("No value beats the tuned settings beyond noise; they stay.")
    )  # fmt: skip
    text = (
        f"Every value is trained on {folds} folds. It is accepted if its mean paired gain over the folds has a "
        f"one-sided interval above 0 at error level {found.level:.2g} (5 % divided by the number of values; variance "
        "after Nadeau and Bengio 2003, as folds share training pictures)."
    )
    if folds < _FEW:
        text += f" From {folds} folds hardly any gain can be accepted: `ensemble.folds: 5` tells more."
    sections = [Section("Manual, tuned, modified", text, [verdict, Table(columns, rows, sortable=False)])]
    for name in dict.fromkeys(step.name for step in found.steps):
        steps = [step for step in found.steps if step.name == name]
        judged = [("tuned: " + _text(found.tuned.parameters.get(name)), found.tuned)]
        judged += [(_text(step.value), step.judged) for step in steps]
        bars = Bars(
            [label for label, _ in judged],
            [one.mean for _, one in judged],
            [one.mean - one.sd for _, one in judged],
            [one.mean + one.sd for _, one in judged],
            caption=f"{metric}, mean ± sd over the folds",
            tones=["plain", *("good" if step.accepted else "plain" for step in steps)],
        )
        table = Table(
            ["value", *(Column(name, digits=4) for name in (metric, "sd", "gain", "lower end")), "accepted"],
            [
                Row(
                    [_text(s.value), s.judged.mean, s.judged.sd, s.gain, s.low, s.accepted],
                    "good" if s.accepted else "plain",
                )
                for s in steps
            ],
        )
        sections.append(Section(f"{name}: {steps[0].role}", "", [bars, table]))
    return sections


def unfreezing_table(found: Unfreezing) -> TextRows:
    """One row an attempt."""
    rows = [
        [
            str(one.number),
            _settings(one.parameters),
            f"{one.score:.4f}",
            "" if one.unfrozen_score is None else f"{one.unfrozen_score:.4f}",
            one.outcome,
            f"{one.best:.4f}",
        ]
        for one in found.attempts
    ]
    return ["attempt", "settings", "score", "one layer more", "outcome", "best"], rows


def unfreezing_sections(found: Unfreezing, metric: str, drop: float | None) -> list[Section]:
    """Before and after, the course, and all attempts.

    Args:
        found: The attempts.
        metric: Name of the objective.
        drop: Relative error drop, None for an objective that is no share of right answers.
    """
    columns, rows = unfreezing_table(found)
    tiles = [
        Figure(f"{metric}, defaults", found.baseline, digits=4),
        Figure(f"{metric}, best", found.best_score, tone="good", digits=4),
        Figure("relative error drop", drop, "(final − initial) / (1 − initial)", style="percent"),
        Figure("trainings", found.trainings, f"{len(found.attempts) - 1} proposed sets"),
    ]
    numbers = [one.number for one in found.attempts]
    again = [one for one in found.attempts if one.unfrozen_score is not None]
    series = [
        Line("as proposed", numbers, [one.score for one in found.attempts], kind="dots"),
        Line(
            "one layer more", [one.number for one in again], [one.unfrozen_score or 0.0 for one in again], kind="dots"
        ),
        Line("best so far", numbers, [one.best for one in found.attempts]),
    ]
    text = (
        "A set that does not improve on the best so far is trained again with one more top layer unfrozen and a tenth "
    )
    text += "of its learning rate. Every proposed set is one attempt."
    return [
        Section("Before and after", "", [Figures(tiles)]),
        Section("Course", text, [Lines(series, x_label="attempt", y_label=metric)]),
        Section("Attempts", "", [Table(columns, [list(row) for row in rows])]),
    ]


def comparison_table(found: Comparison) -> TextRows:
    """Winner's score by data set and method with the largest difference, as report C's table 6."""
    rows = [
        [data, *(f"{found.cell(data, method).score:.4f}" for method in found.methods),
         f"{found.largest_difference(data):.4f}"]
        for data in found.data
    ]  # fmt: skip
    return ["data set", *found.methods, "largest difference"], rows


def comparison_sections(found: Comparison, metric: str) -> list[Section]:
    """The table, tests on other pictures, and the course of each method."""
    columns, rows = comparison_table(found)
    text = (
        f"Every method spent at most {found.budget} epochs on each data set. Scores are {metric} of each winner on the "
    )
    text += "pictures that chose it: they flatter."
    sections = [Section("Same budget", text, [Table(columns, [list(row) for row in rows], sortable=False)])]
    tested = [(cell, cell.tested) for cell in found.cells if cell.tested is not None]
    if tested:
        table = Table(
            ["data set", "method", "accuracy", "from", "to", "pictures"],
            [[c.data, c.method, t.share, *t.wilson, t.n] for c, t in tested],
            caption="Winners trained again, on pictures that took no part in the search (Wilson's 95 % interval)",
        )
        pairs = Table(
            ["data set", "one", "other", "z", "p"],
            [Row([p.data, p.one, p.other, p.test.z, p.test.p], "good" if p.test.p < 0.05 else "plain")
             for p in found.pairs()],
            caption="Two-sample proportion z-tests, not corrected for their number",
        )  # fmt: skip
        sections.append(Section("Are they different?", "", [table, pairs]))
    for data in found.data:
        series = []
        for method in found.methods:
            spent, best = found.cell(data, method).spent.course()
            series.append(Line(method, spent, best))
        chart = Lines(series, x_label="epochs spent", y_label=f"best {metric} so far")
        winners = Table(
            ["method", "sets", "trainings", "epochs", "settings of the winner"],
            [
                [m, c.spent.sets, len(c.spent.trainings), c.spent.epochs, _settings(c.spent.best.parameters)]
                for m in found.methods
                for c in [found.cell(data, m)]
            ],
        )
        sections.append(Section(f"Course on {data}", "", [chart, winners]))
    return sections


def _mean_sd(judged: Judged) -> str:
    return f"{judged.mean:.4f} ± {judged.sd:.4f}"


def _settings(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.rpartition('.')[2] if not name[-1].isdigit() else name} {_text(value)}"
                     for name, value in parameters.items())  # fmt: skip


def _text(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
