"""The page of `compare`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from toolkit.evaluation.conclusions import LEVEL, conclude, further_statements
from toolkit.evaluation.contenders import Comparison, Pair, Scored
from toolkit.report import (
    Badge,
    Bars,
    Block,
    Cell,
    Column,
    Details,
    Heatmap,
    Line,
    Lines,
    Link,
    Measure,
    Note,
    Page,
    Row,
    Section,
    Table,
    Tone,
)
from toolkit.steps.contenders import Entry

_HOW = (
    "Pictures are joined on their image id; those that only one side predicted do not count. Accuracies "
    "have Wilson's 95 % interval.\n\n"
    "The difference is the second minus the first. Between single runs its interval is a paired bootstrap "
    "over pictures, and McNemar's mid-p decides: the exact test holds its level too, but so anxiously "
    "that it misses differences. Where some pictures belong together (near duplicates, one patient), "
    "groups are resampled whole and a test over groups decides. Where both sides were trained with "
    "several seeds, interval and p count the chance of the seeds as well as that of the pictures.\n\n"
    "The two-proportion z-test is report E's. It ignores that both sides saw the same pictures, so it "
    "mostly finds too little; it decides nothing here. The relative error drop is report D's: the share "
    "of the first one's errors that the second avoids.\n\n"
    "p values are corrected by Holm's method for all comparisons of a table of conclusions, and "
    "separately for all single corruptions. A corrected p under .05 counts as a difference. How many "
    "pictures a difference needs is said for 80 % power. A choice made by these figures flatters them: "
    "judge the winner again on other pictures."
)


def compare_page(
    entries: Sequence[Entry],
    found: Comparison,
    notes: Sequence[str],
    settings: Mapping[str, tuple[Any, ...]],
    *,
    indexed: bool,
) -> Page:
    """Conclusions, accuracies, pairs, corruptions, seeds and settings.

    Args:
        entries: The configurations.
        found: What was found.
        notes: What was left out and why.
        settings: Settings that differ, one value a configuration.
        indexed: Whether the page lies in `runs/<name>/compare/<key>`.
    """
    conclusions = [conclude(pair) for pair in found.pairs]
    blocks: list[Block] = [Note(c.text, "good" if c.better else "plain") for c in conclusions]
    blocks += [Note(text) for text in further_statements(found)]
    sections = [
        Section("What can be concluded", "", [*blocks, _forest(found.pairs)]),
        Section(
            "Accuracy",
            "Each on all pictures that it predicted. With several seeds, the interval is over pictures and ± is the "
            "standard deviation over the seeds.",
            [_accuracies(found.scores)],
        ),
        Section("Pair by pair", "On the pictures that both predicted.", [_pairs(found.pairs), _tests(found.pairs)]),
    ]
    if found.cells:
        sections.append(_corruptions(found))
    curves = _learning(entries)
    if curves:
        sections.append(curves)
    if settings:
        rows = [[name, *map(_text, values)] for name, values in settings.items()]
        table = Table(["setting", *found.contenders], rows, sortable=False)
        sections.append(Section("What differs in the settings", "", [table]))
    if notes:
        sections.append(Section("What was left out", "", [Note(note) for note in notes]))
    sections.append(Section("How it was computed", _HOW))
    better = sum(conclusion.better is not None for conclusion in conclusions)
    told = f"{better} of {len(conclusions)} comparisons show a difference beyond noise."
    links = [*([Link("All steps", "../../index.html")] if indexed else []), Link("comparison.json", "comparison.json")]
    meta = {"configurations": str(len(entries)), "runs": str(sum(len(entry.runs) for entry in entries)),
            "written": time.strftime("%Y-%m-%d %H:%M")}  # fmt: skip
    return Page(f"Comparison: {_title(found.contenders)}", told, sections, meta, links)


def _title(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) == 2 else f"{len(names)} configurations"


def _forest(pairs: Sequence[Pair], caption: str = "") -> Bars:
    """Differences in points with their intervals."""
    several = len({(pair.one, pair.other) for pair in pairs}) > 1
    labels = [f"{pair.other} − {pair.one}, {pair.test}" if several else pair.test for pair in pairs]
    first = pairs[0]
    told = "Second minus first" if several else f"{first.other} minus {first.one}"
    return Bars(
        labels,
        [100 * pair.difference for pair in pairs],
        [100 * pair.interval[0] for pair in pairs],
        [100 * pair.interval[1] for pair in pairs],
        caption or f"{told}, percentage points of accuracy, with 95 % intervals",
        digits=1,
        tones=[_tone(pair) for pair in pairs],
    )


def _tone(pair: Pair) -> Tone:
    if conclude(pair).better is None:
        return "plain"
    return "good" if pair.difference > 0 else "bad"


def _accuracies(scores: Sequence[Scored]) -> Table:
    rows: list[list[Cell]] = []
    for score in sorted(scores, key=lambda score: _order(score.test, scores)):
        several = len(score.by_run) > 1
        low, high = score.counted.wilson
        rows.append([
            score.test, score.contender, len(score.by_run), score.counted.n,
            Measure(score.counted.share, low, high),
            f"{100 * mean(score.by_run):.1f} ± {100 * stdev(score.by_run):.1f}" if several else "",
        ])  # fmt: skip
    columns: list[Column | str] = ["test", "configuration", "runs", "pictures", Column("accuracy", "percent", 1)]
    return Table([*columns, Column("mean ± sd over seeds, %", align="right")], rows)


def _order(test: str, scores: Sequence[Scored]) -> int:
    return [score.test for score in scores].index(test)


def _pairs(pairs: Sequence[Pair]) -> Table:
    columns: list[Column | str] = [
        "test", "first", "second", Column("accuracy, first", "percent", 1), Column("accuracy, second", "percent", 1),
        Column("difference, points", digits=1, note="second minus first"),
        Column("error drop", "percent", 0, note="relative error drop of report D"), "",
    ]  # fmt: skip
    rows: list[Row | Sequence[Cell]] = []
    for pair in pairs:
        better = conclude(pair).better
        low, high = (100 * end for end in pair.interval)
        rows.append([
            pair.test, pair.one, pair.other, Measure(pair.first.share, *pair.first.wilson),
            Measure(pair.second.share, *pair.second.wilson), Measure(100 * pair.difference, low, high),
            pair.error_drop, Badge(f"{better} better", "good") if better else Badge("within noise"),
        ])  # fmt: skip
    return Table(columns, rows, "Differences")


def _tests(pairs: Sequence[Pair]) -> Table:
    single = any(pair.mcnemar for pair in pairs)
    several = len({(pair.one, pair.other) for pair in pairs}) > 1
    of_single: list[Column | str] = [
        Column("only first : only second", align="right", note="pictures that only one of them gets right"),
        Column("McNemar exact", align="right"), Column("mid-p", align="right"),
    ]  # fmt: skip
    columns: list[Column | str] = [
        "test", *(["pair"] if several else []), "pictures", *(of_single if single else []),
        Column("z-test", align="right", note="two-proportion z-test; ignores pairing"), "decided by",
        Column("p", align="right", note="of the test that decides"), Column("corrected p", align="right"),
    ]  # fmt: skip
    rows: list[Row | Sequence[Cell]] = []
    for pair in pairs:
        test = pair.mcnemar
        counts = [f"{test.lost} : {test.gained}", p_text(test.exact), p_text(test.mid)] if test else [""] * 3
        rows.append([
            pair.test, *([f"{pair.one} → {pair.other}"] if several else []), pair.n, *(counts if single else []),
            p_text(pair.z.p), pair.decides, p_text(pair.p), p_text(pair.corrected),
        ])  # fmt: skip
    return Table(columns, rows, "Tests (p values)")


def p_text(value: float) -> str:
    """A p value with four decimals."""
    return "< .0001" if value < 1e-4 else f"{value:.4f}".removeprefix("0")


def _corruptions(found: Comparison) -> Section:
    tests = list(dict.fromkeys(pair.test for pair in found.cells))
    accuracy = {(score.test, score.contender): score.counted.share for score in found.scores}
    matrix = [[accuracy.get((test, name), float("nan")) for name in found.contenders] for test in tests]
    blocks: list[Block] = [
        Heatmap(matrix, tests, found.contenders, "local test", "configuration", "Accuracy under each corruption",
                shade="value", style="percent", digits=1)
    ]  # fmt: skip
    if len(found.contenders) == 2:
        blocks.append(_forest(found.cells))
    for test in tests:
        own = [pair for pair in found.cells if pair.test == test]
        wins = sum(pair.corrected < LEVEL for pair in own)
        told = f"{wins} of {len(own)} pairs differ" if len(own) > 1 else "a difference" if wins else "within noise"
        blocks.append(Details(f"{test}: {told}", [_pairs(own), _tests(own)]))
    text = f"p values are corrected for all {len(found.cells)} comparisons of this section."
    return Section("Corruption by corruption", text, blocks)


def _learning(entries: Sequence[Entry]) -> Section | None:
    blocks: list[Block] = []
    for value, label in (("val_accuracy", "accuracy"), ("val_loss", "log loss")):
        series = [line for entry in entries if (line := _curve(entry, value)) is not None]
        if series:
            blocks.append(Lines(series, x_label="epoch", y_label=f"{label} on the fold's own pictures"))
    if not blocks:
        return None
    text = (
        "Mean over folds, then over seeds; the band is one standard deviation over the seeds where there are several. "
        "Curves end with the shortest training of a configuration."
    )
    return Section("Learning curves", text, blocks)


def _curve(entry: Entry, value: str) -> Line | None:
    """Mean and band over the seeds of an entry, None without histories."""
    runs = [run.histories for run in entry.runs if run.histories]
    lengths = [len(history) for run in runs for history in run]
    epochs = min(lengths, default=0)
    if not epochs or any(value not in history[0] for run in runs for history in run):
        return None
    by_run = [[mean(history[epoch][value] for history in run) for epoch in range(epochs)] for run in runs]
    middle = [mean(values) for values in zip(*by_run, strict=True)]
    several = len(by_run) > 1
    sd = [stdev(values) for values in zip(*by_run, strict=True)] if several else []
    name = f"{entry.name}, {len(by_run)} seeds" if several else entry.name
    low = [y - s for y, s in zip(middle, sd, strict=True)] if several else []
    high = [y + s for y, s in zip(middle, sd, strict=True)] if several else []
    return Line(name, list(range(1, epochs + 1)), middle, low, high)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) < 80 else f"{text[:79]}…"
