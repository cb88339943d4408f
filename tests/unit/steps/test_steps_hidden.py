"""Pictures of a hidden test, read from whatever the user has them in."""

import numpy as np
import pytest

from toolkit.errors import DataError
from toolkit.steps.project import Project

PICTURES = np.arange(4 * 20 * 20 * 3, dtype=np.uint8).reshape(4, 20, 20, 3)


@pytest.fixture
def project(tmp_path):
    np.savez(tmp_path / "train.npz", images=PICTURES, labels=["a", "b", "a", "b"])
    return Project({"runs_dir": str(tmp_path / "runs"), "data": {"source": str(tmp_path / "train.npz")}})


def test_the_test_part_of_a_file_is_taken(project, tmp_path):
    np.savez(tmp_path / "parts.npz", train_images=PICTURES, train_labels=[0, 1, 0, 1], test_images=PICTURES[:2])
    assert project.read_hidden(tmp_path / "parts.npz").image_ids.tolist() == ["test/00000", "test/00001"]


def test_a_file_without_parts_is_the_test_as_a_whole(project, tmp_path):
    np.savez(tmp_path / "hidden.npz", images=PICTURES[:3], labels=["a", "b", "b"])
    assert len(project.read_hidden(tmp_path / "hidden.npz")) == 3


def test_training_pictures_are_not_taken_for_a_test(project, tmp_path):
    with pytest.raises(DataError, match="holds no pictures for 'test'"):
        project.read_hidden(tmp_path / "train.npz")
