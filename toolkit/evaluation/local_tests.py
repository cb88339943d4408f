"""What the corrupted local tests say together: means, what is worst, and what is confidently wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.metrics import Measured, Scores, wilson


@dataclass(frozen=True)
class LocalTest:
    """Scores under one corruption at one severity.

    Attributes:
        name: Of the corruption.
        family: Of the corruption.
        severity: 1–5.
        scores: Everything measured.
        value: The metric that is asked for.
        overlaps: Whether the training augmentation contains the like; the scores flatter then.
    """

    name: str
    family: str
    severity: int
    scores: Scores
    value: float
    overlaps: bool

    @property
    def label(self) -> str:
        """Corruption and severity, such as `white_noise 3`."""
        return f"{self.name} {self.severity}"


@dataclass(frozen=True)
class Noisy:
    """A mean over the corrupted local tests.

    Attributes:
        all: Over all of them.
        without_overlap: Over those that training did not practise; None where it practised all.
    """

    all: float
    without_overlap: float | None


@dataclass(frozen=True)
class Mistake:
    """A picture that is confidently wrong.

    Attributes:
        test: Label of the local test.
        image_id: Of the picture.
        true: Class index.
        predicted: Class index.
        confidence: Probability of the predicted class, 0–1.
    """

    test: str
    image_id: str
    true: int
    predicted: int
    confidence: float


def noisy(tests: Sequence[LocalTest], values: Sequence[float]) -> Noisy:
    """Means of one value a test.

    Args:
        tests: At least one.
        values: One a test.
    """
    unpractised = [value for test, value in zip(tests, values, strict=True) if not test.overlaps]
    return Noisy(float(np.mean(values)), float(np.mean(unpractised)) if unpractised else None)


def by_corruption(tests: Iterable[LocalTest]) -> dict[str, list[LocalTest]]:
    """Tests of each corruption, severities ascending; corruptions in the order in which they come."""
    grouped: dict[str, list[LocalTest]] = {}
    for test in tests:
        grouped.setdefault(test.name, []).append(test)
    return {name: sorted(same, key=lambda test: test.severity) for name, same in grouped.items()}


def mean_accuracy(tests: Sequence[LocalTest]) -> Measured:
    """Mean accuracy over tests of the same pictures.

    The interval is Wilson's for one test of so many pictures: several tests of the same picture are counted as one, so
    it is too wide rather than too narrow.
    """
    n = tests[0].scores.n
    return wilson(float(np.mean([test.scores.accuracy.value for test in tests])) * n, n)


def pooled_confusion(tests: Sequence[LocalTest]) -> np.ndarray:
    """Confusion matrices `(k, k)` added up."""
    return np.asarray(np.sum([test.scores.confusion for test in tests], axis=0), np.int64)


def recalls(scores: Scores) -> np.ndarray:
    """Recall `(k,)` of each class; NaN for classes without pictures."""
    return np.array([row.recall if row.support else np.nan for row in scores.per_class])


def worst_class(scores: Scores) -> tuple[str, float]:
    """The class with the lowest recall among those with pictures, and that recall."""
    found = recalls(scores)
    index = int(np.nanargmin(found))
    return scores.class_names[index], float(found[index])


def surest_mistakes(
    labels: np.ndarray,
    image_ids: Sequence[str],
    probabilities: Mapping[str, np.ndarray],
    limit: int,
) -> list[Mistake]:
    """The wrong predictions with the highest probability, each picture at most once, the surest first.

    Args:
        labels: `(n,)` int in 0…k−1.
        image_ids: n names.
        probabilities: `(n, k)` by label of the local test.
        limit: Most that are returned.
    """
    found: dict[str, Mistake] = {}
    for test, values in probabilities.items():
        predicted = values.argmax(axis=1)
        for row in np.flatnonzero(predicted != labels).tolist():
            name, sure = str(image_ids[row]), float(values[row].max())
            if name not in found or sure > found[name].confidence:
                found[name] = Mistake(test, name, int(labels[row]), int(predicted[row]), sure)
    return sorted(found.values(), key=lambda mistake: -mistake.confidence)[:limit]
