"""`toolkit compare`: which of several finished runs is better, and whether that is more than noise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from toolkit.artifacts import RunDir, file_hash, make_key, write_json
from toolkit.console import TextTable
from toolkit.evaluation.comparison import compare
from toolkit.evaluation.conclusions import conclude, further_statements
from toolkit.evaluation.contenders import Comparison, Pair, Scored
from toolkit.report import write_page
from toolkit.steps.contenders import Entry, contender, differences, read_entries
from toolkit.steps.pages.compare import compare_page, p_text
from toolkit.steps.results import Interval, Result

_SCHEMA = 1


class ContenderScore(BaseModel):
    """Accuracy of a contender on a test.

    Attributes:
        test: Its name.
        contender: Its name.
        n: Pictures that it predicted.
        accuracy: With Wilson's interval; of several runs, their mean picture by picture.
        runs: Accuracy of each run.
        sd: Standard deviation over the runs, None for one.
    """

    model_config = ConfigDict(frozen=True)

    test: str
    contender: str
    n: int
    accuracy: Interval
    runs: tuple[float, ...]
    sd: float | None


class PairScore(BaseModel):
    """Two contenders on a test; differences are the second minus the first.

    Attributes:
        test: Its name.
        one: Name of the first.
        other: Name of the second.
        n: Pictures that both predicted.
        only_one: Pictures that the first alone predicted.
        only_other: Pictures that the second alone predicted.
        accuracy_one: Of the first on the joint pictures, with Wilson's interval.
        accuracy_other: Of the second.
        difference: With the 95 % interval that goes with `decided_by`.
        bootstrap: The same with the paired bootstrap interval over pictures.
        error_drop: Relative error drop of report D, None where the first makes no error.
        gained: Pictures that only the second gets right, None with several runs a side.
        lost: Pictures that only the first gets right.
        mcnemar_exact: Exact p.
        mcnemar_mid: Mid-p.
        z: Of the two-proportion z-test, positive where the second is better.
        z_p: Its p; it ignores that the pictures are the same.
        p: Of `decided_by`, not corrected.
        p_corrected: By Holm's method, for the `family` comparisons that are judged together.
        family: Their number.
        decided_by: The test.
        better: Name of the better one, None where the difference is within noise.
    """

    model_config = ConfigDict(frozen=True)

    test: str
    one: str
    other: str
    n: int
    only_one: int
    only_other: int
    accuracy_one: Interval
    accuracy_other: Interval
    difference: Interval
    bootstrap: Interval
    error_drop: float | None
    gained: int | None
    lost: int | None
    mcnemar_exact: float | None
    mcnemar_mid: float | None
    z: float
    z_p: float
    p: float
    p_corrected: float
    family: int
    decided_by: str
    better: str | None


class CompareResult(Result):
    """What can be said of several runs.

    Attributes:
        run_dir: Where `report.html` and `comparison.json` are.
        contenders: The runs of each contender, by its name.
        scores: Accuracy of each on each test.
        pairs: The comparisons that conclusions are drawn from, corrected together.
        cells: Each corruption by itself, corrected together.
        conclusions: Plain sentences, one a pair and test.
        notes: What was left out and why.
    """

    run_dir: Path
    contenders: dict[str, tuple[Path, ...]]
    scores: tuple[ContenderScore, ...]
    pairs: tuple[PairScore, ...]
    cells: tuple[PairScore, ...]
    conclusions: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def tables(self) -> list[TextTable]:
        """One row a pair and test."""
        several = len(self.contenders) > 2
        rows = tuple(
            (
                pair.test,
                *([f"{pair.one} → {pair.other}"] if several else []),
                f"{pair.n:,}",
                f"{100 * pair.accuracy_one.value:.1f} → {100 * pair.accuracy_other.value:.1f}",
                _points(pair.difference),
                p_text(pair.p),
                p_text(pair.p_corrected),
            )
            for pair in self.pairs
        )
        pair_column = ["pair"] if several else []
        columns = ("test", *pair_column, "n", "accuracy, %", "points, 95 %", "p", "corrected")
        title = f"{len(self.contenders)} configurations" if several else " → ".join(self.contenders)
        return [TextTable(f"{title}: right answers to the same pictures", columns, rows, _caption(len(self.pairs)))]

    def lines(self) -> list[str]:
        """Conclusions, notes, and where the page is."""
        return [*self.conclusions, *(f"Note: {note}" for note in self.notes), f"Page: {self.run_dir / 'report.html'}"]


def compare_runs(
    runs: Sequence[str | Path],
    *,
    groups: Sequence[str] = (),
    labels: Path | None = None,
    output: Path | None = None,
) -> CompareResult:
    """Compare finished runs on the pictures that they predicted.

    Args:
        runs: Each a folder of a finished run or a `.npz` of predictions, or `NAME=` and one of these. Runs that
            differ only in their seed count as one configuration.
        groups: `NAME=RUN,RUN,…`: runs that count as one configuration.
        labels: Labelled source of the pictures of `.npz` files and of `evaluate --data`.
        output: Folder to write; by default `runs/<name>/compare/<key>` beside the first run, or `comparison` where
            only files are compared.

    Raises:
        ToolkitError: Runs that cannot be compared.
    """
    entries = read_entries([str(run) for run in runs], groups, labels)
    found = compare(
        [contender(entry) for entry in entries],
        list(dict.fromkeys(test for entry in entries for run in entry.runs for test in run.corruptions)),
    )
    conclusions = [*(conclude(pair).text for pair in found.pairs), *further_statements(found)]
    notes = list(dict.fromkeys(note for entry in entries for run in entry.runs for note in run.notes))
    notes += _join_notes(found)
    folder, keyed = _folder(entries, labels, output)
    result = CompareResult(
        step="compare",
        run_dir=folder,
        contenders={entry.name: tuple(run.path for run in entry.runs) for entry in entries},
        scores=tuple(map(_score, found.scores)),
        pairs=tuple(map(_pair, found.pairs)),
        cells=tuple(map(_pair, found.cells)),
        conclusions=tuple(conclusions),
        notes=tuple(notes),
    )
    values = result.model_dump(mode="json")
    if keyed:
        RunDir(folder).start({"compared": values["contenders"], "labels": str(labels) if labels else None})
    write_json(folder / "comparison.json", values)
    write_page(folder / "report.html", compare_page(entries, found, notes, differences(entries), indexed=keyed))
    if keyed:
        RunDir(folder).finish({"conclusions": conclusions})
    return result


def _folder(entries: Sequence[Entry], labels: Path | None, output: Path | None) -> tuple[Path, bool]:
    """Where results go, and whether that is a run directory."""
    if output is not None:
        return output, False
    project = next((run.folder for entry in entries for run in entry.runs if run.folder is not None), None)
    if project is None:
        return Path("comparison"), False
    parts = [[entry.name, [_content(run.path) for run in entry.runs]] for entry in entries]
    return project / "compare" / make_key("compare", _SCHEMA, parts, str(labels)), True


def _content(path: Path) -> str:
    return "/".join(path.parts[-3:]) if path.is_dir() else file_hash(path)


def _join_notes(found: Comparison) -> list[str]:
    return [
        f"{pair.test}: {pair.n:,} pictures were predicted by both; {pair.only[0]:,} by {pair.one} alone and "
        f"{pair.only[1]:,} by {pair.other} alone do not count."
        for pair in found.pairs
        if any(pair.only)
    ]


def _score(scored: Scored) -> ContenderScore:
    low, high = scored.counted.wilson
    return ContenderScore(
        test=scored.test,
        contender=scored.contender,
        n=scored.counted.n,
        accuracy=Interval(value=scored.counted.share, low=low, high=high),
        runs=scored.by_run,
        sd=statistics.stdev(scored.by_run) if len(scored.by_run) > 1 else None,
    )


def _pair(pair: Pair) -> PairScore:
    def between(ends: tuple[float, float], value: float = pair.difference) -> Interval:
        return Interval(value=value, low=ends[0], high=ends[1])

    test = pair.mcnemar
    return PairScore(
        test=pair.test,
        one=pair.one,
        other=pair.other,
        n=pair.n,
        only_one=pair.only[0],
        only_other=pair.only[1],
        accuracy_one=between(pair.first.wilson, pair.first.share),
        accuracy_other=between(pair.second.wilson, pair.second.share),
        difference=between(pair.interval),
        bootstrap=between(pair.bootstrap),
        error_drop=pair.error_drop,
        gained=test.gained if test else None,
        lost=test.lost if test else None,
        mcnemar_exact=test.exact if test else None,
        mcnemar_mid=test.mid if test else None,
        z=pair.z.z,
        z_p=pair.z.p,
        p=pair.p,
        p_corrected=pair.corrected,
        family=pair.family,
        decided_by=pair.decides,
        better=conclude(pair).better,
    )


def _points(measured: Interval) -> str:
    value, low, high = (100 * one for one in (measured.value, measured.low, measured.high))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]".replace("-", "−")


def _caption(pairs: int) -> str:
    return (
        f"points: second minus first; corrected: p for {pairs} comparisons together (Holm)"
        if pairs > 1
        else "points: second minus first"
    )
