"""What a step's key is made of: what affects its result, and nothing else.

In a key: the step's own settings, the data by content, the keys of the steps before it, the step's schema version.
Not in a key: budgets (trials, minutes), workers, engine, storage, folders, verbosity. So a larger number of trials
continues the study, and moving the data or the results changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.artifacts import file_hash, make_key
from toolkit.config import Config, member
from toolkit.config.mix import read_mix
from toolkit.config.schema import Evaluate
from toolkit.evaluation.corruptions import CORRUPTIONS, reported, select
from toolkit.steps.renewal import differs, statistics

# Raised when a step's code changes what it computes, so that old results are not mistaken for new ones.
SCHEMA = {
    "clean": 2, "tune": 2, "ensemble": 2, "evaluate": 4, "estimates": 2, "package": 2, "preview": 1, "votes": 1,
    "tune-modify": 1, "tune-unfreeze": 1, "tune-compare": 1,
}  # fmt: skip

_NOT_IN_KEY = {
    "clean": {"decisions", "against"},
    "train": {"workers"},
    "tune": {"trials", "epochs", "minutes", "storage", "heartbeat", "cache_gb"},
    "ensemble": {
        "vote",
        "metric",
        "calibrate",
        "prior_correction",
        "tuned",
        "jobs",
        "batch_norm",
        "batch_norm_source",
    },
    "evaluate": {"data", "target", "leaderboard"},
    "package": {"destination", "test_source", "sample", "template"},
}


def section(config: Config, name: str) -> dict[str, Any]:
    """A config section as plain values, without what does not affect results; weights files by content."""
    model = getattr(config, name)
    values: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude=_NOT_IN_KEY.get(name))
    weights = values.get("weights")
    if weights is not None and weights not in {"packaged", "imagenet", "none"}:
        path = Path(weights)
        values["weights"] = file_hash(path) if path.is_file() else f"missing {path}"
    return values


def clean_key(config: Config, fingerprint: str, against: Sequence[str] = (), decisions: object = None) -> str:
    """Key of `clean`.

    Args:
        config: All settings.
        fingerprint: Of the pictures and labels, by content.
        against: Fingerprints of the sources of `clean.against`.
        decisions: A person's decisions, as JSON-like values.
    """
    pixels = [config.data.image_size, config.data.resize]
    settings = [pixels, section(config, "clean"), list(against), decisions]
    return make_key("clean", SCHEMA["clean"], fingerprint, config.seed, settings)


def training_settings(config: Config) -> dict[str, Any]:
    """Everything that affects one training, apart from which pictures it sees."""
    return {
        "seed": config.seed,
        "image_size": config.data.image_size,
        "resize": config.data.resize,
        "holdout": config.data.holdout,
        "model": section(config, "model"),
        "augment": section(config, "augment"),
        "train": section(config, "train"),
    }


def tune_key(config: Config, cleaned: str) -> str:
    """Key of `tune`, from the key of `clean`."""
    values = section(config, "tune")
    values["warm_start"] = [_content(path) for path in values["warm_start"]]
    values["metric"] = _metric(config, config.tune.metric)
    del values["mix"]
    if config.tune.mix is not None:
        values["mix"] = sorted([*cell, round(weight, 6)] for cell, weight in read_mix(config.tune.mix).items())
    values["corruptions"] = [row.name for row in select(config.tune.corruptions)]  # families gain members over time
    return make_key("tune", SCHEMA["tune"], cleaned, training_settings(config), values)


def modify_key(searched: str, best: Mapping[str, Any], folds: int) -> str:
    """Key of `tune --modify`.

    Args:
        searched: Key of the search.
        best: Its best settings: they are swept around.
        folds: Folds that judge each value.
    """
    return make_key("tune-modify", SCHEMA["tune-modify"], searched, dict(best), folds)


def _metric(config: Config, name: str) -> Any:
    """The name of a metric; a function of the user counts by its text."""
    if ":" not in name:
        return name
    module = name.partition(":")[0].replace(".", "/") + ".py"
    return [name, _content(str((config.file.parent if config.file else Path()) / module))]


def _content(path: str) -> str:
    """A file's content, or the name of what is no file."""
    return file_hash(Path(path)) if Path(path).is_file() else path


def ensemble_key(config: Config, cleaned: str, unlabelled: str | None = None) -> str:
    """Key of `ensemble`, from the key of `clean`.

    Args:
        config: All settings, those that `tune` found already in place: they count by value, so that a search which
            finds the same best again does not train anew.
        cleaned: Key of `clean`.
        unlabelled: Fingerprint of the source of `ensemble.pseudo_labels`, by content; None without one.
    """
    values = section(config, "ensemble")
    values["members"] = [training_settings(member(config, settings)) for settings in config.ensemble.members]
    if values["pseudo_labels"]:
        values["pseudo_labels"]["source"] = unlabelled
    return make_key("ensemble", SCHEMA["ensemble"], cleaned, training_settings(config), values)


