import keras
import numpy as np
import pytest

from toolkit.nn.caching import cache_activations


@pytest.fixture
def two_tensors():
    inputs = keras.Input((32, 32, 3))
    return keras.Model(inputs, [keras.layers.AveragePooling2D(8)(inputs), keras.layers.GlobalMaxPooling2D()(inputs)])


def brighten(images, image_ids, view):
    return images // 2 + np.uint8(10 * view)


def test_each_picture_shows_its_views_in_turn(make_pictures, two_tensors):
    pictures = make_pictures(10)
    cache = cache_activations(two_tensors, pictures.read, pictures.ids, augment=brighten, views=3, batch_size=4)
    seen = [cache.load(pictures.ids[:6], epoch)[1][:, 0] for epoch in range(4)]
    np.testing.assert_array_equal(seen[0], seen[3])
    highest = pictures.images[:6, :, :, 0].max(axis=(1, 2)) // 2
    offsets = np.stack(seen[:3]) - highest
    np.testing.assert_array_equal(np.sort(offsets, axis=0), np.repeat([[0], [10], [20]], 6, axis=1))
    assert len(set(offsets[0])) > 1  # not all pictures begin with the same view


def test_rows_are_found_by_image_id(make_pictures, two_tensors):
    pictures = make_pictures(10)
    cache = cache_activations(two_tensors, pictures.read, pictures.ids, batch_size=4, dtype="float32")
    maps, highest = cache.read([pictures.ids[7], pictures.ids[2]])
    assert maps.shape == (2, 4, 4, 3)
    np.testing.assert_array_equal(highest, pictures.images[[7, 2]].max(axis=(1, 2)))


def test_a_folder_is_taken_up_when_complete_and_made_anew_otherwise(tmp_path, make_pictures, two_tensors):
    pictures = make_pictures(10)
    folder = tmp_path / "activations"
    calls = []

    def read(ids):
        calls.append(len(ids))
        return pictures.read(ids)

    first = cache_activations(two_tensors, read, pictures.ids, folder=folder, views=2)
    assert isinstance(first.arrays[0], np.memmap)
    assert sum(calls) == 20
    again = cache_activations(two_tensors, read, pictures.ids, folder=folder, views=2)
    assert sum(calls) == 20
    np.testing.assert_array_equal(first.arrays[0], again.arrays[0])
    other = cache_activations(two_tensors, read, pictures.ids[:5], folder=folder, views=2)
    assert sum(calls) == 30
    assert other.arrays[0].shape[:2] == (5, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["activations"]


def test_values_beyond_float16_are_limited(make_pictures):
    pictures = make_pictures(3)
    inputs = keras.Input((32, 32, 3))
    huge = keras.Model(inputs, keras.layers.GlobalMaxPooling2D()(keras.layers.Rescaling(1e6)(inputs)))
    assert np.isfinite(cache_activations(huge, pictures.read, pictures.ids).arrays[0]).all()
