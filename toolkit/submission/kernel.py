"""A folder for a Kaggle code contest: `dataset/` with networks and wheel, `kernel/` with an offline notebook."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolkit.artifacts import write_json, write_text
from toolkit.errors import SubmissionError
from toolkit.submission.rendering import render
from toolkit.submission.scan import refuse_unsafe
from toolkit.submission.wheel import write_wheel

NOTEBOOK = "submit.ipynb"
_TITLE = 50  # characters that Kaggle allows
_SUFFIX = "-networks"


def write_kernel(
    destination: Path,
    code_files: Mapping[str, Path],
    *,
    name: str,
    key: str,
    owner: str,
    competition: str,
    sample: str,
    values: str = "auto",
    gpu: bool = False,
    max_mb: float = 500.0,
) -> list[str]:
    """Write the folder, whole or not at all.

    Args:
        destination: The folder; an older one is replaced.
        code_files: Files of the data set by name: `model.py` and the networks.
        name: Of the contest in the config.
        key: Of the package.
        owner: Name on Kaggle.
        competition: Short name of the contest.
        sample: File name of the sample submission.
        values: What the table holds, as in `read_form`.
        gpu: Whether the notebook asks for a GPU.
        max_mb: Largest size of the folder in MB.

    Returns:
        Names of its files.

    Raises:
        SubmissionError: A secret, link or too much is in it, or another folder is in the way.
    """
    if destination.exists() and not (destination / "kernel" / "kernel-metadata.json").is_file():
        raise SubmissionError(f"{destination} exists and is no kernel's folder, so it is not overwritten. Remove it.")
    slug = slugify(f"{name[: _TITLE - len(_SUFFIX) - len(key) - 1]} {key}")
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kernel-", dir=destination.parent) as parent:
        folder = Path(parent) / "it"
        dataset, kernel = folder / "dataset", folder / "kernel"
        dataset.mkdir(parents=True)
        for file, source in code_files.items():
            shutil.copyfile(source, dataset / file)
        write_wheel(dataset)
        marker = f"{slug}.json"
        write_json(dataset / marker, {"key": key, "sample": sample, "values": values})
        write_json(dataset / "dataset-metadata.json", {
            "title": title_of(slug + _SUFFIX), "id": f"{owner}/{slug}{_SUFFIX}", "licenses": [{"name": "other"}],
            "subtitle": "Trained networks and the code that runs them",
        })  # fmt: skip
        write_json(kernel / "kernel-metadata.json", {
            "id": f"{owner}/{slug}", "title": title_of(slug), "code_file": NOTEBOOK, "language": "python",
            "kernel_type": "notebook", "is_private": True, "enable_gpu": gpu, "enable_tpu": False,
            "enable_internet": False, "dataset_sources": [f"{owner}/{slug}{_SUFFIX}"],
            "competition_sources": [competition], "kernel_sources": [], "model_sources": [],
        })  # fmt: skip
        script = render("submit.py.tmpl", title=title_of(slug), marker=repr(marker), sample=repr(sample),
                        values=repr(values))  # fmt: skip
        write_text(kernel / NOTEBOOK, json.dumps(notebook(script), indent=1) + "\n")
        refuse_unsafe(folder, max_mb)
        if destination.exists():
            shutil.rmtree(destination)
        folder.replace(destination)
    return sorted(path.relative_to(destination).as_posix() for path in destination.rglob("*") if path.is_file())


def submit_commands(folder: Path) -> list[str]:
    """The commands that hand a kernel in, in order."""
    meta = json.loads((folder / "kernel" / "kernel-metadata.json").read_text(encoding="utf-8"))
    return [
        f"kaggle datasets create -p {folder / 'dataset'}",
        f"kaggle datasets status {meta['dataset_sources'][0]}",
        f"kaggle kernels push -p {folder / 'kernel'}",
        f"kaggle kernels status {meta['id']}",
        f"Then submit the notebook's version on https://www.kaggle.com/code/{meta['id']}",
    ]


def slugify(text: str) -> str:
    """A title as Kaggle makes an id of it: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def title_of(slug: str) -> str:
    """A title that Kaggle turns into this very id."""
    return slug.replace("-", " ")


def notebook(script: str) -> dict[str, Any]:
    """A notebook (format 4.5) of a script whose cells begin with `# %%`."""
    cells = []
    for number, part in enumerate(re.split(r"^# %%", script, flags=re.MULTILINE)[1:]):
        head, _, body = part.partition("\n")
        lines = body.strip("\n").splitlines(keepends=True)
        cell: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}}
        if "markdown" in head:
            source = [re.sub(r"^# ?", "", line) for line in lines]
            cell |= {"cell_type": "markdown", "source": source}
        else:
            cell |= {"cell_type": "code", "execution_count": None, "outputs": [], "source": lines}
        cells.append(cell)
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
              "language_info": {"name": "python"}}  # fmt: skip
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def script_of(cells: Sequence[Mapping[str, Any]]) -> str:
    """The code cells of a notebook as one script."""
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code") + "\n"
