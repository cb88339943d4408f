"""How much each dimension of a search mattered."""

from __future__ import annotations

import warnings
from pathlib import Path

from toolkit.tuning.search import open_study

FEWEST_TRIALS = 6


def importances(storage: Path | str, name: str) -> dict[str, float]:
    """Importance of each dimension that every complete trial has, by PED-ANOVA (Watanabe et al. 2023).

    Args:
        storage: Journal file, or a PostgreSQL URL.
        name: Name of the study in it.

    Returns:
        Shares that sum to 1, by dimension; empty where fewer than `FEWEST_TRIALS` trials are complete or nothing
        differs between them. Dimensions that exist only in some trials are left out.
    """
    import optuna

    study = open_study(storage, name)
    complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name == "COMPLETE"]
    if len(complete) < FEWEST_TRIALS:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # too few trials of some kind: shares say so themselves
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        try:
            return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
        except (ValueError, RuntimeError):  # all trials alike
            return {}
