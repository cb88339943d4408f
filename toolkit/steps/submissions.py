"""`toolkit submissions`: finished packages, and what the leaderboard said of them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from toolkit.config import load_config
from toolkit.console import TextTable
from toolkit.steps.results import Result, percent


class Entry(BaseModel):
    """A package.

    Attributes:
        id: `<name>-<target>-<key>`.
        created: Local time, ISO 8601.
        bytes: Its size.
        clean: Accuracy on the local test.
        noisy: Mean accuracy on the corrupted local tests.
        estimate_low: Lower end of the estimated hidden accuracy.
        estimate_high: Upper end of it.
        leaderboard: What the leaderboard said last, None where nothing was recorded.
        present: Whether the package is still there.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    created: str
    bytes: int
    clean: float | None
    noisy: float | None
    estimate_low: float | None
    estimate_high: float | None
    leaderboard: float | None
    present: bool


class SubmissionsResult(Result):
    """The packages of a folder.

    Attributes:
        folder: Where they are.
        submissions: Oldest first.
    """

    folder: Path
    submissions: tuple[Entry, ...]

    def tables(self) -> list[TextTable]:
        """One row a package."""
        rows = tuple(
            (entry.id, entry.created[:10], f"{entry.bytes / 1e6:.1f}" if entry.present else "gone",
             percent(entry.clean), percent(entry.noisy),
             f"{percent(entry.estimate_low)} to {percent(entry.estimate_high)}", percent(entry.leaderboard))
            for entry in self.submissions
        )  # fmt: skip
        columns = ("id", "built", "MB", "clean", "noisy", "expected", "board")
        return [TextTable(f"{len(rows)} packages in {self.folder}", columns, rows)]

    def lines(self) -> list[str]:
        """How a score is recorded."""
        return ["Record what a leaderboard said: toolkit submissions score ID 0.87"]


def list_packages(config: Path, folder: Path | None) -> SubmissionsResult:
    """List the packages of a folder.

    Args:
        config: Config whose `package.destination` is looked into, if it exists.
        folder: Looked into in its place.
    """
    from toolkit.submission.leaderboard import Submission, list_submissions

    def entry(found: Submission) -> Entry:
        card = found.card
        return Entry(
            id=found.id, created=card.created, bytes=card.bytes, clean=card.scores.clean, noisy=card.scores.noisy,
            estimate_low=card.scores.estimate_low, estimate_high=card.scores.estimate_high, leaderboard=found.score,
            present=found.present,
        )  # fmt: skip

    place = _folder(config, folder)
    entries = tuple(map(entry, list_submissions(place)))
    return SubmissionsResult(step="submissions", folder=place, submissions=entries)


def record(config: Path, folder: Path | None, name: str, score: float) -> SubmissionsResult:
    """Record a leaderboard score, then list the packages.

    Args:
        config: As for `list_packages`.
        folder: As for `list_packages`.
        name: Id of the package, or a part of it that fits no other.
        score: A fraction of 0 to 1.
    """
    from toolkit.submission.leaderboard import record_score

    record_score(_folder(config, folder), name, score)
    return list_packages(config, folder)


def _folder(config: Path, folder: Path | None) -> Path:
    if folder is not None:
        return folder
    return load_config(config).package.destination if config.is_file() else Path("submissions")
