"""Deliberate modification of a tuned result: is the best set of a search really the best near it?

After report B (J. Shimazoe, K. Arai, M. Oda, "Method for hyperparameter tuning of EfficientNetV2-based image
classification by deliberately modifying Optuna tuned result"): from the best set, the most and the least important
hyperparameter are swept, each alone over its range, everything else fixed. The report judged each value once on 30
pictures and asks for k folds; so here every value is trained on all folds, and the rule of acceptance is:

*A value is accepted if the mean over the folds of (its score − the best set's score on the same fold) has a one-sided t
interval above 0.* Folds share training pictures, so the variance of that mean is taken as sd²·(1/k + 1/(k−1)), the
correction of Nadeau and Bengio ("Inference for the generalization error", Machine Learning 52, 2003) with
n_test/n_train = 1/(k−1); and the error level is divided by the number of values tried (Bonferroni), because the best of
many values stands out by chance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from toolkit.errors import SearchError
from toolkit.tuning.judging import Direction, Evaluate
from toolkit.tuning.levels import cells, levels
from toolkit.tuning.space import Searched

Role = Literal["most important", "least important"]


@dataclass(frozen=True)
class Judged:
    """A set of values with its scores.

    Attributes:
        parameters: Values by name.
        scores: One a fold.
    """

    parameters: dict[str, Any]
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.scores))

    @property
    def sd(self) -> float:
        """Standard deviation over the folds (n − 1)."""
        return float(np.std(self.scores, ddof=1))


@dataclass(frozen=True)
class Step:
    """One value of a sweep.

    Attributes:
        name: The swept hyperparameter.
        role: Why it was swept.
        value: What it was set to.
        judged: Its scores.
        gain: Mean improvement on the tuned set over the folds; positive is better in either direction.
        low: Lower end of the gain's one-sided interval.
        accepted: Whether `low` is above 0.
    """

    name: str
    role: Role
    value: Any
    judged: Judged
    gain: float
    low: float
    accepted: bool


@dataclass(frozen=True)
class Modification:
    """What the sweeps found.

    Attributes:
        manual: The settings before the search.
        tuned: The search's best set, judged anew on the folds.
        steps: All values tried.
        modified: The accepted value with the largest gain in place; the tuned set where none is accepted.
        level: One-sided error level of each value's test.
    """

    manual: Judged | None
    tuned: Judged
    steps: tuple[Step, ...]
    modified: Judged
    level: float

    @property
    def accepted(self) -> Step | None:
        """The step that `modified` took, if any."""
        found = [step for step in self.steps if step.accepted]
        return max(found, key=lambda step: step.gain) if found else None


def most_and_least(importances: Mapping[str, float], parameters: Mapping[str, Any]) -> dict[str, Role]:
    """Which hyperparameters to sweep.

    Args:
        importances: By name.
        parameters: The best set; a hyperparameter that it does not have cannot be swept from it.

    Returns:
        The most and the least important one; only one where there is only one.

    Raises:
        SearchError: None of the importances belongs to the set.
    """
    order = sorted((name for name in importances if name in parameters), key=lambda name: -importances[name])
    if not order:
        raise SearchError(
            "No hyperparameter of the best trial has an importance, so there is nothing to sweep. Let the search "
            "finish more trials, or name the hyperparameters."
        )
    found: dict[str, Role] = {order[0]: "most important"}
    if len(order) > 1:
        found[order[-1]] = "least important"
    return found


def modify(
    evaluate: Evaluate,
    space: Mapping[str, Searched],
    tuned: Mapping[str, Any],
    swept: Mapping[str, Role],
    *,
    manual: Mapping[str, Any] | None = None,
    folds: int = 5,
    seed: int = 0,
    epochs: int | None = None,
    points: int = 6,
    level: float = 0.05,
    direction: Direction = "maximize",
    on_progress: Callable[[int, int], None] | None = None,
) -> Modification:
    """Sweep around the tuned set.

    Args:
        evaluate: The objective.
        space: Dimensions by name.
        tuned: The best set of the search.
        swept: What to sweep, from `most_and_least`.
        manual: Settings before the search, judged as well; None leaves them out.
        folds: k, at least 2.
        seed: Of all trainings.
        epochs: Of each training.
        points: Values of a continuous range; whole numbers and choices with at most twice as many are tried in full.
        level: One-sided error level of the whole procedure.
        direction: Whether more is better.
        on_progress: Told how many of how many trainings are done.

    Raises:
        SearchError: Fewer than 2 folds, or a dimension that is not in the space.
    """
    if folds < 2:
        raise SearchError(f"A modification is judged on at least 2 folds; got {folds}.")
    missing = sorted(set(swept) - set(space))
    if missing:
        raise SearchError(f"{', '.join(missing)} cannot be swept: it is no dimension of the search space.")
    values = {name: [v for v in _values(space[name], points) if not _same(v, tuned.get(name))] for name in swept}
    total = folds * (1 + (manual is not None) + sum(map(len, values.values())))
    done = 0

    def judge(parameters: dict[str, Any]) -> Judged:
        nonlocal done
        scores = []
        for fold in range(folds):
            scores.append(evaluate(parameters, fold=fold, seed=seed, epochs=epochs))
            done += 1
            if on_progress:
                on_progress(done, total)
        return Judged(parameters, tuple(scores))

    before = judge(dict(manual)) if manual is not None else None
    start = judge(dict(tuned))
    each = level / max(1, sum(map(len, values.values())))
    steps = []
    for name, role in swept.items():
        for value in values[name]:
            judged = judge({**tuned, name: value})
            gain, low = gain_with_lower_end(judged.scores, start.scores, level=each, direction=direction)
            steps.append(Step(name, role, value, judged, gain, low, low > 0))
    found = Modification(before, start, tuple(steps), start, each)
    return found if found.accepted is None else Modification(before, start, found.steps, found.accepted.judged, each)


def gain_with_lower_end(
    scores: Sequence[float], reference: Sequence[float], *, level: float, direction: Direction
) -> tuple[float, float]:
    """Mean paired improvement over k folds, and the lower end of its one-sided t interval.

    Args:
        scores: `(k,)`.
        reference: `(k,)` on the same folds.
        level: One-sided error level.
        direction: Whether more is better.

    Returns:
        Gain and lower end, with the variance of Nadeau and Bengio (2003); −∞ where a score is not finite.
    """
    from scipy.stats import t

    sign = 1.0 if direction == "maximize" else -1.0
    differences = sign * (np.asarray(scores, np.float64) - np.asarray(reference, np.float64))
    if not np.isfinite(differences).all():
        return -math.inf, -math.inf
    k = len(differences)
    error = float(np.std(differences, ddof=1)) * math.sqrt(1 / k + 1 / (k - 1))
    gain = float(differences.mean())
    return gain, gain - float(t.ppf(1 - level, k - 1)) * error


def _values(dimension: Searched, points: int) -> list[Any]:
    all_values = cells(dimension)
    return levels(dimension, all_values if all_values and all_values <= 2 * points else points)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return json.dumps(one) == json.dumps(other)
