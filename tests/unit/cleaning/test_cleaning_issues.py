import csv
from pathlib import Path

import numpy as np
import pytest

from toolkit.cleaning.integrity import integrity_issues
from toolkit.cleaning.issues import COLUMNS, Issue, resolve, write_issues
from toolkit.cleaning.label_errors import cross_validated_probabilities, label_error_issues
from toolkit.manifest import Manifest


def manifest(groups=None):
    ids = ["a", "b", "c", "d"]
    return Manifest.build(Path("/data"), ("x", "y"), ids, [f"{name}.png" for name in ids], [0, 1, 0, 1], groups)


def issue(name, kind="outlier", action="drop", label=-1):
    return Issue(name, kind, 0.5, "", action, "because", label)


@pytest.mark.parametrize(
    ("actions", "kept", "labels"),
    [
        (["keep", "relabel"], 4, [1, 1, 0, 1]),
        (["relabel", "keep"], 4, [1, 1, 0, 1]),
        (["relabel", "drop", "keep"], 3, [1, 0, 1]),
    ],
    ids=["relabel over keep", "whatever the order", "drop over all"],
)
def test_the_strongest_action_wins(actions, kept, labels):
    issues = [issue("a", "label_error", action, label=1) for action in actions]
    resolved = resolve(manifest(), issues, {})
    assert len(resolved.manifest) == kept
    assert resolved.manifest.labels.tolist() == labels


def test_groups_of_duplicates_and_given_groups_are_joined():
    resolved = resolve(manifest(groups=["p", "", "p", ""]), [], {"b": "dup", "c": "dup"})
    groups = dict(zip(resolved.manifest.image_ids, resolved.manifest.groups, strict=True))
    assert groups["a"] == groups["b"] == groups["c"] != groups["d"]


def test_the_original_manifest_is_not_changed():
    before = manifest()
    resolve(before, [issue("a")], {"b": "g", "c": "g"})
    assert before.table.equals(manifest().table)


def test_issues_are_written_by_kind_worst_first(tmp_path):
    rows = [Issue("b", "outlier", 0.2, "", "drop", "x, y"), Issue("a", "outlier", 0.9, "g", "drop", "ü")]
    write_issues(tmp_path / "issues.csv", [*rows, *integrity_issues({"c": "truncated"})])
    with (tmp_path / "issues.csv").open(encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    assert tuple(read[0]) == COLUMNS
    assert [row["image_id"] for row in read] == ["c", "a", "b"]
    assert read[2]["reason"] == "x, y"


def clusters(n=600, k=3, d=32, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 4, (k, d))
    labels = rng.integers(0, k, n)
    return (centres[labels] + rng.normal(0, 1, (n, d))).astype(np.float32), labels


def test_flipped_labels_are_found_with_the_right_suggestion():
    points, true = clusters()
    labels = true.copy()
    flipped = np.random.default_rng(2).choice(600, 30, replace=False)
    labels[flipped] = (labels[flipped] + 1) % 3
    ids = [f"{index:03d}" for index in range(600)]
    groups = np.array(ids, object)
    probabilities = cross_validated_probabilities(points, labels, groups, 3, 5, seed=0)
    assert np.allclose(probabilities.sum(axis=1), 1)
    found = label_error_issues(ids, labels, probabilities, "xyz", "keep", {})
    rows = {int(row.image_id): row for row in found}
    assert len(set(rows) & set(flipped.tolist())) >= 27
    assert len(set(rows) - set(flipped.tolist())) <= 3
    assert all(rows[row].label == true[row] for row in set(rows) & set(flipped.tolist()))


def test_classes_too_small_to_cross_validate_give_no_label_errors():
    points, _ = clusters(n=10)
    labels = np.array([0] * 9 + [1])
    probabilities = cross_validated_probabilities(points, labels, np.array(list("abcdefghij"), object), 2, 5, 0)
    assert np.allclose(probabilities, 0.5)


def test_groups_are_not_split_across_folds():
    points, labels = clusters()
    labels = labels.copy()
    # A copy learns its label from its twin, unless both are held out together.
    noise = np.random.default_rng(0).normal(size=points.shape).astype(np.float32)
    labels[:200] = np.random.default_rng(1).integers(0, 3, 200)
    twins, twin_labels = np.concatenate([noise, noise]), np.concatenate([labels, labels])
    groups = np.tile(np.array([f"{index:03d}" for index in range(len(labels))], object), 2)
    together = cross_validated_probabilities(twins, twin_labels, groups, 3, 5, seed=0)
    assert np.allclose(together[: len(labels)], together[len(labels) :])
