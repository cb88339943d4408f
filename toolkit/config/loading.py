"""Reading a config: YAML file, `--set` assignments, dotted paths, and errors that name the nearest known key."""

from __future__ import annotations

import copy
import difflib
import os
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from toolkit.config.mix import CLEAN, read_mix
from toolkit.config.schema import Config
from toolkit.errors import ConfigError, MissingFileError

# Settings that are paths, relative to the config file.
_PATHS = (
    ("runs_dir",),
    ("data", "source"),
    ("data", "images"),
    ("evaluate", "data"),
    ("evaluate", "target"),
    ("evaluate", "leaderboard"),
    ("tune", "mix"),
    ("ensemble", "pseudo_labels", "source"),
    ("package", "destination"),
    ("package", "test_source"),
    ("package", "sample"),
    ("package", "template"),
    ("clean", "decisions"),
)
_WEIGHTS = (("model", "weights"), ("clean", "weights"))
_NAMED_WEIGHTS = {"packaged", "imagenet", "none"}


def load_config(source: Config | Mapping[str, Any] | str | Path, assignments: Iterable[str] = ()) -> Config:
    """Read and check a config.

    Args:
        source: Path of a YAML file (relative paths in it start from its folder), a mapping (relative paths start from
            the working directory), or a finished config.
        assignments: `section.key=value` texts that override it, typed like the file.

    Raises:
        ConfigError: A key is unknown (the nearest known one is named), a value has the wrong type or range.
        MissingFileError: There is no such file.
    """
    file: Path | None = None
    if isinstance(source, Config):
        values = source.model_dump(by_alias=True, exclude_unset=True)
        file = source.file
    elif isinstance(source, Mapping):
        values = copy.deepcopy(dict(source))  # assignments must not reach into the caller's mapping
    else:
        file = Path(source).absolute()
        values = _read_yaml(file)
    for text in assignments:
        path, value = parse_assignment(text)
        put(values, path, value)
    return _check(values, file)


def apply(config: Config, settings: Mapping[str, Any]) -> Config:
    """A copy of `config` with settings replaced by dotted path, for example `{"model.head.units.0": 128}`.

    Raises:
        ConfigError: A path or value does not fit.
    """
    values = config.model_dump(by_alias=True)
    for path, value in settings.items():
        put(values, path, value)
    return _check(values, config.file)


def member(config: Config, settings: Mapping[str, Any]) -> Config:
    """The config of one member of the ensemble: its settings over all others, and no members of its own.

    Raises:
        ConfigError: A setting does not fit.
    """
    return apply(config, {"ensemble.members": (), **settings})


