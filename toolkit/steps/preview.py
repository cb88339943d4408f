"""`toolkit preview`: what the network sees in training and in the local tests, to be looked at before training."""

from __future__ import annotations

import hashlib
from typing import Any

from toolkit.artifacts import RunDir
from toolkit.config import Config
from toolkit.console import TextTable
from toolkit.errors import ConfigError, DataError
from toolkit.evaluation.corruptions import corrupt, select
from toolkit.manifest import Manifest
from toolkit.steps import keys
from toolkit.steps.held_out import held_out_in_training, trained_names
from toolkit.steps.networks import augmentation, start
from toolkit.steps.pages.common import write_step_page
from toolkit.steps.pages.preview import LocalTest, Previewed, preview_sections
from toolkit.steps.project import Project
from toolkit.steps.results import StepResult

EPOCHS = 6  # augmented views of a picture
SEVERITIES = (1, 3, 5)
MOST_CLASSES = 24  # a page of more would be too large to open


class PreviewResult(StepResult):
    """What the page shows.

    Attributes:
        policy: Name of the training augmentation's policy.
        classes: Classes shown.
        pictures: Original pictures shown.
        corruptions: Corruptions shown, those of `evaluate` first.
        overlapping: Corruptions among them of a family that the training augmentation contains.
        held_out: Held-out families that the training augmentation contains.
    """

    policy: str
    classes: int
    pictures: int
    corruptions: tuple[str, ...]
    overlapping: tuple[str, ...]
    held_out: tuple[str, ...]

    def tables(self) -> list[TextTable]:
        """What the page shows."""
        rows = (
            ("training augmentation", self.policy),
            ("held-out families in it", ", ".join(self.held_out) or "none"),
            ("corruptions", ", ".join(self.corruptions) or "none"),
            ("of a family in training", ", ".join(self.overlapping) or "none"),
        )
        return [TextTable(f"{self.pictures} pictures of {self.classes} classes", ("what the network sees", ""), rows)]


def preview_step(project: Project, pictures: int = 3) -> PreviewResult:
    """Write a page of original, augmented and corrupted pictures of each class; nothing is trained.

    Args:
        project: The contest.
        pictures: Pictures a class.

    Raises:
        ConfigError: No picture is asked for, or a corruption is unknown.
        DataError: No picture can be read.
    """
    if pictures < 1:
        raise ConfigError(f"`preview` was asked for {pictures} pictures a class; expected at least 1.")
    _tests(project.config)  # an unknown corruption is said before pictures are decoded
    run = project.run("preview", keys.preview_key(project.config, project.fingerprint, pictures))

    def compute(run: RunDir) -> dict[str, Any]:
        return _preview(project, run, pictures)

    return project.perform(run, "preview", compute, PreviewResult)


def _preview(project: Project, run: RunDir, pictures: int) -> dict[str, Any]:
    config, manifest = project.config, project.manifest
    store = project.pixels(manifest, project.hashes)
    chosen = _choose(manifest, set(store.unreadable), pictures, config.seed)
    ids = [image_id for names in chosen.values() for image_id in names]
    if not ids:
        raise DataError(
            f"None of the {len(manifest):,} pictures of {config.data.source} can be read, so there is nothing to "
            "preview. `toolkit clean` says what is wrong with each."
        )
    originals = store.read(ids)
    if config.augment.engine == "keras_cv":
        start(config)
    augment = augmentation(config)
    views = [] if augment is None else [augment(originals, ids, epoch) for epoch in range(EPOCHS)]
    tests = _tests(config)
    shown = []
    with project.console.progress("Corrupting pictures") as on_progress:
        for index, test in enumerate(tests):
            by_severity = {
                severity: corrupt(originals, ids, test.name, severity, config.seed)
                for severity in sorted({*SEVERITIES, test.severity})
            }
            shown.append((test, by_severity))
            on_progress(index + 1, len(tests))
    held = held_out_in_training(config)
    previewed = Previewed(chosen, ids, originals, views, shown)
    missing = len(manifest.classes) - len(chosen)
    sections = preview_sections(config.augment.policy.model_dump(), previewed, held, missing, project.config_name)
    policy, names = config.augment.policy.name, tuple(test.name for test in tests)
    write_step_page(
        run, config.name, "preview",
        f"What the network sees: {len(ids)} pictures of {len(chosen)} classes as they are, as training varies them "
        "and as the local tests corrupt them.",
        sections, config=project.config_name,
    )  # fmt: skip
    return {
        "policy": policy,
        "classes": len(chosen),
        "pictures": len(ids),
        "corruptions": names,
        "overlapping": [test.name for test in tests if test.overlaps],
        "held_out": held,
        "headline": {"augmentation": policy, "corruptions": str(len(names))},
    }


def _tests(config: Config) -> list[LocalTest]:
    """The configured corruptions, those of `evaluate` first."""
    trained = trained_names(config)
    return [
        LocalTest(row.name, row.family, step, severity, row.family in trained)
        for step, names, severity in (
            ("evaluate", config.evaluate.corruptions, config.evaluate.severities[-1]),
            ("tune", config.tune.corruptions, config.tune.severity),
        )
        for row in select(names)
    ]


def _choose(manifest: Manifest, unreadable: set[str], pictures: int, seed: int) -> dict[str, list[str]]:
    """Image ids of some readable pictures by class; the draw depends on seed and ids, not on the order of rows."""
    ids, labels = manifest.image_ids, manifest.labels
    chosen: dict[str, list[str]] = {}
    for label, name in enumerate(manifest.classes):
        own = [str(image_id) for image_id in ids[labels == label] if str(image_id) not in unreadable]
        if own and len(chosen) < MOST_CLASSES:
            chosen[name] = sorted(own, key=lambda image_id: _draw(seed, image_id))[:pictures]
    return chosen


def _draw(seed: int, image_id: str) -> bytes:
    return hashlib.blake2b(f"preview\x1f{seed}\x1f{image_id}".encode(errors="surrogateescape"), digest_size=8).digest()
