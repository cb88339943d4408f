import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import pixelops as ops
from toolkit.augmentation.catalogue import OPERATIONS
from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.operations import Colour, Geometric, Pointwise
from toolkit.augmentation.policies import POLICIES, build_policy
from toolkit.augmentation.rand_augment import RAND_AUGMENT
from toolkit.augmentation.randomness import Numbers, numbers
from toolkit.errors import ConfigError
from toolkit.evaluation.corruptions import HELD_OUT_FAMILIES, HELD_OUT_NAMES


def photo(size=48):
    """A smooth coloured picture, so that interpolation twice or once hardly differs."""
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [128 + 90 * np.sin(3 * x + 2 * y), 128 + 80 * np.cos(4 * y), 128 + 70 * np.sin(5 * x * y)]
    return np.stack(waves, axis=-1).astype(np.uint8)


IMAGES = np.stack([photo(), photo()[::-1], 255 - photo()])
IDS = ["a", "b", "ü c"]
LAYERS = [{"operation": "rotation", "probability": 0.9}, {"operation": "brightness", "probability": 0.9}]


def make(name):
    return build_policy(name, layers=LAYERS) if name == "random_apply" else build_policy(name)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_what_happens_depends_on_seed_epoch_view_and_id_alone(name):
    policy = make(name)
    first = policy(IMAGES, IDS, seed=1, epoch=0)
    assert first.shape == IMAGES.shape
    assert first.dtype == np.uint8
    order = [2, 0, 1]
    again = policy(IMAGES[order], [IDS[i] for i in order], seed=1, epoch=0)
    assert np.array_equal(again, first[order])
    alone = policy(IMAGES[1:2], IDS[1:2], seed=1, epoch=0)
    assert np.array_equal(alone[0], first[1])
    if name != "none":
        for other in ({"seed": 2, "epoch": 0}, {"seed": 1, "epoch": 1}, {"seed": 1, "epoch": 0, "view": 1}):
            assert not np.array_equal(policy(IMAGES, IDS, **other), first)


def test_pictures_of_a_batch_are_varied_each_in_its_own_way():
    same = np.stack([photo()] * 8)
    varied = build_policy("rand_augment")(same, [str(i) for i in range(8)], seed=0, epoch=0)
    assert len({image.tobytes() for image in varied}) > 6


def test_the_originals_are_not_changed():
    before = IMAGES.copy()
    build_policy("rand_augment")(IMAGES, IDS, seed=0, epoch=0)
    assert np.array_equal(IMAGES, before)


def test_policies_of_no_strength_leave_pictures_as_they_are():
    still = build_policy(
        "basic", horizontal_flip=False, rotation=0, zoom=0, shift=0, brightness=0, contrast=0, saturation=0
    )
    assert np.array_equal(still(IMAGES, IDS, seed=0, epoch=0), IMAGES)
    assert still.families() == frozenset()
    assert np.array_equal(build_policy("none")(IMAGES, IDS, seed=0, epoch=0), IMAGES)


def test_a_flip_alone_is_exact():
    policy = build_policy("basic", rotation=0, zoom=0, shift=0, brightness=0, contrast=0, saturation=0)
    ids = [str(i) for i in range(20)]
    images = np.stack([photo()] * 20)
    varied = policy(images, ids, seed=0, epoch=0)
    mirrored = [np.array_equal(image, photo()[:, ::-1]) for image in varied]
    untouched = [np.array_equal(image, photo()) for image in varied]
    assert all(a or b for a, b in zip(mirrored, untouched, strict=True))
    assert any(mirrored)
    assert any(untouched)


def test_report_as_stretch_is_convert_scale_abs():
    import cv2

    policy = build_policy(
        "basic", horizontal_flip=False, rotation=0, zoom=0, shift=0, brightness=0, contrast=0, saturation=0, stretch=1.0
    )
    expected = cv2.convertScaleAbs(photo(), alpha=1.5, beta=0)
    assert np.array_equal(policy(photo()[None], ["a"], seed=0, epoch=0)[0], expected)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(lambda a: Pointwise(ops.contrast_table(a)), st.floats(0.3, 1.7)),
            st.builds(lambda a: Pointwise(ops.brightness_table(a)), st.floats(-0.3, 0.3)),
            st.builds(lambda a: Pointwise(ops.posterize_table(a)), st.integers(1, 8)),
        ),
        max_size=5,
    )
)
def test_fused_tables_equal_step_by_step_exactly(steps):
    assert len(fuse(steps)) <= 1
    assert np.array_equal(run(photo(), fuse(steps)), run(photo(), steps))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=3),
    st.lists(st.floats(0.4, 1.0), min_size=1, max_size=3),
)
def test_fused_matrices_equal_step_by_step_within_three_grey_levels_on_average(angles, factors):
    moves = [Geometric(ops.geometry((48, 48), angle=angle)) for angle in angles]
    colours = [Colour(ops.saturation_matrix(factor)) for factor in factors]
    steps = [*moves, *colours]
    assert len(fuse(steps)) == 2
    centre = (slice(12, 36), slice(12, 36))  # at the border, reflection twice is not reflection once
    difference = run(photo(), fuse(steps))[centre].astype(int) - run(photo(), steps)[centre]
    assert np.abs(difference).mean() <= 3


