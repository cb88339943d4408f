"""From `tune.space` to what the search takes, and the check of all of it before the first trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.artifacts import read_json
from toolkit.config import Config, Dimension, apply
from toolkit.errors import ConfigError, SearchError
from toolkit.tuning.space import Choice, Condition, Fixed, FloatRange, IntRange, Range, draw_order, exists, fits

# Batch size and learning rate that report D recommends for a frozen backbone.
PAIRS = ((16, 1e-4), (32, 1e-3), (64, 1e-2))
_SEARCHED = ("model.", "augment.", "train.", "data.image_size", "data.resize")
_WITHOUT_EFFECT = {
    "train.workers": "it changes no result",
    "train.deterministic": "it holds for the whole process",
    "augment.mixup": "trials read cached activations, which are not mixed",
    "augment.cutmix": "trials read cached activations, which are not mixed",
    "augment.mix_probability": "trials read cached activations, which are not mixed",
}


def dimension_range(dimension: Dimension) -> Range:
    """A dimension of the config as the search takes it."""
    if dimension.float_range is not None:
        return FloatRange(*dimension.float_range, log=dimension.log, step=dimension.step)
    if dimension.int_range is not None:
        return IntRange(*dimension.int_range, log=dimension.log, step=int(dimension.step or 1))
    return Fixed(dimension.fixed) if dimension.choice is None else Choice(dimension.choice)


def conditions(config: Config) -> list[Condition]:
    """The `when` of each dimension; a dense layer's width exists only in trials that have that layer."""
    space = config.tune.space
    rules: list[Condition] = []
    prefix, layers = "model.head.units.", "model.head.layers"
    for name, dimension in space.items():
        if name.startswith(prefix) and layers in space and layers not in dimension.when:
            rules.append(Condition(name, layers, int(name.removeprefix(prefix)) + 1))
        for parent, wanted in dimension.when.items():
            if isinstance(wanted, dict):
                rules.append(Condition(name, parent, wanted.get("min"), wanted.get("max")))
            else:
                values = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
                rules.append(Condition(name, parent, values=values))
    return rules


def checked_space(config: Config) -> tuple[dict[str, Range], list[Condition]]:
    """Dimensions and conditions, each value of which makes a valid config in some trial.

    Raises:
        ConfigError: A path names no setting that trials use, a value does not fit, or conditions make no sense.
    """
    space = {name: dimension_range(dimension) for name, dimension in config.tune.space.items()}
    rules = conditions(config)
    for name in space:
        reason = _WITHOUT_EFFECT.get(name)
        if reason or not name.startswith(_SEARCHED):
            reason = reason or "only settings of model, augment, train, data.image_size and data.resize change a trial"
            apply(config, {name: _probes(space[name])[0]})  # a mistyped path is told from a useless one
            raise ConfigError(f"tune.space: {name} cannot be searched: {reason}. Remove it.")
    try:
        order = draw_order(space, rules)
    except SearchError as error:
        raise ConfigError(f"tune.space: {error}") from error
    for name in space:
        for value in _probes(space[name]):
            _check(config, space, rules, order, name, value)
    return space, rules


def _check(
    config: Config, space: Mapping[str, Range], rules: list[Condition], order: list[str], name: str, value: Any
) -> None:
    """A value must be valid beside the first or the last values of all other dimensions, or beside the config's."""
    problem: ConfigError | None = None
    asked = False
    for end in (0, -1):
        drawn: dict[str, Any] = {}
        needed = _ancestors(name, space, rules)
        for other in order:
            if other == name:
                drawn[other] = value
            elif exists(other, rules, drawn):
                drawn[other] = needed.get(other, _probes(space[other])[end])
        if not exists(name, rules, drawn):
            continue
        asked = True
        try:
            apply(config, drawn)
            return
        except ConfigError as error:
            problem = problem or error
    if not asked:
        raise ConfigError(f"tune.space: {name} never exists: no trial has the values that its `when` asks for.")
    if problem:
        raise problem


def _ancestors(name: str, space: Mapping[str, Range], rules: list[Condition]) -> dict[str, Any]:
    """Values of the dimensions that `name` depends on, directly or not, beside which it exists."""
    found: dict[str, Any] = {}
    for rule in rules:
        if rule.name == name:
            found.update(_ancestors(rule.parent, space, rules))
            wanted = [other for other in rules if other.name == name and other.parent == rule.parent]
            dimension = space[rule.parent]
            between = list(rule.values or ())
            if isinstance(dimension, IntRange):
                between += [int(limit) for limit in (rule.minimum, rule.maximum) if limit is not None]
            for value in (*_probes(dimension), *between):
                if fits(dimension, value) and all(other.holds({rule.parent: value}) for other in wanted):
                    found[rule.parent] = value
                    break
    return found


def _probes(dimension: Range) -> list[Any]:
    if isinstance(dimension, Fixed):
        return [dimension.value]
    return list(dimension.values) if isinstance(dimension, Choice) else [dimension.low, dimension.high]


def warm_starts(config: Config, space: Mapping[str, Range]) -> list[dict[str, Any]]:
    """What `tune.warm_start` wants tried first, by dotted path.

    Raises:
        ConfigError: A file is not the `best.json` of a study.
    """
    found: list[dict[str, Any]] = []
    for name in config.tune.warm_start:
        if name == "pairs":
            pairs = [{"train.batch_size": batch, "train.learning_rate": rate} for batch, rate in PAIRS]
            found += [pair for pair in pairs if all(key in space and fits(space[key], pair[key]) for key in pair)]
            continue
        try:
            found.append(dict(read_json(Path(name))["params"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"tune.warm_start: {name} cannot be read as the best.json of an earlier study ({error}); expected "
                "pairs, or the path of such a file."
            ) from error
    return found
