"""What `evaluate` returns, and how it is told in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.console import TextTable
from toolkit.evaluation.estimates import Estimate
from toolkit.evaluation.local_tests import LocalTest, Noisy, worst_class
from toolkit.metrics import Scores
from toolkit.steps.results import Interval, StepResult, interval, percent

_OVERLAPS = "* of a kind that the training augmentation contains: it flatters"
_FORETOLD = {"target": "with the target pictures", "leaderboard": "with past scores"}
MOST_CLASSES = 40  # rows of the table by class in a console


class LocalTestScores(BaseModel):
    """One corruption at one severity.

    Attributes:
        corruption: Its name.
        family: Of the corruption.
        severity: 1–5.
        overlaps: Whether the training augmentation contains the like.
        accuracy: On the corrupted pictures.
        macro_f1: On them.
        calibration_error: Expected calibration error on them, 0–1.
        metric: `evaluate.metric` on them.
        worst_class: The class with the lowest recall.
        worst_recall: That recall.
    """

    model_config = ConfigDict(frozen=True)

    corruption: str
    family: str
    severity: int
    overlaps: bool
    accuracy: Interval
    macro_f1: Interval
    calibration_error: float | None
    metric: float
    worst_class: str
    worst_recall: float


class MetricScores(BaseModel):
    """What `evaluate.metric` says, where it is not accuracy.

    Attributes:
        name: As in the config.
        direction: Whether more is better.
        clean: On clean pictures, with its 95 % interval.
        noisy: Mean over the corrupted local tests.
        noisy_without_overlap: Mean over those that training did not practise, None where it practised all.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    direction: Literal["maximize", "minimize"]
    clean: Interval
    noisy: float
    noisy_without_overlap: float | None


