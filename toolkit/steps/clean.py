"""`toolkit clean`: find what is wrong with the data, write a cleaned manifest; the data itself is never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, atomic_path
from toolkit.cleaning.conflicts import duplicate_issues, group_names
from toolkit.cleaning.duplicates import Duplicates, find_duplicates, fingerprint
from toolkit.cleaning.integrity import integrity_issues
from toolkit.cleaning.issues import KINDS, resolve, write_issues
from toolkit.cleaning.label_errors import cross_validated_probabilities, label_error_issues
from toolkit.cleaning.outliers import outlier_issues, outlier_scores
from toolkit.console import TextTable
from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.steps import keys
from toolkit.steps.networks import start
from toolkit.steps.pages.clean import clean_sections
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult

Read = Callable[[Sequence[str]], np.ndarray]
_ALWAYS_SHOWN = ("unreadable", "exact_duplicate", "near_duplicate", "label_conflict", "outlier", "label_error")


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
    config = project.config.clean
    manifest = project.manifest
    store = project.pixels(manifest, project.hashes)
    actions = config.actions.model_dump()
    issues = integrity_issues(store.unreadable, actions["unreadable"])
    content = dict(zip(manifest.image_ids.tolist(), file_keys(manifest, project.hashes), strict=True))
    good = manifest.select(name for name in manifest.image_ids if name not in store.unreadable)
    ids = good.image_ids.tolist()
    if not ids:
        raise DataError(
            f"None of the {len(manifest)} pictures of {project.config.data.source} can be decoded, for example: "
            f"{next(iter(store.unreadable.items()))}. Check `data.images`."
        )
    labels = dict(zip(ids, good.labels.tolist(), strict=True))
    embeddings = _embeddings(project, run, store.read, ids)
    found = Duplicates((), (), ())
    if config.duplicates:
        with project.console.progress("Hashing pictures") as on_progress:
            prints = fingerprint(store.read, ids, on_progress=on_progress)
        with project.console.progress("Comparing likely duplicates") as on_progress:
            found = find_duplicates(prints, [content[name] for name in ids], embeddings, on_progress=on_progress)
    named = group_names(found)
    groups = np.array([named.get(name, group) for name, group in zip(ids, good.groups, strict=True)], object)
    probabilities = None
    if config.label_errors or config.conflicts == "keep_best":
        with project.console.progress("Cross-validating labels") as on_progress:
            probabilities = cross_validated_probabilities(
                embeddings, good.labels, groups, len(good.classes), config.folds, project.config.seed
            )
            on_progress(1, 1)
    by_id = None if probabilities is None else dict(zip(ids, probabilities, strict=True))
    issues += duplicate_issues(found, labels, good.classes, actions, config.conflicts, by_id)
    if config.outliers:
        issues += outlier_issues(ids, outlier_scores(embeddings), actions["outlier"], named)
    if config.label_errors and probabilities is not None:
        issues += label_error_issues(ids, good.labels, probabilities, good.classes, actions["label_error"], named)
    resolved = resolve(manifest, issues, named)
    if not len(resolved.manifest):
        raise DataError("Nothing is left after cleaning: every picture was dropped. Set `clean.actions` to keep some.")
    write_issues(run.path / "issues.csv", issues)
    resolved.manifest.save(run.path / "manifest.csv")
    counts = Counter(issue.issue for issue in issues)
    chosen = Counter(resolved.actions.values())
    figures = {
        "images": len(manifest),
        "kept": len(resolved.manifest),
        "dropped": len(manifest) - len(resolved.manifest),
        "relabelled": chosen["relabel"],
        "issues": {kind: counts[kind] for kind in KINDS if counts[kind] or kind in _ALWAYS_SHOWN},
        "groups": len(found.groups),
        "headline": {"kept": f"{len(resolved.manifest):,} of {len(manifest):,}", "issues": f"{len(issues):,}"},
    }
    write_step_page(
        run, project.config.name, "clean",
        f"{len(manifest):,} pictures: {len(resolved.manifest):,} kept, {figures['dropped']:,} dropped.",
        clean_sections(manifest, resolved, issues, store.read, f"toolkit tune -c {project.config_name}"),
        config=project.config_name, files={"All issues": "issues.csv", "What is left": "manifest.csv"},
    )  # fmt: skip
    return figures


def _embeddings(project: Project, run: RunDir, read: Read, ids: list[str]) -> np.ndarray:
    """Features of the pictures, kept in the run so that an interrupted step need not compute them again."""
    file = run.path / "embeddings.npz"
    if file.exists():
        with np.load(file, allow_pickle=False) as arrays:
            if arrays["image_id"].tolist() == ids:
                return np.asarray(arrays["embeddings"])
    start(project.config)
    from toolkit.nn.features import embed

    config = project.config
    with project.console.progress("Describing pictures") as on_progress:
        embeddings = embed(
            config.clean.backbone,
            config.data.image_size,
            read,
            ids,
            weights=config.clean.weights,
            on_progress=on_progress,
        )
    with atomic_path(file) as temporary, temporary.open("wb") as stream:
        np.savez(stream, image_id=np.asarray(ids, dtype=str), embeddings=embeddings)
    return embeddings


def file_keys(manifest: Manifest, hashes: Sequence[str]) -> list[str]:
    """The hash of each picture's file; empty where many pictures share one, which says nothing of their being equal."""
    return [content if place.array is None else "" for place, content in zip(manifest.locations(), hashes, strict=True)]
