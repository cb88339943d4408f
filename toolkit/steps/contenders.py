"""Which runs are one configuration, and what each is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.artifacts import make_key
from toolkit.errors import DataError
from toolkit.evaluation.contenders import Contender, Run
from toolkit.predictions import Predictions
from toolkit.steps.finished_runs import FinishedRun, Truth, locate_run, read_predictions, read_run

_SHORT = 6


@dataclass
class Entry:
    """Runs of one configuration.

    Attributes:
        name: As given; empty: chosen from its runs.
        runs: At least one.
    """

    name: str
    runs: list[FinishedRun] = field(default_factory=list)


def read_entries(runs: Sequence[str], groups: Sequence[str], labels: Path | None) -> list[Entry]:
    """Read all runs and put together what belongs together.

    Args:
        runs: `PATH` or `NAME=PATH`.
        groups: `NAME=PATH,PATH,…`.
        labels: Source of the labels of `.npz` files and of what `evaluate --data` scored.

    Raises:
        ToolkitError: Anything that keeps them from being compared.
    """
    # `runs/x/evaluate/*` names the latest run twice, the first time out of order.
    runs = sorted(runs, key=lambda text: Path(text).name == "latest")
    named = [("", [text]) if _is_path(text) else _named(text) for text in runs] + [_named(text) for text in groups]
    places: list[tuple[str, list[Path]]] = []
    seen: dict[Path, str] = {}
    for name, texts in named:
        paths = []
        for place in map(locate_run, map(Path, texts)):
            if name != seen.get(place, name):
                raise DataError(f"{place} is named for both {seen[place] or 'itself'!r} and {name or 'itself'!r}.")
            if place not in seen:
                seen[place] = name
                paths.append(place)
        places += [(name, paths)] if paths else []
    truths = _Labels(labels)
    entries = [Entry(name, [_read(path, truths) for path in paths]) for name, paths in places]
    entries = _grouped(entries)
    if len(entries) < 2:
        told = f"all {len(seen)} runs are one configuration with different seeds" if len(seen) > 1 else "there is one"
        raise DataError(
            f"A comparison needs two configurations, but {told}. Name a run of another configuration, or give runs "
            "names of their own: A=runs/one B=runs/two."
        )
    _check_agreement([run for entry in entries for run in entry.runs])
    _name(entries)
    return entries


def contender(entry: Entry) -> Contender:
    """An entry as `evaluation.comparison` takes it."""
    return Contender(entry.name, tuple(Run(run.seed, run.answers) for run in entry.runs))


def differences(entries: Sequence[Entry]) -> dict[str, tuple[Any, ...]]:
    """Settings that are not the same everywhere: the value of each entry, None where it has none."""
    first = [entry.runs[0].settings for entry in entries]
    names = list(dict.fromkeys(name for settings in first for name in settings))
    table = {name: tuple(settings.get(name) for settings in first) for name in names}
    return {name: values for name, values in table.items() if any(value != values[0] for value in values)}


class _Labels:
    """The source of `--labels`, read once for each list of classes."""

    def __init__(self, source: Path | None) -> None:
        self.source = source
        self._known: dict[tuple[str, ...], Truth] = {}

    def of(self, predictions: Path) -> Truth | None:
        if self.source is None:
            return None
        classes = Predictions.load(predictions).class_names
        if classes not in self._known:
            from toolkit.sources import read_source

            manifest = read_source(self.source, classes=classes, labelled=True)
            ids = [str(name) for name in manifest.image_ids]
            names = [manifest.classes[label] for label in manifest.labels.tolist()]
            groups = dict(zip(ids, map(str, manifest.groups), strict=True))
            self._known[classes] = Truth(str(self.source), dict(zip(ids, names, strict=True)), groups)
        return self._known[classes]


def _read(path: Path, labels: _Labels) -> FinishedRun:
    if path.is_dir():
        further = path / "predictions-data.npz"
        return read_run(path, labels.of(further) if further.exists() else None)
    truth = labels.of(path)
    if truth is None:
        raise DataError(
            f"{path} holds predictions but no labels. Name the labelled source of its pictures: --labels SOURCE, a "
            "folder of class folders, a CSV, a Kaggle folder or a .npz."
        )
    return read_predictions(path, truth)


def _is_path(text: str) -> bool:
    return "=" not in text or Path(text).exists()


def _named(text: str) -> tuple[str, list[str]]:
    name, separator, paths = text.partition("=")
    texts = [part.strip() for part in paths.split(",") if part.strip()]
    if not separator or not name.strip() or not texts:
        raise DataError(f"{text!r} names no group: write NAME=RUN,RUN,… such as --group small=runs/a,runs/b.")
    return name.strip(), texts


def _grouped(entries: Sequence[Entry]) -> list[Entry]:
    """Unnamed runs whose settings differ only in the seed become one entry; those of one name too."""
    found: dict[str, Entry] = {}
    for entry in entries:
        run = entry.runs[0]
        key = f"named {entry.name}" if entry.name else make_key(run.settings, run.path.parent.name)
        if not entry.name and not run.settings:
            key = str(run.path)
        while not entry.name and key in found and run.seed in {other.seed for other in found[key].runs}:
            key += " again"
        found.setdefault(key, Entry(entry.name)).runs.extend(entry.runs)
    return list(found.values())


def _check_agreement(runs: Sequence[FinishedRun]) -> None:
    """Make sure that all speak of the same classes and the same truth."""
    first = runs[0]
    truth: dict[str, dict[str, tuple[str, FinishedRun]]] = {}
    for run in runs:
        if set(run.classes) != set(first.classes):
            raise DataError(
                f"{run.path} predicts the classes {_listed(run.classes)}, but {first.path} predicts "
                f"{_listed(first.classes)}. Only predictions of the same classes can be compared; name them alike with "
                "`data.classes`."
            )
        for test, names in run.truth.items():
            known = truth.setdefault(test, {})
            wrong = [name for name, value in names.items() if name in known and known[name][0] != value]
            if wrong:
                value, other = known[wrong[0]]
                raise DataError(
                    f"{len(wrong):,} pictures ({test}) have different labels in {other.path} and {run.path}, for "
                    f"example {wrong[0]!r}: {value!r} and {names[wrong[0]]!r}. Either these are different data sets "
                    "or `clean` relabelled them; name the .npz files with --labels SOURCE, so that one truth counts."
                )
            known |= {name: (value, run) for name, value in names.items()}


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:6])
    return f"{shown}, … ({len(names)})" if len(names) > 6 else shown


def _name(entries: Sequence[Entry]) -> None:
    """Name what has none: by its contest, with its key where several are of one contest."""
    wanted = [entry.name or entry.runs[0].project for entry in entries]
    for entry, name in zip(entries, wanted, strict=True):
        if not entry.name:
            run, twice = entry.runs[0], wanted.count(name) > 1
            own = f"{run.path.parent.name}/{name}" if run.folder is None else f"{name} {run.path.name[:_SHORT]}"
            entry.name = own if twice else name
    names: Mapping[str, int] = {entry.name: 0 for entry in entries}
    if len(names) < len(entries):
        for number, entry in enumerate(entries, start=1):
            entry.name = f"{entry.name} ({number})"
