"""`toolkit clean`: find what is wrong with the data, write a cleaned manifest; the data itself is never changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, atomic_path
from toolkit.console import TextTable
from toolkit.manifest import Manifest
from toolkit.steps import keys
from toolkit.steps.networks import start
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult


class CleanResult(StepResult):
    """What was found.

    Attributes:
        images: Pictures listed by the source.
        kept: Pictures in the cleaned manifest.
        dropped: Pictures left out of it.
        relabelled: Pictures whose label was changed in it.
        issues: Pictures with each kind of issue.
        groups: Groups of duplicates with more than one picture.
    """

    images: int
    kept: int
    dropped: int
    relabelled: int
    issues: dict[str, int]
    groups: int

    def tables(self) -> list[TextTable]:
        """One row a kind of issue."""
        rows = tuple((name.replace("_", " "), f"{count:,}") for name, count in self.issues.items())
        title = (
            f"{self.images:,} pictures: {self.kept:,} kept, {self.dropped:,} dropped, {self.relabelled:,} relabelled"
        )
        return [TextTable(title, ("issue", "pictures"), rows)]


@dataclass(frozen=True)
class Cleaned:
    """The cleaned data.

    Attributes:
        key: Key of the `clean` run.
        manifest: What is left, with groups.
    """

    key: str
    manifest: Manifest


def cleaned_data(project: Project) -> Cleaned:
    """The cleaned data of a project, cleaned now where that has not been done."""
    result = clean_step(project)
    manifest = Manifest.load(result.run_dir / "manifest.csv", project.manifest.root, project.manifest.classes)
    return Cleaned(result.run_dir.name, manifest)


def clean_step(project: Project) -> CleanResult:
    """Decode, hash, describe and compare all pictures; write `issues.csv` and `manifest.csv`."""
    key = keys.clean_key(project.config, project.fingerprint)

    def compute(run: RunDir) -> dict[str, Any]:
        return _clean(project, run)

    return project.perform(project.run("clean", key), "clean", compute, CleanResult)


def _clean(project: Project, run: RunDir) -> dict[str, Any]:
    raise NotImplementedError
