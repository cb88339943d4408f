"""Learning a blend from out-of-fold predictions: weights by score, greedy selection, stacking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from toolkit.ensembling.blending import Blend, stack_features
from toolkit.ensembling.calibration import fit_temperature, temper
from toolkit.ensembling.checks import check_labels, check_members
from toolkit.ensembling.votes import VOTES
from toolkit.errors import ConfigError
from toolkit.metrics import metric

FITS = ("majority", "mean", "geometric", "rank", "weighted", "greedy", "stack")
_PATIENCE = 10  # rounds of greedy selection without a better score, after which it ends
_RIDGE = 0.05  # inverse strength of the L2 penalty: m·k² numbers are learned from a few thousand pictures at most
_WIDEST = np.log(4.0)  # a pool's temperatures are its members' times 1/4 to 4
_SECTIONS = 10  # of the golden section: to 1 %

Score = Callable[[np.ndarray], tuple[float, float]]


def fit(
    vote: str,
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    objective: str = "accuracy",
    calibrated: bool = False,
    seed: int = 0,
) -> Blend:
    """Learn a blend from out-of-fold predictions.

    Args:
        vote: `majority, mean, geometric, rank` (which learn nothing), `weighted` by score, `greedy` or `stack`, or
            `single`: the best member alone.
        probabilities: `(m, n, k)` out-of-fold predictions of m members.
        labels: `(n,)` int in 0…k−1.
        objective: The metric that weights, greedy selection and the best member go by.
        calibrated: Whether each member is first scaled by a temperature, fitted here. For means (`mean`, `geometric`,
            weighted ones) all temperatures are then scaled alike so that the blend itself has the lowest log loss: a
            mean of calibrated members is not sure enough (Rahaman and Thiery 2021, arXiv 2007.08792).
        seed: Of the bags of greedy selection.

    Returns:
        The blend; of vote `weighted` for `greedy` and `single`.

    Raises:
        ConfigError: There is no such vote.
        DataError: The predictions or labels cannot be learned from.
    """
    if vote not in (*FITS, "single"):
        raise ConfigError(f"There is no vote {vote!r}; known: {', '.join(FITS)}.")
    members = check_members(probabilities)
    if vote in VOTES and not calibrated:
        return Blend(vote)
    labels = check_labels(labels, *members.shape[1:])
    temperatures = None
    if calibrated:
        temperatures = tuple(fit_temperature(member, labels) for member in members)
        members = np.stack([temper(member, value) for member, value in zip(members, temperatures, strict=True)])
    if vote in VOTES:
        return _pooled(Blend(vote, temperatures=temperatures), probabilities, labels)
    if vote == "stack":
        coefficients, intercept = stack(members, labels)
        return Blend("stack", None, _rows(coefficients), tuple(intercept.tolist()), temperatures)
    if vote == "greedy":
        weights = greedy(members, labels, objective, seed=seed)
    else:
        weights = score_weights(members, labels, objective)
        if vote == "single":
            weights = np.eye(len(members))[_order(members, labels, objective)[0]]
    return _pooled(Blend("weighted", tuple(weights.tolist()), temperatures=temperatures), probabilities, labels)


def _pooled(blend: Blend, probabilities: np.ndarray, labels: np.ndarray) -> Blend:
    """Scale all temperatures alike for the lowest log loss of a mean; other blends stay as they are."""
    if blend.temperatures is None or blend.vote not in {"mean", "geometric", "weighted"} or len(probabilities) == 1:
        return blend
    loss, single = metric("log_loss").function, np.array(blend.temperatures)

    def scaled(power: float) -> Blend:
        return replace(blend, temperatures=tuple((single * np.exp(power)).tolist()))

    def cost(power: float) -> float:
        return loss(labels, scaled(power).combine(probabilities))

    low, high, part = -_WIDEST, _WIDEST, (5**0.5 - 1) / 2  # golden section
    left, right = high - part * (high - low), low + part * (high - low)
    costs = [cost(left), cost(right)]
    for _ in range(_SECTIONS):
        if costs[0] <= costs[1]:
            high, right = right, left
            left = high - part * (high - low)
            costs = [cost(left), costs[0]]
        else:
            low, left = left, right
            right = low + part * (high - low)
            costs = [costs[1], cost(right)]
    return scaled((low + high) / 2)


def score_weights(members: np.ndarray, labels: np.ndarray, objective: str = "accuracy") -> np.ndarray:
    """Weights proportional to what each member scores above chance; equal where none does.

    Chance is the score of equal probabilities for all classes, or 1/k for accuracy and macro F1, where these have no
    one winner.

    Args:
        members: `(m, n, k)`.
        labels: `(n,)`.
        objective: Name of the metric.

    Returns:
        `(m,)` float64, sum 1.
    """
    found = metric(objective)
    k = members.shape[2]
    chance = 1 / k
    if objective not in {"accuracy", "macro_f1"}:
        chance = found.function(labels, np.full(members.shape[1:], 1 / k))
    sign = 1 if found.direction == "maximize" else -1
    gains = np.array([max(0.0, sign * (found.function(labels, member) - chance)) for member in members])
    return gains / gains.sum() if gains.sum() > 0 else np.full(len(members), 1 / len(members))


def greedy(
    members: np.ndarray,
    labels: np.ndarray,
    objective: str = "accuracy",
    *,
    rounds: int = 50,
    bags: int = 0,
    share: float = 0.5,
    seed: int = 0,
) -> np.ndarray:
    """Forward selection with replacement (Caruana et al. 2004, "Ensemble selection from libraries of models").

    It begins with the best members, as many of them (from the best down) as together score highest (their "sorted
    initialization"); then the member that helps most is added, again and again, and the best ensemble on the way is
    taken. Equal scores are told apart by log loss.

    Args:
        members: `(m, n, k)`.
        labels: `(n,)`.
        objective: Name of the metric.
        rounds: Most members added; it ends sooner after ten without gain.
        bags: So many random halves of the members are selected from separately and the weights averaged (their
            "bagged ensemble selection"); 0: one selection from all members.
        share: Of the members in a bag, 0–1.
        seed: Of the bags.

    Returns:
        `(m,)` float64 share of each member among those selected, sum 1.
    """
    if not bags:
        return _greedy(members, labels, objective, rounds)
    rng = np.random.default_rng(seed)
    size = max(1, round(share * len(members)))
    weights = np.zeros(len(members))
    for _ in range(bags):
        bag = np.sort(rng.choice(len(members), size, replace=False))
        weights[bag] += _greedy(members[bag], labels, objective, rounds) / bags
    return np.asarray(weights / weights.sum())


def stack(members: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression on log probabilities (stacking, Wolpert 1992), with an L2 penalty.

    Args:
        members: `(m, n, k)`.
        labels: `(n,)`, of two classes at least.

    Returns:
        Coefficients `(m·k, k)` and intercept `(k,)`; logits are `stack_features(members) @ coefficients + intercept`.
    """
    from sklearn.linear_model import LogisticRegression

    count, n, k = members.shape
    present = np.unique(labels)
    model = LogisticRegression(C=_RIDGE, max_iter=2000).fit(stack_features(members), labels)
    coefficients, intercept = np.zeros((count * k, k)), np.zeros(k)
    if len(present) == 2:  # one row for the second class against the first
        coefficients[:, present] = model.coef_.T * np.array([-0.5, 0.5])
        intercept[present] = model.intercept_ * np.array([-0.5, 0.5])
    else:
        coefficients[:, present], intercept[present] = model.coef_.T, model.intercept_
    absent = np.setdiff1d(np.arange(k), present)
    if len(absent):
        _complete(coefficients.reshape(count, k, k), intercept, present, absent, n)
    return coefficients, intercept


def _complete(by_member: np.ndarray, intercept: np.ndarray, present: np.ndarray, absent: np.ndarray, n: int) -> None:
    """Give classes without pictures the coefficients of the others, as if they were one picture in size.

    What a member says of a class counts for that class by one coefficient and for every other class by another; both
    are the means over the classes that have pictures, in place of `by_member` `(m, k said, k meant)`.
    """
    own = by_member[:, present, present].mean(axis=1)
    pairs = by_member[:, present][:, :, present]
    others = (pairs.sum(axis=(1, 2)) - own * len(present)) / (len(present) * (len(present) - 1))
    by_member[:, :, absent] = others[:, None, None]
    by_member[:, absent, :] = others[:, None, None]
    by_member[:, absent, absent] = own[:, None]
    intercept[absent] = intercept[present].mean() - np.log(n / len(present))


def _greedy(members: np.ndarray, labels: np.ndarray, objective: str, rounds: int) -> np.ndarray:
    score = _score(labels, objective)
    order = _order(members, labels, objective)
    sums = np.cumsum(members[order], axis=0)
    first = max(range(1, len(order) + 1), key=lambda count: score(sums[count - 1] / count))
    counts = np.bincount(order[:first], minlength=len(members))
    total = sums[first - 1].copy()
    best, kept, since = score(total / first), counts.copy(), 0
    for size in range(first + 1, first + rounds + 1):
        scores = [score((total + member) / size) for member in members]
        added = max(range(len(members)), key=lambda index: scores[index])
        counts[added] += 1
        total += members[added]
        since += 1
        if scores[added] > best:
            best, kept, since = scores[added], counts.copy(), 0
        if since == _PATIENCE:
            break
    return np.asarray(kept / kept.sum())


def _order(members: np.ndarray, labels: np.ndarray, objective: str) -> np.ndarray:
    """`(m,)` members from the best to the worst."""
    score = _score(labels, objective)
    return np.asarray(sorted(range(len(members)), key=lambda index: score(members[index]), reverse=True))


def _score(labels: np.ndarray, objective: str) -> Score:
    found, loss = metric(objective), metric("log_loss").function
    sign = 1 if found.direction == "maximize" else -1
    return lambda rows: (sign * found.function(labels, rows), -loss(labels, rows))


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
