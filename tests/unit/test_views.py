import numpy as np
import pytest

from toolkit.images import VIEWS, view_of


def test_every_view_is_another_picture_and_flips_and_turns_undo_each_other():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), np.uint8)
    seen = {view: view_of(images, view) for view in VIEWS}
    assert len({array.tobytes() for array in seen.values()}) == len(VIEWS)
    assert np.array_equal(view_of(seen["rotate_90"], "rotate_270"), images)
    assert np.array_equal(view_of(seen["horizontal_flip"], "vertical_flip"), seen["rotate_180"])
    with pytest.raises(ValueError, match="no view 'mirror'"):
        view_of(images, "mirror")
