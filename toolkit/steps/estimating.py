"""Estimates of the hidden score, wired to a run's local tests, unlabelled target pictures and the leaderboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import read_json
from toolkit.errors import ToolkitError
from toolkit.evaluation.estimates import (
    Calibration,
    Estimate,
    Foretold,
    KnownTest,
    Separation,
    Shares,
    predictive_interval,
    separate,
)
from toolkit.evaluation.local_tests import LocalTest
from toolkit.manifest import Manifest
from toolkit.metrics import Scores
from toolkit.predictions import Predictions
from toolkit.steps.blending import blend_of
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.leaderboard_estimate import BoardEstimate
from toolkit.steps.members import Read
from toolkit.steps.project import Project

_EMBEDDED = 1000  # pictures of each side that adversarial validation looks at


@dataclass(frozen=True)
class TargetEstimate:
    """What unlabelled target pictures say.

    Attributes:
        fingerprint: Of the pictures, by content.
        pictures: How many there are.
        foretold: The accuracy, and the shares of the classes.
        class_names: `(k,)` in the order of the shares.
        separation: How well they are told from training pictures; None with fewer than ten of either.
        image_ids: Target pictures that give it away most, first the surest.
    """

    fingerprint: str
    pictures: int
    foretold: Foretold
    class_names: tuple[str, ...]
    separation: Separation | None
    image_ids: tuple[str, ...]

    @property
    def combined(self) -> Estimate:
        """All signals together."""
        return self.foretold.combined

    @property
    def single(self) -> Mapping[str, Estimate]:
        """Each signal alone, by name."""
        return self.foretold.single

    @property
    def shares(self) -> Shares:
        """Of the classes."""
        return self.foretold.shares

    def shares_by_class(self) -> dict[str, dict[str, float]]:
        """Known, predicted and estimated share of each class, and the ends of its interval."""
        row = self.shares
        names = ("known", "predicted", "point", "low", "high")
        columns = zip(row.known, row.predicted, row.point, row.low, row.high, strict=True)
        return {
            name: dict(zip(names, values, strict=True)) for name, values in zip(self.class_names, columns, strict=True)
        }


@dataclass(frozen=True)
class Estimates:
    """Everything that is foretold of the hidden score.

    Attributes:
        local: Without any target picture.
        target: With unlabelled target pictures, None without them.
        board: With past scores, None without them.
    """

    local: Estimate
    target: TargetEstimate | None = None
    board: BoardEstimate | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: `estimate`, and `target` and `leaderboard`, null without such."""
        told: dict[str, Any] = {"estimate": asdict(self.local), "target": None, "leaderboard": None}
        if self.target:
            found = self.target
            apart = found.separation
            told["target"] = {
                "fingerprint": found.fingerprint,
                "pictures": found.pictures,
                "combined": asdict(found.combined),
                "usual": asdict(found.foretold.usual),
                "single": {name: asdict(row) for name, row in found.single.items()},
                "shares": {"differ": found.shares.differ, "classes": found.shares_by_class()},
                "separation": {"auc": apart.auc, "low": apart.low, "high": apart.high} if apart else None,
                "giving_away": list(found.image_ids),
            }
        if self.board:
            told["leaderboard"] = self.board.to_dict()
        return told

    def intervals(self) -> dict[str, dict[str, float]]:
        """The estimates beside the local one, as `results.Interval` takes them."""
        named = {"target": self.target.combined if self.target else None,
                 "leaderboard": self.board.estimate if self.board else None}  # fmt: skip
        return {
            name: {"value": row.point, "low": row.low, "high": row.high}
            for name, row in named.items()
            if row is not None
        }


def local_estimate(ensemble: Ensemble, clean: Scores, tests: Sequence[LocalTest]) -> Estimate:
    """Without any target picture: what a shift of a new family would do."""
    pictures = ensemble.config.package.hidden_images or clean.n
    accuracy = [test.scores.accuracy.value for test in tests]
    return predictive_interval(
        clean.accuracy.value, accuracy, [test.family for test in tests], pictures, ensemble.config.seed
    )


