"""`toolkit clean`: find what is wrong with the data, write a cleaned manifest; the data itself is never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, make_key, write_text
from toolkit.cleaning.conflicts import duplicate_issues, group_names
from toolkit.cleaning.decisions import Decision, fingerprint_decisions, read_decisions
from toolkit.cleaning.descriptions import describe
from toolkit.cleaning.duplicates import Duplicates, find_duplicates, from_prints, likely_equal, promote_exact
from toolkit.cleaning.inspection import pixel_keys, whole_key
from toolkit.cleaning.integrity import format_issues, integrity_issues, other_files
from toolkit.cleaning.issues import KINDS, Issue, resolve, write_issues
from toolkit.cleaning.label_errors import cross_validated_probabilities, label_error_issues
from toolkit.cleaning.leaks import Leak, leak_issues, mark, separate
from toolkit.cleaning.outliers import OutlierScores, mixed_copies, outlier_issues, score_outliers
from toolkit.cleaning.quality import quality_issues
from toolkit.console import TextTable
from toolkit.errors import DataError
from toolkit.manifest import Manifest
from toolkit.steps import keys
from toolkit.steps.inspecting import Embedder, Measures, cache_folder, measure
from toolkit.steps.pages.clean import write_clean_pages
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult

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
        decisions: Pictures that a person decided on.
        other_files: Files in the folder of pictures that are none of the data set's.
    """

    images: int
    kept: int
    dropped: int
    relabelled: int
    issues: dict[str, int]
    groups: int
    decisions: int = 0
    other_files: int = 0

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


def clean_step(project: Project, decisions: Path | None = None) -> CleanResult:
    """Inspect, describe and compare all pictures; write `issues.csv` and `manifest.csv`.

    Args:
        project: The project.
        decisions: CSV of a person's decisions. It is checked and copied into the project's folder, where it counts for
            all later steps, until another one replaces it.
    """
    decided = _decisions(project, decisions)
    against = [(source, project.read(source, labelled=False)) for source in project.config.clean.against]
    fingerprints = [manifest.fingerprint(project.content_hashes(manifest)) for _, manifest in against]
    told = fingerprint_decisions(decided) if decided else None
    key = keys.clean_key(project.config, project.fingerprint, fingerprints, told)

    def compute(run: RunDir) -> dict[str, Any]:
        return _clean(project, run, against, decided)

    return project.perform(project.run("clean", key), "clean", compute, CleanResult)


def _decisions(project: Project, given: Path | None) -> dict[str, Decision]:
    """A person's decisions: those given now, else the config's, else those given earlier."""
    kept = project.folder / "decisions.csv"
    file = given or project.config.clean.decisions or (kept if kept.exists() else None)
    if file is None:
        return {}
    manifest = project.manifest
    decided = read_decisions(file, manifest.image_ids.tolist(), manifest.classes)
    if given is not None and given.absolute() != kept.absolute():
        write_text(kept, given.read_text(encoding="utf-8-sig"))
    project.console.note(f"{len(decided):,} decisions of {file} count over the automatic actions.")
    return decided


def _clean(
    project: Project, run: RunDir, against: Sequence[tuple[Path, Manifest]], decided: Mapping[str, Decision]
) -> dict[str, Any]:
    config = project.config.clean
    manifest = project.manifest
    actions = config.actions.model_dump()
    embedder = Embedder(project)
    measured = measure(project, manifest, project.hashes, embedder)
    good = measured.manifest
    ids = good.image_ids.tolist()
    if not ids:
        raise DataError(
            f"None of the {len(manifest)} pictures of {project.config.data.source} can be decoded, for example: "
            f"{next(iter(measured.unreadable.items()))}. Check `data.images`."
        )
    files = [place.file if place.array is None else None for place in good.locations()]
    issues = integrity_issues(measured.unreadable, actions["unreadable"])
    issues += format_issues(ids, files, measured.prints, actions)
    found = Duplicates((), (), ())
    leaks: list[Leak] = []
    if config.duplicates.enabled:
        others = [(str(source), measure(project, other, project.content_hashes(other), embedder))
                  for source, other in against]  # fmt: skip
        found, leaks = _find_copies(project, measured, others)
    named = group_names(found)
    groups = np.array([named.get(name, group) for name, group in zip(ids, good.groups, strict=True)], object)
    labels = dict(zip(ids, good.labels.tolist(), strict=True))
    outliers = _outliers(project, measured, found, actions["outlier"], named) if config.outliers else []
    # A picture that does not belong has no label to be wrong, and would only teach the judge nonsense.
    foreign = {issue.image_id for issue in outliers}
    fit = np.array([row for row, name in enumerate(ids) if name not in foreign], np.int64)
    probabilities = None
    if config.label_errors or config.conflicts == "keep_best":
        with project.console.progress("Cross-validating labels") as on_progress:
            probabilities = np.full((len(ids), len(good.classes)), 1 / len(good.classes))
            probabilities[fit] = cross_validated_probabilities(
                np.asarray(measured.embeddings)[fit], good.labels[fit], groups[fit], len(good.classes), config.folds,
                project.config.seed,
            )  # fmt: skip
            on_progress(1, 1)
    by_id = None if probabilities is None else dict(zip(ids, probabilities, strict=True))
    issues += duplicate_issues(found, labels, good.classes, actions, config.conflicts, by_id)
    issues += leak_issues(leaks, actions["leak"], named)
    issues += outliers
    if config.label_errors and probabilities is not None:
        issues += label_error_issues(
            [ids[row] for row in fit.tolist()], good.labels[fit], probabilities[fit], good.classes,
            actions["label_error"], named,
        )  # fmt: skip
    if config.quality:
        prints = measured.prints
        sizes = np.stack([prints["width"], prints["height"]], axis=1)
        issues += quality_issues(ids, prints["quality"], sizes, actions, named)
    resolved = resolve(manifest, issues, named, decided)
    if not len(resolved.manifest):
        raise DataError("Nothing is left after cleaning: every picture was dropped. Set `clean.actions` to keep some.")
    write_issues(run.path / "issues.csv", issues)
    resolved.manifest.save(run.path / "manifest.csv")
    extra = _other_files(project, run)
    counts = Counter(issue.issue for issue in issues)
    chosen = Counter(resolved.actions.values())
    figures = {
        "images": len(manifest),
        "kept": len(resolved.manifest),
        "dropped": len(manifest) - len(resolved.manifest),
        "relabelled": chosen["relabel"],
        "issues": {kind: counts[kind] for kind in KINDS if counts[kind] or kind in _ALWAYS_SHOWN},
        "groups": len(found.groups),
        "decisions": len(decided),
        "other_files": extra,
        "headline": {"kept": f"{len(resolved.manifest):,} of {len(manifest):,}", "issues": f"{len(issues):,}"},
    }
    write_clean_pages(project, run, measured, resolved, issues, decided)
    return figures


