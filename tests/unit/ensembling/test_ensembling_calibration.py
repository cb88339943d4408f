"""Temperature scaling where the temperature is planted."""

import numpy as np
import pytest

from toolkit.ensembling.calibration import calibrate, fit_temperature, temper
from toolkit.errors import DataError


@pytest.mark.parametrize("planted", [0.4, 1.0, 2.5])
def test_a_planted_temperature_is_found(gaussian, planted):
    labels, calibrated = gaussian(20_000, np.full(4, 0.25))
    spoiled = temper(calibrated, 1 / planted)
    assert fit_temperature(spoiled, labels) == pytest.approx(planted, rel=0.04)


def test_scaling_changes_no_decision_and_mends_calibration_on_other_folds(gaussian):
    labels, calibrated = gaussian(4000, np.full(4, 0.25))
    spoiled = temper(calibrated, 0.3)
    assert (temper(spoiled, 5.0).argmax(axis=1) == spoiled.argmax(axis=1)).all()
    found = calibrate(spoiled, labels, np.arange(4000))
    assert found.temperature > 1
    assert found.error_after < 0.03 < found.error_before
    assert found.loss_after < found.loss_before


def test_the_measured_gain_of_a_needless_temperature_is_none(gaussian):
    labels, calibrated = gaussian(3000, np.full(3, 1 / 3))
    found = calibrate(calibrated, labels, np.arange(3000))
    assert found.temperature == pytest.approx(1, abs=0.08)
    assert found.loss_after == pytest.approx(found.loss_before, abs=0.002)


def test_predictions_all_right_or_all_wrong_reach_the_ends_of_the_range():
    labels = np.arange(60) % 3
    right = 0.4 * np.eye(3)[labels] + 0.2
    assert fit_temperature(right, labels) == pytest.approx(0.05)
    assert fit_temperature(right, (labels + 1) % 3) == pytest.approx(20)
    certain = np.eye(3)[labels]
    assert np.isfinite(temper(certain, fit_temperature(certain, labels))).all()


def test_one_class_cannot_be_calibrated():
    with pytest.raises(DataError, match="one class"):
        fit_temperature(np.full((5, 2), 0.5), np.zeros(5, int))