def calibration(ensemble: Ensemble, tests: Sequence[KnownTest]) -> Calibration:
    """What the ensemble's signals mean, from its local tests, the clean one first."""
    return Calibration.of(tests, len(ensemble.models) if blend_of(ensemble).vote == "majority" else 0)


def known_tests(
    holdout: Manifest,
    clean: np.ndarray,
    tested: Manifest,
    tests: Sequence[LocalTest],
    probabilities: Mapping[str, np.ndarray],
) -> list[KnownTest]:
    """The local tests of an evaluation that is under way.

    Args:
        holdout: Pictures of the clean test.
        clean: `(n, k)` probabilities of them.
        tested: Those that were corrupted.
        tests: The corrupted tests.
        probabilities: `(m, k)` by label of the test.
    """
    corrupted = [KnownTest(test.family, tested.labels, probabilities[test.label]) for test in tests]
    return [KnownTest("", holdout.labels, clean), *corrupted]


def target_estimate(
    project: Project, ensemble: Ensemble, target: Manifest, probabilities: np.ndarray, tests: Sequence[KnownTest]
) -> TargetEstimate:
    """With unlabelled target pictures.

    Args:
        project: The contest.
        ensemble: Its models.
        target: The pictures.
        probabilities: `(n, k)` of the ensemble's vote on them.
        tests: The local tests, the clean one first.
    """
    foretold = calibration(ensemble, tests).estimate(probabilities)
    separation, image_ids = _separation(project, ensemble, target)
    return TargetEstimate(
        fingerprint=target.fingerprint(project.content_hashes(target)),
        pictures=len(target),
        foretold=foretold,
        class_names=tuple(ensemble.split.smaller.classes),
        separation=separation,
        image_ids=image_ids,
    )


def _separation(project: Project, ensemble: Ensemble, target: Manifest) -> tuple[Separation | None, tuple[str, ...]]:
    """Adversarial validation on the features that `clean` describes pictures by."""
    config = ensemble.config
    rng = np.random.default_rng([config.seed, 53])
    ours = _some(ensemble.cleaned.manifest.image_ids, rng)
    theirs = _some(target.image_ids, rng)
    if min(len(ours), len(theirs)) < 10:
        return None, ()
    from toolkit.nn.features import embed

    size = config.data.image_size

    def features(read: Read, names: Sequence[str], what: str) -> np.ndarray:
        with project.console.progress(what) as on_progress:
            return embed(config.clean.backbone, size, read, names, weights=config.clean.weights,
                         on_progress=on_progress)  # fmt: skip

    train = features(project.pixels(project.manifest, project.hashes).read, ours, "Describing training pictures")
    other = features(project.pixels(target).read, theirs, "Describing target pictures")
    found = separate(train, other, config.seed)
    return found, tuple(theirs[row] for row in found.rows)


def _some(names: np.ndarray, rng: np.random.Generator) -> list[str]:
    return [str(names[row]) for row in np.sort(rng.permutation(len(names))[:_EMBEDDED])]


def finished_calibration(project: Project, ensemble: Ensemble) -> Calibration | None:
    """The calibration of the newest evaluation of this ensemble; None where there is none that can be read."""
    folders = sorted((project.folder / "evaluate").glob("*/evaluation.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(folders):
        with suppress(OSError, ValueError, KeyError, TypeError, ToolkitError):
            stored = read_json(path)
            if stored["ensemble"] == ensemble.key and (path.parent / "DONE").exists():
                return calibration(ensemble, _stored_tests(path.parent, stored, ensemble.split.smaller))
    return None


def _stored_tests(folder: Path, stored: Mapping[str, Any], holdout: Manifest) -> list[KnownTest]:
    labels = dict(zip(holdout.image_ids.tolist(), holdout.labels.tolist(), strict=True))

    def test(name: str, family: str) -> KnownTest:
        found = Predictions.load(folder / f"predictions-{name}.npz")
        return KnownTest(family, np.array([labels[name] for name in found.image_id.tolist()]), found.probabilities)

    corrupted = [test(f"{row['corruption']}-{row['severity']}", row["family"]) for row in stored["tests"]]
    return [test("clean", ""), *corrupted]
