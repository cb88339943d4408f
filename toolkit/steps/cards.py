"""The card of a package and its page, beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import toolkit
from toolkit.artifacts import environment, file_hash
from toolkit.report import write_page
from toolkit.steps.pages.card import card_page
from toolkit.steps.proving import CheckRecord

if TYPE_CHECKING:
    from toolkit.steps.ensemble import Ensemble
    from toolkit.steps.evaluate import EvaluateResult
    from toolkit.steps.project import Project


@cache
def code_fingerprint() -> str:
    """SHA-256 over the names and bytes of this toolkit's Python files and templates, hexadecimal."""
    root = Path(toolkit.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".tmpl"}:
            digest.update(f"{path.relative_to(root).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and bytes of a folder's files, hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def make_card(
    project: Project,
    ensemble: Ensemble,
    evaluated: EvaluateResult,
    package: Path,
    key: str,
    *,
    members: Sequence[str],
    checks: Sequence[CheckRecord],
    commands: Sequence[str],
) -> Path:
    """Write card and page of a finished package.

    Args:
        project: The contest.
        ensemble: What was packed.
        evaluated: The scores of what is in the package.
        package: The file or folder.
        key: Key of the package step.
        members: Names of the files in it.
        checks: How it was proven.
        commands: How to hand it in.

    Returns:
        Path of the card.
    """
    from toolkit.submission.card import Card, CardScores, card_path, now, write_card

    estimate = evaluated.estimate
    noisy = evaluated.noisy if evaluated.corrupted else None  # not measured
    if package.is_dir():
        sha256 = folder_hash(package)
        size = sum(path.stat().st_size for path in package.rglob("*") if path.is_file())
    else:
        sha256, size = file_hash(package), package.stat().st_size
    card = Card(
        name=project.config.name,
        target=ensemble.config.package.target,
        key=key,
        created=now(),
        sha256=sha256,
        bytes=size,
        classes=ensemble.cleaned.manifest.classes,
        members=tuple(members),
        scores=CardScores(evaluated.clean.value, noisy, estimate.low, estimate.high),
        config_key=ensemble.key,
        data_fingerprint=project.fingerprint,
        code_fingerprint=code_fingerprint(),
        config=ensemble.config.model_dump(mode="json", by_alias=True),
        versions=environment()["packages"],
        verified={check.name: check.message for check in checks},
    )  # fmt: skip
    path = write_card(card, package)
    write_page(card_path(package).with_suffix(".html"), card_page(card, package, commands, evaluated))
    return path
