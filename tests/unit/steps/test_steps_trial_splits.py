"""Which pictures a trial sees: folds, and subsets as report C has them."""

import numpy as np
import pytest

from toolkit.config import load_config
from toolkit.manifest import Manifest
from toolkit.steps.trials import trial_splits


@pytest.fixture
def development(tmp_path):
    names = [f"p{i}" for i in range(200)]
    labels = [int(i % 5 == 0) for i in range(200)]
    groups = [f"g{i // 2}" for i in range(200)]
    return Manifest.build(tmp_path, ["common", "rare"], names, [f"{name}.png" for name in names], labels, groups)


def splits(development, **tune):
    return trial_splits(development, load_config({"name": "n", "data": {"source": "x.csv"}, "tune": tune}))


def test_one_split_by_default(development):
    (split,) = splits(development)
    assert not set(split.larger.image_ids) & set(split.smaller.image_ids)
    assert len(split.smaller) == pytest.approx(50, abs=6)


def test_folds_judge_every_picture_once(development):
    found = splits(development, folds=4)
    judged = np.concatenate([split.smaller.image_ids for split in found])
    assert sorted(judged) == sorted(development.image_ids)
    for split in found:
        assert not set(split.larger.groups) & set(split.smaller.groups)


@pytest.mark.parametrize(("subset", "n"), [(0.5, 75), (30, 30)], ids=["share", "count"])
def test_a_subset_cuts_down_only_what_is_trained_on(development, subset, n):
    (whole,), (part,) = splits(development), splits(development, subset=subset)
    assert len(part.larger) == pytest.approx(n, abs=4)
    assert set(part.larger.image_ids) < set(whole.larger.image_ids)
    assert part.smaller.image_ids.tolist() == whole.smaller.image_ids.tolist()


def test_a_balanced_subset_has_equally_many_of_each_class(development):
    (split,) = splits(development, subset=40, subset_balanced=True)
    assert split.larger.class_counts().tolist() == [20, 20]
