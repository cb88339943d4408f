"""Part of the page of `evaluate`: classes, confusion matrices and calibration, clean and shifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from toolkit.evaluation.local_tests import LocalTest, by_corruption, mean_accuracy, pooled_confusion, recalls
from toolkit.metrics import Reliability, Scores, reliability, wilson
from toolkit.report import Beside, Cell, Column, Details, Heatmap, Line, Lines, Row, Section, Table
from toolkit.steps.pages.ensemble import class_table
from toolkit.steps.results import percent

if TYPE_CHECKING:
    from toolkit.steps.pages.evaluate import Evaluated

_HALF_PAGE = 484  # CSS pixels


def class_sections(
    classes: Sequence[str], clean: Scores, tests: Sequence[LocalTest], extra: Scores | None
) -> list[Section]:
    """Recall of each class clean and corrupted, and confusion matrices side by side.

    Args:
        classes: Names by index.
        clean: Scores on clean pictures.
        tests: Corrupted local tests.
        extra: Scores on the user's own labelled pictures.
    """
    grouped = by_corruption(tests)
    worst = min(grouped, key=lambda name: mean_accuracy(grouped[name]).value)
    shown = worst.replace("_", " ")
    sections = [
        Section(
            "By class",
            "Recall is the share of a class's pictures that are recognised, corrupted its mean over all local tests. "
            "The worst class is first.",
            [_class_losses(classes, clean, grouped), Details("Precision and recall on clean pictures",
                                                             [class_table(clean, classes)])],
        ),
        Section(
            "Confusion, clean and shifted",
            "Corrupted pictures of all local tests are counted together. Rows are shaded by their share, so both can "
            "be compared.",
            [
                Beside([_confusion("Clean pictures", clean.confusion, classes),
                        _confusion("All corrupted pictures", pooled_confusion(tests).tolist(), classes)]),
                Details(f"Under the worst corruption, {shown}",
                        [_confusion(f"{shown}, all severities", pooled_confusion(grouped[worst]).tolist(), classes)]),
            ],
        ),
    ]  # fmt: skip
    if extra:
        told = f"{extra.n:,} pictures of the source that was given with `--data` or `evaluate.data`."
        matrix = _confusion("Your labelled pictures", extra.confusion, classes)
        sections.append(Section("Your labelled pictures", told, [class_table(extra, classes), matrix]))
    return sections


def _class_losses(classes: Sequence[str], clean: Scores, grouped: Mapping[str, Sequence[LocalTest]]) -> Table:
    plain = recalls(clean)
    under = {name: np.mean([recalls(test.scores) for test in same], axis=0) for name, same in grouped.items()}
    every = np.mean([recalls(test.scores) for same in grouped.values() for test in same], axis=0)
    names = list(under)
    rows: list[Row] = []
    order = np.argsort(np.where(np.isnan(every), np.inf, every), kind="stable")
    for place, index in enumerate(order):
        pictures = clean.per_class[index].support
        if np.isnan(every[index]):
            rows.append(Row([classes[index], pictures, *([None] * 5)]))
            continue
        worst = min(names, key=lambda name: under[name][index])
        cells: list[Cell] = [
            classes[index], pictures, float(plain[index]), float(every[index]), float(every[index] - plain[index]),
            worst.replace("_", " "), float(under[worst][index]),
        ]  # fmt: skip
        rows.append(Row(cells, "bad" if place == 0 and len(classes) > 1 else "plain"))
    columns: list[Column | str] = [
        "class",
        "pictures",
        Column("recall clean", style="percent", digits=1),
        Column("recall corrupted", style="percent", digits=1),
        Column("change", style="percent", digits=1),
        "worst corruption",
        Column("recall there", style="percent", digits=1),
    ]
    return Table(columns, rows)


def _confusion(caption: str, matrix: Sequence[Sequence[float]], classes: Sequence[str]) -> Heatmap:
    return Heatmap(matrix, classes, classes, "true class", "predicted class", caption, fit=_HALF_PAGE)


def reliability_section(found: Evaluated) -> Section:
    """Confidence against accuracy, clean and shifted."""
    labels = np.tile(found.tested.labels, len(found.tests))
    shifted = reliability(labels, np.concatenate([found.probabilities[test.label] for test in found.tests]))
    clean = reliability(found.holdout.labels, found.clean_probabilities)
    return Section(
        "Calibration",
        "Below the diagonal the network is surer than it is right. Expect of the hidden test what the corrupted "
        "pictures show.",
        [Beside([_diagram("Clean pictures", clean), _diagram("All corrupted pictures", shifted)])],
    )


def _diagram(caption: str, measured: Reliability) -> Lines:
    bins = [wilson(share * count, count) for share, count in zip(measured.accuracy, measured.counts, strict=True)]
    return Lines(
        [
            Line(
                "measured, with 95 % interval",
                measured.confidence,
                measured.accuracy,
                [one.low for one in bins],
                [one.high for one in bins],
            ),
            Line("perfect", [0.0, 1.0], [0.0, 1.0], kind="dashed"),
        ],
        "confidence",
        "accuracy",
        f"{caption}: calibration error {percent(measured.error)}",
        style="percent",
        x_style="percent",
        y_range=(0.0, 1.0),
    )
