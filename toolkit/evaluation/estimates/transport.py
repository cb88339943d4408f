"""Accuracy without labels, from probabilities that must add up to the known shares of the classes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

MOST_PICTURES = 2000
_MANY_CLASSES = 64  # from here on the general assignment solver is the faster one


def transport(probabilities: np.ndarray, class_shares: np.ndarray, seed: int = 0) -> float:
    """Confidence after every picture was given one class such that all classes have their shares.

    Confidence optimal transport (Lu et al. 2023, arXiv 2305.15640): the cheapest way of turning the probabilities into
    one-hot labels whose classes have the shares of the training pictures, at the cost 1 − p of the class given; the
    accuracy is 1 minus the mean cost. A network that calls everything by one name is sure, but then most pictures have
    to be given classes that it holds for unlikely. **It takes the hidden test to have the classes in these shares.**

    Args:
        probabilities: `(n, k)`; above 2,000 pictures, that many of them are drawn.
        class_shares: `(k,)` that sum to 1.
        seed: Of that draw.
    """
    values = np.asarray(probabilities, np.float64)
    if len(values) > MOST_PICTURES:
        values = values[np.random.default_rng([seed, 17]).permutation(len(values))[:MOST_PICTURES]]
    places = _places(class_shares, len(values))
    given = _assign(values, places) if len(places) < _MANY_CLASSES else _assign_many(values, places)
    return float(values[np.arange(len(values)), given].mean())


def _places(shares: np.ndarray, pictures: int) -> np.ndarray:
    """`(k,)` places of each class, one for each picture in all."""
    quota = shares * pictures
    counts = np.floor(quota).astype(int)
    # What rounding down left over goes to the largest remainders.
    counts[np.argsort(counts - quota, kind="stable")[: pictures - counts.sum()]] += 1
    return np.asarray(counts)


def _assign(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Classes `(n,)` of highest total probability with so many pictures each.

    Successive shortest paths (a minimum-cost flow): all pictures start with their likeliest class; as long as a class
    has too many, one picture moves along the cheapest chain of classes to one that has too few.
    """
    given: np.ndarray = values.argmax(axis=1)
    classes = len(places)
    held = np.bincount(given, minlength=classes)
    cost, who = np.full((classes, classes), np.inf), np.zeros((classes, classes), int)

    def look(one: int) -> None:
        """What it costs to move a picture of this class to each other class, and which picture that is."""
        rows = np.flatnonzero(given == one)
        cost[one] = np.inf
        if len(rows):
            loss = values[rows, one][:, None] - values[rows]
            least = loss.argmin(axis=0)
            cost[one], who[one] = loss[least, np.arange(classes)], rows[least]

    for one in range(classes):
        look(one)
    while (held > places).any():
        path = _cheapest(cost, held > places, held < places)
        held[path[0]] -= 1
        held[path[-1]] += 1
        moved = [(who[one, other], other) for one, other in pairwise(path)]
        for row, other in moved:
            given[row] = other
        for one in path:
            look(one)
    return given


def _cheapest(cost: np.ndarray, start: np.ndarray, end: np.ndarray) -> list[int]:
    """The cheapest chain of classes from any of `start` to any of `end` (Bellman-Ford; costs may be negative)."""
    distance, before = np.where(start, 0.0, np.inf), np.full(len(cost), -1)
    for _ in range(len(cost)):
        through = distance[:, None] + cost
        best = through.argmin(axis=0)
        shorter = through[best, np.arange(len(cost))]
        better = shorter < distance - 1e-12
        if not better.any():
            break
        before, distance = np.where(better, best, before), np.where(better, shorter, distance)
    path = [int(np.where(end, distance, np.inf).argmin())]
    while before[path[0]] >= 0:
        path.insert(0, int(before[path[0]]))
    return path


def _assign_many(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment

    labels = np.repeat(np.arange(len(places)), places)
    rows, chosen = linear_sum_assignment(values[:, labels], maximize=True)
    given = np.empty(len(values), int)
    given[rows] = labels[chosen]
    return given