def fold_key(config: Config, cleaned: str, split: tuple[Sequence[str], Sequence[str]], index: int) -> str:
    """All that one model of an ensemble depends on, whichever other models there are.

    Args:
        config: All settings of its member.
        cleaned: Key of `clean`.
        split: Image ids to train on, and those of the fold, which training stops by.
        index: Number of the fold, which its seed depends on.
    """
    ids = [list(part) for part in split]
    return make_key("fold", SCHEMA["ensemble"], cleaned, training_settings(config), config.ensemble.views, ids, index)


def vote_settings(config: Config) -> dict[str, Any]:
    """What affects how trained models are combined: a change of it trains nothing anew."""
    return config.ensemble.model_dump(mode="json", include={"vote", "metric", "calibrate"})


def votes_key(config: Config, predictions: str) -> str:
    """Key of a blend and of the comparison of votes, which lie in the run of `ensemble`.

    Args:
        config: All settings.
        predictions: Fingerprint of the members' out-of-fold predictions and their labels.
    """
    return make_key("votes", SCHEMA["votes"], predictions, config.seed, vote_settings(config))


def evaluate_key(config: Config, ensemble: str, extra: str | None) -> str:
    """Key of `evaluate`, from the key of `ensemble`.

    Args:
        config: All settings.
        ensemble: Key of `ensemble`.
        extra: Fingerprint of the further labelled source, None without one.
    """
    values = section(config, "evaluate")
    values["metric"] = _metric(config, config.evaluate.metric)
    values["corruptions"] = [row.name for row in reported(config.evaluate.corruptions, config.tune.corruptions)]
    values["severity"] = list(config.evaluate.severities)
    settings = [vote_settings(config), values, extra]
    if config.ensemble.batch_norm == "target":
        settings.append({"renewed": config.ensemble.batch_norm_source})
    return make_key("evaluate", SCHEMA["evaluate"], ensemble, settings)


def estimates_key(evaluate: str, target: str | None, leaderboard: str | None) -> str:
    """Key of `evaluate` with what the hidden score is estimated from; without either, its own.

    Args:
        evaluate: Key of `evaluate_key`.
        target: Fingerprint of the unlabelled target pictures, None without them.
        leaderboard: Hash of `leaderboard.csv`, None without one.
    """
    if not target and not leaderboard:
        return evaluate
    return make_key("estimates", SCHEMA["estimates"], evaluate, target, leaderboard)


def predictions_key(config: Config, ensemble: str) -> str:
    """What the predictions of a local test depend on, apart from corruption, severity and which pictures are tested.

    Args:
        config: All settings.
        ensemble: Key of `ensemble`.
    """
    plain = Evaluate(corruptions=(next(iter(CORRUPTIONS)),))
    bare = config.model_copy(update={"evaluate": plain, "tune": config.tune.model_copy(update={"corruptions": ()})})
    return evaluate_key(bare, ensemble, None)


def package_key(config: Config, evaluated: str, inputs: Sequence[str] = ()) -> str:
    """Key of `package`, from the key of `evaluate`.

    Args:
        config: All settings.
        evaluated: Key of `evaluate`.
        inputs: Fingerprints of the test pictures, sample or template that the target needs, by content.
    """
    settings = section(config, "package")
    if config.ensemble.prior_correction != "none" and config.package.target in {"codabench-results", "kaggle"}:
        settings["prior_correction"] = config.ensemble.prior_correction
    settings["batch_norm"] = statistics(config)
    if settings["batch_norm"] == "target":
        settings["renewed"] = config.ensemble.batch_norm_source
    if differs(config):
        settings["predict_batch_norm"] = config.ensemble.batch_norm  # the card says so
    return make_key("package", SCHEMA["package"], evaluated, [settings, *inputs] if inputs else settings)


def preview_key(config: Config, fingerprint: str, pictures: int) -> str:
    """Key of `preview`.

    Args:
        config: All settings.
        fingerprint: Of the pictures and labels, by content.
        pictures: Pictures a class.
    """
    pixels = [config.data.image_size, config.data.resize]
    tests = [[part.corruptions, part.severity] for part in (config.evaluate, config.tune)]
    settings = [pixels, section(config, "augment"), tests, pictures]
    return make_key("preview", SCHEMA["preview"], fingerprint, config.seed, settings)
