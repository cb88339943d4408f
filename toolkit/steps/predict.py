"""`toolkit predict`: the trained ensemble on new pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from toolkit.console import TextTable
from toolkit.manifest import Manifest
from toolkit.predictions import Predictions
from toolkit.steps.ensemble import Ensemble, trained_ensemble
from toolkit.steps.members import Members, Read
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult


class PredictResult(StepResult):
    """Predictions of new pictures.

    Attributes:
        output: The `.npz` that was written.
        images: Pictures predicted.
        counts: Pictures predicted as each class.
    """

    output: Path
    images: int
    counts: dict[str, int]

    def tables(self) -> list[TextTable]:
        """How many pictures each class was given."""
        rows = tuple((name, f"{count:,}") for name, count in self.counts.items())
        return [TextTable(f"{self.images:,} pictures predicted", ("class", "pictures"), rows)]

    def lines(self) -> list[str]:
        """Where the predictions are."""
        return [f"Wrote {self.output}"]


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
    members = Members(ensemble.models, ensemble.config.ensemble.vote, project.console, ensemble.config.ensemble.tta)
    if ensemble.config.ensemble.batch_norm == "target":
        _adapt(project, ensemble, members, store.read, manifest)
    probabilities = members.predict(store.read, manifest.image_ids.tolist(), "Predicting")
    made = Predictions.build(manifest.image_ids, probabilities, manifest.classes)
    made.save(output)
    if store.unreadable:
        project.console.note(
            f"{len(store.unreadable)} pictures cannot be decoded; what is predicted for them is a guess from a black "
            f"picture: {', '.join(sorted(store.unreadable)[:5])}"
        )
    counts = np.bincount(made.labels, minlength=len(manifest.classes)).tolist()
    return PredictResult(
        step="predict",
        run_dir=ensemble.run.path,
        output=output,
        images=len(manifest),
        counts=dict(zip(manifest.classes, counts, strict=True)),
    )


def _adapt(project: Project, ensemble: Ensemble, members: Members, read: Read, manifest: Manifest) -> None:
    changed = members.adapt(read, manifest.image_ids.tolist(), ensemble.config.ensemble.batch_norm_source)
    if changed:
        project.console.note(f"{changed} batch normalisations have the statistics of these pictures.")
    else:
        project.console.note(
            "ensemble.batch_norm is target, but has no effect: the networks have no batch normalisation that was "
            "trained (frozen layers keep theirs)."
        )
