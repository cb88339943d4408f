"""The command line: parse, load the config, call one step, render."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.console import Console
    from toolkit.steps.project import Project
    from toolkit.steps.results import Result

# Plain help texts: drawing them with rich would cost more than everything else that `--help` does.
app = typer.Typer(
    name="toolkit",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a messy, labelled image data set to a proven contest submission.",
)

submissions = typer.Typer(rich_markup_mode=None)
app.add_typer(submissions, name="submissions")

ConfigFile = Annotated[Path, typer.Option("-c", "--config", help="Config file; `toolkit init` writes one.")]
Assignments = Annotated[
    list[str], typer.Option("--set", metavar="section.key=value", help="Override a setting; repeatable.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

_DEFAULT_CONFIG = Path("contest.yaml")
_INTERRUPTED = 130


def _console(as_json: bool) -> Console:
    from toolkit.console import Console

    return Console(as_json=as_json)


def _step(config: Path, assignments: list[str], as_json: bool, call: Callable[[Project], Result]) -> None:
    from toolkit.steps.project import Project

    console = _console(as_json)
    call(Project(config, console, assignments)).show(console)


@app.command()
def init(
    data: Annotated[Path, typer.Argument(help="Folder of class folders, CSV, Kaggle folder, or .npz file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Config to write.")] = _DEFAULT_CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Recognise the form of a data set and write a commented config."""
    from toolkit.steps.init import init_config

    console = _console(as_json)
    init_config(data, output, force=force, console=console).show(console)


@app.command()
def clean(
    config: ConfigFile = _DEFAULT_CONFIG,
    decisions: Annotated[
        Path | None, typer.Option("--decisions", help="Decisions saved from the page of an earlier `clean`.")
    ] = None,
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Find duplicates, conflicting labels, leaks, outliers and wrong labels."""
    from toolkit.steps.clean import clean_step

    _step(config, assignments, as_json, lambda project: clean_step(project, decisions))


@app.command()
def preview(
    config: ConfigFile = _DEFAULT_CONFIG,
    pictures: Annotated[int, typer.Option("--pictures", min=1, max=20, help="Pictures a class.")] = 3,
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Look at pictures as training varies and the local tests corrupt them."""
    from toolkit.steps.preview import preview_step

    _step(config, assignments, as_json, lambda project: preview_step(project, pictures))


@app.command()
def tune(
    config: ConfigFile = _DEFAULT_CONFIG,
    modify: Annotated[bool, typer.Option("--modify", help="Sweep two settings around the best trial.")] = False,
    unfreeze: Annotated[bool, typer.Option("--unfreeze", help="Search that unfreezes layer by layer.")] = False,
    attempts: Annotated[int, typer.Option("--attempts", min=1, help="Sets that --unfreeze may try.")] = 10,
    compare: Annotated[str, typer.Option("--compare", metavar="grid,random,tpe,asha", help="Compare methods.")] = "",
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Epochs of each method of --compare.")] = 400,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes that search together.")] = 1,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of all of them together; default: one a core.")
    ] = None,
    others: Annotated[list[Path], typer.Option("--with", help="Config of a further data set of --compare.")] = [],  # noqa: B006
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Search for better settings; more trials continue the study, further processes join it."""
    if modify + unfreeze + bool(compare) > 1:
        raise typer.BadParameter("give one of --modify, --unfreeze and --compare")
    from toolkit.steps.tune_methods import tune_method

    call = tune_method(modify, attempts if unfreeze else 0, compare, epochs, others, workers, threads)
    _step(config, assignments, as_json, call)


@app.command()
def ensemble(config: ConfigFile = _DEFAULT_CONFIG, assignments: Assignments = [], as_json: AsJson = False) -> None:  # noqa: B006
    """Train one model a fold and combine them by vote."""
    from toolkit.steps.ensemble import ensemble_step

    _step(config, assignments, as_json, ensemble_step)


@app.command()
def evaluate(
    config: ConfigFile = _DEFAULT_CONFIG,
    data: Annotated[Path | None, typer.Option("--data", help="A further labelled source to score.")] = None,
    target: Annotated[Path | None, typer.Option("--target", help="Unlabelled pictures of the hidden test.")] = None,
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Score the local tests, estimate the hidden score."""
    from toolkit.steps.evaluate import evaluate_step

    _step(config, assignments, as_json, lambda project: evaluate_step(project, data, target))


