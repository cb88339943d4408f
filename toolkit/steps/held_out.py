"""What training contains of the held-out families, and how a page says so."""

from __future__ import annotations

from toolkit.config import Config
from toolkit.evaluation.corruptions import held_out
from toolkit.report import Note, Section
from toolkit.steps.networks import augmentation_families, held_out_corruptions


def trained_names(config: Config) -> set[str]:
    """Families that the training augmentation resembles, and the held-out corruptions that it contains."""
    return augmentation_families(config) | held_out_corruptions(config)


def held_out_in_training(config: Config) -> tuple[str, ...]:
    """Held-out families that the training augmentation contains, in alphabetical order; empty as it should be."""
    return tuple(sorted(held_out(trained_names(config))))


def held_out_notes(families: tuple[str, ...]) -> list[Note]:
    """A warning where training contains held-out families, else nothing.

    Args:
        families: From `held_out_in_training`.
    """
    if not families:
        return []
    return [
        Note(
            f"The training augmentation contains what is otherwise held out: {', '.join(families)}. Local tests of "
            "these kinds flatter the network, because it has practised them; judge it by the others.",
            "warn",
        )
    ]


def held_out_sections(config: Config) -> list[Section]:
    """The warning of `held_out_notes` as a section of its own, for pages of networks that were trained so."""
    notes = held_out_notes(held_out_in_training(config))
    return [Section("Trained on what is held out", "", notes)] if notes else []
