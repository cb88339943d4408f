"""Files of networks: the same bytes for the same network, and the mean of several."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from toolkit.errors import SubmissionError
from toolkit.submission.network_files import average, write_weights


def saved(path, kernel, steps=3):
    sink = io.BytesIO()
    with h5py.File(sink, "w") as stream:
        stream["layers/dense/vars/0"] = np.asarray(kernel, np.float32)
        stream["steps"] = np.int64(steps)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", sink.getvalue())
    return path


def test_the_mean_of_networks_has_the_mean_of_their_weights(tmp_path):
    models = [saved(tmp_path / f"{index}.keras", [[index, 2.0]]) for index in (1, 2, 6)]
    average(models, tmp_path / "mean.keras")
    with zipfile.ZipFile(tmp_path / "mean.keras") as archive:
        stored = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
        assert archive.read("config.json") == b"{}"
    assert stored["layers/dense/vars/0"][()].tolist() == [[3.0, 2.0]] and stored["steps"][()] == 3


def test_networks_of_different_shapes_have_no_mean(tmp_path):
    models = [saved(tmp_path / "a.keras", [[1.0]]), saved(tmp_path / "b.keras", [[1.0, 2.0]])]
    with pytest.raises(SubmissionError, match="differ"):
        average(models, tmp_path / "mean.keras")
    assert not (tmp_path / "mean.keras").exists()


def test_weights_are_written_with_the_same_bytes_and_read_by_numpy_alone(tmp_path):
    weights = {"body/conv/0": np.arange(6, dtype=np.float16).reshape(2, 3)}
    for name in ("a", "b"):
        write_weights(tmp_path / f"{name}.npz", '{"naïve": 1}', weights)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["architecture"].tobytes().decode() == '{"naïve": 1}'
        np.testing.assert_array_equal(stored["body/conv/0"], weights["body/conv/0"])
