"""PED-ANOVA importances from plain trials, by Optuna (Watanabe, Bansal, Hutter: IJCAI 2023).

Where fANOVA asks what explains the objective over the whole space, PED-ANOVA asks what tells the better trials from all
of them: a dimension that only separates bad from worse is important to the first and not to the second.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from toolkit.errors import SearchError
from toolkit.tuning.levels import levels
from toolkit.tuning.space import Choice, FloatRange, Searched

if TYPE_CHECKING:
    import optuna

FEWEST_ROWS = 6


def ped_anova(
    parameters: Sequence[Mapping[str, Any]],
    scores: Sequence[float],
    space: Mapping[str, Searched],
    *,
    direction: Literal["maximize", "minimize"] = "maximize",
    best_share: float = 0.1,
) -> dict[str, float]:
    """Importances of all dimensions; one that a trial does not have stands in the middle of its range there.

    Args:
        parameters: One set of values a trial.
        scores: One a trial.
        space: Dimensions by name.
        direction: Whether more is better.
        best_share: The better trials' share, 0–1.

    Returns:
        Shares that sum to 1, the largest first; empty where nothing differs.

    Raises:
        SearchError: Fewer than `FEWEST_ROWS` trials.
    """
    import optuna

    if len(parameters) < FEWEST_ROWS:
        raise SearchError(f"PED-ANOVA needs at least {FEWEST_ROWS} trials; there are {len(parameters)}.")
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction=direction)
    finally:
        optuna.logging.set_verbosity(level)
    distributions = {name: _distribution(dimension) for name, dimension in space.items()}
    for row, score in zip(parameters, scores, strict=True):
        values = {name: _plain(dimension, row.get(name)) for name, dimension in space.items()}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=float(score)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best_share)
        try:
            return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
        except (ValueError, RuntimeError):  # all trials alike
            return {}


def _distribution(dimension: Searched) -> optuna.distributions.BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution([json.dumps(value) for value in dimension.values])
    if isinstance(dimension, FloatRange):
        return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)
    return IntDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def _plain(dimension: Searched, value: Any) -> Any:
    if value is None and not (isinstance(dimension, Choice) and None in dimension.values):
        value = levels(dimension, 1)[0]
    return json.dumps(value) if isinstance(dimension, Choice) else value