@pytest.mark.parametrize("operation", RAND_AUGMENT, ids=lambda operation: operation.name)
def test_every_operation_changes_a_picture_and_more_strength_changes_it_more(operation):
    def change(strength):
        image = photo() // 2 + 40
        return np.abs(run(image, [operation.draw(48, 48, strength, Numbers(3))]).astype(int) - image).mean()

    assert change(0.6) > 0
    assert change(0.6) >= change(0.1)


def test_no_shipped_policy_contains_a_held_out_corruption():
    for name in POLICIES:
        policy = make(name)
        assert not policy.families() & HELD_OUT_FAMILIES
        assert not policy.held_out
        assert not {row.name for row in (*RAND_AUGMENT, *OPERATIONS.values())} & HELD_OUT_NAMES


def test_a_policy_with_salt_and_pepper_says_that_impulse_noise_is_no_longer_held_out():
    assert {row.held_out for row in OPERATIONS.values()} - {""} <= HELD_OUT_NAMES
    assert build_policy("some_of", names=["blur", "salt_and_pepper"], count=(1, 2)).held_out == {"impulse_noise"}
    layers = [{"operation": "salt_and_pepper", "probability": 1.0, "strength": 0.3}]
    assert build_policy("random_apply", layers=layers).held_out == {"impulse_noise"}


