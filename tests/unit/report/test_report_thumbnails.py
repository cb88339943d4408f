import base64
import io

import numpy as np
import pytest
from PIL import Image

from toolkit.errors import DataError
from toolkit.report import thumbnail
from toolkit.report.thumbnails import as_data_uri


def decode(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((427, 640), (96, 64)),
        ((1000, 3), (1, 96)),
        ((60, 60), (60, 60)),
        ((8, 8), (96, 96)),
        ((28, 20), (60, 84)),
        ((1, 1), (96, 96)),
    ],
)
def test_pictures_keep_their_shape_and_fit_the_size(shape, expected):
    image = np.full((*shape, 3), 128, np.uint8)
    assert decode(thumbnail(image)).size == expected


def test_large_pictures_become_jpeg_that_looks_like_them():
    ramp = np.repeat(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], 3, axis=2).repeat(300, axis=0)
    uri = thumbnail(ramp, size=100)
    assert uri.startswith("data:image/jpeg;base64,")
    small = np.asarray(decode(uri))
    assert small.shape == (75, 100, 3)
    assert abs(small[:, 50].mean() - 127) < 5


def test_small_pictures_are_enlarged_without_loss():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    enlarged = np.asarray(decode(thumbnail(image, size=96)))
    np.testing.assert_array_equal(enlarged, image.repeat(12, axis=0).repeat(12, axis=1))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_arrays_that_are_no_pictures_are_refused(image):
    with pytest.raises(DataError, match="uint8 RGB"):
        thumbnail(image)


def test_file_bytes_become_data_uris():
    stream = io.BytesIO()
    Image.new("RGB", (2, 2)).save(stream, "PNG")
    assert as_data_uri(stream.getvalue()).startswith("data:image/png;base64,")
