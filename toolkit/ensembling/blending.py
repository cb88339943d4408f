"""A blend: everything needed to combine the models of an ensemble, as plain numbers that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from toolkit.ensembling.calibration import temper
from toolkit.ensembling.checks import check_members
from toolkit.ensembling.votes import VOTES, log, softmax, weighted
from toolkit.errors import ConfigError, DataError

LEARNED = ("weighted", "stack")  # these votes have numbers a member, so a member's models speak with one voice


@dataclass(frozen=True)
class Blend:
    """How models agree.

    `combine` computes, in this order and in float64:

    1. Temperature: p ← softmax(log p / T) of each model, with the T of its member; p below 1e-7 counts as 1e-7.
       Without `temperatures` nothing is done.
    2. For `weighted` and `stack`: the mean over the models of each member, `(m, n, k)`. For the other votes each model
       keeps its own voice.
    3. The vote. `majority`, `mean`, `geometric` and `rank` as in `toolkit.ensembling.votes`. `weighted`: the mean with
       `weights`, scaled to sum to 1. `stack`: softmax(x · coefficients + intercept), where row i of x `(n, m·k)` holds
       log p of picture i, all classes of member 0, then of member 1 and so on; p below 1e-7 counts as 1e-7.
    4. Class priors: p ← p · prior, scaled to sum to 1. Without `prior` nothing is done.

    Attributes:
        vote: `majority`, `mean`, `geometric`, `rank`, `weighted` or `stack`.
        weights: m numbers ≥ 0 for `weighted`, else None. A member of weight 0 may be left out.
        coefficients: m·k rows of k numbers for `stack`, else None.
        intercept: k numbers for `stack`, else None.
        temperatures: m numbers > 0, or None.
        prior: k numbers ≥ 0, each class's share in the target divided by its share in training, or None.
    """

    vote: str = "majority"
    weights: tuple[float, ...] | None = None
    coefficients: tuple[tuple[float, ...], ...] | None = None
    intercept: tuple[float, ...] | None = None
    temperatures: tuple[float, ...] | None = None
    prior: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.vote not in (*VOTES, *LEARNED):
            raise ConfigError(f"There is no vote {self.vote!r}; known: {', '.join((*VOTES, *LEARNED))}.")
        needed = {"weighted": ("weights",), "stack": ("coefficients", "intercept")}.get(self.vote, ())
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise DataError(f"A blend of vote {self.vote} needs {' and '.join(missing)}, which this one lacks.")

    def combine(self, probabilities: np.ndarray, owner: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Combine the models.

        Args:
            probabilities: `(r, n, k)` of r models, rows sum to 1.
            owner: `(r,)` member that each model belongs to; None: every model is a member of its own, in order.

        Returns:
            `(n, k)` float32, rows sum to 1.

        Raises:
            DataError: The blend was learned for other members or classes, or values are no probabilities.
        """
        models = check_members(probabilities)
        owner = np.arange(len(models)) if owner is None else np.asarray(owner, np.int64)
        if owner.shape != (len(models),):
            raise DataError(f"There are {len(models)} models, but {owner.size} say which member they belong to.")
        self._check(owner, models.shape[2])
        if self.temperatures is not None:
            models = np.stack([temper(row, self.temperatures[at]) for row, at in zip(models, owner, strict=True)])
        if self.vote == "weighted":
            present = np.unique(owner)
            shares = np.asarray(self.weights)[present]
            combined = weighted(member_means(models, owner), shares).astype(np.float64)
        elif self.vote == "stack":
            features = stack_features(member_means(models, owner))
            combined = softmax(features @ np.asarray(self.coefficients) + np.asarray(self.intercept))
        else:
            combined = VOTES[self.vote](models).astype(np.float64)
        return correct(combined, self.prior) if self.prior is not None else np.asarray(combined, np.float32)

    def with_prior(self, prior: Sequence[float] | np.ndarray | None) -> Blend:
        """The same blend with other class priors, k numbers or None."""
        return replace(self, prior=None if prior is None else tuple(float(value) for value in prior))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: `vote, weights, coefficients, intercept, temperatures, prior`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Blend:
        """What `to_dict` gave.

        Raises:
            DataError: A key is unknown or missing.
        """
        known = {field.name for field in fields(cls)}
        if "vote" not in values or set(values) - known:
            raise DataError(f"A blend has the keys {', '.join(sorted(known))}; got {', '.join(map(str, values))}.")
        return cls(**{name: _tuples(value) for name, value in values.items()})

    def _check(self, owner: np.ndarray, classes: int) -> None:
        learned = {"weights": self.weights, "temperatures": self.temperatures}
        for name, values in learned.items():
            if values is not None and (owner.min() < 0 or owner.max() >= len(values)):
                raise DataError(
                    f"The blend has {name} for {len(values)} members, but there is a member {int(owner.max())} "
                    "(counted from 0). It was learned for another ensemble; run `toolkit ensemble` again."
                )
        if self.prior is not None and len(self.prior) != classes:
            raise DataError(f"The blend has priors for {len(self.prior)} classes, the predictions have {classes}.")
        if self.coefficients is None or self.intercept is None:
            return
        members = len(self.coefficients) / classes
        if len(self.intercept) != classes or sorted(set(owner.tolist())) != list(range(int(members))):
            raise DataError(
                f"The blend is a stack over {members:g} members and {len(self.intercept)} classes, but got models of "
                f"the members {sorted(set(owner.tolist()))} and {classes} classes. A stack needs every member it was "
                "learned for; pack all members, or choose another ensemble.vote."
            )