class ClassRow(BaseModel):
    """One class of the further labelled source.

    Attributes:
        name: Of the class.
        precision: 0–1.
        recall: 0–1, None where it has no pictures.
        f1: 0–1, None where it has no pictures.
        pictures: How many it has.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    precision: float
    recall: float | None
    f1: float | None
    pictures: int


class EvaluateResult(StepResult):
    """What the ensemble scores locally, and what that says of the hidden test.

    Attributes:
        images: Holdout pictures.
        tested: How many of them were corrupted.
        clean: Accuracy on them as they are.
        noisy: Mean accuracy over the corrupted local tests.
        noisy_without_overlap: The same without `overlapping`; None where all corruptions overlap.
        corrupted: Mean accuracy over the severities of each corruption.
        overlapping: Corruptions of a family that the training augmentation contains; their scores flatter.
        tests: Every corruption at every severity.
        metric: `evaluate.metric`, None where that is accuracy.
        estimate: The hidden accuracy to expect without any target picture, with its 90 % interval.
        estimates: The same from unlabelled target pictures (`target`) and from past scores (`leaderboard`).
        macro_f1: On clean pictures.
        weighted_f1: On clean pictures.
        extra: Accuracy on the further labelled source, None without one.
        extra_classes: Scores by class there.
        scores_key: Key of the scores, whatever the hidden score was estimated from.
    """

    images: int
    tested: int
    clean: Interval
    noisy: float
    noisy_without_overlap: float | None
    corrupted: dict[str, Interval]
    overlapping: tuple[str, ...]
    tests: tuple[LocalTestScores, ...]
    metric: MetricScores | None = None
    estimate: Interval
    estimates: dict[str, Interval] = Field(default_factory=dict)
    macro_f1: Interval
    weighted_f1: Interval
    extra: Interval | None = None
    extra_classes: tuple[ClassRow, ...] | None = None
    scores_key: str = ""

    def tables(self) -> list[TextTable]:
        """One row a corruption, the means and the estimate last; then the classes of a further source."""
        tables = [self._scores()]
        if self.extra_classes:
            tables.append(_class_table(self.extra_classes))
        return tables

    def _scores(self) -> TextTable:
        severities = sorted({test.severity for test in self.tests})
        several = [str(severity) for severity in severities] if len(severities) > 1 else []
        named = [self.metric.name.rpartition(":")[2]] if self.metric else []
        empty = [""] * len(several)
        value = self.metric

        def row(name: str, accuracy: Interval | float | str, metric: float | None = None) -> tuple[str, ...]:
            # Severities in columns leave no room for intervals.
            if isinstance(accuracy, Interval):
                accuracy = accuracy.value if several else str(accuracy)
            told = accuracy if isinstance(accuracy, str) else f"{accuracy:.3f}"
            return (name, *empty, told, *(["" if metric is None else f"{metric:.3f}"] if named else []))

        rows = [row("clean", self.clean, value.clean.value if value else None)]
        for name, scores in self.corrupted.items():
            own = [test for test in self.tests if test.corruption == name]
            shown = f"{name} *" if name in self.overlapping else name
            filled = row(shown, scores, sum(test.metric for test in own) / len(own))
            each = [f"{test.accuracy.value:.3f}" for test in own] if several else []
            rows.append((shown, *each, *filled[1 + len(several) :]))
        rows.append(row("noisy: mean of all", self.noisy, value.noisy if value else None))
        if self.noisy_without_overlap is None:
            rows.append(row("noisy without overlap", "none: all overlap"))
        elif self.overlapping:
            unpractised = value.noisy_without_overlap if value else None
            rows.append(row("noisy without overlap", self.noisy_without_overlap, unpractised))
        rows.append(row("estimated hidden score", f"{self.estimate.low:.3f} to {self.estimate.high:.3f}"))
        rows += [row(_FORETOLD[name], str(found)) for name, found in self.estimates.items()]
        if self.extra:
            rows.append(row("--data", self.extra))
        captions = [_OVERLAPS] * bool(self.overlapping) + ["Estimates are 90 % intervals"]
        columns = ("local test", *several, "mean" if several else "accuracy", *named)
        return TextTable(self._title(bool(several)), columns, tuple(rows), "; ".join(captions))

    def _title(self, several: bool) -> str:
        corrupted = "" if self.tested == self.images else f", {self.tested:,} of them corrupted"
        return f"Accuracy on {self.images:,} holdout pictures{corrupted}, " + (
            "by severity" if several else "with 95 % intervals"
        )


def headline(clean: Scores, noisy: Noisy, estimate: Estimate, metric: Mapping[str, Any] | None) -> dict[str, str]:
    """The few figures of the index page; which noisy score it is stands in its name.

    Args:
        clean: Scores on clean pictures.
        noisy: Mean accuracy over the corrupted local tests.
        estimate: Of the hidden accuracy.
        metric: Fields of `MetricScores`, None where accuracy is the metric.
    """
    told = {}
    if metric:
        told[metric["name"].rpartition(":")[2].replace("_", " ")] = (
            f"{metric['clean']['value']:.3f} clean, {metric['noisy']:.3f} noisy"
        )
    told["clean"] = percent(clean.accuracy.value)
    if noisy.without_overlap is None:
        told["noisy, all overlap training"] = percent(noisy.all)
    elif noisy.without_overlap == noisy.all:
        told["noisy"] = percent(noisy.all)
    else:
        told |= {"noisy without overlap": percent(noisy.without_overlap), "noisy, all": percent(noisy.all)}
    return {**told, "estimate": f"{percent(estimate.low)} to {percent(estimate.high)}"}


def local_test_row(test: LocalTest) -> dict[str, Any]:
    """Fields of `LocalTestScores`."""
    name, recall = worst_class(test.scores)
    return {
        "corruption": test.name,
        "family": test.family,
        "severity": test.severity,
        "overlaps": test.overlaps,
        "accuracy": interval(test.scores.accuracy),
        "macro_f1": interval(test.scores.macro_f1),
        "calibration_error": test.scores.calibration_error,
        "metric": test.value,
        "worst_class": name,
        "worst_recall": recall,
    }


def class_rows(scores: Scores) -> list[dict[str, Any]]:
    """Fields of `ClassRow`, one a class."""
    return [
        {"name": name, "precision": row.precision, "recall": row.recall if row.support else None,
         "f1": row.f1 if row.support else None, "pictures": row.support}
        for name, row in zip(scores.class_names, scores.per_class, strict=True)
    ]  # fmt: skip


def _class_table(classes: tuple[ClassRow, ...]) -> TextTable:
    present = [row for row in classes if row.recall is not None and row.f1 is not None]
    worst = sorted(present, key=lambda row: row.recall or 0.0)[:MOST_CLASSES]
    rows = [
        (row.name, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.pictures:,}") for row in worst
    ]
    absent = len(classes) - len(present)
    caption = f"{absent} further classes have no pictures there" if absent else ""
    return TextTable("--data by class, worst first", ("class", "precision", "recall", "F1", "pictures"), tuple(rows),
                     caption)  # fmt: skip
