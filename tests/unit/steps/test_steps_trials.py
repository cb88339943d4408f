"""Trials of the search on cached activations: what they share changes nothing."""

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from toolkit.config import load_config
from toolkit.console import Console
from toolkit.steps.activation_store import ActivationStore
from toolkit.steps.clean import cleaned_data
from toolkit.steps.networks import start
from toolkit.steps.project import Project
from toolkit.steps.trials import Trials, trial_splits
from toolkit.tuning.objective import Live


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    found = load_digits()
    for index in np.flatnonzero(found.target < 3)[:90].tolist():
        place = folder / "digits" / str(found.target[index])
        place.mkdir(parents=True, exist_ok=True)
        grey = (found.images[index] * (255 / 16)).astype(np.uint8)
        cv2.imwrite(str(place / f"{index}.png"), cv2.resize(grey, (32, 32), interpolation=cv2.INTER_CUBIC))
    config = load_config({
        "name": "trials", "runs_dir": str(folder / "runs"),
        "data": {"source": str(folder / "digits"), "image_size": 32},
        "clean": {"duplicates": False, "outliers": False, "label_errors": False, "quality": False},
        "model": {"backbone": "tiny_vgg", "weights": "none"},
        "train": {"deterministic": True, "early_stopping": 0},
        "tune": {"trial_epochs": 3, "views": 1, "corruptions": ["cutout"],
                 "space": {"model.head.dropout": {"float": [0.1, 0.5]}}},
    })  # fmt: skip
    project = Project(config, Console(quiet=True))
    start(config)
    return project, cleaned_data(project).manifest, folder


def trials(contest, name):
    project, pictures, folder = contest
    return Trials(project, trial_splits(pictures, project.config), ActivationStore(folder / name))


def test_trials_of_one_shape_share_a_network_and_score_as_alone(contest):
    wide = {"model.head.units.0": 128, "model.unfreeze": 3}
    asked = [
        {"model.head.dropout": 0.2, "train.learning_rate": 0.003},
        {"model.head.dropout": 0.4, "train.learning_rate": 0.01, "train.label_smoothing": 0.1},
        {**wide, "model.head.dropout": 0.2},
        {"model.head.dropout": 0.2, "train.learning_rate": 0.003, "train.class_weight": "none"},
        {**wide, "model.head.dropout": 0.3, "train.optimizer": "lion", "train.learning_rate": 0.001},
        # The width of a layer that is not there changes nothing.
        {"model.head.dropout": 0.3, "model.head.units.2": 32, "train.batch_size": 16},
    ]
    together = trials(contest, "together")
    found = [together(params) for params in asked]
    assert (together.networks.lent, together.networks.built) == (6, 2)
    alone = [trials(contest, "together")(params) for params in asked]
    for one, other in zip(found, alone, strict=True):
        assert one.value == other.value
        assert one.figures == other.figures
    assert len({(one.value, one.figures["clean"]) for one in found}) > 2


class Heard(Live):
    """Keeps what a trial reports."""

    def __init__(self):
        super().__init__()
        self.told = []

    def epoch(self, value):
        self.told.append(value)
        return super().epoch(value)


def test_selection_tests_are_scored_where_successive_halving_compares_and_at_the_end(contest):
    project, pictures, folder = contest
    heard = {}
    for pruner in ("asha", "median"):
        config = load_config({**project.config.model_dump(mode="json", by_alias=True), "tune": {
            **project.config.tune.model_dump(mode="json", by_alias=True), "pruner": pruner, "trial_epochs": 6,
            "reduction": 2}})  # fmt: skip
        other = Project(config, Console(quiet=True))
        judge = Trials(other, trial_splits(pictures, config), ActivationStore(folder / "rungs"))
        live = Heard()
        judge({"model.head.dropout": 0.2}, live)
        heard[pruner] = live.told
        assert live.epochs == 6
    assert [value is None for value in heard["asha"]] == [False, False, True, False, True, False]
    assert [value for value in heard["asha"] if value is not None] == [heard["median"][row] for row in (0, 1, 3, 5)]
