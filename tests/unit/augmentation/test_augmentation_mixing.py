import numpy as np
import pytest

from toolkit.augmentation.mixing import Mixing
from toolkit.errors import ConfigError

IDS = [f"p{i}" for i in range(40)]
IMAGES = np.stack([np.full((20, 30, 3), 6 * i, np.uint8) for i in range(40)])
TARGETS = np.eye(4, dtype=np.float32)[np.arange(40) % 4]


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}])
def test_labels_are_mixed_in_the_share_in_which_the_pixels_are(settings):
    images, targets = Mixing(seed=3, **settings)(IMAGES, TARGETS, IDS, 0)
    assert images.shape == IMAGES.shape
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    own, other = IMAGES[:-1, 0, 0, 0].astype(float), IMAGES[1:, 0, 0, 0].astype(float)
    # The partner of a picture is the next one, whose class is another: so its own share is its own class's target.
    share = targets[np.arange(39), np.arange(39) % 4]
    np.testing.assert_allclose(images[:-1].mean(axis=(1, 2, 3)), share * own + (1 - share) * other, atol=0.6)
    assert len(np.unique(share.round(3))) > 20


def test_cutmix_pastes_one_rectangle():
    images, _ = Mixing(cutmix=1.0)(IMAGES, TARGETS, IDS, 1)
    for row in range(39):
        values = set(np.unique(images[row]))
        assert values <= {6 * row, 6 * row + 6}
        rows, columns = np.nonzero(images[row, :, :, 0] == 6 * row + 6)
        if len(rows):
            assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_what_is_mixed_depends_on_seed_epoch_and_id_alone():
    mix = Mixing(mixup=0.4, cutmix=0.4, seed=1)
    first = mix(IMAGES, TARGETS, IDS, 0)
    again = mix(IMAGES, TARGETS, IDS, 0)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(mix(IMAGES, TARGETS, IDS, 1)[0], first[0])
    assert not np.array_equal(Mixing(mixup=0.4, cutmix=0.4, seed=2)(IMAGES, TARGETS, IDS, 0)[0], first[0])


def test_the_probability_is_the_share_of_mixed_pictures_and_nothing_is_mixed_by_default():
    ids = [str(i) for i in range(400)]
    images, targets = np.repeat(IMAGES, 10, axis=0), np.repeat(TARGETS, 10, axis=0)[::-1]
    targets = np.eye(400, dtype=np.float32)
    _, soft = Mixing(mixup=1.0, probability=0.3)(images, targets, ids, 0)
    assert 90 < (soft.max(axis=1) < 1).sum() < 150
    same, hard = Mixing()(IMAGES, TARGETS, IDS, 0)
    assert same is IMAGES
    assert hard is TARGETS
    assert not Mixing()


def test_values_out_of_range_are_explained():
    with pytest.raises(ConfigError, match=r"augment\.mixup"):
        Mixing(mixup=-1)
    with pytest.raises(ConfigError, match="mix_probability"):
        Mixing(mixup=1, probability=2)
