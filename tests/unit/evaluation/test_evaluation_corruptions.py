import itertools

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from toolkit.errors import ConfigError, DataError, LeakError
from toolkit.evaluation.corruptions import (
    CORRUPTIONS,
    HELD_OUT_FAMILIES,
    HELD_OUT_NAMES,
    check_disjoint,
    corrupt,
    held_out,
    reported,
    select,
)

PHOTO = np.ascontiguousarray(load_sample_image("china.jpg")[100:196, 200:296])
BATCH, IDS = np.stack([PHOTO, PHOTO[::-1]]), ["a", "b"]
# Nothing in them is random.
ALWAYS_THE_SAME = {
    "gaussian_blur", "defocus_blur", "zoom_blur", "jpeg", "pixelate", "posterize", "contrast", "greyscale",
}  # fmt: skip


def cell(size=96):
    """A dark round nucleus in a pale cell on a light ground, as stained blood looks."""
    down, across = np.mgrid[0:size, 0:size] * (96 / size)
    distance = np.hypot(down - 50, across - 44)
    image = np.empty((size, size, 3))
    image[:] = (236, 216, 208)
    image[distance < 28] = (196, 170, 206)
    image[distance < 16] = (108, 58, 138)
    return np.clip(image + np.random.default_rng(0).normal(0, 3, (size, size, 1)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_happens_depends_on_seed_severity_and_id_alone(name):
    first = corrupt(BATCH, IDS, name, 3, seed=1)
    assert first.dtype == np.uint8
    assert first.shape == BATCH.shape
    assert np.array_equal(first, corrupt(BATCH, IDS, name, 3, seed=1))
    swapped = corrupt(BATCH[::-1], IDS[::-1], name, 3, seed=1)
    assert np.array_equal(swapped[::-1], first)
    assert np.array_equal(corrupt(BATCH[1:], IDS[1:], name, 3, seed=1)[0], first[1])
    np.random.seed(5)  # NumPy's global state has no say
    assert np.array_equal(first, corrupt(BATCH, IDS, name, 3, seed=1))


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name not in ALWAYS_THE_SAME])
def test_other_ids_and_other_seeds_give_other_pictures(name):
    same, ids = np.stack([PHOTO] * 12), [f"picture {index}" for index in range(12)]
    assert len({image.tobytes() for image in corrupt(same, ids, name, 4, seed=1)}) > 1
    assert not np.array_equal(corrupt(same, ids, name, 4, seed=1), corrupt(same, ids, name, 4, seed=2))


@pytest.mark.parametrize("pictures", ["photo", "cells"])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_grows_with_severity(name, pictures):
    one = PHOTO if pictures == "photo" else cell()
    many, ids = np.stack([one] * 32), [str(index) for index in range(32)]
    changed = [corrupt(many, ids, name, severity, 0).astype(int) for severity in range(1, 6)]
    means = [np.abs(images - many).mean() for images in changed]
    assert means[0] > 0
    assert all(low < high for low, high in itertools.pairwise(means))


def test_white_noise_has_the_standard_deviation_of_report_a():
    grey = np.full((1, 200, 200, 3), 128, np.uint8)
    noise = corrupt(grey, ["a"], "white_noise", 3, 0).astype(float) - 128
    assert noise.std() == pytest.approx(25, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(8, 8), (16, 16), (33, 61), (128, 40), (150, 150)], ids=str)
def test_corruptions_work_at_any_size(name, size):
    small = np.ascontiguousarray(np.resize(PHOTO, (*size, 3)))[None]
    for severity in (1, 5):
        changed = corrupt(small, ["a"], name, severity, 0)
        assert changed.shape == small.shape
        # What is a blur at 96 pixels may be less than a pixel at 8.
        assert not np.array_equal(changed, small) or severity == 1 or min(size) < 16


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_constant_picture_is_no_trouble_and_grey_stays_grey_where_only_light_and_place_change(name, value):
    constant = np.full((1, 48, 48, 3), value, np.uint8)
    grey = np.repeat(PHOTO[None, :48, :48, 1:2], 3, axis=-1)
    for severity in (1, 3, 5):
        changed = corrupt(constant, ["a"], name, severity, 0)
        assert changed.shape == constant.shape
        if CORRUPTIONS[name].family in {"blur", "geometric"}:
            assert np.abs(changed.astype(int) - value).max() <= 1
        varied = corrupt(grey, ["a"], name, severity, 0).astype(int)
        if CORRUPTIONS[name].family in {"blur", "geometric", "occlusion", "digital"} or name == "greyscale":
            assert np.ptp(varied, axis=-1).max() <= 1


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_originals_are_not_changed(name):
    before = BATCH.copy()
    changed = corrupt(BATCH, IDS, name, 5, 0)
    changed[:] = 0
    assert np.array_equal(BATCH, before)
    locked = BATCH.copy()
    locked.setflags(write=False)
    assert corrupt(locked[:, ::-1, ::-1], IDS, name, 1, 0).shape == BATCH.shape


