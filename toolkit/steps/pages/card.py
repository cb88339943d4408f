"""The page of a package, beside it and its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.report import Badge, Code, Details, Figure, Figures, Link, Page, Row, Section, Table
from toolkit.steps.pages.package import score_interval
from toolkit.steps.results import percent

if TYPE_CHECKING:
    from toolkit.steps.evaluate import EvaluateResult
    from toolkit.submission.card import Card


def card_page(card: Card, package: Path, commands: Sequence[str], evaluated: EvaluateResult) -> Page:
    """What is in a package, what it should score, how it was proven, how to hand it in.

    Args:
        card: Its card.
        package: The file or folder.
        commands: How to hand it in.
        evaluated: The scores of its ensemble.
    """
    import yaml

    from toolkit.submission.card import card_path

    scores = card.scores
    measured = [] if scores.noisy is None else [scores.noisy]
    tiles = Figures(
        [
            Figure("size", card.bytes, style="bytes"),
            Figure(
                "estimated hidden score",
                f"{percent(scores.estimate_low)} to {percent(scores.estimate_high)}",
                "90 % interval",
                "warn",
            ),
            Figure("clean local test", scores.clean or 0.0, style="percent", digits=1),
            *(Figure("corrupted local tests", noisy, style="percent", digits=1) for noisy in measured),
        ]
    )
    proof = [Row([Badge("✓", "good"), name, str(message)]) for name, message in card.verified.items()]
    origin = [
        ["ensemble", card.config_key],
        ["data", card.data_fingerprint],
        ["code", card.code_fingerprint],
        ["SHA-256", card.sha256],
        *([name, version] for name, version in card.versions.items()),
    ]
    members = [[name] for name in card.members]
    settings = yaml.safe_dump(card.config, sort_keys=False, allow_unicode=True)
    sections = [
        Section("At a glance", "", [tiles]),
        Section("What the hidden test will say", "", [score_interval(evaluated)]),
        Section("How it was verified", "", [Table(["", "check", "seen"], proof, sortable=False)]),
        Section("Hand in", "", [Code("\n".join(commands))]),
        Section("What is in it", "", [Table(["file"], members, sortable=False, limit=50)]),
        Section(
            "Where it comes from", "", [Table(["", ""], origin, sortable=False), Details("Config", [Code(settings)])]
        ),
    ]
    subtitle = f"{card.target}, built {card.created}"
    return Page(package.name, subtitle, sections, {"key": card.key}, [Link("Card", card_path(package).name)])
