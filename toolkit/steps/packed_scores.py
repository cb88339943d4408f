"""What a package scores that holds other networks than `evaluate` measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolkit.evaluation.corruptions import corrupt
from toolkit.metrics import score, wilson
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.members import Members, Read
from toolkit.steps.project import Project
from toolkit.steps.results import Interval, interval
from toolkit.steps.sizing import Chosen


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
    read = project.pixels(project.manifest, project.hashes).read
    networks = [Members([path], "mean", project.console) for path in chosen.parts.models]

    def measured(seen: Read, what: str) -> Interval:
        each = np.stack([network.predict(seen, ids, what) for network in networks])
        found = score(holdout.labels, chosen.parts.combine(each), holdout.classes, seed=config.seed)
        return Interval(**interval(found.accuracy))

    clean = Interval(
        **interval(score(holdout.labels, chosen.local.probabilities, holdout.classes, seed=config.seed).accuracy)
    )
    corrupted = {
        name: measured(_corrupted(read, name, config.evaluate.severity, config.seed), f"Packed networks: {name}")
        for name in evaluated.corrupted
    }
    before = [evaluated.clean.value, *(scores.value for scores in evaluated.corrupted.values())]
    after = [clean.value, *(scores.value for scores in corrupted.values())]
    return evaluated.model_copy(
        update={
            "clean": clean,
            "corrupted": corrupted,
            "noisy": float(np.mean(after[1:])),
            "estimate": moved(evaluated.estimate, float(np.mean(after) - np.mean(before)), chosen.margin),
        }
    )


def renewed_scores(evaluated: EvaluateResult, accuracy: float) -> EvaluateResult:
    """Scores of a package that renews its batch normalisation: of the holdout as the package scored it.

    The corrupted tests were predicted with the statistics of training, so they say nothing of it and are left out; the
    estimate of the hidden score is moved by the difference on clean pictures and widened by as much.

    Args:
        evaluated: Scores of the same networks with the statistics of training.
        accuracy: Of the package on the holdout pictures.
    """
    found = wilson(round(accuracy * evaluated.images), evaluated.images)
    difference = accuracy - evaluated.clean.value
    return evaluated.model_copy(
        update={
            "clean": Interval(**interval(found)),
            "corrupted": {},
            "noisy": float("nan"),
            "estimate": moved(evaluated.estimate, difference, abs(difference)),
        }
    )


def moved(estimate: Interval, difference: float, margin: float) -> Interval:
    """An estimate moved by a difference and widened by its margin, within 0–1."""
    low, value, high = np.clip(
        [estimate.low + difference - margin, estimate.value + difference, estimate.high + difference + margin], 0, 1
    ).tolist()
    return Interval(value=value, low=low, high=high)


def _corrupted(read: Read, name: str, severity: int, seed: int) -> Read:
    def corrupted(image_ids: Sequence[str]) -> np.ndarray:
        return corrupt(read(image_ids), image_ids, name, severity, seed)

    return corrupted
