import keras
import numpy as np
import pytest

from toolkit.errors import MissingFileError, WeightsError
from toolkit.nn.prediction import predict
from toolkit.nn.saving import load_model


@pytest.fixture
def mean_colour():
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))


@pytest.mark.parametrize("count", [1, 7, 8, 20])
def test_rows_come_in_the_order_asked_whatever_the_batch(make_pictures, mean_colour, count):
    pictures = make_pictures(20)
    ids = list(reversed(pictures.ids))[:count]
    progress = []
    found = predict(
        mean_colour, pictures.read, ids, batch_size=8, workers=3, on_progress=lambda *steps: progress.append(steps)
    )
    np.testing.assert_allclose(found, pictures.images[::-1][:count].mean(axis=(1, 2)), rtol=1e-5)
    assert found.dtype == np.float32
    assert progress[-1] == (count, count)


def test_nothing_in_nothing_out(mean_colour):
    assert predict(mean_colour, lambda ids: np.zeros((0, 32, 32, 3), np.uint8), []).shape == (0, 3)


def test_the_reader_is_asked_only_for_pictures_that_exist(make_pictures, mean_colour):
    pictures = make_pictures(10)
    asked = []

    def read(ids):
        asked.extend(ids)
        return pictures.read(ids)

    predict(mean_colour, read, pictures.ids, batch_size=8)
    assert asked == pictures.ids


def test_models_that_are_absent_or_damaged(tmp_path):
    with pytest.raises(MissingFileError, match="no model"):
        load_model(tmp_path / "absent.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK broken")
    with pytest.raises(WeightsError, match=r"broken\.keras"):
        load_model(tmp_path / "broken.keras")
