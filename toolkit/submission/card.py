"""The card beside a package: what is in it, what it scored locally, how it was proven."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from toolkit.artifacts import read_json, write_json
from toolkit.errors import MissingFileError, SubmissionError

SCHEMA = 1
CARD_SUFFIX = ".card.json"


@dataclass(frozen=True)
class CardScores:
    """Scores measured locally, each 0–1, None where not measured.

    Attributes:
        clean: Accuracy on the local test.
        noisy: Mean accuracy on the corrupted local tests.
        estimate_low: Lower end of the estimated hidden accuracy.
        estimate_high: Upper end of it.
    """

    clean: float | None = None
    noisy: float | None = None
    estimate_low: float | None = None
    estimate_high: float | None = None


@dataclass(frozen=True)
class Card:
    """Everything worth knowing of a package.

    Attributes:
        name: The contest's name in the config.
        target: Platform, such as `codabench`.
        key: Key of the package step.
        created: Local time, ISO 8601.
        sha256: Hash of the package's bytes, hexadecimal.
        bytes: Size of the package.
        classes: Class names by index.
        members: Names of the files in it.
        scores: What it scored locally.
        config_key: Key of the ensemble step whose models are in it.
        data_fingerprint: Hash of the data that they were trained on.
        code_fingerprint: Hash of this toolkit's source.
        config: The settings, nested like the file.
        versions: Package versions that built it.
        verified: How it was proven: check name → message, figures by name; empty if it was not.
        schema: Version of this form.
    """

    name: str
    target: str
    key: str
    created: str
    sha256: str
    bytes: int
    classes: tuple[str, ...]
    members: tuple[str, ...]
    scores: CardScores = field(default_factory=CardScores)
    config_key: str = ""
    data_fingerprint: str = ""
    code_fingerprint: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    verified: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


def now() -> str:
    """Local time to the second for `Card.created`, ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def package_path(folder: Path, name: str, target: str, key: str, suffix: str = ".zip") -> Path:
    """Where a package is written: `<folder>/<name>-<target>-<key><suffix>`."""
    return folder / f"{name}-{target}-{key}{suffix}"


def submission_id(package: Path) -> str:
    """What a package is called in lists: `<name>-<target>-<key>`."""
    return card_path(package).name.removesuffix(CARD_SUFFIX)


def card_path(package: Path) -> Path:
    """The path of a package's card, beside it: `<name>-<target>-<key>.card.json`."""
    # Names may hold dots (`blood.v2`), so only the suffix of a package's form is taken off.
    stem = package.stem if package.suffix in (".zip", ".csv") else package.name
    return package.with_name(f"{stem}{CARD_SUFFIX}")


def write_card(card: Card, package: Path) -> Path:
    """Write the card beside its package, whole or not at all, and return its path."""
    path = card_path(package)
    write_json(path, asdict(card))
    return path


def read_card(path: Path) -> Card:
    """Read a card that `write_card` wrote; entries of later versions are left out.

    Raises:
        MissingFileError: There is no such file.
        SubmissionError: The file is no card.
    """
    if not path.exists():
        raise MissingFileError(f"There is no card at {path}. Every package has one beside it: run `toolkit package`.")
    try:
        stored = read_json(path)
        known = {entry.name: stored[entry.name] for entry in fields(Card) if entry.name in stored}
        scores = {
            entry.name: known["scores"][entry.name] for entry in fields(CardScores) if entry.name in known["scores"]
        }
        known |= {
            "classes": tuple(known["classes"]),
            "members": tuple(known["members"]),
            "scores": CardScores(**scores),
        }
        return Card(**known)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise SubmissionError(
            f"{path} is not the card of a package: it must be the JSON that `toolkit package` writes ({error}). Build "
            "the package again."
        ) from error
