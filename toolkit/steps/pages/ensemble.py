"""The page of `ensemble`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.metrics import Scores
from toolkit.report import Cell, Code, Column, Figure, Figures, Heatmap, Line, Lines, Measure, Note, Section, Table
from toolkit.steps.blending import Votes
from toolkit.steps.fold_training import FoldRecord


def ensemble_sections(
    records: Sequence[FoldRecord],
    histories: Sequence[Sequence[Mapping[str, float]]],
    scores: Scores,
    classes: Sequence[str],
    tuned: Mapping[str, Any],
    next_command: str,
    votes: Votes,
) -> list[Section]:
    """Folds, curves, confusion matrix, votes.

    Args:
        records: One a fold.
        histories: Rows of each fold's `history.csv`.
        scores: Out-of-fold scores.
        classes: Class names by index.
        tuned: Settings taken from `tune`.
        next_command: What to run next.
        votes: What each vote scores out of fold.
    """
    accuracy = scores.accuracy
    folds = Table(
        ["fold", Column("accuracy", style="percent", digits=1), "epochs", "best epoch", Column("time", style="seconds"),
         "images/s"],
        [[index, fold.accuracy, fold.epochs, fold.best_epoch, fold.seconds, fold.images_per_second]
         for index, fold in enumerate(records)],
    )  # fmt: skip
    return [
        Section(
            "At a glance",
            "Each picture is predicted by the one model that has not seen it. These are scores on clean pictures: the "
            "hidden test may look different, which `evaluate` measures.",
            [
                Figures(
                    [
                        Figure("out-of-fold accuracy", accuracy.value,
                               f"{accuracy.low:.1%}–{accuracy.high:.1%}", "good", "percent", 1),
                        Figure("macro F1", scores.macro_f1.value, digits=3),
                        Figure("models", len(records)),
                        Figure("training time", sum(fold.seconds for fold in records), style="seconds"),
                    ]
                ),
                folds,
            ],
        ),
        Section("Settings", "", [_settings(tuned)]),
        Section(
            "Learning curves",
            "",
            [
                _curves(histories, "loss", "log loss"),
                _curves(histories, "accuracy", "accuracy"),
                _courses(histories, "learning_rate", "learning rate at the end of the epoch", log_y=True),
                _courses(histories, "seconds", "seconds an epoch, validation included"),
                _courses(histories, "images_per_second", "training pictures a second"),
            ],
        ),
        Section(
            "By class",
            "",
            [
                Heatmap(scores.confusion, classes, classes, "true class", "predicted class", "Out-of-fold confusion"),
                class_table(scores, classes),
            ],
        ),
        *vote_sections(votes),
        Section("Next", "", [Code(next_command)]),
    ]  # fmt: skip


def vote_sections(votes: Votes) -> list[Section]:
    """What each vote scores out of fold, and what temperatures change.

    Args:
        votes: Of the settings with which the page is written.
    """
    if votes.comparison is None:
        return [Section("Votes", "", [Note(votes.note, "warn")])]
    columns: list[Column | str] = ["vote", Column("accuracy", style="percent", digits=1), Column("macro F1", digits=3),
               Column("log loss", digits=3), Column("calibration error", digits=3),
               Column("accuracy against the best single member", style="percent", digits=1)]  # fmt: skip
    rows: list[list[Cell]] = [
        [row.vote, measure(row.accuracy), measure(row.macro_f1), measure(row.log_loss), row.calibration_error,
         measure(row.difference)]
        for row in votes.comparison.rows
    ]  # fmt: skip
    temperatures = Table(
        ["member", Column("temperature", digits=2), Column("calibration error", digits=3),
         Column("after scaling", digits=3), Column("log loss", digits=3), Column("after scaling ", digits=3)],
        [[index, row.temperature, row.error_before, row.error_after, row.loss_before, row.loss_after]
         for index, row in enumerate(votes.calibrations)],
    )  # fmt: skip
    used = f"This page was written with the vote {votes.vote}. Another one trains nothing anew: set `ensemble.vote`."
    return [
        Section("Votes", votes.comparison.note, [Table(columns, rows), Note(used)]),
        Section(
            "Calibration",
            "Each member's probabilities scaled by a temperature, fitted on four fifths of the out-of-fold predictions "
            "and judged on the last; above 1 the member was too sure. `ensemble.calibrate: true` scales before the "
            "vote.",
            [temperatures],
        ),
    ]


def class_table(scores: Scores, classes: Sequence[str]) -> Table:
    """Precision, recall and F1 of each class."""
    columns: list[Column | str] = [
        "class",
        Column("precision", digits=3),
        Column("recall", digits=3),
        Column("F1", digits=3),
        "pictures",
    ]
    rows: list[list[Cell]] = [[name, *values] for name, values in zip(classes, per_class(scores), strict=True)]
    return Table(columns, rows)


def per_class(scores: Scores) -> list[tuple[float, float, float, int]]:
    """Precision, recall, F1 and number of pictures of each class."""
    return [(float(row.precision), float(row.recall), float(row.f1), int(row.support)) for row in scores.per_class]


def measure(measured: Any) -> Measure:
    """A score with its interval as a table cell."""
    return Measure(measured.value, measured.low, measured.high)


def _settings(tuned: Mapping[str, Any]) -> Table | Note:
    if not tuned:
        return Note("`tune` has not run, or `ensemble.tuned` is never: all settings come from the config.")
    return Table(["setting found by tune", "value"], [[name, str(value)] for name, value in tuned.items()])


def _curves(histories: Sequence[Sequence[Mapping[str, float]]], value: str, label: str) -> Lines:
    series = []
    for index, rows in enumerate(histories):
        epochs = [row["epoch"] for row in rows]
        series.append(Line(f"fold {index}, own fold", epochs, [row[f"val_{value}"] for row in rows]))
        series.append(Line(f"fold {index}, training", epochs, [row[value] for row in rows], kind="dashed"))
    return Lines(series, x_label="epoch", y_label=label)


def _courses(histories: Sequence[Sequence[Mapping[str, float]]], value: str, label: str, log_y: bool = False) -> Lines:
    series = [
        Line(f"fold {index}", [row["epoch"] for row in rows], [row[value] for row in rows])
        for index, rows in enumerate(histories)
    ]
    return Lines(series, x_label="epoch", y_label=label, log_y=log_y)
