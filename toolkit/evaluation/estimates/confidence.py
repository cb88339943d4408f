"""Accuracy without labels, from how sure a network is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.errors import DataError
from toolkit.evaluation.estimates.shares import called_shares, class_confidence, distance, overcalled_fall
from toolkit.evaluation.estimates.transport import transport

_TINY = 1e-6


@dataclass(frozen=True)
class Reference:
    """What clean, labelled pictures say of a network.

    Attributes:
        temperature: Divides the logits, so that the network is as sure as it is right (Guo et al. 2017).
        accuracy: On these pictures.
        confidence: Mean probability of the predicted class, with the temperature.
        confidence_threshold: As many are surer than this as are right.
        entropy_threshold: As many have a higher negative entropy.
        class_shares: `(k,)` share of each class.
        sure_shares: `(k,)` shares of the predicted classes among pictures above the entropy's threshold.
        class_confidence: `(k,)` mean confidence by predicted class.
    """

    temperature: float
    accuracy: float
    confidence: float
    confidence_threshold: float
    entropy_threshold: float
    class_shares: np.ndarray
    sure_shares: np.ndarray
    class_confidence: np.ndarray


@dataclass(frozen=True)
class Signals:
    """What a network says of its own accuracy on pictures, 0–1 each; labels are not used.

    Attributes:
        mean_confidence: Mean probability of the predicted class, without temperature: the baseline.
        thresholded_confidence: ATC: share of pictures that are surer than the threshold (Garg et al. 2022,
            arXiv 2201.04234, equation 1 with the score max p).
        thresholded_entropy: The same with the negative entropy.
        confidence_difference: DoC: clean accuracy less the fall of mean confidence (Guillory et al. 2021,
            arXiv 2107.03315).
        transport: COT: see `transport.transport`.
        class_distance: Total variation distance of the predicted classes' shares from the clean pictures' true ones.
        sure_distance: The same of the surest pictures (above the entropy's threshold) from the surest clean ones.
        overcalled_fall: See `shares.overcalled_fall`; a difference of logits.
        agreement: GDE: mean share of pictures on which two members agree (Jiang et al. 2022, arXiv 2106.13799); None
            for a single network.
    """

    mean_confidence: float
    thresholded_confidence: float
    thresholded_entropy: float
    confidence_difference: float
    transport: float
    class_distance: float
    sure_distance: float
    overcalled_fall: float
    agreement: float | None = None


def fit_reference(probabilities: np.ndarray, labels: np.ndarray) -> Reference:
    """Learn temperature and thresholds.

    Args:
        probabilities: `(n, k)` on clean pictures that the network was not trained on.
        labels: `(n,)` int in 0…k−1.

    Raises:
        DataError: No pictures, or shapes that do not fit.
    """
    values = _checked(probabilities)
    if len(values) != len(labels):
        raise DataError(f"There are {len(values)} rows of probabilities, but {len(labels)} labels.")
    right = values.argmax(axis=1) == labels
    accuracy = float(right.mean())
    temperature = fit_temperature(values, labels)
    scaled = soften(values, temperature)
    surest, called, classes = scaled.max(axis=1), values.argmax(axis=1), values.shape[1]
    calm = _negative_entropy(scaled)
    threshold = _threshold(calm, accuracy)
    return Reference(
        temperature=temperature,
        accuracy=accuracy,
        confidence=float(surest.mean()),
        confidence_threshold=_threshold(surest, accuracy),
        entropy_threshold=threshold,
        class_shares=np.bincount(labels, minlength=classes) / len(labels),
        sure_shares=called_shares(called[calm >= threshold], classes),
        class_confidence=class_confidence(surest, called, classes),
    )


def signals(reference: Reference, probabilities: np.ndarray, agreed: float | None = None) -> Signals:
    """What the network's probabilities on pictures say.

    Args:
        reference: Of the same network.
        probabilities: `(n, k)`.
        agreed: Agreement of the members of an ensemble, see `agreement`; None where that is not known.

    Raises:
        DataError: No pictures, or other classes than the reference's.
    """
    values = _checked(probabilities)
    if values.shape[1] != len(reference.class_shares):
        raise DataError(
            f"The probabilities have {values.shape[1]} classes, but the clean pictures {len(reference.class_shares)}."
        )
    scaled = soften(values, reference.temperature)
    surest, called, classes = scaled.max(axis=1), values.argmax(axis=1), values.shape[1]
    shares = called_shares(called, classes)
    sure = _negative_entropy(scaled) >= reference.entropy_threshold
    confidence = class_confidence(surest, called, classes)
    return Signals(
        mean_confidence=float(values.max(axis=1).mean()),
        thresholded_confidence=float((surest >= reference.confidence_threshold).mean()),
        thresholded_entropy=float(sure.mean()),
        confidence_difference=float(np.clip(reference.accuracy - reference.confidence + surest.mean(), 0, 1)),
        transport=transport(scaled, reference.class_shares),
        class_distance=distance(shares, reference.class_shares),
        sure_distance=distance(called_shares(called[sure], classes), reference.sure_shares),
        overcalled_fall=overcalled_fall(shares, reference.class_shares, confidence, reference.class_confidence),
        agreement=agreed,
    )


def agreement(members: np.ndarray) -> float | None:
    """Mean share of pictures on which two members `(m, n, k)` predict the same class; None for a single member."""
    count, pictures, classes = members.shape
    if count < 2 or not pictures:
        return None
    votes = np.zeros((pictures, classes))
    for member in members:
        votes[np.arange(pictures), member.argmax(axis=1)] += 1
    return _pairs(votes, count)


def agreement_of_votes(probabilities: np.ndarray, members: int) -> tuple[np.ndarray, float | None]:
    """Take a majority vote apart: mean probabilities of the members, and their agreement.

    Args:
        probabilities: `(n, k)` as (votes + mean probability) / (members + 1), which `ensembling.votes.majority` makes.
        members: How many voted.

    Returns:
        `(n, k)` mean probabilities, and the mean share of pictures on which two members agree; None for one member.
    """
    told = np.asarray(probabilities, np.float64) * (members + 1)
    # Rounding may leave a whole vote a little short; a mean probability that near to 1 has every vote already.
    votes = np.minimum(np.floor(told + 1e-3), members)
    return np.clip(told - votes, 0.0, 1.0), _pairs(votes, members) if members > 1 else None


def _pairs(votes: np.ndarray, members: int) -> float:
    """Mean share of pictures on which two members agree, from the votes `(n, k)` for each class."""
    return float((votes * (votes - 1)).sum(axis=1).mean() / (members * (members - 1)))


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature within 0.1 to 10 with the least log loss (Guo et al. 2017, arXiv 1706.04599)."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = soften(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.clip(scaled[rows, labels], _TINY, 1)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.3, 2.3), method="bounded").x))


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """`(n, k)` probabilities whose logits are divided by a temperature."""
    logits = np.log(np.clip(probabilities, _TINY, 1)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _threshold(scores: np.ndarray, accuracy: float) -> float:
    """A value that a share `accuracy` of the scores reaches."""
    right = round(accuracy * len(scores))
    return float(np.sort(scores)[::-1][right - 1]) if right else float(np.inf)


def _negative_entropy(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray((probabilities * np.log(np.clip(probabilities, 1e-12, 1))).sum(axis=1))


def _checked(probabilities: np.ndarray) -> np.ndarray:
    values = np.asarray(probabilities, np.float64)
    if values.ndim != 2 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"Estimates need finite probabilities (n, k) of at least one picture, got {values.shape}.")
    return values
