"""A folder for a Kaggle code contest: offline notebook and the data set that it needs."""

from __future__ import annotations

from typing import Any

from toolkit.artifacts import RunDir
from toolkit.errors import ConfigError
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.project import Project


def kernel_inputs(project: Project) -> list[str]:
    """Nothing yet."""
    raise ConfigError("kaggle-kernel is not there yet.")


def package_kernel(
    project: Project, ensemble: Ensemble, evaluated: EvaluateResult, run: RunDir, key: str
) -> dict[str, Any]:
    """Nothing yet."""
    raise ConfigError("kaggle-kernel is not there yet.")
