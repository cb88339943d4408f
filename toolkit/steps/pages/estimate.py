"""The hidden score on the page of `evaluate`: what is foretold of it, how, and how wrong that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from toolkit.evaluation.estimates import Estimate
from toolkit.metrics import Scores
from toolkit.report import Block, Cell, Code, Column, Gallery, Interval, Mark, Note, Picture, Section, Table, thumbnail
from toolkit.steps.estimating import Estimates, TargetEstimate
from toolkit.steps.leaderboard_estimate import BoardEstimate

PICTURES_SHOWN = 24
_CELLS_SHOWN = 12
Read = Callable[[Sequence[str]], np.ndarray]


def estimate_sections(found: Estimates, clean: Scores, read_target: Read | None) -> list[Section]:
    """Clean score and every estimate on one axis; then what is behind each.

    Args:
        found: The estimates.
        clean: Scores on clean pictures.
        read_target: Target image ids → uint8 pictures; None without target pictures.
    """
    sections = [
        Section(
            "The hidden score",
            "Intervals of estimates hold 90 %. A hidden test of shifted pictures scores below the clean local test: "
            "plan with the intervals.",
            [_chart(found, clean), _table(found), Note(f"Without target pictures: {found.local.method}.", "plain")],
        )
    ]
    if found.target and read_target:
        sections.append(_target(found.target, read_target))
    if found.board:
        sections.append(_board(found.board))
    return sections


def _chart(found: Estimates, clean: Scores) -> Interval:
    accuracy, classes = clean.accuracy, len(clean.class_names)
    marks = [
        Mark("Clean local test", [accuracy.value], accuracy.low, accuracy.high, "clean"),
        _mark("Estimate without target pictures", found.local),
    ]
    if found.target:
        marks.append(_mark("With unlabelled target pictures", found.target.combined))
    if found.board:
        marks.append(_mark("After past scores", found.board.estimate))
        past = found.board.past
        marks.append(Mark("Past scores", list(past.values()), kind="hidden", names=list(past)))
    return Interval(marks, chance=1 / classes)


def _mark(label: str, row: Estimate) -> Mark:
    note = "" if row.error is None else f"error {100 * row.error:.1f} points"
    return Mark(label, [row.point], row.low, row.high, "estimate", note)


def _table(found: Estimates) -> Table:
    rows: list[list[Cell]] = [_row("without target pictures", found.local)]
    if found.target:
        rows.append(_row("all signals of the target pictures", found.target.combined))
        rows.append(_row("the same, if the classes have the shares of training", found.target.foretold.usual))
        rows += [_row(name, row) for name, row in found.target.single.items()]
    if found.board:
        rows.append(_row("past scores", found.board.estimate))
    columns: list[Column | str] = [
        "estimate",
        Column("accuracy", style="percent", digits=1),
        Column("from", style="percent", digits=1),
        Column("to", style="percent", digits=1),
        Column("error", style="percent", digits=1, note="mean, on local tests of families left out in turn"),
        "how",
    ]
    return Table(columns, rows, "Every estimate with its own error", sortable=False)


def _row(name: str, row: Estimate) -> list[Cell]:
    return [name, row.point, row.low, row.high, row.error, row.method]


def _target(found: TargetEstimate, read: Read) -> Section:
    blocks: list[Block] = _shares(found)
    apart = found.separation
    if apart:
        words = (
            f"A classifier tells target from training pictures with an area under the ROC curve of {apart.auc:.3f} "
            f"[{apart.low:.3f}, {apart.high:.3f}]; 0.5 means that it cannot."
        )
        blocks.append(Note(words, "warn" if apart.low > 0.6 else "good"))
        names = found.image_ids[:PICTURES_SHOWN]
        images = read(names)
        pictures = [
            Picture(thumbnail(image), name, f"{score:.0%} target")
            for name, image, score in zip(names, images, apart.scores, strict=False)
        ]
        blocks.append(Gallery(pictures, "The target pictures that give it away most."))
    return Section("Unlabelled target pictures", f"{found.pictures:,} pictures.", blocks)


def _shares(found: TargetEstimate) -> list[Block]:
    """Whether the classes seem to have other shares than in training, and which."""
    chance = found.shares.differ
    if found.shares.seem_other:
        words = (
            f"The classes seem to have other shares than in training (probability {chance:.0%}). Optimal transport "
            "takes them to be those of training: it errs then. All signals together err more than usual, too, and "
            "their interval is wider for it."
        )
    else:
        words = (
            f"Nothing shows that the classes have other shares than in training (probability {chance:.0%}, "
            "one half before any picture was seen)."
        )
    rows: list[list[Cell]] = [
        [name, row["known"], row["predicted"], row["point"], row["low"], row["high"]]
        for name, row in found.shares_by_class().items()
    ]
    columns: list[Column | str] = [
        "class",
        Column("known", style="percent", digits=1, note="of the local tests, as in training"),
        Column("predicted", style="percent", digits=1, note="of the target pictures"),
        Column("estimated", style="percent", digits=1, note="after what corruptions do to predictions"),
        Column("from", style="percent", digits=1),
        Column("to", style="percent", digits=1),
    ]
    return [
        Note(words, "warn" if found.shares.seem_other else "plain"),
        Table(columns, rows, "Shares of the classes; intervals hold 90 %"),
    ]


def _board(found: BoardEstimate) -> Section:
    columns: list[Column | str] = [
        "candidate",
        Column("expected", style="percent", digits=1),
        Column("from", style="percent", digits=1),
        Column("to", style="percent", digits=1),
        Column("beats the best", style="percent", digits=0, note="probability"),
        Column("gain", style="percent", digits=2, note="expected improvement of the best score"),
    ]
    rows: list[list[Cell]] = [
        [row.name, row.estimate.point, row.estimate.low, row.estimate.high, row.beats, row.gain]
        for row in found.candidates
    ]
    low, high = found.mix.ends()
    weights = found.mix.weights
    order = np.argsort(-weights)[:_CELLS_SHOWN]
    parts: list[list[Cell]] = [
        [found.mix.cells[place], float(weights[place]), float(low[place]), float(high[place])] for place in order
    ]
    best = found.candidates[0]
    worth = best.beats is not None and best.beats >= 0.5
    words = f"{best.name} is the candidate worth a submission" if worth else "No candidate is likely to beat the best"
    told = f"{words}: it beats the best past score with {best.beats or 0:.0%}."
    shares = [Column(name, style="percent", digits=0) for name in ("weight", "from", "to")]
    blocks: list[Block] = [
        Note(told if worth else f"{words}; {best.name} has {best.beats or 0:.0%}.", "good" if worth else "warn"),
        Table(columns, rows, "Candidates, the one most worth a submission first", sortable=False),
        Table(["local test", *shares], parts, "What the hidden test seems to be made of", sortable=False),
        Code("mix.json"),
    ]
    if found.ignored:
        blocks.append(Note(f"Without local tests, so not used: {', '.join(found.ignored)}.", "plain"))
    return Section("Past scores", f"{len(found.past)} scores of the leaderboard.", blocks)
