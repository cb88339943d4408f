import itertools

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from toolkit.errors import ConfigError, LeakError
from toolkit.evaluation.corruptions import CORRUPTIONS, check_disjoint, corrupt, select
from toolkit.evaluation.estimate import range_estimate
from toolkit.metrics import score_labels

PHOTO = np.ascontiguousarray(load_sample_image("china.jpg")[100:196, 200:296])
BATCH, IDS = np.stack([PHOTO, PHOTO[::-1]]), ["a", "b"]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_depends_on_seed_and_id_and_grows_with_severity(name):
    first = corrupt(BATCH, IDS, name, 3, seed=1)
    assert first.dtype == np.uint8
    assert first.shape == BATCH.shape
    assert np.array_equal(first, corrupt(BATCH, IDS, name, 3, seed=1))
    swapped = corrupt(BATCH[::-1], IDS[::-1], name, 3, seed=1)
    assert np.array_equal(swapped[::-1], first)
    ids = [str(index) for index in range(24)]
    many = np.stack([PHOTO] * 24)
    means = [np.abs(corrupt(many, ids, name, severity, 0).astype(int) - many).mean() for severity in range(1, 6)]
    assert means[0] > 0
    assert all(low < high for low, high in itertools.pairwise(means))


def test_white_noise_has_the_standard_deviation_of_report_a():
    grey = np.full((1, 200, 200, 3), 128, np.uint8)
    noise = corrupt(grey, ["a"], "white_noise", 3, 0).astype(float) - 128
    assert noise.std() == pytest.approx(25, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("size", [(8, 8), (33, 61)])
def test_corruptions_work_at_any_size(size):
    small = np.ascontiguousarray(PHOTO[: size[0], : size[1]])[None]
    for name in CORRUPTIONS:
        for severity in (1, 5):
            assert corrupt(small, ["a"], name, severity, 0).shape == small.shape


def test_originals_are_not_changed():
    before = BATCH.copy()
    for name in CORRUPTIONS:
        corrupt(BATCH, IDS, name, 5, 0)
    assert np.array_equal(BATCH, before)


def test_a_family_shared_by_selection_and_reporting_is_an_error():
    check_disjoint(["cutout", "fog"], ["white_noise", "jpeg"])
    with pytest.raises(LeakError, match=r"'noise' \(impulse_noise and white_noise\)"):
        check_disjoint(["impulse_noise"], ["white_noise"])


def test_a_family_name_selects_all_of_it_and_unknown_names_are_explained():
    assert [row.name for row in select(["motion_blur", "blur"])] == ["motion_blur", "gaussian_blur"]
    with pytest.raises(ConfigError, match="white_noise"):
        select(["whitenoise"])
    with pytest.raises(ConfigError, match="1 \\(slight\\) to 5"):
        corrupt(BATCH, IDS, "fog", 6, 0)


def test_the_estimate_is_the_range_of_the_local_tests():
    def scored(right):
        labels = np.zeros(10, int)
        return score_labels(labels, np.where(np.arange(10) < right, 0, 1), ("x", "y"))

    estimate = range_estimate(scored(10), {"a": scored(4), "b": scored(7)})
    assert (estimate.low, estimate.point, estimate.high) == (0.4, 0.7, 1.0)
    assert estimate.provisional