def _find_copies(
    project: Project, measured: Measures, others: Sequence[tuple[str, Measures]]
) -> tuple[Duplicates, list[Leak]]:
    """Duplicates among the training pictures, and those that other sources hold too."""
    ids, prints = measured.manifest.image_ids.tolist(), [measured.prints]
    places = dict(zip(ids, measured.manifest.locations(), strict=True))
    files, pixels, embeddings = list(measured.file_keys), list(measured.pixel_keys), [measured.embeddings]
    for number, (source, other) in enumerate(others):
        names = [mark(name, source) for name in other.manifest.image_ids]
        places.update(zip(names, other.manifest.locations(), strict=True))
        ids, files = ids + names, files + other.file_keys
        # Keys of unequal pictures are numbered within their source.
        pixels += [f"{number}-{key}" if key.startswith("seen-") else key for key in other.pixel_keys]
        prints.append(other.prints)
        embeddings.append(other.embeddings)
    if others:
        joined = np.concatenate(prints)
        pixels = pixel_keys(joined, list(places.values()))
        features = np.concatenate(embeddings)
    else:
        joined, features = measured.prints, np.asarray(measured.embeddings)
    symmetries = project.config.clean.duplicates.symmetries
    name = make_key("pairs-1", measured.key, [other.key for _, other in others], measured.embeddings.shape[1],
                    keys.section(project.config, "clean")["backbone"], project.config.data.image_size)  # fmt: skip
    with project.console.progress("Comparing likely duplicates") as on_progress:
        found = find_duplicates(
            from_prints(ids, joined, pixels), files, features, symmetries=symmetries, on_progress=on_progress,
            scores=cache_folder(project) / f"pairs-{name}.npy",
        )  # fmt: skip
    found = promote_exact(found, {name: whole_key(places[name]) for name in likely_equal(found)})
    return separate(found) if others else (found, [])


def _outliers(
    project: Project, measured: Measures, found: Duplicates, action: str, named: Mapping[str, str]
) -> list[Issue]:
    good = measured.manifest
    ids, labels = good.image_ids.tolist(), good.labels
    # Of copies one counts: hundreds of the same picture would make a crowd of their own.
    copies = {name for group in found.exact for name in group[1:]}
    rows = np.array([row for row, name in enumerate(ids) if name not in copies], np.int64)
    mixed = mixed_copies(ids, labels, found.groups)
    with project.console.progress("Looking for what does not belong") as on_progress:
        subjects, scenes = describe(np.asarray(measured.embeddings)[rows], measured.prints["colour"][rows])
        own = score_outliers(subjects, scenes, labels[rows], mixed[rows], project.config.seed, on_progress)
    leader = np.arange(len(ids))
    row_of = {name: row for row, name in enumerate(ids)}
    for group in found.exact:
        leader[[row_of[name] for name in group]] = row_of[group[0]]
    place = np.searchsorted(rows, leader)
    scores = OutlierScores(
        own.distance[place], own.crowd[place], own.seeds[place], own.kin[place], mixed | own.mixed[place]
    )
    return outlier_issues(ids, scores, action, named)


def _other_files(project: Project, run: RunDir) -> int:
    """Write the files in the folder of pictures that are no pictures of the data set; their number."""
    source = project.config.data.source
    if not source.is_dir():
        return 0
    found = other_files(source, [place.file for place in project.manifest.locations()])
    if found:
        write_text(run.path / "other_files.txt", "".join(f"{path}\n" for path in found))
        project.console.note(f"{len(found):,} other files lie among the pictures, such as {found[0]}: other_files.txt")
    return len(found)