def test_some_of_applies_as_many_different_operations_as_it_says():
    policy = build_policy("some_of", names=["brightness", "blur", "cutout"], count=(2, 3), horizontal_flip=False)
    counts = [len(policy.draw(48, 48, own)) for own in numbers(0, 0, 0, [str(i) for i in range(200)])]
    assert set(counts) == {2, 3}
    assert 70 < counts.count(2) < 130
    exactly = build_policy("some_of", names=["posterize"], count=(1, 1), horizontal_flip=False, strength=1.0)
    assert np.array_equal(exactly(IMAGES, IDS, seed=0, epoch=0), IMAGES // 64 * 64)


def test_random_apply_uses_each_layer_as_often_as_its_probability_and_keeps_their_order():
    layers = [
        {"operation": "posterize", "probability": 0.2, "strength": 1.0},
        {"operation": "invert", "probability": 1.0},
    ]
    policy = build_policy("random_apply", layers=layers)
    drawn = [policy.draw(48, 48, own) for own in numbers(0, 0, 0, [str(i) for i in range(500)])]
    assert 70 < sum(len(steps) == 2 for steps in drawn) < 130
    both = next(steps for steps in drawn if len(steps) == 2)
    assert np.array_equal(run(photo(), both), 255 - photo() // 64 * 64)
    shuffled = build_policy("random_apply", layers=layers, shuffle=True)
    drawn = [shuffled.draw(48, 48, own) for own in numbers(0, 0, 0, [str(i) for i in range(500)])]
    results = {run(photo(), steps).tobytes() for steps in drawn if len(steps) == 2}
    assert results == {(255 - photo() // 64 * 64).tobytes(), ((255 - photo()) // 64 * 64).tobytes()}


def test_trivial_augment_applies_at_most_one_operation_and_each_about_equally_often():
    policy = build_policy("trivial_augment", names=["brightness", "equalize", "rotation"])
    drawn = [policy.draw(48, 48, own) for own in numbers(0, 0, 0, [str(i) for i in range(1000)])]
    assert {len(steps) for steps in drawn} == {0, 1}
    kinds = [type(steps[0]).__name__ if steps else "none" for steps in drawn]
    assert all(200 < kinds.count(kind) < 300 for kind in ("none", "Pointwise", "Whole", "Geometric"))


def test_augmix_stays_between_the_picture_and_its_varied_copies():
    identical = build_policy("augmix", magnitude=0.0, names=["rotation", "shift"])
    assert np.abs(identical(IMAGES, IDS, seed=0, epoch=0).astype(int) - IMAGES).max() <= 1
    inverted = build_policy("augmix", names=["invert"], width=1)
    varied = inverted(np.full((40, 8, 8, 3), 255, np.uint8), [str(i) for i in range(40)], seed=0, epoch=0)
    assert len(np.unique(varied)) > 10


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_a_whole_policy_fused_equals_step_by_step(seed):
    steps = build_policy("rand_augment").draw(48, 48, Numbers(seed))
    # Two moves reflect twice at the border where one fused move reflects once: only the middle can agree, and only
    # where nothing that looks at the whole picture follows.
    moves, fewer = ([step for step in some if isinstance(step, Geometric)] for some in (steps, fuse(steps)))
    joined = len(fewer) < len(moves)
    fused, single = run(photo(), fuse(steps)).astype(int), run(photo(), steps)
    if not joined:
        # Colours are rounded once where they were rounded twice, and later steps may stretch the difference.
        assert np.abs(fused - single).mean() <= 2
    assert len(fuse(steps)) <= len(steps)


@settings(max_examples=100, deadline=None)
@given(
    angle=st.floats(-180, 180),
    zoom=st.floats(0.3, 3),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    shear=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    flip=st.tuples(st.booleans(), st.booleans()),
)
def test_a_geometry_mirrors_then_shears_then_turns_then_zooms_about_the_centre_then_shifts(
    angle, zoom, shift, shear, flip
):
    size = (40, 60)
    apart = [
        ops.geometry(size, flip=flip),
        ops.geometry(size, shear=shear),
        ops.geometry(size, angle=angle),
        ops.geometry(size, zoom=zoom),
        ops.geometry(size, shift=shift),
    ]
    expected = functools.reduce(lambda done, matrix: matrix @ done, apart)
    together = ops.geometry(size, angle=angle, zoom=zoom, shift=shift, shear=shear, flip=flip)
    assert np.allclose(together, expected)


def test_a_shift_and_a_quarter_turn_go_where_the_documentation_says():
    image = photo()
    right = ops.warp(image, ops.geometry((48, 48), shift=(0.25, 0.0)))
    assert np.array_equal(right[:, 12:], image[:, :-12])
    turned = ops.warp(image, ops.geometry((48, 48), angle=90))
    assert np.abs(turned.astype(int) - np.rot90(image)).max() <= 1


def test_autocontrast_uses_the_whole_range_of_each_channel_and_leaves_flat_ones():
    image = photo() // 3 + 20
    image[..., 1] = 77
    stretched = ops.autocontrast(image)
    assert (stretched[..., 0].min(), stretched[..., 0].max()) == (0, 255)
    assert (stretched[..., 1] == 77).all()


def test_contrast_keeps_the_mean_colour():
    image = photo() // 3 + 60
    changed = ops.contrast(image, 1.5)
    assert np.abs(changed.mean((0, 1)) - image.mean((0, 1))).max() < 0.5
    assert changed.std(axis=(0, 1)) == pytest.approx(1.5 * image.std(axis=(0, 1)), rel=0.01)


def test_random_numbers_are_uniform_and_those_of_neighbours_unrelated():
    drawn = np.array([[own.uniform() for _ in range(100)] for own in numbers(0, 0, 0, [str(i) for i in range(500)])])
    assert ((drawn >= 0) & (drawn < 1)).all()
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert np.histogram(drawn, 10, (0, 1))[0] / drawn.size == pytest.approx([0.1] * 10, abs=0.005)
    assert np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    own = Numbers(5)
    normal = np.array([own.normal(2, 3) for _ in range(20_000)])
    assert (normal.mean(), normal.std()) == pytest.approx((2, 3), abs=0.1)


def test_random_numbers_go_on_the_same_however_they_were_begun():
    made = numbers(1, 2, 3, ["a"])[0]
    again = numbers(1, 2, 3, ["b", "a"])[1]
    assert [made.uniform() for _ in range(90)] == [again.uniform() for _ in range(90)]
    assert made.generator().random(3).tolist() == again.generator().random(3).tolist()


def test_settings_out_of_range_are_explained():
    with pytest.raises(ConfigError, match=r"'magnitude' is 32; expected a number from 0 to 1\."):
        build_policy("rand_augment", magnitude=32)
    with pytest.raises(ConfigError, match=r"'zoom' is 1\.0; expected a number from 0 to below 1"):
        build_policy("basic", zoom=1.0)
    with pytest.raises(ConfigError, match="at least 1"):
        build_policy("rand_augment", operations=0)


def test_unknown_names_are_explained():
    with pytest.raises(ConfigError, match="did you mean 'rand_augment'"):
        build_policy("randaugment")
    with pytest.raises(ConfigError, match="did you mean 'rotation'"):
        build_policy("basic", rotatoin=3)
    with pytest.raises(ConfigError, match=r"called 'xyzzy'\. Known: none, basic, rand_augment"):
        build_policy("xyzzy")
    with pytest.raises(ConfigError, match="no operation called 'blurr'; did you mean 'blur'"):
        build_policy("some_of", names=["blurr"])
    with pytest.raises(ConfigError, match=r"'count' is \[3, 9\].*the 1 that"):
        build_policy("some_of", names=["blur"], count=(3, 9))
