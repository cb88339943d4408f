"""Scores of predictions, each with a 95 % confidence interval."""

from toolkit.metrics.calibration import Reliability, calibration_error, reliability
from toolkit.metrics.objectives import METRICS, Direction, Metric, metric, objective_metric, resampled
from toolkit.metrics.scores import RESAMPLES, ClassScores, Measured, Scores, score, score_labels, wilson

__all__ = [
    "METRICS",
    "RESAMPLES",
    "ClassScores",
    "Direction",
    "Measured",
    "Metric",
    "Reliability",
    "Scores",
    "calibration_error",
    "metric",
    "objective_metric",
    "reliability",
    "resampled",
    "score",
    "score_labels",
    "wilson",
]
