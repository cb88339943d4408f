import numpy as np

from toolkit.nn.features import embed


def test_features_are_averaged_maps_in_the_order_asked(make_pictures):
    pictures = make_pictures(10, 64)
    found = embed("efficientnet_lite0", 64, pictures.read, pictures.ids, batch_size=4)
    assert found.shape == (10, 1280)
    assert found.dtype == np.float32
    backwards = embed("efficientnet_lite0", 64, pictures.read, pictures.ids[::-1], batch_size=3)
    np.testing.assert_allclose(backwards[::-1], found, atol=1e-4)


def test_pictures_of_one_colour_are_nearer_to_each_other(make_pictures):
    pictures = make_pictures(12, 64)
    features = embed("efficientnet_lite0", 64, pictures.read, pictures.ids)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    alike = features @ features.T
    same = pictures.labels[:, None] == pictures.labels[None]
    np.fill_diagonal(same, False)
    assert alike[same].mean() > alike[pictures.labels[:, None] != pictures.labels[None]].mean()