def test_impulse_noise_is_half_salt_and_half_pepper():
    grey = np.full((1, 200, 200, 3), 128, np.uint8)
    noisy = corrupt(grey, ["a"], "impulse_noise", 5, 0)[0]
    assert (noisy == 255).mean() == pytest.approx(0.085, abs=0.008)
    assert (noisy == 0).mean() == pytest.approx(0.085, abs=0.008)


def test_shot_noise_is_that_of_counted_photons():
    grey = np.full((1, 200, 200, 3), 102, np.uint8)
    noisy = corrupt(grey, ["a"], "shot_noise", 3, 0).astype(float)
    assert noisy.mean() == pytest.approx(102, abs=0.5)
    # 16 of 40 photons: a standard deviation of 4 photons.
    assert noisy.std() == pytest.approx(4 * 255 / 40, rel=0.03)


def test_a_blur_looks_the_same_on_a_larger_picture():
    large = np.repeat(np.repeat(BATCH, 2, axis=1), 2, axis=2)
    for name in ("gaussian_blur", "defocus_blur", "zoom_blur"):
        small = corrupt(BATCH, IDS, name, 4, 0).astype(int)
        again = corrupt(large, IDS, name, 4, 0)[:, ::2, ::2]
        assert np.abs(again - small).mean() < 4


def test_a_grid_covers_the_share_it_says():
    ids = [str(index) for index in range(60)]
    covered = corrupt(np.full((60, 96, 96, 3), 77, np.uint8), ids, "grid", 3, 0) != 77
    assert covered.mean() == pytest.approx(0.28, abs=0.03)


def test_a_family_shared_by_selection_and_reporting_is_an_error():
    check_disjoint(["cutout", "fog"], ["white_noise", "jpeg"])
    with pytest.raises(LeakError, match=r"'noise' \(impulse_noise and white_noise\)"):
        check_disjoint(["impulse_noise"], ["white_noise"])


def test_a_family_name_selects_all_of_it_and_unknown_names_are_explained():
    assert [row.name for row in select(["motion_blur", "blur"])] == [
        "motion_blur",
        "gaussian_blur",
        "defocus_blur",
        "zoom_blur",
    ]
    assert [row.name for row in select(["overlay"])] == ["overlay"]
    with pytest.raises(ConfigError, match="white_noise"):
        select(["whitenoise"])
    with pytest.raises(ConfigError, match="1 \\(slight\\) to 5"):
        corrupt(BATCH, IDS, "fog", 6, 0)
    with pytest.raises(ConfigError, match="fog, frost, snow, rain"):
        corrupt(BATCH, IDS, "weather", 3, 0)


@pytest.mark.parametrize(
    ("images", "image_ids"), [(BATCH / 255, IDS), (BATCH[..., :1], IDS), (BATCH, ["a"]), (PHOTO, ["a"] * 96)]
)
def test_what_are_not_uint8_rgb_pictures_with_ids_is_refused(images, image_ids):
    with pytest.raises(DataError, match="uint8"):
        corrupt(images, image_ids, "fog", 3, 0)


def test_every_family_of_the_documentation_has_corruptions():
    families = {row.family for row in CORRUPTIONS.values()}
    assert families == {"noise", "blur", "digital", "weather", "geometric", "colour", "occlusion", "overlay"}
    assert all(len(row.severities) == 5 for row in CORRUPTIONS.values())
    for family in families:
        assert sum(row.family == family for row in CORRUPTIONS.values()) >= 3


def test_all_stands_for_every_family_that_the_search_does_not_optimise_on():
    assert len(select(["all"])) == len(CORRUPTIONS)
    left = {row.family for row in reported(["all"], ["cutout", "fog"])}
    assert left == {"noise", "blur", "digital", "geometric", "colour", "overlay"}
    assert [row.name for row in reported(["jpeg"], ["fog"])] == ["jpeg"]
    with pytest.raises(LeakError, match="'digital'"):
        reported(["all", "jpeg"], ["pixelate"])
    with pytest.raises(LeakError, match="every family"):
        reported(["all"], ["all"])


def test_spots_cover_at_most_the_share_they_say():
    ids = [str(index) for index in range(60)]
    covered = corrupt(np.full((60, 96, 96, 3), 77, np.uint8), ids, "spots", 3, 0) != 77
    assert 0.15 < covered.mean() < 0.27


def test_held_out_families_are_named_whatever_an_operation_is_called():
    assert held_out(["jpeg", "salt_and_pepper"]) == {"jpeg/pixelate", "impulse noise"}
    assert held_out(["Pixelate", "text overlay", "Salt-and-Pepper", "weather"]) == {
        "jpeg/pixelate",
        "overlay",
        "impulse noise",
        "weather",
    }
    # Posterizing and normal noise may be trained on; of their families only a part is held out.
    assert held_out(["posterize", "white_noise", "digital", "noise", "gaussian_blur", "cutout"]) == set()


def test_exactly_the_corruptions_of_held_out_families_are_held_out():
    expected = {row.name for row in CORRUPTIONS.values() if row.family in HELD_OUT_FAMILIES} | HELD_OUT_NAMES
    assert {name for name in CORRUPTIONS if held_out([name])} == expected
    assert expected == {
        "fog", "frost", "snow", "rain", "jpeg", "pixelate", "impulse_noise", "overlay", "watermark", "scratches",
    }  # fmt: skip
