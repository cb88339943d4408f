"""Running a kernel's notebook as Kaggle does: its folders, its variables, no network."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import SubmissionError
from toolkit.sources.table import read_table
from toolkit.submission import sandbox
from toolkit.submission.checks import Check
from toolkit.submission.kernel import script_of
from toolkit.submission.sample import read_form
from toolkit.submission.table import judge, table_text

# Where Kaggle mounts the contest and the data set: three layouts that all occur.
LAYOUTS: dict[str, tuple[str, str]] = {
    "plain": ("{competition}", "{slug}"),
    "by kind": ("competitions/{competition}", "datasets/{owner}/{slug}"),
    "as model": ("competitions/{competition}", "models/{owner}/{slug}/keras/default/1"),
}
STUB = 3  # rows of the public test that a commit run sees
# Of what Kaggle's image holds, all that the notebook needs; a proof shows it nothing else. pip installs our wheel.
NEEDED = ("tensorflow", "keras", "numpy", "pillow", "pip")
JUPYTER = ("nbclient", "ipykernel")  # execute the notebook
_EXECUTE = """
import json, os, sys
import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
manager = AsyncKernelManager(transport="ipc")  # sockets in files: there is no network, not even to itself
try:
    NotebookClient(notebook, km=manager, timeout=None, kernel_name="python3").execute()
