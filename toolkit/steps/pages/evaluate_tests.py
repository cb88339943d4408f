"""Part of the page of `evaluate`: every corruption at every severity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.evaluation.local_tests import LocalTest, by_corruption, worst_class
from toolkit.metrics import Metric
from toolkit.report import (
    Badge,
    Bars,
    Beside,
    Block,
    Cell,
    Column,
    Details,
    Heatmap,
    Line,
    Lines,
    Section,
    Table,
)
from toolkit.steps.pages.ensemble import measure

_OVERLAPS = "* of a kind that the training augmentation contains: it flatters."


def metric_words(metric: Metric) -> str:
    """A metric's name as a heading."""
    return metric.name.rpartition(":")[2].replace("_", " ").replace("f1", "F1")


def test_sections(tests: Sequence[LocalTest], metric: Metric, clean: tuple[float, float]) -> list[Section]:
    """Every corruption at every severity: maps, curves, table.

    Args:
        tests: At least one.
        metric: What `evaluate.metric` names.
        clean: Accuracy and metric of the same pictures without corruption.
    """
    severities = sorted({test.severity for test in tests})
    told = _OVERLAPS if any(test.overlaps for test in tests) else ""
    blocks: list[Block]
    if len(severities) == 1:
        blocks = [_bars(tests)]
        title, text = "Corruptions", f"All at severity {severities[0]} of 5. {told}".strip()
    else:
        blocks = _maps(tests, metric, severities)
        title, text = "Corruptions by severity", f"Severities run from 1, slight, to 5, strong. {told}".strip()
    blocks.append(Details("All local tests in figures", [_table(tests, metric)], open=len(tests) <= 12))
    sections = [Section(title, text, blocks)]
    if len(severities) > 1:
        sections.append(_curves(tests, metric, clean))
    return sections


def _named(test: LocalTest) -> str:
    return f"{test.name.replace('_', ' ')}{' *' if test.overlaps else ''}"


def _bars(tests: Sequence[LocalTest]) -> Bars:
    order = sorted(tests, key=lambda test: test.scores.accuracy.value)
    accuracies = [test.scores.accuracy for test in order]
    return Bars(
        [_named(test) for test in order],
        [accuracy.value for accuracy in accuracies],
        [accuracy.low for accuracy in accuracies],
        [accuracy.high for accuracy in accuracies],
        "Accuracy, the worst first",
        "percent",
        1,
        ["warn" if test.overlaps else "plain" for test in order],
    )


def _maps(tests: Sequence[LocalTest], metric: Metric, severities: Sequence[int]) -> list[Block]:
    grouped = by_corruption(tests)
    names = [_named(same[0]) for same in grouped.values()]
    columns = [str(severity) for severity in severities]

    def chart(caption: str, values: Sequence[Sequence[float]], percent: bool) -> Heatmap:
        return Heatmap(values, names, columns, "", "severity", caption, "value", "percent" if percent else "auto",
                       0 if percent else 2)  # fmt: skip

    accuracy = [[test.scores.accuracy.value for test in same] for same in grouped.values()]
    macro = [[test.scores.macro_f1.value for test in same] for same in grouped.values()]
    own = [[test.value for test in same] for same in grouped.values()]
    errors = [[test.scores.calibration_error or 0.0 for test in same] for same in grouped.values()]
    maps = [chart("Accuracy", accuracy, True), chart("Macro F1", macro, False)]
    if metric.name not in {"accuracy", "macro_f1"}:
        maps.append(chart(metric_words(metric).capitalize(), own, False))
    maps.append(chart("Calibration error", errors, True))
    told = " and ".join(chart.caption for chart in maps[2:]) + " by severity"
    return [Beside(maps[:2], width=400), Details(told, [Beside(maps[2:], width=400)])]


def _curves(tests: Sequence[LocalTest], metric: Metric, clean: tuple[float, float]) -> Section:
    own = metric.name not in {"accuracy"}
    start = clean[1] if own else clean[0]
    shown = [start, *(test.value if own else test.scores.accuracy.value for test in tests)]
    bounded = min(shown) >= 0 and max(shown) <= 1
    margin = 0.05 * (max(shown) - min(shown) or 1.0)
    low = np.floor(10 * min(shown)) / 10 if bounded else min(shown) - margin
    high = 1.0 if bounded else max(shown) + margin
    charts = []
    for family in dict.fromkeys(test.family for test in tests):
        series = [
            Line(
                _named(same[0]),
                [0, *(test.severity for test in same)],
                [start, *(test.value if own else test.scores.accuracy.value for test in same)],
            )
            for same in by_corruption([test for test in tests if test.family == family]).values()
        ]
        charts.append(
            Lines(series, "severity", metric_words(metric), family.capitalize(),
                  style="auto" if own else "percent", y_range=(float(low), float(high)))
        )  # fmt: skip
    text = "Severity 0 is the same pictures as they are. All charts share one scale."
    return Section("Severity curves", text, [Beside(charts)])


def _table(tests: Sequence[LocalTest], metric: Metric) -> Table:
    own = metric.name not in {"accuracy", "macro_f1"}
    columns: list[Column | str] = [
        "corruption",
        "family",
        "severity",
        Column("accuracy", style="percent", digits=1),
        *([Column(metric_words(metric), digits=3)] if own else []),
        Column("macro F1", digits=3),
        Column("calibration error", style="percent", digits=1),
        Column("worst class", note="the class with the lowest recall"),
        Column("its recall", style="percent", digits=0),
        "",
    ]
    rows: list[list[Cell]] = []
    for test in tests:
        name, recall = worst_class(test.scores)
        rows.append(
            [test.name.replace("_", " "), test.family, test.severity, measure(test.scores.accuracy),
             *([test.value] if own else []), test.scores.macro_f1.value, test.scores.calibration_error, name, recall,
             Badge("overlaps", "warn") if test.overlaps else ""]
        )  # fmt: skip
    return Table(columns, rows, rest="evaluation.json")
