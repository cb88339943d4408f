"""Which networks go into a package: all, the best out of fold, or their mean; and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolkit.config.package_schema import Package as PackageSettings
from toolkit.errors import SubmissionError
from toolkit.predictions import Predictions
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.fold_training import FoldRecord
from toolkit.steps.package_parts import Parts, best_members, parts_of
from toolkit.steps.project import Project
from toolkit.steps.single_network import SingleNetwork
from toolkit.steps.size_costs import Cost, paired_difference

_OVERHEAD = 50_000  # bytes of model.py and the like


@dataclass(frozen=True)
class Chosen:
    """The networks to pack.

    Attributes:
        parts: The networks and how they agree.
        local: What they predict for the holdout pictures here.
        whole: Whether these are all networks as they were trained.
        margin: Half width of the paired 95 % interval of their accuracy minus that of all networks in full.
        costs: What other sizes would score; empty where nobody asked.
    """

    parts: Parts
    local: Predictions
    whole: bool
    margin: float = 0.0
    costs: tuple[Cost, ...] = ()


def choose(project: Project, ensemble: Ensemble, evaluated: EvaluateResult, folder: Path) -> Chosen:
    """Choose by `package.members` and `package.float16`.

    Networks are ranked by out-of-fold accuracy alone, and their number follows from the limit of size, from the config,
    or from out-of-fold scores: the holdout only measures what a choice costs.

    Args:
        project: The contest.
        ensemble: Its trained models.
        evaluated: Their scores.
        folder: Where smaller copies of models are written.

    Raises:
        SubmissionError: Not even one model fits.
    """
    settings = ensemble.config.package
    parts = parts_of(ensemble)
    reference = Predictions.load(evaluated.run_dir / "predictions-clean.npz").select(ensemble.split.smaller.image_ids)
    whole = settings.members == "all" and not settings.float16
    if whole and not settings.size_table:
        return Chosen(parts, reference, True)
    # Best first; all of them keep their order, in which a blend was learned.
    order, needed = (list(range(len(parts.models))), None) if settings.members == "all" else _ranked(ensemble, parts)
    sizes = _Sizes(project, ensemble, parts.select(order), folder)
    count = _count(project, settings, sizes, needed)
    average = _Option("average", len(set(parts.owner)), settings.float16)
    chosen = average if settings.members == "average" else _Option(str(count), count, settings.float16)
    costs = _costs(sizes, chosen, reference)
    local = sizes.predict(chosen) if not whole else reference.probabilities
    found = Predictions.build(reference.image_id, local, reference.class_names)
    margin = paired_difference(found.labels == sizes.labels, reference.labels == sizes.labels)[1]
    return Chosen(parts if whole else sizes.parts_of(chosen), found, whole, margin, costs)


@dataclass(frozen=True)
class _Option:
    """A choice: how many networks, or their mean; full or half the bits."""

    choice: str
    members: int
    float16: bool


class _Sizes:
    """Networks in every size, each written and run once.

    Args:
        project: The contest.
        ensemble: Its trained models.
        parts: Its networks, in the order in which they are chosen.
        folder: Where copies are written.
    """

    def __init__(self, project: Project, ensemble: Ensemble, parts: Parts, folder: Path) -> None:
        self.parts = parts
        self._project = project
        self._config = ensemble.config
        self._ids = ensemble.split.smaller.image_ids.tolist()
        self.labels = ensemble.split.smaller.labels
        self._read = project.pixels(project.manifest, project.hashes).read
        self._folder = folder
        self._seen: dict[Path, np.ndarray] = {}

    def parts_of(self, option: _Option) -> Parts:
        """The networks of a choice, which are written where they are not there yet."""
        if option.choice == "average":
            members = sorted(set(self.parts.owner))
            paths = tuple(self._average(member, option.float16) for member in members)
            return replace(self.parts, models=paths, owner=tuple(members))
        chosen = self.parts.select(range(option.members))
        if not option.float16:
            return chosen
        return replace(chosen, models=tuple(self._half(path, index) for index, path in enumerate(chosen.models)))

    def predict(self, option: _Option) -> np.ndarray:
        """`(n, k)` probabilities of a choice for the holdout pictures."""
        parts = self.parts_of(option)
        for path in parts.models:
            if path not in self._seen:
                self._seen[path] = SingleNetwork(self._project, self._config, path, self.parts.views).predict(
                    self._read, self._ids, "What sizes cost"
                )
        return parts.combine(np.stack([self._seen[path] for path in parts.models]))

    def bytes(self, option: _Option) -> int:
        """Size of the networks of a choice."""
        return sum(path.stat().st_size for path in self.parts_of(option).models)

    def _half(self, path: Path, index: int | str) -> Path:
        from toolkit.submission.halving import halve

        copy = self._folder / f"half-{index}.keras"
        if not copy.exists():
            halve(path, copy)
        return copy

    def _average(self, member: int, float16: bool) -> Path:
        from toolkit.submission.network_files import average

        path = self._folder / f"average-{member}.keras"
        if not path.exists():
            networks = zip(self.parts.models, self.parts.owner, strict=True)
            average([model for model, owner in networks if owner == member], path)
        return self._half(path, f"average-{member}") if float16 else path


def _ranked(ensemble: Ensemble, parts: Parts) -> tuple[list[int], int | None]:
    """Networks, best out of fold first, and how many of them keep the out-of-fold score.

    Of several members those come first that help most, each with all of its networks. With one, each picture is new to
    one network only, so no vote can be scored out of fold: networks are ordered by their own accuracy there, and how
    many keep the score cannot be told.
    """
    from toolkit.artifacts import read_json
    from toolkit.steps.blending import out_of_fold

    if len(set(parts.owner)) == 1:
        accuracy = [FoldRecord(**read_json(path.parent / "DONE")).accuracy for path in ensemble.models]
        return sorted(range(len(accuracy)), key=lambda index: -accuracy[index]), None
    predicted = out_of_fold(ensemble.out_of_fold, ensemble.split.larger)
    members, scores = best_members(parts.blend, predicted.probabilities, predicted.labels)
    needed = next(count for count, score in enumerate(scores, 1) if score >= scores[-1])
    order = [row for member in members for row, owner in enumerate(parts.owner) if owner == member]
    return order, sum(parts.owner.count(member) for member in members[:needed])


def _count(project: Project, settings: PackageSettings, sizes: _Sizes, needed: int | None) -> int:
    """How many networks are packed."""
    total, float16, max_mb = len(sizes.parts.models), settings.float16, settings.max_mb
    if isinstance(settings.members, int):
        return min(settings.members, total)
    if settings.members == "fewest":
        if needed is not None:
            return needed
        project.console.note(
            "package.members: fewest needs several members that were each scored out of fold; this ensemble has one, "
            "so all of its networks are packed. package.size_table: true says what fewer would score."
        )
    if settings.members != "fit":
        return total
    fitting = [
        count for count in range(1, total + 1)
        if sizes.bytes(_Option(str(count), count, float16)) + _OVERHEAD <= max_mb * 1e6
    ]  # fmt: skip
    if not fitting:
        size = sizes.bytes(_Option("1", 1, float16))
        raise SubmissionError(
            f"Not one model fits: the best has {size / 1e6:.0f} MB and package.max_mb is {max_mb:g}. "
            + ("" if float16 else "Set package.float16: true for half the size, or ")
            + "Use a smaller backbone (model.backbone), or raise package.max_mb if the contest accepts it."
        )
    return fitting[-1]


def _costs(sizes: _Sizes, chosen: _Option, reference: Predictions) -> tuple[Cost, ...]:
    before = reference.labels == sizes.labels
    total, members = len(sizes.parts.models), len(set(sizes.parts.owner))
    options = [
        option
        for float16 in (False, True)
        for option in (
            *(_Option(str(count), count, float16) for count in range(1, total + 1)),
            *([_Option("average", members, float16)] if total > members else []),
        )
    ]
    costs = []
    for option in options:
        right = sizes.predict(option).argmax(axis=1) == sizes.labels
        difference, margin = paired_difference(right, before)
        costs.append(
            Cost(
                choice=option.choice,
                members=option.members,
                float16=option.float16,
                megabytes=round(sizes.bytes(option) / 1e6, 2),
                accuracy=float(right.mean()),
                difference=difference,
                margin=margin,
                chosen=option == chosen,
            )
        )
    return tuple(costs)