@app.command()
def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=]RUN...", help="Folder of a finished run, or .npz.")
    ] = None,
    groups: Annotated[
        list[str], typer.Option("--group", metavar="NAME=RUN,RUN", help="Runs that are one configuration; repeatable.")
    ] = [],  # noqa: B006
    labels: Annotated[Path | None, typer.Option("--labels", help="Labelled source of .npz files' pictures.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which of several runs is better, and whether that is more than noise."""
    from toolkit.steps.compare import compare_runs

    if not (runs or groups):
        raise typer.BadParameter("name at least two runs")
    compare_runs(runs or [], groups=groups, labels=labels, output=output).show(_console(as_json))


@app.command()
def package(
    config: ConfigFile = _DEFAULT_CONFIG,
    target: Annotated[str | None, typer.Option("--target", help="In place of package.target of the config.")] = None,
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Pack the submission and prove it as the contest will run or read it."""
    from toolkit.steps.package import package_step

    chosen = [*assignments, f"package.target={target}"] if target else assignments
    _step(config, chosen, as_json, package_step)


@app.command()
def verify(
    submission: Annotated[Path, typer.Argument(help="Codabench zip, or Kaggle table or kernel folder.")],
    bundle: Annotated[Path | None, typer.Option("--bundle", help="Competition bundle, folder or zip.")] = None,
    sample: Annotated[Path | None, typer.Option("--sample", help="Sample submission that a table is held to.")] = None,
    python: Annotated[str | None, typer.Option("--python", help="Interpreter with the contest's packages.")] = None,
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", help="Versions to run it in: tensorflow=2.17.1,keras=3.4.1,python=3.11; or current."),
    ] = None,
    time_limit: Annotated[float | None, typer.Option("--time-limit", min=1.0, help="Seconds for each step.")] = None,
    max_mb: Annotated[float, typer.Option("--max-mb", help="Largest zip in MB.")] = 500.0,
    hidden_images: Annotated[int | None, typer.Option("--hidden-images", help="Pictures of the hidden test.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a submission as the contest will, and say what is wrong with it."""
    from toolkit.steps.verify import verify as verify_submission

    console = _console(as_json)
    result = verify_submission(
        submission, bundle=bundle, sample=sample, python=python, runtime=runtime, time_limit_s=time_limit,
        max_mb=max_mb, hidden_images=hidden_images, console=console,
    )  # fmt: skip
    result.show(console)
    result.raise_if_wrong()


@app.command()
def bundle(
    data: Annotated[Path, typer.Argument(help="Labelled set that becomes the hidden test.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; a zip goes beside it.")],
    title: Annotated[str | None, typer.Option("--title", help="Title of the competition.")] = None,
    form: Annotated[str, typer.Option("--form", help="labels, one_hot or probabilities.")] = "labels",
    image_size: Annotated[int | None, typer.Option("--image-size", min=1, help="Side in pixels.")] = None,
    time_limit: Annotated[int, typer.Option("--time-limit", min=1, help="Seconds for each step.")] = 600,
    days: Annotated[int, typer.Option("--days", min=1, help="Length of the competition.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Write a Codabench competition whose hidden test is a labelled set."""
    from toolkit.steps.bundle import make_bundle

    console = _console(as_json)
    make_bundle(
        data, output, title=title, form=form, image_size=image_size, time_limit_s=time_limit, days=days,
        console=console,
    ).show(console)  # fmt: skip


PackageFolder = Annotated[Path | None, typer.Option("--folder", help="Folder of packages.")]


@submissions.callback(invoke_without_command=True)
def list_submissions(
    context: typer.Context, config: ConfigFile = _DEFAULT_CONFIG, folder: PackageFolder = None, as_json: AsJson = False
) -> None:
    """List finished packages with their scores; `score` records what a leaderboard said."""
    if context.invoked_subcommand is None:
        from toolkit.steps.submissions import list_packages

        list_packages(config, folder).show(_console(as_json))


@submissions.command("score")
def record_score(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of the package, or its key alone.")],
    score: Annotated[float, typer.Argument(help="What the leaderboard said, a fraction such as 0.87.")],
    config: ConfigFile = _DEFAULT_CONFIG,
    folder: PackageFolder = None,
    as_json: AsJson = False,
) -> None:
    """Record what the leaderboard said of a package in leaderboard.csv."""
    from toolkit.steps.submissions import record

    record(config, folder, name, score).show(_console(as_json))


@app.command()
def predict(
    data: Annotated[Path, typer.Option("--data", help="Source of the pictures, labelled or not.")],
    config: ConfigFile = _DEFAULT_CONFIG,
    output: Annotated[Path, typer.Option("-o", "--output", help="Predictions to write.")] = Path("predictions.npz"),
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Predict new pictures with the trained ensemble."""
    from toolkit.steps.predict import predict_step

    _step(config, assignments, as_json, lambda project: predict_step(project, data, output))


@app.command()
def run(
    config: ConfigFile = _DEFAULT_CONFIG,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0.0, help="Time to spend in all.")] = None,
    assignments: Assignments = [],  # noqa: B006
    as_json: AsJson = False,
) -> None:
    """Go the whole road: clean, tune, ensemble, evaluate, package."""
    from toolkit.steps.run import run_road

    _step(config, assignments, as_json, lambda project: run_road(project, minutes=minutes))


@app.command()
def paper(config: ConfigFile = _DEFAULT_CONFIG, assignments: Assignments = [], as_json: AsJson = False) -> None:  # noqa: B006
    """Make the tables of a published report again, ours beside the published ones (configs/papers/)."""
    from toolkit.steps.papers.step import paper_step

    _step(config, assignments, as_json, paper_step)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the contest and its results go.")] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Build a small messy contest and go the whole road on it."""
    from toolkit.steps.demo import run_demo

    console = _console(as_json)
    run_demo(folder, console=console).show(console)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed and what is missing for what."""
    from toolkit.steps.doctor import examine

    console = _console(as_json)
    examine().show(console)


def _version(shown: bool) -> None:
    if shown:
        from toolkit import __version__

        typer.echo(f"toolkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Parse options that stand before the command."""


def main() -> None:
    """Run a command; a user's mistake is one paragraph and exit code 1."""
    try:
        app()
    except ToolkitError as error:
        _console(False).error(str(error))
        sys.exit(1)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        from toolkit.artifacts import disk_full

        _console(False).error(str(disk_full(Path(error.filename or "the results"))))
        sys.exit(1)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer has turned Ctrl-C into this
            _console(False).error("Interrupted. Finished work is kept: run the same command again to go on.")
        raise


if __name__ == "__main__":
    main()
