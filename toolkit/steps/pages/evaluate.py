"""The page of `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from toolkit.evaluation.estimate import Estimate
from toolkit.manifest import Manifest
from toolkit.metrics import Scores
from toolkit.report import (
    Badge,
    Cell,
    Code,
    Column,
    Figure,
    Figures,
    Gallery,
    Heatmap,
    Interval,
    Mark,
    Note,
    Picture,
    Section,
    Table,
    thumbnail,
)
from toolkit.steps.pages.ensemble import class_table, measure

WRONG_SHOWN = 48
Read = Callable[[Sequence[str]], np.ndarray]


def evaluate_sections(
    holdout: Manifest,
    clean: Scores,
    corrupted: Mapping[str, Scores],
    estimate: Estimate,
    overlapping: Sequence[str],
    probabilities: np.ndarray,
    read: Read,
    extra: Scores | None,
    next_command: str,
) -> list[Section]:
    """Scores, estimate, confusion matrices, and the pictures most confidently wrong.

    Args:
        holdout: The pictures.
        clean: Scores on them as they are.
        corrupted: Scores by corruption.
        estimate: Of the hidden score.
        overlapping: Corruptions whose family is in the training augmentation.
        probabilities: `(n, k)` on clean pictures, in the order of `holdout`.
        read: Image ids → uint8 pictures.
        extra: Scores on the user's further labelled pictures.
        next_command: What to run next.
    """
    classes = holdout.classes
    worst = min(corrupted, key=lambda name: corrupted[name].accuracy.value) if corrupted else "clean"
    worst_value = corrupted[worst].accuracy.value if corrupted else clean.accuracy.value
    sections = [
        Section(
            "At a glance",
            "Nothing was trained or chosen on these pictures, and `tune` used other corruptions. Believe the interval, "
            "not the clean score.",
            [
                Figures(
                    [
                        Figure("estimated hidden score", f"{estimate.low:.1%} to {estimate.high:.1%}", "provisional",
                               "warn"),
                        Figure("clean local score", clean.accuracy.value, f"{len(holdout):,} pictures", "plain",
                               "percent", 1),
                        Figure(f"worst: {worst}", worst_value, "", "bad", "percent", 1),
                    ]
                ),
                _interval(clean, corrupted, estimate, extra, len(classes)),
                Note(f"The estimate is provisional: {estimate.method}.", "warn"),
            ],
        ),
        Section(
            "Scores",
            "Intervals hold 95 %. Macro averages weigh every class equally, weighted ones by its pictures.",
            [_scores(clean, corrupted, overlapping, extra, average) for average in ("macro", "weighted")],
        ),
        Section("By class", "", [class_table(clean, classes), _confusion("Clean pictures", clean, classes)]),
    ]  # fmt: skip
    if corrupted:
        sections.append(Section("Under the worst corruption", "", [_confusion(worst, corrupted[worst], classes)]))
    sections.append(Section("Most confidently wrong", "", [_wrong(holdout, probabilities, read)]))
    sections.append(Section("Next", "", [Code(next_command)]))
    return sections


def _interval(
    clean: Scores, corrupted: Mapping[str, Scores], estimate: Estimate, extra: Scores | None, classes: int
) -> Interval:
    accuracy = clean.accuracy
    marks = [Mark("Clean local test", [accuracy.value], accuracy.low, accuracy.high, "clean")]
    if corrupted:
        values = [scores.accuracy.value for scores in corrupted.values()]
        marks.append(Mark("Corrupted local tests", values, kind="noisy", names=list(corrupted)))
    marks.append(Mark("Estimated hidden score", [], estimate.low, estimate.high, "estimate", "provisional"))
    if extra:
        marks.append(
            Mark("Your labelled pictures", [extra.accuracy.value], extra.accuracy.low, extra.accuracy.high, "hidden")
        )
    return Interval(marks, chance=1 / classes)


def _scores(
    clean: Scores, corrupted: Mapping[str, Scores], overlapping: Sequence[str], extra: Scores | None, average: str
) -> Table:
    columns: list[Column | str] = [
        "local test",
        Column("accuracy", style="percent", digits=1),
        *(Column(f"{average} {name}", digits=3) for name in ("precision", "recall", "F1")),
        Column("log loss", digits=3),
        "",
    ]
    named = {"clean": clean, **corrupted, **({"your labelled pictures": extra} if extra else {})}
    rows: list[list[Cell]] = [
        [
            name,
            measure(scores.accuracy),
            *(measure(getattr(scores, f"{average}_{value}")) for value in ("precision", "recall", "f1")),
            scores.log_loss.value if scores.log_loss else None,
            Badge("overlaps training", "warn") if name in overlapping else "",
        ]
        for name, scores in named.items()
    ]
    return Table(columns, rows, f"{average.capitalize()} averages")


def _confusion(caption: str, scores: Scores, classes: Sequence[str]) -> Heatmap:
    return Heatmap(scores.confusion, classes, classes, "true class", "predicted class", caption)


def _wrong(holdout: Manifest, probabilities: np.ndarray, read: Read) -> Gallery:
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != holdout.labels)
    order = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:WRONG_SHOWN]
    if not len(order):
        return Gallery([], empty="No picture is predicted wrongly.")
    ids = [str(holdout.image_ids[row]) for row in order]
    images = read(ids)
    pictures = [
        Picture(
            thumbnail(image),
            image_id,
            f"{probabilities[row].max():.0%} sure",
            [Badge(f"true {holdout.classes[holdout.labels[row]]}", "good"),
             Badge(f"said {holdout.classes[predicted[row]]}", "bad")],
        )
        for row, image_id, image in zip(order, ids, images, strict=True)
    ]  # fmt: skip
    return Gallery(pictures, f"{len(wrong)} of {len(holdout)} pictures are wrong; the surest mistakes come first.")
