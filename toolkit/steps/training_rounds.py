"""Rounds of training: one, and with pseudo-labels further ones, each from what the round before it labelled."""

from __future__ import annotations

from dataclasses import replace

from toolkit.config import Config
from toolkit.manifest import Manifest
from toolkit.steps.fold_jobs import train_folds
from toolkit.steps.member_plan import Plan
from toolkit.steps.networks import start
from toolkit.steps.project import Project
from toolkit.steps.pseudo_labels import PseudoLabelled, pseudo_label, read_unlabelled, save_counts


def train_rounds(
    project: Project, config: Config, plan: Plan, data: Manifest, minutes: float | None
) -> list[PseudoLabelled]:
    """Train all models; those of the last round are left in the plan's folders, earlier ones in `round<n>` there.

    Args:
        project: The contest.
        config: All settings.
        plan: The models.
        data: The development pictures.
        minutes: Stop training after about so many minutes, shared by the rounds; None: never.

    Returns:
        What each round after the first was given.
    """
    for index, names in plan.lacking(data).items():
        project.console.note(f"Fold {index} has no picture of {', '.join(names)}: its own score says nothing of them.")
    settings = config.ensemble.pseudo_labels
    if settings is None:
        train_folds(project, plan.tasks(), data, project.pixels(project.manifest, project.hashes).read, minutes)
        return []
    unlabelled = read_unlabelled(project, settings.source)
    share = None if minutes is None else minutes / (settings.rounds + 1)
    earlier = [replace(plan, root=plan.root / f"round{number}") for number in range(settings.rounds)]
    rounds = [*earlier, plan]
    extra: dict[int, Manifest] = {}
    found: list[PseudoLabelled] = []
    for number, current in enumerate(rounds):
        if number:
            start(config)
            extra, counts = pseudo_label(
                project.console, rounds[number - 1], unlabelled, settings.threshold, config.ensemble.tta
            )
            found.append(counts)
            save_counts(plan.root / "pseudo_labels.json", found)
            project.console.note(
                f"{counts.mean:,.0f} of {counts.pictures:,} unlabelled pictures are added to the training of each fold"
            )
        train_folds(project, current.tasks(extra), data, unlabelled.read, share)
    return found
