"""Packages that renew batch normalisation do what `ensemble.batch_norm: target` does here."""

import importlib.util
import zipfile

import numpy as np
import pytest

from toolkit.nn import runtime
from toolkit.submission.codabench import build_zip

PICTURES = (np.random.default_rng(0).integers(0, 256, (80, 32, 32, 3)) * 0.5 + 60).astype(np.uint8)


@pytest.mark.parametrize("unfreeze", ["all", 0])
def test_renewed_statistics_are_those_of_the_training_library(tmp_path, unfreeze):
    runtime.setup()
    from toolkit.nn.batch_statistics import renewed_batch_norm
    from toolkit.nn.heads import build_model
    from toolkit.nn.saving import save_model

    network = build_model("tiny_vgg", 32, 3, weights="none", unfreeze=unfreeze, seed=1)
    save_model(network, tmp_path / "network.keras")
    build_zip(
        [tmp_path / "network.keras"], tmp_path / "package.zip", class_names=["a", "b", "c"], image_size=32,
        resize_mode="squash", output="probabilities", vote="mean", batch_norm="target", batch_norm_source=16,
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(tmp_path / "package")
    spec = importlib.util.spec_from_file_location("packaged", tmp_path / "package" / "model.py")
    packaged = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(packaged)
    batches = [PICTURES[:64], PICTURES[64:]]
    with renewed_batch_norm(network, [part.astype(np.float32) for part in batches], 80 / 96) as changed:
        assert changed == (4 if unfreeze == "all" else 1)
        expected = np.asarray(network(PICTURES.astype(np.float32)))
    found = packaged.Model().predict(PICTURES)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found - np.asarray(network(PICTURES.astype(np.float32)))).max() > 1e-3