def restore(values: Mapping[str, Any], file: Path | None) -> Config:
    """A config from its own values, as another process dumped them.

    Args:
        values: All settings.
        file: The YAML file that they were read from, None for a config made in Python.
    """
    return _check(dict(values), file)


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split `section.key=value`; the value is read as YAML.

    Raises:
        ConfigError: There is no `=`, or the value is not YAML.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set {text!r} is not of the form section.key=value, for example train.epochs=5.")
    try:
        return path.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {path}: the value {value!r} is not valid YAML ({error}).") from error


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path in nested dicts and lists; unknown names are left for the check to report.

    Args:
        values: Changed in place.
        path: For example `model.head.units.0`; the keys of `tune.space` hold dots themselves.
        value: Any YAML value.

    Raises:
        ConfigError: The path leads through something that has no parts, or beyond a list's end.
    """
    if path.startswith("tune.space."):
        names = ["tune", "space", path.removeprefix("tune.space.")]
    else:
        names = path.split(".")
    _put(values, names, value, path, Config)


def _put(node: Any, names: list[str], value: Any, path: str, model: Any) -> None:
    name, rest = names[0], names[1:]
    if isinstance(node, list):
        if not name.isdigit() or int(name) >= len(node):
            raise ConfigError(f"{path}: {name!r} is not an index below {len(node)} of that list.")
        if rest:
            _put(node[int(name)], rest, value, path, None)
        else:
            node[int(name)] = value
        return
    field = getattr(model, "model_fields", {}).get(name)
    if not rest:
        node[name] = value
        return
    child = node.get(name)
    if child is None and field is not None:
        default = field.get_default(call_default_factory=True)
        child = default.model_dump(by_alias=True) if isinstance(default, BaseModel) else default
        child = {} if not isinstance(child, dict | list | tuple) else child
    if isinstance(child, tuple):
        child = list(child)
    if child is None:
        child = {}  # an unknown section: the check names the nearest known one
    if not isinstance(child, dict | list):
        raise ConfigError(f"{path}: {name!r} is a single value ({child!r}) and has no part {rest[0]!r}.")
    node[name] = child
    _put(child, rest, value, path, _section(field))


def _section(field: Any) -> Any:
    annotation = getattr(field, "annotation", None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MissingFileError(
            f"There is no config at {file}. Write one with `toolkit init DATA -o {file.name}`, or name another with -c."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read as a UTF-8 text file: {error}.") from error
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{file} must hold `key: value` lines at its top level, such as `name: my_contest`.")
    return values


def _check(values: dict[str, Any], file: Path | None) -> Config:
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explain(error, file)) from error
    base = file.parent if file else Path.cwd()
    resolved = config
    for path in _PATHS:
        resolved = _replace(resolved, path, lambda value: _resolve(base, value))
    for path in _WEIGHTS:
        resolved = _replace(
            resolved, path, lambda value: value if value in _NAMED_WEIGHTS else str(_resolve(base, Path(value)))
        )
    against = tuple(_resolve(base, source) for source in resolved.clean.against)
    starts = tuple(name if name == "pairs" else str(_resolve(base, Path(name))) for name in resolved.tune.warm_start)
    resolved = resolved.model_copy(
        update={
            "clean": resolved.clean.model_copy(update={"against": against}),
            "tune": resolved.tune.model_copy(update={"warm_start": starts}),
        }
    )
    if resolved.tune.mix is not None:
        # What is optimised on is named in one place, so that `evaluate` keeps off it.
        names = tuple(dict.fromkeys(name for name, _ in read_mix(resolved.tune.mix) if name != CLEAN))
        resolved = resolved.model_copy(update={"tune": resolved.tune.model_copy(update={"corruptions": names})})
    resolved._file = file
    for number, settings in enumerate(resolved.ensemble.members):
        try:
            member(resolved, settings)
        except ConfigError as error:
            raise ConfigError(f"ensemble.members.{number}: {error}") from error
    return resolved


def _resolve(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path.expanduser()))


def _replace(model: Any, path: tuple[str, ...], change: Any) -> Any:
    value = getattr(model, path[0])
    if value is None:
        return model
    new = change(value) if len(path) == 1 else _replace(value, path[1:], change)
    return model.model_copy(update={path[0]: new})


def _explain(error: ValidationError, file: Path | None) -> str:
    where = str(file) if file else "The config"
    problems = []
    for item in error.errors():
        names = [str(part) for part in item["loc"]]
        # pydantic names the kind of report between the section and its setting; the file does not.
        path = ".".join(names[:1] + names[2:] if names[:1] == ["paper"] and len(names) > 2 else names)
        if item["type"] == "extra_forbidden":
            known = _known_keys(names[:-1])
            near = difflib.get_close_matches(names[-1], known, n=1, cutoff=0.5)
            right = ".".join([*path.split(".")[:-1], near[0]]) if near else ""
            hint = f"; did you mean {right!r}?" if near else f"; known: {', '.join(known)}"
            problems.append(f"unknown key {path!r}{hint}")
        elif item["type"] == "missing":
            problems.append(f"{path!r} is missing: it must be given")
        else:
            message = item["msg"].removeprefix("Value error, ")
            problems.append(f"{path}: {message[0].lower()}{message[1:]} (got {_short(item['input'])})")
    return f"{where} has {len(problems)} wrong setting{'s' * (len(problems) > 1)}: " + "; ".join(problems)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _known_keys(names: list[str]) -> list[str]:
    """Keys of the section at a path, [] where there is none."""
    annotation: Any = Config
    for name in names:
        if typing.get_origin(annotation) is dict:  # such as tune.space, whose keys are free
            annotation = typing.get_args(annotation)[1]
        else:
            field = getattr(annotation, "model_fields", {}).get(name)
            annotation = field.annotation if field else _of_kind(annotation, name)
    fields = getattr(annotation, "model_fields", {})
    return [field.alias or key for key, field in fields.items()]


def _of_kind(annotation: Any, name: str) -> Any:
    """The one of several kinds of a section whose `method` is `name`, None where there is none."""
    kinds = typing.get_args(annotation)
    method = getattr(annotation, "model_fields", {}).get("method")
    if method is not None and name in typing.get_args(method.annotation):
        return annotation
    return next((found for kind in kinds if (found := _of_kind(kind, name)) is not None), None)
