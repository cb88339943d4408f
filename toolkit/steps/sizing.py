"""Which models go into a package: all, or the best out of fold that fit, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from toolkit.ensembling.blending import Blend
from toolkit.errors import SubmissionError
from toolkit.predictions import Predictions
from toolkit.steps.blending import blend_of
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.evaluate import EvaluateResult
from toolkit.steps.fold_training import FoldRecord
from toolkit.steps.members import Members
from toolkit.steps.project import Project

_OVERHEAD = 50_000  # bytes of model.py and the like


class Cost(BaseModel):
    """One choice of size and what it scores on the holdout.

    Attributes:
        members: Models, best out of fold first.
        float16: Whether matrices have half the bits.
        megabytes: Size of their files.
        accuracy: On the holdout pictures.
        difference: Accuracy minus that of all models in full.
        margin: Half width of the paired 95 % interval of the difference.
    """

    model_config = ConfigDict(frozen=True)

    members: int
    float16: bool
    megabytes: float
    accuracy: float
    difference: float
    margin: float


@dataclass(frozen=True)
class Chosen:
    """The models to pack.

    Attributes:
        models: Their files.
        local: What their vote predicts for the holdout pictures here.
        costs: What other numbers of members would cost; empty where all are packed as they are.
    """

    models: tuple[Path, ...]
    local: Predictions
    costs: tuple[Cost, ...] = ()


def choose(project: Project, ensemble: Ensemble, evaluated: EvaluateResult, folder: Path) -> Chosen:
    """Choose by `package.members` and `package.float16`.

    Members are ranked by out-of-fold accuracy alone, and their number follows from the limit of size or from the
    config: the holdout only measures what a choice costs. (No vote of several members can be scored out of fold, as
    each picture is new to one of them only.)

    Args:
        project: The contest.
        ensemble: Its trained models.
        evaluated: Their scores.
        folder: Where smaller copies of models are written.

    Raises:
        SubmissionError: Not even one model fits.
    """
    settings = ensemble.config.package
    paths = list(ensemble.models)
    reference = Predictions.load(evaluated.run_dir / "predictions-clean.npz").select(ensemble.split.smaller.image_ids)
    if settings.members == "all" and not settings.float16:
        return Chosen(tuple(paths), reference)
    order = _ranked(ensemble)
    paths = [paths[index] for index in order]
    if settings.float16:
        paths = _halved(paths, folder)
    sizes = np.cumsum([path.stat().st_size for path in paths])
    count = len(paths) if settings.members == "all" else _count(settings.members, sizes, settings.max_mb)
    if count == 0:
        raise SubmissionError(
            f"Not one model fits: the best has {sizes[0] / 1e6:.0f} MB and package.max_mb is {settings.max_mb:g}. "
            + ("" if settings.float16 else "Set package.float16: true for half the size, or ")
            + "Use a smaller backbone (model.backbone), or raise package.max_mb if the contest accepts it."
        )
    each = _predict_each(project, ensemble, paths)
    blend, owner = blend_of(ensemble), [ensemble.owner[index] for index in order]
    costs = _costs(ensemble, blend, owner, each, reference, sizes / 1e6)
    chosen = blend.combine(each[:count], owner[:count])
    return Chosen(tuple(paths[:count]), Predictions.build(reference.image_id, chosen, reference.class_names), costs)


def _ranked(ensemble: Ensemble) -> list[int]:
    from toolkit.artifacts import read_json

    accuracy = [FoldRecord(**read_json(path.parent / "DONE")).accuracy for path in ensemble.models]
    return sorted(range(len(accuracy)), key=lambda index: -accuracy[index])


def _halved(paths: Sequence[Path], folder: Path) -> list[Path]:
    from toolkit.submission.halving import halve

    copies = [folder / f"{index}.keras" for index in range(len(paths))]
    for path, copy in zip(paths, copies, strict=True):
        halve(path, copy)
    return copies


def _count(members: int | str, sizes: np.ndarray, max_mb: float) -> int:
    if isinstance(members, int):
        return min(members, len(sizes))
    return int(np.searchsorted(sizes + _OVERHEAD, max_mb * 1e6, side="right"))


def _predict_each(project: Project, ensemble: Ensemble, paths: Sequence[Path]) -> np.ndarray:
    """`(m, n, k)` probabilities of each model for the holdout pictures."""
    ids = ensemble.split.smaller.image_ids.tolist()
    read = project.pixels(project.manifest, project.hashes).read
    views = ensemble.config.ensemble.tta
    return np.stack([
        # The mean of one member is that member's own probability.
        Members([path], "mean", project.console, views).predict(read, ids, f"What member {rank + 1} adds")
        for rank, path in enumerate(paths)
    ])  # fmt: skip


def _costs(
    ensemble: Ensemble,
    blend: Blend,
    owner: Sequence[int],
    each: np.ndarray,
    reference: Predictions,
    megabytes: np.ndarray,
) -> tuple[Cost, ...]:
    truth = ensemble.split.smaller.labels
    before = reference.labels == truth
    costs = []
    for count in range(1, len(each) + 1):
        right = blend.combine(each[:count], owner[:count]).argmax(axis=1) == truth
        change = right.astype(float) - before
        costs.append(
            Cost(
                members=count,
                float16=ensemble.config.package.float16,
                megabytes=round(float(megabytes[count - 1]), 2),
                accuracy=float(right.mean()),
                difference=float(change.mean()),
                margin=float(1.96 * change.std() / np.sqrt(len(change))),
            )
        )
    return tuple(costs)
