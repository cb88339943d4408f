import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import pixelops as ops
from toolkit.augmentation.catalogue import OPERATIONS
from toolkit.augmentation.compile import fuse, run
from toolkit.augmentation.operations import Colour, Geometric, Pointwise, Whole
from toolkit.augmentation.randomness import Numbers

POINTWISE = ("brightness", "contrast", "gamma", "posterize", "solarize", "invert", "stretch")
COLOURS = ("saturation", "hue", "greyscale", "channel_shift", "channel_shuffle")
MOVES = ("rotation", "shift", "zoom", "shear", "perspective", "horizontal_flip", "crop")


def photo(size=48):
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [128 + 60 * np.sin(3 * x + 2 * y), 128 + 50 * np.cos(4 * y), 128 + 40 * np.sin(5 * x * y)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def drawn(names, strength, seed):
    own = Numbers(seed)
    return [OPERATIONS[name].draw(48, 48, strength, own) for name in names]


def difference(steps):
    """Mean difference in grey levels, away from the border, where mirroring once is not mirroring twice."""
    fused, single = run(photo(), fuse(steps)).astype(int), run(photo(), steps)
    return np.abs(fused - single)[14:34, 14:34].mean()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(POINTWISE), max_size=6), st.integers(0, 10**9))
def test_tables_are_joined_exactly(names, seed):
    steps = drawn(names, 0.6, seed)
    assert len(fuse(steps)) <= 1
    assert np.array_equal(run(photo(), fuse(steps)), run(photo(), steps))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(MOVES), min_size=1, max_size=4), st.integers(0, 10**9))
def test_moves_are_joined_into_one_within_two_grey_levels(names, seed):
    steps = drawn(names, 0.06, seed)
    assert len(fuse(steps)) == 1
    assert difference(steps) <= 2


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.sampled_from((*MOVES, *COLOURS, "brightness", "contrast", "gamma")), min_size=1, max_size=8),
    st.integers(0, 10**9),
)
def test_all_that_can_be_fused_together_equals_step_by_step_within_three_grey_levels(names, seed):
    steps = drawn(names, 0.06, seed)
    fused = fuse(steps)
    assert sum(isinstance(step, Geometric) for step in fused) <= 1
    assert difference(steps) <= 3


def test_a_move_is_not_drawn_past_what_looks_at_the_whole_picture_or_jumps_between_values():
    move = Geometric(ops.geometry((48, 48), angle=5))
    for barrier in (Whole(ops.equalize), Pointwise(ops.solarize_table(128), smooth=False)):
        assert [type(step) for step in fuse([move, barrier, move])] == [Geometric, type(barrier), Geometric]
    passed = [Colour(ops.saturation_matrix(0.5)), Pointwise(ops.brightness_table(0.1))]
    assert [type(step) for step in fuse([move, *passed, move])] == [Geometric, Colour, Pointwise]


def test_opposite_moves_cancel():
    there, back = (Geometric(ops.geometry((48, 48), angle=angle)) for angle in (7, -7))
    assert np.abs(run(photo(), fuse([there, back])).astype(int) - photo()).max() <= 1
