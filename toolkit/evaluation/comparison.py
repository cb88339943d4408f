"""Configurations compared pair by pair on the pictures that both predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.contenders import POOLED, Answers, Comparison, Contender, Pair, Run, Scored
from toolkit.evaluation.paired import (
    Spread,
    holm,
    mcnemar,
    over_pictures,
    over_runs,
    paired_bootstrap,
)
from toolkit.proportions import Counted, z_test


def compare(contenders: Sequence[Contender], corruptions: Sequence[str] = (), *, seed: int = 0) -> Comparison:
    """Compare every two contenders on every test that both took.

    Args:
        contenders: At least 2, of different names.
        corruptions: Tests that are corruptions: they are averaged picture by picture into `POOLED`, over those that
            both took, and each is compared by itself too.
        seed: Of the bootstrap.

    Raises:
        DataError: Fewer than two contenders, doubled names, or two of them that share no picture of any test.
    """
    names = [contender.name for contender in contenders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError(f"A comparison needs at least two contenders of different names; got {names}.")
    scores = [found for contender in contenders for found in _scores(contender)]
    pairs: list[Pair] = []
    cells: list[Pair] = []
    for one, other in combinations(contenders, 2):
        common = [test for test in _tests(one) if test in _tests(other)]
        of_corruptions = [test for test in common if test in corruptions]
        found = [_pair(one, other, test, seed) for test in common if test not in corruptions]
        if of_corruptions:
            both = [_pooled(contender, of_corruptions) for contender in (one, other)]
            found.append(_pair(both[0], both[1], POOLED, seed))
        kept = [pair for pair in found if pair is not None]
        if not kept:
            raise DataError(
                f"{one.name} and {other.name} have no test picture in common: {one.name} has {_told(one)}, and "
                f"{other.name} has {_told(other)}. Compare runs on the same data, with the same `data.holdout` and the "
                "same corruptions and severities; with other seeds the holdout differs, so give each configuration "
                "the same seeds."
            )
        pairs += kept
        cells += [pair for test in of_corruptions if (pair := _pair(one, other, test, seed)) is not None]
    return Comparison(tuple(names), tuple(scores), _corrected(pairs), _corrected(cells))


def _told(contender: Contender) -> str:
    sizes = {test: len(_mean(contender, test)) for test in _tests(contender)}
    return ", ".join(f"{size:,} pictures {test}" for test, size in list(sizes.items())[:4])


def _tests(contender: Contender) -> list[str]:
    """Tests that all of its runs took."""
    first, *others = (run.answers for run in contender.runs)
    return [test for test in first if all(test in answers for answers in others)]


def _pooled(contender: Contender, tests: Sequence[str]) -> Contender:
    """The contender with one test that is the mean of some, on the pictures that are in all of them."""
    runs = []
    for run in contender.runs:
        answers = [run.answers[test] for test in tests]
        ids = [name for name in answers[0].row if all(name in other.row for other in answers)]
        right = np.mean([one.of(ids) for one in answers], axis=0) if ids else np.empty(0)
        groups = answers[0].group[[answers[0].row[name] for name in ids]]
        runs.append(Run(run.seed, {POOLED: Answers(np.asarray(ids, dtype=str), right, groups)}))
    return replace(contender, runs=tuple(runs))


def _mean(contender: Contender, test: str) -> dict[str, float]:
    """Each picture's share of right answers among the runs that predicted it."""
    total: dict[str, float] = {}
    times: dict[str, int] = {}
    for run in contender.runs:
        answers = run.answers[test]
        for name, right in zip(answers.image_id.tolist(), answers.right.tolist(), strict=True):
            total[name] = total.get(name, 0.0) + right
            times[name] = times.get(name, 0) + 1
    return {name: total[name] / times[name] for name in total}


def _scores(contender: Contender) -> list[Scored]:
    found = []
    for test in _tests(contender):
        values = list(_mean(contender, test).values())
        if values:
            by_run = tuple(float(run.answers[test].right.mean()) for run in contender.runs)
            found.append(Scored(test, contender.name, _counted(np.asarray(values)), by_run))
    return found


def _counted(right: np.ndarray) -> Counted:
    return Counted(min(float(right.sum()), float(len(right))), len(right))


def _pair(one: Contender, other: Contender, test: str, seed: int) -> Pair | None:
    """The two on a test, None where they share no picture of it."""
    mine, yours = _mean(one, test), _mean(other, test)
    ids = sorted(mine.keys() & yours.keys())
    if not ids:
        return None
    first, second = (np.asarray([values[name] for name in ids]) for values in (mine, yours))
    clusters = _clusters(one, test, ids)
    whole = set(np.unique([first, second]).tolist()) <= {0.0, 1.0}
    single = len(one.runs) == len(other.runs) == 1 and test != POOLED and whole
    runs, matched = _across_runs(one, other, test)
    counts = _counted(first), _counted(second)
    return Pair(
        test=test,
        one=one.name,
        other=other.name,
        first=counts[0],
        second=counts[1],
        only=(len(mine) - len(ids), len(yours) - len(ids)),
        grouped=len(np.unique(clusters)) < len(ids),
        bootstrap=paired_bootstrap(second - first, clusters, seed=seed),
        pictures=over_pictures(second - first, clusters),
        runs=runs,
        runs_matched=matched,
        mcnemar=mcnemar(first == 1, second == 1) if single else None,
        z=z_test(*reversed(counts)),
    )


def _clusters(contender: Contender, test: str, ids: Sequence[str]) -> np.ndarray:
    """Number of each picture's group."""
    group = {name: name for name in ids}
    for run in contender.runs:
        answers = run.answers[test]
        group |= {name: str(answers.group[row]) for name, row in answers.row.items()}
    return np.unique([group[name] for name in ids], return_inverse=True)[1]


def _across_runs(one: Contender, other: Contender, test: str) -> tuple[Spread | None, bool]:
    """The difference over runs, each on the pictures that its counterparts predicted too."""
    if min(len(one.runs), len(other.runs)) < 2:
        return None, False
    seeds = [[run.seed for run in contender.runs] for contender in (one, other)]
    counterpart = {run.seed: run for run in other.runs}
    same = None not in seeds[0] and set(seeds[0]) == set(seeds[1]) and all(len(set(s)) == len(s) for s in seeds)
    accuracies: tuple[list[float], list[float]] = ([], [])
    if same:
        for run in one.runs:
            pair = run.answers[test], counterpart[run.seed].answers[test]
            ids = [name for name in pair[0].row if name in pair[1].row]
            if not ids:
                return None, False
            for values, answers in zip(accuracies, pair, strict=True):
                values.append(float(answers.of(ids).mean()))
    else:
        for values, contender in zip(accuracies, (one, other), strict=True):
            values += [float(run.answers[test].right.mean()) for run in contender.runs]
    return over_runs(*accuracies, matched=same), same


def _corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    values = holm([pair.p for pair in pairs])
    return tuple(replace(pair, corrected=p, family=len(pairs)) for pair, p in zip(pairs, values, strict=True))
