"""Past scores of the leaderboard beside the local tests of the same models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import RunDir, read_json, write_json
from toolkit.errors import SubmissionError
from toolkit.evaluation.estimates import Candidate, Estimate, Mix, corrected, fit_mix, foretell, rank
from toolkit.evaluation.local_tests import LocalTest
from toolkit.metrics import Scores
from toolkit.steps.ensemble import Ensemble
from toolkit.steps.project import Project

OWN = "this ensemble"
CLEAN = "clean"


@dataclass(frozen=True)
class BoardEstimate:
    """What past scores say.

    Attributes:
        own: What this ensemble would score under the mix.
        corrected: The same from the target pictures, corrected by the errors of such estimates for past submissions;
            None where neither is known.
        candidates: All that have no score yet, `own` among them, the one that is worth a submission first.
        mix: Of local tests.
        past: Score by submission.
        ignored: Submissions with a score whose local tests were not found.
    """

    own: Candidate
    corrected: Estimate | None
    candidates: tuple[Candidate, ...]
    mix: Mix
    past: Mapping[str, float]
    ignored: tuple[str, ...]

    @property
    def estimate(self) -> Estimate:
        """The better founded of both."""
        return self.corrected or self.own.estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        low, high = self.mix.ends()
        weights = {
            cell: {"weight": float(weight), "low": float(one), "high": float(other)}
            for cell, weight, one, other in zip(self.mix.cells, self.mix.weights, low, high, strict=True)
        }
        return {
            "own": asdict(self.own),
            "corrected": asdict(self.corrected) if self.corrected else None,
            "candidates": [asdict(row) for row in self.candidates],
            "mix": weights,
            "past": dict(self.past),
            "ignored": list(self.ignored),
        }


def leaderboard_file(project: Project) -> Path | None:
    """`evaluate.leaderboard`, or the one beside the packages; None where there is none.

    Raises:
        SubmissionError: The config names a file that is not there.
    """
    from toolkit.submission.leaderboard import FILE

    named = project.config.evaluate.leaderboard
    if named is not None and not named.is_file():
        raise SubmissionError(
            f"evaluate.leaderboard names {named}, but there is no such file. `toolkit submissions score` writes it "
            "beside the packages; correct the path or set it to null."
        )
    path = named or project.config.package.destination / FILE
    return path if path.is_file() else None


def board_estimate(
    project: Project,
    ensemble: Ensemble,
    board: Path,
    clean: Scores,
    tests: Sequence[LocalTest],
    run: RunDir,
    target: tuple[str, float] | None = None,
) -> BoardEstimate | None:
    """Explain past scores by a mix of local tests, and foretell what has none; writes `mix.json` into the run.

    Args:
        project: The contest.
        ensemble: Its models.
        board: `leaderboard.csv`.
        clean: Scores of the ensemble on clean pictures.
        tests: Its corrupted local tests.
        run: Where the mix is written.
        target: Fingerprint of the target pictures, and the accuracy estimated from them as if the classes had the
            shares of training; None without them.

    Returns:
        None where no scored submission has local tests in common with this ensemble.
    """
    from toolkit.submission.leaderboard import list_submissions, read_leaderboard

    said = {row["id"]: float(row["score"]) for row in read_leaderboard(board)}
    own = {CLEAN: clean.accuracy.value}
    families = {CLEAN: ""}
    for test in tests:
        cell = cell_name(test.name, test.severity)
        own[cell], families[cell] = test.scores.accuracy.value, test.family
    known: dict[str, _Evaluation] = {}
    runs = list(_evaluations(project.config.runs_dir, target[0] if target else None))
    for submission in list_submissions(board.parent):
        for found in runs:
            if submission.card.config_key == found.ensemble and set(found.accuracy) & set(own):
                known[submission.id] = found
    past = {name: score for name, score in said.items() if name in known and 0 <= score <= 1}
    if not past:
        project.console.note(
            f"{board} holds scores of {len(said)} submissions, but the local tests of none of them are in "
            f"{project.config.runs_dir}, so they say nothing of this ensemble."
        )
        return None
    others = [name for name, row in known.items() if name not in said and row.ensemble != ensemble.key]
    used = [known[name].accuracy for name in [*past, *others]]
    cells = [cell for cell in own if all(cell in row for row in used)]
    pictures = ensemble.config.package.hidden_images or clean.n

    def profile(name: str) -> list[float]:
        return [known[name].accuracy[cell] for cell in cells]

    mine = [own[cell] for cell in cells]
    table = np.array([profile(name) for name in past])
    mix = fit_mix(cells, [families[cell] for cell in cells], table, list(past.values()), pictures, ensemble.config.seed)
    this = foretell(mix, OWN, mine, pictures)
    candidates = rank([this, *(foretell(mix, name, profile(name), pictures) for name in others)])
    aimed = {name: known[name].target for name in past if known[name].target is not None}
    better = None
    if target and aimed:
        points = [point for point in aimed.values() if point is not None]
        profiles = np.array([*(profile(name) for name in aimed), mine])
        better = corrected(target[1], points, [past[name] for name in aimed], profiles, pictures)
    write_json(run.path / "mix.json", {"weights": dict(zip(cells, mix.weights.tolist(), strict=True)), "scores": past})
    return BoardEstimate(this, better, tuple(candidates), mix, past, tuple(sorted(set(said) - set(past))))


def cell_name(corruption: str, severity: int) -> str:
    """A local test as mixes name it, such as `jpeg@3`."""
    return f"{corruption}@{severity}"


@dataclass(frozen=True)
class _Evaluation:
    """A finished evaluation: key of its ensemble, accuracy by local test, and what its target pictures said."""

    ensemble: str
    accuracy: Mapping[str, float]
    target: float | None


def _evaluations(runs: Path, target: str | None) -> Iterable[_Evaluation]:
    """Every finished evaluation of any contest in the folder; of target pictures only those of the fingerprint."""
    for path in sorted(runs.glob("*/evaluate/*/evaluation.json"), key=lambda path: path.stat().st_mtime):
        if path.parent.is_symlink() or not (path.parent / "DONE").exists():
            continue
        with suppress(OSError, ValueError, KeyError, TypeError):
            stored = read_json(path)
            cells = {cell_name(row["corruption"], row["severity"]): row["accuracy"]["value"] for row in stored["tests"]}
            aimed = stored["target"]
            same = target and aimed and aimed["fingerprint"] == target
            point = aimed.get("usual", aimed["combined"])["point"] if same else None
            yield _Evaluation(stored["ensemble"], {CLEAN: stored["clean"]["accuracy"]["value"], **cells}, point)
