"""Samplers by name: Optuna's own, and a grid that knows conditions.

A sampler is made anew for each trial, seeded by how many trials were begun before: what it proposes depends on the
study alone, so that interruption changes nothing and workers never draw the same random numbers.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from toolkit.errors import MissingPackageError, SearchError

SamplerName = Literal["tpe", "random", "grid", "gp", "cmaes", "qmc", "bruteforce"]
SAMPLERS: tuple[str, ...] = get_args(SamplerName)
EXHAUSTIVE = ("grid", "bruteforce")
_STARTUP_TRIALS = 8
# Packages beyond our own dependencies, and the extra that brings them.
_NEEDS = {"gp": ("torch", "gp"), "cmaes": ("cmaes", "cmaes")}


def check_sampler(name: str) -> None:
    """Make sure that a sampler exists and that what it needs is installed.

    Raises:
        SearchError: There is no such sampler.
        MissingPackageError: It needs a package that is not installed.
    """
    if name not in SAMPLERS:
        raise SearchError(f"There is no sampler {name!r}; known: {', '.join(SAMPLERS)}.")
    package, extra = _NEEDS.get(name, ("optuna", ""))
    if importlib.util.find_spec(package) is None:
        raise MissingPackageError(
            f"The sampler {name} needs the package {package}, which is not installed. Install it with "
            f'`pip install "contest-toolkit[{extra}]"`, or set tune.sampler to tpe.'
        )


def build_sampler(
    name: str, seed: int, begun: int, left: Sequence[Mapping[str, Any]] = ()
) -> optuna.samplers.BaseSampler:
    """The sampler for the next trial.

    Args:
        name: One of `SAMPLERS`.
        seed: Of the study.
        begun: Trials of the study that were begun before, lost ones not counted.
        left: For `grid`: the points that no trial has taken, in order.

    Raises:
        SearchError: There is no such sampler.
        MissingPackageError: It needs a package that is not installed.
    """
    check_sampler(name)
    own = seed * 100_003 + begun
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if name == "random":
            return samplers.RandomSampler(seed=own)
        if name == "grid":
            return PointSampler(left[0] if left else {}, own)
        if name == "gp":
            return samplers.GPSampler(seed=own, n_startup_trials=_STARTUP_TRIALS, warn_independent_sampling=False)
        if name == "cmaes":
            return samplers.CmaEsSampler(seed=own, warn_independent_sampling=False)
        if name == "qmc":
            # One sequence for the whole study: the position in it is kept in the study, not in the seed.
            rest = samplers.RandomSampler(seed=own)
            return samplers.QMCSampler(
                scramble=True,
                seed=seed,
                independent_sampler=rest,
                warn_independent_sampling=False,
                warn_asynchronous_seeding=False,
            )
        if name == "bruteforce":
            return samplers.BruteForceSampler(seed=own)
        # group: conditional dimensions are modelled together with those that they occur with.
        # constant_liar: what other workers are trying just now is taken for bad, so that it is not tried twice.
        return samplers.TPESampler(
            seed=own, multivariate=True, group=True, constant_liar=True, n_startup_trials=_STARTUP_TRIALS
        )


class PointSampler(optuna.samplers.BaseSampler):
    """Proposes one given set of values.

    Optuna's `GridSampler` takes the product of all dimensions and so repeats points that differ only in dimensions
    which do not exist there; our grid is made of the distinct points, and this sampler proposes one of them.

    Args:
        point: Values by name.
        seed: Of values that the point lacks.
    """

    def __init__(self, point: Mapping[str, Any], seed: int) -> None:
        self._point = dict(point)
        self._rest = optuna.samplers.RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Empty: dimensions are proposed one by one."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Empty: dimensions are proposed one by one."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The point's value."""
        if param_name not in self._point:
            return self._rest.sample_independent(study, trial, param_name, param_distribution)
        value = self._point[param_name]
        return json.dumps(value) if isinstance(param_distribution, CategoricalDistribution) else value
