"""Predictions of another form than the contest asks for, each told in its own words."""

import numpy as np
import pytest

from toolkit.submission.outcome import Expected, judge_predictions

GOOD = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)


@pytest.fixture
def judged(tmp_path):
    def judge(predictions, output):
        np.save(tmp_path / "predictions.npy", predictions, allow_pickle=predictions.dtype == object)
        _, checks = judge_predictions(tmp_path, Expected(2, output, (0, 1, 2)))
        return {check.name: check.message for check in checks if not check.ok}

    return judge


@pytest.mark.parametrize(
    ("predictions", "output", "name", "words"),
    [
        (GOOD.argmax(axis=1), "probabilities", "form", "expects rows of shape (n, 3), not (2,)"),
        (GOOD[:, :2], "probabilities", "form", "expects rows of shape (n, 3), not (2, 2)"),
        (GOOD * 2, "probabilities", "form", "none negative, each row with the sum 1"),
        (GOOD - 1, "probabilities", "form", "none negative, each row with the sum 1"),
        (GOOD, "one_hot", "form", "a single 1 in each, else 0"),
        (np.ones((2, 3), np.int64), "one_hot", "form", "a single 1 in each, else 0"),
        (GOOD.astype(str), "probabilities", "form", "expects numbers, not <U32"),
        (np.full((2, 3), np.nan), "probabilities", "finite", "6 values are NaN or infinite"),
        (np.array([0, 1], object), "labels", "predictions", "cannot be read"),
        (np.array(3), "labels", "count", "0 predictions for 2 pictures"),
    ],
)
def test_each_wrong_form_is_told_with_what_to_set(judged, predictions, output, name, words):
    found = judged(predictions, output)
    assert words in found[name]
    assert name != "form" or "Set package.output to what the contest expects" in found["form"]


@pytest.mark.parametrize(
    ("predictions", "output"),
    [(GOOD, "probabilities"), (np.eye(3)[[2, 0]], "one_hot"), (np.array([2, 0], np.int32), "labels")],
)
def test_the_right_form_has_no_failure(judged, predictions, output):
    assert judged(predictions, output) == {}
