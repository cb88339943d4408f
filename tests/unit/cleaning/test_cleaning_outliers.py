import numpy as np
import pytest

from toolkit.cleaning.descriptions import describe
from toolkit.cleaning.foreign_modes import find_foreign
from toolkit.cleaning.outliers import THRESHOLD, distances, mixed_copies, outlier_issues, score_outliers

CLASSES, DIMS = 4, 64


def clean(n=800, seed=0, spread=1.0):
    """Features and colour thumbnails of pictures of four kinds, which share nothing but their nature."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, n)
    centres = np.random.default_rng(99).gamma(2.0, 1.0, (CLASSES, DIMS))
    features = np.abs(centres[labels] + rng.normal(0, 0.5 * spread, (n, DIMS))).astype(np.float32)
    base = np.random.default_rng(98).integers(60, 200, (CLASSES, 16, 16, 3))
    colour = np.clip(base[labels] + rng.normal(0, 12, (n, 16, 16, 3)), 0, 255).astype(np.uint8)
    return features, colour, labels


def with_crowd(size, seed=1):
    """Clean pictures, and after them a crowd from elsewhere whose labels are drawn like those of the whole set."""
    features, colour, labels = clean()
    rng = np.random.default_rng(seed)
    centre = rng.gamma(2.0, 1.0, DIMS)
    crowd = np.abs(centre + rng.normal(0, 0.4, (size, DIMS))).astype(np.float32)
    scene = rng.integers(60, 200, (16, 16, 3))
    scenes = np.clip(scene + rng.normal(0, 12, (size, 16, 16, 3)), 0, 255).astype(np.uint8)
    return (
        np.concatenate([features, crowd]),
        np.concatenate([colour, scenes]),
        np.concatenate([labels, rng.choice(labels, size)]),
    )


@pytest.mark.parametrize("size", [60, 200])
def test_a_dense_crowd_with_mixed_labels_is_foreign(size):
    features, colour, labels = with_crowd(size)
    found = find_foreign(*describe(features, colour), labels).crowd > 0.5
    assert found[800:].mean() >= 0.98
    assert found[:800].mean() <= 0.005


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_clean_data_have_no_crowd_and_hardly_an_outlier(seed):
    features, colour, labels = clean(seed=seed)
    subjects, scenes = describe(features, colour)
    assert not find_foreign(subjects, scenes, labels).crowd.any()
    assert (distances(subjects, scenes, labels, np.zeros(800, bool)) > THRESHOLD).mean() <= 0.01


def test_a_hard_data_set_whose_labels_tell_little_has_no_crowd():
    features, colour, labels = clean()
    hard = labels.copy()
    confused = np.flatnonzero(labels >= 2)  # two kinds that nobody can tell apart
    hard[confused] = np.random.default_rng(3).integers(2, CLASSES, len(confused))
    assert not find_foreign(*describe(features, colour), hard).crowd.any()


def test_a_class_of_its_own_is_not_foreign():
    features, colour, labels = with_crowd(150)
    labels[800:] = CLASSES
    assert not find_foreign(*describe(features, colour), labels).crowd.any()


def test_scattered_foreign_pictures_are_far_from_every_class():
    features, colour, labels = clean()
    rng = np.random.default_rng(4)
    foreign = np.abs(rng.gamma(2.0, 1.0, (20, DIMS))).astype(np.float32)
    scenes = rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    subjects, looks = describe(np.concatenate([features, foreign]), np.concatenate([colour, scenes]))
    every = np.concatenate([labels, rng.choice(labels, 20)])
    scores = score_outliers(subjects, looks, every, np.zeros(820, bool))
    found = outlier_issues([f"{row}" for row in range(820)], scores, "drop", {})
    assert {str(row) for row in range(800, 820)} <= {issue.image_id for issue in found}
    assert len(found) <= 28
    assert all(0 <= issue.score <= 1 and "deviations" in issue.reason for issue in found)


def test_too_few_pictures_have_no_outliers():
    features, colour, labels = clean(30)
    subjects, scenes = describe(features, colour)
    assert not distances(subjects, scenes, labels, np.zeros(30, bool)).any()
    assert not find_foreign(subjects, scenes, labels).crowd.any()


def test_copies_count_as_mixed_only_where_no_label_prevails():
    labels = np.array([*range(4)] * 30)
    ids = [f"{row}" for row in range(120)]
    even, skewed, small = ids[:16], [*ids[16:116:4], ids[17], ids[18]], ids[116:]
    mixed = mixed_copies(ids, labels, [even, skewed, small])
    assert mixed[:16].all()
    assert not mixed[16:].any()