def member_means(models: np.ndarray, owner: Sequence[int] | np.ndarray) -> np.ndarray:
    """Mean over the models of each member.

    Args:
        models: `(r, n, k)`.
        owner: `(r,)` int, the member of each.

    Returns:
        `(m, n, k)`, members that have a model in ascending order.
    """
    owner = np.asarray(owner)
    return np.stack([models[owner == at].mean(axis=0) for at in np.unique(owner)])


def one_model_each(models: np.ndarray, owner: Sequence[int] | np.ndarray) -> list[np.ndarray]:
    """The ensemble as it stands out of fold: one model of each member, once for every fold.

    Out of fold a picture is predicted by one model of each member. What is learned there of errors (a confusion matrix,
    say) holds for such views, not for the vote of all models, which errs less.

    Args:
        models: `(r, n, k)`.
        owner: `(r,)` int, the member of each.

    Returns:
        As many `(m, n, k)` as the member with most models has; others begin anew.
    """
    owner = np.asarray(owner)
    places = [np.flatnonzero(owner == at) for at in np.unique(owner)]
    count = max(len(rows) for rows in places)
    return [models[[rows[view % len(rows)] for rows in places]] for view in range(count)]


def stack_features(members: np.ndarray) -> np.ndarray:
    """`(n, m·k)` log probabilities of `(m, n, k)`, member by member."""
    return log(members).transpose(1, 0, 2).reshape(members.shape[1], -1)


def correct(probabilities: np.ndarray, prior: Sequence[float] | np.ndarray) -> np.ndarray:
    """Probabilities under other class priors (Saerens et al. 2002, eq. 2.4).

    Args:
        probabilities: `(n, k)`.
        prior: `(k,)` share of each class in the target divided by its share in training.

    Returns:
        `(n, k)` float32, rows sum to 1; a row whose classes all have prior 0 stays as it is.
    """
    raw = np.asarray(probabilities, np.float64)
    moved = raw * np.asarray(prior, np.float64)
    sums = moved.sum(axis=1, keepdims=True)
    return np.asarray(np.where(sums > 0, moved / np.where(sums > 0, sums, 1.0), raw), np.float32)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, (list, tuple)) else value
