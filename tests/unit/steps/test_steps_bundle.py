"""`toolkit bundle`: from a labelled set to a competition that Codabench takes and our worker runs."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from toolkit.errors import ConfigError, DataError, SubmissionError
from toolkit.steps.bundle import make_bundle
from toolkit.submission.verify import run_worker

MODEL = "import numpy as np\nclass Model:\n    def predict(self, X):\n        return {}\n"


@pytest.fixture
def source(tmp_path):
    """Eight pictures of two classes, of one size."""
    for index in range(8):
        name = ("ant", "bee")[index % 2]
        (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), (200 * (index % 2), 0, 0)).save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


def test_the_bundle_keeps_the_rules_and_a_submission_runs_in_its_zip(source, tmp_path):
    made = make_bundle(source, tmp_path / "my_contest", form="one_hot", time_limit_s=55)
    assert made.images == 8 and made.image_size == (10, 20) and all(check.ok for check in made.checks)
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("model.py", MODEL.format("np.eye(2)[(X[..., 0].mean((1, 2)) > 99).astype(int)]"))
        archive.writestr("metadata", "a: 1")
    result = run_worker(tmp_path / "s.zip", made.zip)
    assert result.ok and result.scores["accuracy"] == 1.0
    first = made.zip.read_bytes()
    assert make_bundle(source, tmp_path / "my_contest", form="one_hot", time_limit_s=55).zip.read_bytes() == first


def test_pictures_of_several_sizes_become_squares(source, tmp_path):
    Image.new("RGB", (33, 40)).save(source / "ant" / "other.png")
    assert make_bundle(source, tmp_path / "a").image_size == (96, 96)
    assert make_bundle(source, tmp_path / "b", image_size=32).image_size == (32, 32)


def test_what_cannot_be_a_hidden_test_is_refused(source, tmp_path):
    with pytest.raises(ConfigError, match="one_hot"):
        make_bundle(source, tmp_path / "b", form="onehot")
    (tmp_path / "full").mkdir()
    with pytest.raises(SubmissionError, match="not overwritten"):
        make_bundle(source, tmp_path / "full")
    (source / "ant" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png"):
        make_bundle(source, tmp_path / "b")
    np.savez(tmp_path / "d.npz", images=np.zeros((2, 4, 4, 3), np.uint8))
    with pytest.raises(DataError):
        make_bundle(tmp_path / "d.npz", tmp_path / "b")
