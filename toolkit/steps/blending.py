"""The blend of a trained ensemble, learned from what its members predicted out of fold; nothing is trained for it.

Blend and comparison lie in the run of `ensemble`, under `votes/<key>/`, where the key holds the settings of the vote:
another vote, metric or calibration costs seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.artifacts import read_json, write_json
from toolkit.config import Config
from toolkit.console import Console
from toolkit.ensembling.blending import Blend, one_model_each
from toolkit.ensembling.calibration import Calibration, calibrate
from toolkit.ensembling.checks import align
from toolkit.ensembling.fitting import fit
from toolkit.ensembling.priors import Priors, estimate_priors
from toolkit.ensembling.selection import Comparison, compare
from toolkit.ensembling.votes import VOTES
from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps import keys
from toolkit.steps.members import Members, Read

if TYPE_CHECKING:
    from toolkit.steps.ensemble import Ensemble


@dataclass(frozen=True)
class OutOfFold:
    """What every member predicted of pictures that its models had not seen.

    Attributes:
        image_id: n names; pictures that some member did not predict are left out.
        probabilities: `(m, n, k)` float32.
        labels: `(n,)` int.
        groups: `(n,)` group of each picture.
        classes: k names.
    """

    image_id: tuple[str, ...]
    probabilities: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of all of it."""
        digest = hashlib.sha256(repr((self.image_id, self.classes, self.probabilities.shape)).encode())
        digest.update(np.ascontiguousarray(self.probabilities).tobytes())
        digest.update(repr((self.labels.tolist(), [str(group) for group in self.groups])).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Votes:
    """How the members of an ensemble agree, and what each way scores out of fold.

    Attributes:
        blend: The one of `ensemble.vote`.
        vote: Its name; for `auto` what was chosen.
        comparison: All votes; None where there was nothing to compare.
        calibrations: One a member, empty without a comparison.
        note: Why there is no comparison, else empty.
    """

    blend: Blend
    vote: str
    comparison: Comparison | None
    calibrations: tuple[Calibration, ...]
    note: str = ""


def out_of_fold(members: Sequence[Predictions], data: Manifest) -> OutOfFold:
    """Join the members' predictions on image id and class name.

    Args:
        members: One a member: every picture of some of the folds.
        data: The pictures of all folds, with labels and groups.

    Raises:
        DataError: Members know other classes or no picture in common, or values are no probabilities.
    """
    common = reduce(lambda kept, member: kept & set(member.image_id.tolist()), members, set(data.image_ids.tolist()))
    if not common:
        raise DataError(
            f"The {len(members)} members have no picture in common that all predicted out of fold, so no vote can be "
            "compared or learned. Train them on the same data and folds."
        )
    kept = data.select(name for name in data.image_ids if name in common)
    probabilities = align(members, kept.image_ids, kept.classes)
    return OutOfFold(tuple(kept.image_ids.tolist()), probabilities, kept.labels, kept.groups, tuple(kept.classes))


def votes_of(run: Path, config: Config, predicted: OutOfFold, console: Console) -> Votes:
    """The blend of `ensemble.vote` and the comparison of all votes, computed once for the same settings.

    Where votes cannot be compared (one class, one group) and the vote learns nothing, the reason is noted instead.

    Args:
        run: Directory of the `ensemble` run.
        config: All settings.
        predicted: What the members predicted out of fold.
        console: Shows that votes are compared.

    Raises:
        DataError: The vote must be learned and cannot be.
    """
    folder = run / "votes" / keys.votes_key(config, predicted.fingerprint)
    if (folder / "blend.json").exists():
        return _load(folder)
    settings = config.ensemble
    try:
        with console.progress("Comparing votes out of fold") as on_progress:
            comparison = compare(
                predicted.probabilities, predicted.labels, predicted.groups, predicted.classes,
                objective=settings.metric, calibrated=settings.calibrate, seed=config.seed,
            )  # fmt: skip
            on_progress(1, 1)
    except DataError as error:
        if settings.vote not in VOTES or settings.calibrate:
            raise
        votes = Votes(Blend(settings.vote), settings.vote, None, (), f"Votes were not compared. {error}")
    else:
        vote = comparison.chosen if settings.vote == "auto" else settings.vote
        blend = fit(vote, predicted.probabilities, predicted.labels, objective=settings.metric,
                    calibrated=settings.calibrate, seed=config.seed)  # fmt: skip
        calibrations = tuple(calibrate(member, predicted.labels, predicted.groups, seed=config.seed)
                             for member in predicted.probabilities)  # fmt: skip
        votes = Votes(blend, vote, comparison, calibrations)
    write_json(folder / "comparison.json", {
        "settings": keys.vote_settings(config), "vote": votes.vote, "note": votes.note,
        "comparison": votes.comparison.to_dict() if votes.comparison else None,
        "calibrations": [asdict(row) for row in votes.calibrations],
    })  # fmt: skip
    write_json(folder / "blend.json", votes.blend.to_dict())
    return votes


def votes_of_ensemble(ensemble: Ensemble, console: Console | None = None) -> Votes:
    """As `votes_of`, for a finished ensemble."""
    predicted = out_of_fold(ensemble.out_of_fold, ensemble.split.larger)
    return votes_of(ensemble.run.path, ensemble.config, predicted, console or Console(quiet=True))


def blend_of(ensemble: Ensemble) -> Blend:
    """How the models of a finished ensemble agree: learned now, or read where that has been done."""
    settings = ensemble.config.ensemble
    if settings.vote in VOTES and not settings.calibrate:
        return Blend(settings.vote)
    return votes_of_ensemble(ensemble).blend


def members_of(ensemble: Ensemble, console: Console) -> Members:
    """The models of a finished ensemble and their blend, loaded."""
    return Members(ensemble.models, blend_of(ensemble), console, ensemble.config.ensemble.tta, owner=ensemble.owner)


def statistics_for(
    config: Config, members: Members, read: Read, image_ids: Sequence[str]
) -> AbstractContextManager[int | None]:
    """Within it, the models normalise as `ensemble.batch_norm` says for these pictures: for `tell_renewed`.

    Args:
        config: All settings.
        members: Models of the ensemble.
        read: Image ids → uint8 RGB pictures at the training size.
        image_ids: n names: the pictures that are predicted within it, all of them.
    """
    settings = config.ensemble
    if settings.batch_norm == "train" or not len(image_ids):
        return nullcontext(None)
    return members.renewed(read, image_ids, settings.batch_norm_source)


def tell_renewed(console: Console, changed: int | None) -> None:
    """Say what `ensemble.batch_norm: target` does to these networks.

    Args:
        console: Is told.
        changed: Layers with statistics of the pictures they predict; None: there was nothing to change.
    """
    if changed:
        console.note(f"{changed} batch normalisations have the statistics of the pictures they predict.")
    elif changed == 0:
        console.note(
            "ensemble.batch_norm is target, but has no effect: the networks have no batch normalisation that was "
            "trained (frozen layers keep theirs)."
        )


def predict_target(
    ensemble: Ensemble, members: Members, read: Read, image_ids: Sequence[str], what: str
) -> tuple[np.ndarray, Priors | None]:
    """Predict target pictures, all at once, with `ensemble.batch_norm` and `ensemble.prior_correction`.

    Shares are estimated with the blend as it stands out of fold, one model of each member, since errors were counted
    there; EM with mean probabilities where the vote itself gives none to calculate with.

    Args:
        ensemble: A finished one.
        members: Its models.
        read: Image ids → uint8 RGB pictures at the training size.
        image_ids: n names.
        what: A few words for the progress bar.

    Returns:
        `(n, k)` float32 probabilities, and the estimated priors, None without correction.
    """
    settings = ensemble.config.ensemble
    method = settings.prior_correction
    with statistics_for(ensemble.config, members, read, image_ids) as changed:
        tell_renewed(members.console, changed)
        models = members.predict_models(read, image_ids, what)
    if method == "none" or not len(image_ids):
        return members.combine(models), None
    predicted = out_of_fold(ensemble.out_of_fold, ensemble.split.larger)
    blend = members.blend
    if method == "em" and blend.vote in {"majority", "rank"}:
        blend = Blend("mean", temperatures=blend.temperatures)
    views = np.stack([blend.combine(view) for view in one_model_each(models, members.owner)])
    found = estimate_priors(method, blend.combine(predicted.probabilities), predicted.labels, views,
                            seed=ensemble.config.seed)  # fmt: skip
    return members.blend.with_prior(found.ratio).combine(models, members.owner), found


def _load(folder: Path) -> Votes:
    values = read_json(folder / "comparison.json")
    comparison = Comparison.from_dict(values["comparison"]) if values["comparison"] else None
    calibrations = tuple(Calibration(**row) for row in values["calibrations"])
    return Votes(Blend.from_dict(read_json(folder / "blend.json")), values["vote"], comparison, calibrations,
                 values["note"])  # fmt: skip
