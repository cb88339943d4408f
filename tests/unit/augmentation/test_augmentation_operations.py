import cv2
import numpy as np
import pytest

from toolkit.augmentation.catalogue import OPERATIONS
from toolkit.augmentation.compile import run
from toolkit.augmentation.randomness import Numbers, numbers

WITHOUT_STRENGTH = {
    "horizontal_flip", "vertical_flip", "channel_shuffle", "equalize", "autocontrast", "invert", "random_erasing",
    "cutout",
}  # fmt: skip


def picture(height=64, width=48):
    rng = np.random.default_rng(3)
    blurred = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3), np.uint8), (0, 0), 2)
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)


def apply(name, strength=1.0, key=0, image=None):
    image = picture() if image is None else image
    return run(image, [OPERATIONS[name].draw(*image.shape[:2], strength, Numbers(key))])


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("size", [(64, 48), (17, 90), (16, 16)])
def test_each_gives_a_picture_of_the_same_kind_and_leaves_the_original_alone(name, size):
    image = picture(*size)
    before = image.copy()
    step = OPERATIONS[name].draw(*size, 0.7, Numbers(1))
    changed = run(image, [step])
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert np.array_equal(image, before)
    assert np.array_equal(run(image, [step]), changed)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - WITHOUT_STRENGTH))
def test_no_strength_changes_nothing_and_more_strength_changes_more(name):
    def change(strength):
        drawn = [apply(name, strength, key).astype(int) - picture() for key in range(60)]
        return np.abs(drawn).mean()

    assert change(0.0) == 0
    assert 0 < change(0.3) < change(1.0)


@pytest.mark.parametrize("name", sorted(WITHOUT_STRENGTH))
def test_the_others_change_the_picture(name):
    assert any((apply(name, 0.5, key) != picture()).any() for key in range(5))


def test_flips_are_exact():
    assert np.array_equal(apply("horizontal_flip"), picture()[:, ::-1])
    assert np.array_equal(apply("vertical_flip"), picture()[::-1])


def test_a_crop_is_a_window_of_the_picture_padded_by_reflection():
    padded = np.pad(picture(), ((16, 16), (12, 12), (0, 0)), "symmetric")
    windows = {
        padded[top : top + 64, left : left + 48].tobytes(): (top, left) for top in range(33) for left in range(25)
    }
    found = {windows[apply("crop", 1.0, key).tobytes()] for key in range(300)}
    assert len(found) > 200
    assert {min(top for top, _ in found), max(top for top, _ in found)} == {0, 32}


def test_a_shift_by_parts_of_pixels_equals_opencvs_warp():
    for key in range(40):
        (matrix,) = (OPERATIONS["shift"].draw(64, 48, 1.0, Numbers(key)).matrix,)
        warped = cv2.warpAffine(picture(), matrix[:2], (48, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        assert np.abs(apply("shift", 1.0, key).astype(int) - warped).max() <= 1


def test_a_perspective_moves_the_corners_to_where_it_says():
    from toolkit import pixelops as ops

    matrix = ops.perspective((64, 48), [0.1, 0.2, 0, 0, 0, 0, -0.1, 0])
    corners = matrix @ np.array([[0, 0, 1], [47, 0, 1], [47, 63, 1], [0, 63, 1]]).T
    assert np.allclose((corners[:2] / corners[2]).T, [[4.8, 12.8], [47, 0], [47, 63], [-4.8, 63]], atol=1e-3)


def test_values_follow_their_formulas():
    image = picture()
    assert np.array_equal(apply("invert"), 255 - image)
    assert np.array_equal(apply("posterize"), image // 64 * 64)
    assert np.array_equal(apply("posterize", 0.5), image // 8 * 8)
    assert np.array_equal(apply("solarize", 0.5), np.where(image < 128, image, 255 - image))
    assert np.array_equal(apply("stretch", 0.5), cv2.convertScaleAbs(image, alpha=1.5, beta=0))
    luma = np.rint(image @ np.array([0.299, 0.587, 0.114]))
    assert np.abs(apply("greyscale") - luma[..., None]).max() <= 1
    orders = {tuple(int((apply("channel_shuffle", 1, key)[..., c] == image[..., o]).all() * o)
                    for c in range(3) for o in range(3)) for key in range(60)}  # fmt: skip
    assert len(orders) == 5
    shifted = apply("channel_shift", 0.2, 4).astype(int) - image
    inside = (image > 20) & (image < 235)
    for channel in range(3):
        assert np.ptp(shifted[..., channel][inside[..., channel]]) <= 1


def test_noise_has_the_strength_it_says():
    image = np.full((96, 96, 3), 128, np.uint8)
    for key in range(5):
        sd = 50 * Numbers(key).uniform()
        assert apply("gaussian_noise", 1.0, key, image).std() == pytest.approx(sd, rel=0.05, abs=0.3)
        share = 0.2 * Numbers(key).uniform()
        hit = apply("salt_and_pepper", 1.0, key, image) != 128
        # Some places are drawn twice.
        assert hit.all(axis=-1).mean() == pytest.approx(1 - np.exp(-share), rel=0.05)
    noises = np.stack([apply("gaussian_noise", 1.0, key, image).ravel().astype(float) for key in range(6)])
    assert np.abs(np.corrcoef(noises) - np.eye(6)).max() < 0.05
    large = apply("gaussian_noise", 1.0, 2, np.full((700, 800, 3), 128, np.uint8))
    assert large.std() == pytest.approx(50 * Numbers(2).uniform(), rel=0.05)


def test_holes_have_the_size_they_say():
    image = np.full((100, 100, 3), 7, np.uint8)
    grid = [(apply("grid_mask", 1.0, key, image) == 0).all(-1).mean() for key in range(30)]
    assert np.mean(grid) == pytest.approx(0.36, abs=0.03)
    erased = [(apply("random_erasing", 1.0, key, image) != 7).any(-1).mean() for key in range(200)]
    assert 0.01 < min(erased) < 0.06
    assert 0.3 < max(erased) <= 0.42
    whole = [(apply("cutout", 0.5, key, image) != 7).any(-1).sum() for key in range(60)]
    assert max(whole) == 900


def test_sharpening_undoes_a_slight_blur_in_part():
    image = picture()
    blurred = cv2.GaussianBlur(image, (0, 0), 0.7)
    sharpened = run(blurred, [OPERATIONS["sharpen"].draw(64, 48, 0.3, Numbers(1))])
    assert sharpened.std() > blurred.std()


def test_draws_of_different_pictures_differ():
    steps = [OPERATIONS["rotation"].draw(64, 64, 1.0, own) for own in numbers(0, 0, 0, [str(i) for i in range(50)])]
    assert len({step.matrix.tobytes() for step in steps}) == 50