finally:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            sys.stdout.write(output.get("text", "") or chr(10).join(output.get("traceback", [])))
"""


@dataclass(frozen=True)
class KernelRun:
    """What came of a run.

    Attributes:
        checks: Whether it ran, and what it wrote.
        table: The `submission.csv` that it wrote, as text; empty if none.
        seconds: Wall time.
        log: What it printed.
    """

    checks: tuple[Check, ...]
    table: str
    seconds: float
    log: str


def run_kernel(
    folder: Path,
    sample: Path,
    pictures: Mapping[str, Path],
    class_names: Sequence[str],
    *,
    layout: str = "plain",
    rerun: bool = True,
    rows: int | None = None,
    python: str,
    time_limit_s: float = 9 * 3600.0,
    mount: bool = True,
) -> KernelRun:
    """Run the notebook of a kernel's folder on pictures.

    With nbclient in the interpreter the notebook is executed by a Jupyter kernel; without it its code cells are run as
    one script, which is said.

    Args:
        folder: Holds `dataset/` and `kernel/`.
        sample: A sample submission whose ids are the names of the pictures.
        pictures: Test pictures by file name.
        class_names: `(k,)` names by index.
        layout: How inputs are mounted, a name in `LAYOUTS`.
        rerun: Whether it is the hidden rerun that is scored, or the run of a commit.
        rows: Only the first rows of the sample and their pictures, None for all: a commit sees `STUB`.
        python: Interpreter that runs it.
        time_limit_s: Seconds, Kaggle's nine hours by default.
        mount: False: rewrite paths under `/kaggle` even where a mount namespace is permitted.

    Raises:
        SubmissionError: The folder is no kernel's.
    """
    try:
        meta = json.loads((folder / "kernel" / "kernel-metadata.json").read_text(encoding="utf-8"))
        owner, _, slug = str(meta["dataset_sources"][0]).partition("/")
        book = json.loads((folder / "kernel" / meta["code_file"]).read_text(encoding="utf-8"))
        said = _marker(folder / "dataset")
        names = {"competition": meta["competition_sources"][0], "owner": owner, "slug": slug}
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise SubmissionError(f"{folder} is no folder that `toolkit package` made for a kernel ({error!r}).") from error
    mounts = mount and sandbox.can_show("kaggle", python, tempfile.gettempdir())
    # A short path: sockets of a kernel are files, whose paths are limited to about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="k", dir="/tmp") as short, tempfile.TemporaryDirectory() as scratch:
        kaggle = Path(scratch) / "kaggle"
        contest, networks = (kaggle / "input" / part.format(**names) for part in LAYOUTS[layout])
        (kaggle / "working").mkdir(parents=True)
        shutil.copytree(folder / "dataset", networks, ignore=shutil.ignore_patterns("dataset-metadata.json"))
        (contest / "test").mkdir(parents=True)
        _write_sample(sample, contest / said["sample"], rows)
        form = read_form(contest / said["sample"], class_names, said["values"])
        for name, path in pictures.items():
            if name in form.ids or name.rpartition(".")[0] in form.ids:
                shutil.copyfile(path, contest / "test" / name)
        variables = {"KAGGLE_KERNEL_RUN_TYPE": "Batch", "KAGGLE_URL_BASE": "https://www.kaggle.com",
                     "JUPYTER_RUNTIME_DIR": short, "TF_CPP_MIN_LOG_LEVEL": "2"}  # fmt: skip
        variables |= {"KAGGLE_IS_COMPETITION_RERUN": "1"} if rerun else {}
        command, how = _command(book, Path(scratch), kaggle, python, mounts)
        ran = sandbox.run(
            command, working_dir=kaggle / "working", time_limit_s=time_limit_s, home=Path(scratch) / "home",
            read_only=kaggle / "input", environment=variables,
            shown=sandbox.Shown(kaggle, "kaggle", "working") if mounts else None,
        )  # fmt: skip
        checks = [_end(ran, how, layout, rerun)]
        written = kaggle / "working" / "submission.csv"
        if not written.is_file():
            checks.append(Check("submission.csv", False, "The notebook wrote no submission.csv into /kaggle/working."))
            return KernelRun(tuple(checks), "", ran.seconds, ran.log)
        checks += judge(form, read_table(written).columns)
        return KernelRun(tuple(checks), written.read_text(encoding="utf-8"), ran.seconds, ran.log)


def _marker(dataset: Path) -> dict[str, str]:
    """What lies beside the networks: key, name of the sample, and what the table holds."""
    for path in sorted(dataset.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        if {"key", "sample", "values"} <= set(content):
            return dict(content)
    raise KeyError("the file that names the sample")


def _write_sample(sample: Path, destination: Path, rows: int | None) -> None:
    columns = read_table(sample).columns
    destination.write_text(table_text({name: cells[:rows] for name, cells in columns.items()}), encoding="utf-8")


def _command(
    book: dict[str, list[dict[str, object]]], scratch: Path, kaggle: Path, python: str, mounts: bool
) -> tuple[list[str], str]:
    asked = subprocess.run([python, "-c", "import nbclient, ipykernel"], capture_output=True, timeout=120)
    there = asked.returncode == 0
    text = json.dumps(book) if there else script_of(book["cells"])
    if not mounts:
        text = text.replace("/kaggle/", f"{kaggle}/")
    path = scratch / ("submit.ipynb" if there else "submit.py")
    path.write_text(text, encoding="utf-8")
    if there:
        (scratch / "execute.py").write_text(_EXECUTE, encoding="utf-8")
        return [python, str(scratch / "execute.py"), str(path)], "executed by a Jupyter kernel"
    return [python, str(path)], "its code cells run as a script, as nbclient is not installed"


def _end(ran: sandbox.Ran, how: str, layout: str, rerun: bool) -> Check:
    name = f"{'hidden rerun' if rerun else 'commit run'}, inputs {layout}"
    if ran.exit_code == 0:
        network = "no network" if sandbox.isolation().network else "network not cut off"
        return Check(name, True, f"{how}, {network}, {ran.seconds:.1f} s, {ran.peak_memory_mb:.0f} MB")
    if ran.exit_code is None:
        return Check(name, False, "Too slow: ended at the time limit. Pack fewer members or a smaller backbone.")
    lines = [line.strip() for line in ran.log.splitlines() if line.strip()]
    return Check(name, False, f"The notebook fails: {lines[-1][:300] if lines else 'it wrote nothing'}")
