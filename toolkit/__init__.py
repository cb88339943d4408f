"""From a messy, labelled image data set to a proven contest submission, with an honest estimate of the hidden score.

In a notebook::

    import toolkit

    toolkit.init("data/train.csv", "contest.yaml")
    toolkit.clean("contest.yaml")
    toolkit.preview("contest.yaml")
    toolkit.tune("contest.yaml", ["tune.trials=30"])
    toolkit.ensemble("contest.yaml")
    toolkit.evaluate("contest.yaml")
    toolkit.package("contest.yaml")
    toolkit.compare(["runs/one", "runs/other"])

Each function does what the command of its name does and returns the object that the command prints. Importing this
module is instant: TensorFlow and its like are loaded by the first function that needs them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.config import Config
    from toolkit.steps.bundle import BundleResult
    from toolkit.steps.clean import CleanResult
    from toolkit.steps.compare import CompareResult
    from toolkit.steps.demo import DemoResult
    from toolkit.steps.doctor import DoctorResult
    from toolkit.steps.ensemble import EnsembleResult
    from toolkit.steps.evaluate import EvaluateResult
    from toolkit.steps.init import InitResult
    from toolkit.steps.package import PackageResult
    from toolkit.steps.papers.step import PaperResult
    from toolkit.steps.predict import PredictResult
    from toolkit.steps.preview import PreviewResult
    from toolkit.steps.run import RoadResult
    from toolkit.steps.tune import TuneResult
    from toolkit.steps.verify import VerifyResult

    ConfigLike = Config | Mapping[str, Any] | str | Path

__version__ = "0.1.0"
__all__ = [
    "bundle",
    "clean",
    "compare",
    "demo",
    "doctor",
    "ensemble",
    "evaluate",
    "init",
    "package",
    "paper",
    "predict",
    "preview",
    "run",
    "tune",
    "verify",
]


def init(data: str | Path, output: str | Path = "contest.yaml", *, force: bool = False) -> InitResult:
    """Recognise the form of a data set and write a commented config for it.

    Args:
        data: Folder of class folders, CSV file, Kaggle folder, or `.npz` file.
        output: The config to write.
        force: Replace an existing file.
    """
    from toolkit.steps.init import init_config

    return init_config(Path(data), Path(output), force=force)


def clean(config: ConfigLike, assignments: Sequence[str] = (), *, decisions: str | Path | None = None) -> CleanResult:
    """Find what is wrong with the data and write a cleaned manifest; the data itself is never changed.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
        decisions: CSV saved from the page of an earlier `clean`; it counts over the automatic actions from now on.
    """
    from toolkit.steps.clean import clean_step
    from toolkit.steps.project import Project

    return clean_step(Project(config, assignments=assignments), Path(decisions) if decisions else None)


def preview(config: ConfigLike, assignments: Sequence[str] = (), *, pictures: int = 3) -> PreviewResult:
    """Write a page of pictures as they are, as training varies them and as the local tests corrupt them.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
        pictures: Pictures a class.
    """
    from toolkit.steps.preview import preview_step
    from toolkit.steps.project import Project

    return preview_step(Project(config, assignments=assignments), pictures)


def tune(config: ConfigLike, assignments: Sequence[str] = ()) -> TuneResult:
    """Search for better settings; a larger `tune.trials` continues the same study.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
    """
    from toolkit.steps.project import Project
    from toolkit.steps.tune import tune_step

    return tune_step(Project(config, assignments=assignments))


def ensemble(config: ConfigLike, assignments: Sequence[str] = ()) -> EnsembleResult:
    """Train one model a fold and keep its out-of-fold predictions.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
    """
    from toolkit.steps.ensemble import ensemble_step
    from toolkit.steps.project import Project

    return ensemble_step(Project(config, assignments=assignments))


def evaluate(
    config: ConfigLike,
    assignments: Sequence[str] = (),
    *,
    data: str | Path | None = None,
    target: str | Path | None = None,
) -> EvaluateResult:
    """Score the ensemble on clean and corrupted local tests and estimate the hidden score.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
        data: A further labelled source to score.
        target: Unlabelled pictures of the hidden test, from which its score is estimated.
    """
    from toolkit.steps.evaluate import evaluate_step
    from toolkit.steps.project import Project

    sources = (None if source is None else Path(source) for source in (data, target))
    return evaluate_step(Project(config, assignments=assignments), *sources)


def compare(
    runs: Sequence[str | Path],
    *,
    groups: Mapping[str, Sequence[str | Path]] | None = None,
    labels: str | Path | None = None,
    output: str | Path | None = None,
) -> CompareResult:
    """Say which of several finished runs is better, and whether that is more than noise.

    Args:
        runs: Folders of finished `ensemble` or `evaluate` runs, or `.npz` predictions; `NAME=PATH` gives a name. Those
            that differ only in their seed count as one configuration.
        groups: Runs that count as one configuration, by its name.
        labels: Labelled source of the pictures of `.npz` predictions.
        output: Folder of the page; by default beside the first run.
    """
    from toolkit.steps.compare import compare_runs

    named = [f"{name}={','.join(map(str, paths))}" for name, paths in (groups or {}).items()]
    return compare_runs(
        runs, groups=named, labels=Path(labels) if labels else None, output=Path(output) if output else None
    )


def package(config: ConfigLike, assignments: Sequence[str] = ()) -> PackageResult:
    """Pack the ensemble for the contest and prove the package in a re-created contest worker.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
    """
    from toolkit.steps.package import package_step
    from toolkit.steps.project import Project

    return package_step(Project(config, assignments=assignments))


def paper(config: ConfigLike, assignments: Sequence[str] = ()) -> PaperResult:
    """Make the tables of a published report again, ours beside the published ones (`configs/papers/`).

    Args:
        config: Path of a YAML file, a mapping, or a config object, with the section `paper`.
        assignments: `section.key=value` texts over it.
    """
    from toolkit.steps.papers.step import paper_step
    from toolkit.steps.project import Project

    return paper_step(Project(config, assignments=assignments))


def verify(
    submission: str | Path, *, bundle: str | Path | None = None, sample: str | Path | None = None
) -> VerifyResult:
    """Run a submission as the contest will, and say what is wrong with it.

    Args:
        submission: Codabench zip, Kaggle table, or folder of a Kaggle kernel.
        bundle: Competition bundle, a folder or a zip.
        sample: Sample submission that a table or kernel is held to.
    """
    from toolkit.steps.verify import verify as verify_submission

    return verify_submission(
        Path(submission), bundle=Path(bundle) if bundle else None, sample=Path(sample) if sample else None
    )


def bundle(data: str | Path, output: str | Path, *, title: str | None = None) -> BundleResult:
    """Write a Codabench competition whose hidden test is a labelled set.

    Args:
        data: Folder of class folders, CSV, Kaggle folder or `.npz`.
        output: Folder to write; a zip goes beside it.
        title: Title of the competition.
    """
    from toolkit.steps.bundle import make_bundle

    return make_bundle(Path(data), Path(output), title=title)


def predict(
    config: ConfigLike, data: str | Path, output: str | Path = "predictions.npz", assignments: Sequence[str] = ()
) -> PredictResult:
    """Predict new pictures with the trained ensemble.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        data: Source of the pictures, labelled or not.
        output: The `.npz` to write.
        assignments: `section.key=value` texts over the config.
    """
    from toolkit.steps.predict import predict_step
    from toolkit.steps.project import Project

    return predict_step(Project(config, assignments=assignments), Path(data), Path(output))


def run(config: ConfigLike, assignments: Sequence[str] = (), *, minutes: float | None = None) -> RoadResult:
    """Go the whole road: clean, tune, ensemble, evaluate, package; what is done is not done again.

    Args:
        config: Path of a YAML file, a mapping, or a config object.
        assignments: `section.key=value` texts over it.
        minutes: Time to spend in all.
    """
    from toolkit.steps.project import Project
    from toolkit.steps.run import run_road

    return run_road(Project(config, assignments=assignments), minutes=minutes)


def demo(folder: str | Path = "demo") -> DemoResult:
    """Build a small messy contest from scikit-learn's digits and go the whole road on it.

    Args:
        folder: Where the contest and its results go.
    """
    from toolkit.steps.demo import run_demo

    return run_demo(Path(folder))


def doctor() -> DoctorResult:
    """Say what is installed, on which devices it runs, which weights are at hand, and what is missing for what."""
    from toolkit.steps.doctor import examine

    return examine()
