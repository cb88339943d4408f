"""What a package scores that holds other networks than `evaluate` measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.evaluation.subset import stratified
from toolkit.metrics import score, wilson
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate_result import EvaluateResult, LocalTestScores
from toolkit.steps.project import Project
from toolkit.steps.results import Interval, interval
from toolkit.steps.single_network import SingleNetwork
from toolkit.steps.sizing import Chosen
from toolkit.steps.testing import corrupted


def packed_scores(project: Project, ensemble: Ensemble, evaluated: EvaluateResult, chosen: Chosen) -> EvaluateResult:
    """The scores of the packed networks, measured on the same local tests as those of the whole ensemble.

    The estimate of the hidden score is the ensemble's, moved by the mean difference over all local tests and widened on
    both sides by the 95 % margin of the paired difference on clean pictures.

    Args:
        project: The contest.
        ensemble: Its trained models.
        evaluated: Scores of all of them.
        chosen: What is packed; as it is where that is everything in full.
    """
    if chosen.whole:
        return evaluated
    config, holdout = ensemble.config, ensemble.split.smaller
    ids = holdout.image_ids.tolist()
    tested = holdout.select([ids[row] for row in stratified(holdout.labels, config.evaluate.pictures, config.seed)])
    read = project.pixels(project.manifest, project.hashes).read
    views = chosen.parts.views
    networks = [SingleNetwork(project, config, path, views) for path in chosen.parts.models]

    def measured(test: LocalTestScores) -> LocalTestScores:
        seen = corrupted(read, test.corruption, test.severity, config.seed)
        what = f"Packed networks: {test.corruption} {test.severity}"
        each = np.stack([network.predict(seen, tested.image_ids.tolist(), what) for network in networks])
        found = score(tested.labels, chosen.parts.combine(each), tested.classes, seed=config.seed)
        return test.model_copy(update={"accuracy": Interval(**interval(found.accuracy))})

    clean = Interval(
        **interval(score(holdout.labels, chosen.local.probabilities, holdout.classes, seed=config.seed).accuracy)
    )
    tests = [measured(test) for test in evaluated.tests]
    unpractised = [test.accuracy.value for test in tests if not test.overlaps]
    before = [evaluated.clean.value, *(test.accuracy.value for test in evaluated.tests)]
    after = [clean.value, *(test.accuracy.value for test in tests)]
    return evaluated.model_copy(
        update={
            "clean": clean,
            "corrupted": {name: _mean(tests, name, len(tested)) for name in evaluated.corrupted},
            "tests": tuple(tests),
            "noisy": float(np.mean(after[1:])),
            "noisy_without_overlap": float(np.mean(unpractised)) if unpractised else None,
            "estimate": moved(evaluated.estimate, float(np.mean(after) - np.mean(before)), chosen.margin),
        }
    )


def _mean(tests: Sequence[LocalTestScores], name: str, pictures: int) -> Interval:
    """Mean accuracy under one corruption, with Wilson's interval of so many pictures."""
    values = [test.accuracy.value for test in tests if test.corruption == name]
    return Interval(**interval(wilson(float(np.mean(values)) * pictures, pictures)))


def other_statistics_scores(evaluated: EvaluateResult, accuracy: float) -> EvaluateResult:
    """Scores of a package whose `package.batch_norm` is not `ensemble.batch_norm`: of the holdout as it scored it.

    The corrupted tests were predicted as the ensemble predicts, so they say nothing of it and are left out; the
    estimate of the hidden score is moved by the difference on clean pictures and widened by as much.

    Args:
        evaluated: Scores of the same networks with the statistics of `ensemble.batch_norm`.
        accuracy: Of the package on the holdout pictures.
    """
    found = wilson(round(accuracy * evaluated.images), evaluated.images)
    difference = accuracy - evaluated.clean.value
    return evaluated.model_copy(
        update={
            "clean": Interval(**interval(found)),
            "corrupted": {},
            "tests": (),
            "noisy": float("nan"),
            "noisy_without_overlap": None,
            "estimate": moved(evaluated.estimate, difference, abs(difference)),
        }
    )


def moved(estimate: Interval, difference: float, margin: float) -> Interval:
    """An estimate moved by a difference and widened by its margin, within 0–1."""
    low, value, high = np.clip(
        [estimate.low + difference - margin, estimate.value + difference, estimate.high + difference + margin], 0, 1
    ).tolist()
    return Interval(value=value, low=low, high=high)
