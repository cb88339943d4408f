"""The page of `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.evaluation.estimates import Estimate
from toolkit.evaluation.local_tests import LocalTest, Noisy, by_corruption, mean_accuracy
from toolkit.manifest import Manifest
from toolkit.metrics import Metric, Scores
from toolkit.report import Badge, Block, Cell, Code, Column, Figure, Figures, Interval, Mark, Note, Row, Section, Table
from toolkit.report.formatting import span
from toolkit.steps.pages.ensemble import measure
from toolkit.steps.pages.evaluate_classes import class_sections, reliability_section
from toolkit.steps.pages.evaluate_pictures import wrong_sections
from toolkit.steps.pages.evaluate_tests import metric_words, test_sections

Read = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Evaluated:
    """Everything the page shows.

    Attributes:
        holdout: Pictures that nothing was trained or chosen on.
        tested: Those of them that were corrupted.
        clean: Scores on `holdout` as it is.
        clean_probabilities: `(n, k)` in the order of `holdout`.
        tests: Corrupted local tests.
        probabilities: `(m, k)` in the order of `tested`, by label of the test.
        metric: What `evaluate.metric` names.
        clean_metric: It on clean pictures; None where it is accuracy.
        noisy: Mean accuracy over the corrupted tests.
        estimate: Of the hidden score.
        extra: Scores on the user's further labelled pictures.
        left_out: Families that no local test touches.
    """

    holdout: Manifest
    tested: Manifest
    clean: Scores
    clean_probabilities: np.ndarray
    tests: Sequence[LocalTest]
    probabilities: Mapping[str, np.ndarray]
    metric: Metric
    clean_metric: float | None
    noisy: Noisy
    estimate: Estimate
    extra: Scores | None = None
    left_out: Sequence[str] = ()


def evaluate_sections(found: Evaluated, read: Read, seed: int, next_command: str) -> list[Section]:
    """Scores, estimate, tests by severity, classes, confusion matrices, calibration, and what is confidently wrong.

    Args:
        found: What was measured.
        read: Image ids → uint8 pictures.
        seed: Of the corruptions.
        next_command: What to run next.
    """
    return [
        _glance(found),
        _means(found),
        *test_sections(found.tests, found.metric, _clean_on_tested(found)),
        *class_sections(found.holdout.classes, found.clean, found.tests, found.extra),
        reliability_section(found),
        *wrong_sections(found, read, seed),
        Section("Next", "", [Code(next_command)]),
    ]


def _glance(found: Evaluated) -> Section:
    estimate, noisy = found.estimate, found.noisy
    grouped = {name: mean_accuracy(same) for name, same in by_corruption(found.tests).items()}
    worst = min(grouped, key=lambda name: grouped[name].value)
    tiles = [
        Figure("estimated hidden score", span(estimate.low, estimate.high, "percent", 1), "90 % interval",
               "warn"),
        Figure("clean local score", found.clean.accuracy.value, f"{len(found.holdout):,} pictures", "plain", "percent",
               1),
        *_noisy_tiles(noisy),
        Figure(f"worst: {worst.replace('_', ' ')}", grouped[worst].value, "", "bad", "percent", 1),
    ]  # fmt: skip
    if found.clean_metric is not None:
        told = f"clean; {'more' if found.metric.direction == 'maximize' else 'less'} is better"
        tiles.append(Figure(metric_words(found.metric), found.clean_metric, told, digits=3))
    blocks: list[Block] = [Figures(tiles), _interval(found)]
    blocks += [Note(text, tone) for text, tone in _notes(found)]  # type: ignore[arg-type]
    return Section(
        "At a glance",
        "Nothing was trained or chosen on these pictures, and `tune` used other corruptions. Believe the interval, not "
        "the clean score.",
        blocks,
    )


def _noisy_tiles(noisy: Noisy) -> list[Figure]:
    if noisy.without_overlap is None:
        return [Figure("noisy local score", noisy.all, "all of it practised in training: it flatters", "warn",
                       "percent", 1)]  # fmt: skip
    if noisy.without_overlap == noisy.all:
        return [Figure("noisy local score", noisy.all, "nothing of it practised in training", "plain", "percent", 1)]
    return [
        Figure("noisy local score", noisy.without_overlap, "what training did not practise", "plain", "percent", 1),
        Figure("noisy, with overlap", noisy.all, "flattered by what training practised", "plain", "percent", 1),
    ]


def _notes(found: Evaluated) -> list[tuple[str, str]]:
    """Text and tone of what a reader must know."""
    notes = [(f"The estimate of the hidden score tells {found.estimate.method}.", "plain")]
    overlapping = [name for name, same in by_corruption(found.tests).items() if same[0].overlaps]
    if found.noisy.without_overlap is None:
        notes.append(
            ("Every corruption here is of a kind that the training augmentation contains, so there is no noisy score "
             "without overlap. Add families that training does not practise to `evaluate.corruptions`.", "bad")
        )  # fmt: skip
    elif overlapping:
        notes.append(
            (f"The training augmentation contains the like of {', '.join(f'`{name}`' for name in overlapping)}. These "
             "tests flatter the network; the noisy local score leaves them out.", "warn")
        )  # fmt: skip
    limits = []
    if len(found.tested) < len(found.holdout):
        limits.append(f"Corrupted were {len(found.tested):,} of the {len(found.holdout):,} holdout pictures, of each "
                      "class its share (`evaluate.pictures`).")  # fmt: skip
    if found.left_out:
        limits.append(f"No local test is of the kind {', '.join(found.left_out)}.")
    if limits:
        notes.append((" ".join(limits), "plain"))
    absent = [name for name, row in zip(found.clean.class_names, found.clean.per_class, strict=True) if not row.support]
    if absent:
        notes.append(
            (f"The holdout holds no picture of {', '.join(absent)}: how well that is recognised stays unknown. A "
             "larger `data.holdout` would tell.", "warn")
        )  # fmt: skip
    if len(found.holdout.classes) == 1:
        notes.append(("There is one class only, so every prediction is right and no score says anything.", "bad"))
    return notes


def _interval(found: Evaluated) -> Interval:
    accuracy, estimate = found.clean.accuracy, found.estimate
    marks = [Mark("Clean local test", [accuracy.value], accuracy.low, accuracy.high, "clean")]
    mixed = len({test.overlaps for test in found.tests}) > 1
    for overlaps in (False, True):
        tests = [test for test in found.tests if test.overlaps == overlaps]
        if tests:
            values = [test.scores.accuracy.value for test in tests]
            note = ("practised in training" if overlaps else "not practised in training") if mixed else ""
            marks.append(Mark("Corrupted local tests", values, kind="noisy", note=note,
                              names=[test.label for test in tests]))  # fmt: skip
    marks.append(
        Mark("Estimated hidden score", [estimate.point], estimate.low, estimate.high, "estimate", "90 % interval")
    )
    if found.extra:
        extra = found.extra.accuracy
        marks.append(Mark("Your labelled pictures", [extra.value], extra.low, extra.high, "hidden"))
    return Interval(marks, chance=1 / len(found.holdout.classes))


def _means(found: Evaluated) -> Section:
    """Scores on clean pictures, under each family, and on the user's own pictures."""
    own = found.clean_metric is not None
    columns: list[Column | str] = [
        "local test",
        Column("tests", note="corruptions times severities"),
        Column("accuracy", style="percent", digits=1),
        *([Column(metric_words(found.metric), digits=3)] if own else []),
        Column("macro F1", digits=3),
        Column("log loss", digits=3),
        Column("ECE", style="percent", digits=1, note="expected calibration error"),
        "",
    ]

    def row(name: str, scores: Scores, value: float | None) -> list[Cell]:
        return [name, None, measure(scores.accuracy), *([value] if own else []), measure(scores.macro_f1),
                scores.log_loss.value if scores.log_loss else None, scores.calibration_error, ""]  # fmt: skip

    def mean(name: str, tests: Sequence[LocalTest], strong: bool = False) -> Row:
        scores = [test.scores for test in tests]
        overlaps = sum(test.overlaps for test in tests)
        told = "overlaps" if overlaps == len(tests) else f"{overlaps} overlap"
        cells: list[Cell] = [
            name, len(tests), float(np.mean([one.accuracy.value for one in scores])),
            *([float(np.mean([test.value for test in tests]))] if own else []),
            float(np.mean([one.macro_f1.value for one in scores])),
            float(np.mean([one.log_loss.value for one in scores if one.log_loss])),
            float(np.mean([one.calibration_error for one in scores if one.calibration_error is not None])),
            Badge(told, "warn") if overlaps else "",
        ]  # fmt: skip
        return Row(cells, "warn" if strong else "plain")

    rows: list[Row | list[Cell]] = [row("clean", found.clean, found.clean_metric)]
    rows += [mean(family, [test for test in found.tests if test.family == family])
             for family in dict.fromkeys(test.family for test in found.tests)]  # fmt: skip
    rows.append(mean("all corruptions", found.tests))
    unpractised = [test for test in found.tests if not test.overlaps]
    if unpractised and len(unpractised) < len(found.tests):
        rows.append(mean("without overlap", unpractised, strong=True))
    if found.extra:
        rows.append(row("your pictures", found.extra, None))
    return Section(
        "Scores by family",
        "Means over corruptions and severities; intervals hold 95 %. Macro averages weigh every class equally. The "
        "calibration error is the mean gap between confidence and accuracy.",
        [Table(columns, rows, sortable=False)],
    )


def _clean_on_tested(found: Evaluated) -> tuple[float, float]:
    """Accuracy and metric on the tested pictures as they are, where curves over severity begin."""
    position = {name: row for row, name in enumerate(found.holdout.image_ids.tolist())}
    rows = [position[name] for name in found.tested.image_ids.tolist()]
    probabilities = found.clean_probabilities[rows]
    right = probabilities.argmax(axis=1) == found.tested.labels
    return float(right.mean()), found.metric.function(found.tested.labels, probabilities)
