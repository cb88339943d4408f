"""Finished packages of a folder and what the contest's leaderboard said of them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from toolkit.artifacts import write_text
from toolkit.errors import MissingFileError, SubmissionError, suggest
from toolkit.submission.card import CARD_SUFFIX, Card, now, read_card

FILE = "leaderboard.csv"
COLUMNS = ("id", "score", "recorded", "target", "key", "clean", "noisy", "estimate_low", "estimate_high")


@dataclass(frozen=True)
class Submission:
    """A package with its card.

    Attributes:
        id: `<name>-<target>-<key>`.
        card: What is known of it.
        score: What the leaderboard said last, None where nothing was recorded.
        present: Whether the file or folder is still there.
    """

    id: str
    card: Card
    score: float | None
    present: bool


def list_submissions(folder: Path) -> list[Submission]:
    """The packages of a folder, oldest first.

    Raises:
        SubmissionError: A card or `leaderboard.csv` cannot be read.
    """
    scores = {row["id"]: float(row["score"]) for row in read_leaderboard(folder / FILE)}
    found = []
    for path in sorted(folder.glob(f"*{CARD_SUFFIX}")):
        name = path.name.removesuffix(CARD_SUFFIX)
        present = any((folder / f"{name}{suffix}").exists() for suffix in ("", ".zip", ".csv"))
        found.append(Submission(name, read_card(path), scores.get(name), present))
    return sorted(found, key=lambda submission: submission.card.created)


def read_leaderboard(path: Path) -> list[dict[str, str]]:
    """Rows of `leaderboard.csv`, one a recorded score, in the order recorded; empty where there is no file.

    Raises:
        SubmissionError: The file has other columns, or a score is no number.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        for row in rows:
            float(row["score"])
            row["id"].strip()
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SubmissionError(
            f"{path} is not the leaderboard that `toolkit submissions score` writes: every row needs an id and a score "
            f"({error}). Correct it or remove it."
        ) from error
    return rows


def record_score(folder: Path, name: str, score: float) -> Submission:
    """Write down what the leaderboard said.

    Args:
        folder: Of the packages.
        name: Id of a package, or the part of one that fits no other, such as its key.
        score: As the contest shows it; a fraction (0.87), not a percentage, as local scores are.

    Returns:
        The package with its score.

    Raises:
        MissingFileError: There are no packages.
        SubmissionError: The name fits none or several, or the score is not within 0 to 1.
    """
    known = list_submissions(folder)
    if not known:
        raise MissingFileError(f"There are no packages with cards in {folder}. Name their folder with --folder.")
    exact = [entry for entry in known if entry.id == name]
    fitting = exact or [entry for entry in known if name in entry.id]
    if len(fitting) != 1:
        what = "several packages" if fitting else "no package"
        raise SubmissionError(f"{name!r} fits {what} of {folder}{suggest(name, [entry.id for entry in known])}")
    if not 0 <= score <= 1:
        hint = f"; write {score / 100:g} for {score:g} %" if 1 < score <= 100 else ""
        raise SubmissionError(f"A score must be a fraction of 0 to 1, as local scores are, not {score:g}{hint}.")
    (entry,) = fitting
    scores = entry.card.scores
    row = {"id": entry.id, "score": f"{score:g}", "recorded": now(), "target": entry.card.target,
           "key": entry.card.key, "clean": scores.clean, "noisy": scores.noisy,
           "estimate_low": scores.estimate_low, "estimate_high": scores.estimate_high}  # fmt: skip
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows([*read_leaderboard(folder / FILE), row])
    write_text(folder / FILE, stream.getvalue())
    return Submission(entry.id, entry.card, score, entry.present)
