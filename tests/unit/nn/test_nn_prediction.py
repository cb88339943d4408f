import keras
import numpy as np
import pytest

from toolkit.errors import MissingFileError, WeightsError
from toolkit.nn.prediction import predict, predict_views
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


def test_views_are_averaged_and_identity_alone_changes_nothing(small_model, make_pictures):
    pictures = make_pictures(11, 16)
    model = small_model()
    plain = predict(model, pictures.read, pictures.ids, batch_size=4)
    assert np.array_equal(predict_views(model, pictures.read, pictures.ids, ("identity",), batch_size=4), plain)
    views = {
        "identity": lambda x: x,
        "horizontal_flip": lambda x: x[:, :, ::-1],
        "vertical_flip": lambda x: x[:, ::-1],
        "rotate_90": lambda x: np.rot90(x, 1, axes=(1, 2)),
        "rotate_180": lambda x: np.rot90(x, 2, axes=(1, 2)),
        "rotate_270": lambda x: np.rot90(x, 3, axes=(1, 2)),
    }
    each = [
        predict(model, lambda names, see=see: np.ascontiguousarray(see(pictures.read(names))), pictures.ids)
        for see in views.values()
    ]
    assert not np.allclose(each[0], each[3], atol=1e-6)
    averaged = predict_views(model, pictures.read, pictures.ids, tuple(views), batch_size=4)
    np.testing.assert_allclose(averaged, np.mean(each, axis=0), rtol=1e-5, atol=1e-6)
