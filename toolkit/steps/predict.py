"""`toolkit predict`: the trained ensemble on new pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from toolkit.console import TextTable
from toolkit.predictions import Predictions
from toolkit.steps.blending import members_of, predict_target
from toolkit.steps.ensemble import trained_ensemble
from toolkit.steps.estimating import finished_calibration
from toolkit.steps.project import Project
from toolkit.steps.results import Interval, StepResult
from toolkit.steps.vote_records import PriorRecord, prior_records, prior_table


class PredictResult(StepResult):
    """Predictions of new pictures.

    Attributes:
        output: The `.npz` that was written.
        images: Pictures predicted.
        counts: Pictures predicted as each class.
        priors: Estimated share of each class, empty without `ensemble.prior_correction`.
        priors_warning: What speaks against believing them.
        estimate: Accuracy that an evaluation of the same ensemble lets expect, None without one.
        shares_differ: Probability that the classes have other shares than in training, None without an estimate.
    """

    output: Path
    images: int
    counts: dict[str, int]
    priors: tuple[PriorRecord, ...] = ()
    priors_warning: str = ""
    estimate: Interval | None = None
    shares_differ: float | None = None

    def tables(self) -> list[TextTable]:
        """How many pictures each class was given."""
        rows = tuple((name, f"{count:,}") for name, count in self.counts.items())
        predicted = TextTable(f"{self.images:,} pictures predicted", ("class", "pictures"), rows)
        return [predicted, *prior_table(self.priors, self.priors_warning)]

    def lines(self) -> list[str]:
        """Where the predictions are."""
        told = [f"Expect an accuracy of {self.estimate} (90 % interval). The classes have other shares than in "
                f"training with a probability of {self.shares_differ:.0%}."] if self.estimate else []  # fmt: skip
        return [f"Wrote {self.output}", *told]


def predict_step(project: Project, data: Path, output: Path) -> PredictResult:
    """Predict the pictures of a source with the ensemble's vote.

    Args:
        project: The contest.
        data: Source of the pictures, labelled or not.
        output: The `.npz` to write: `image_id`, `probabilities`, `class_names`.
    """
    manifest = project.read(data, labelled=False)
    ensemble = trained_ensemble(project)
    store = project.pixels(manifest)
    members = members_of(ensemble, project.console)
    probabilities, priors = predict_target(ensemble, members, store.read, manifest.image_ids.tolist(), "Predicting")
    made = Predictions.build(manifest.image_ids, probabilities, manifest.classes)
    made.save(output)
    if store.unreadable:
        project.console.note(
            f"{len(store.unreadable)} pictures cannot be decoded; what is predicted for them is a guess from a black "
            f"picture: {', '.join(sorted(store.unreadable)[:5])}"
        )
    known = None if manifest.labelled else finished_calibration(project, ensemble)
    expected = known.estimate(probabilities) if known else None
    point = expected.combined if expected else None
    counts = np.bincount(made.labels, minlength=len(manifest.classes)).tolist()
    return PredictResult(
        step="predict",
        run_dir=ensemble.run.path,
        output=output,
        images=len(manifest),
        counts=dict(zip(manifest.classes, counts, strict=True)),
        priors=prior_records(priors, manifest.classes),
        priors_warning=priors.warning if priors else "",
        estimate=Interval(value=point.point, low=point.low, high=point.high) if point else None,
        shares_differ=expected.shares.differ if expected else None,
    )
