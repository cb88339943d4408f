"""Result submissions of Codabench: a zip of one predictions file, in the format of an example."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from toolkit.artifacts import atomic_path
from toolkit.errors import DataError, MissingFileError, SubmissionError
from toolkit.submission.checks import Check
from toolkit.submission.codabench import zip_entry
from toolkit.submission.sample import SampleForm, read_form
from toolkit.submission.table import fill, judge, match_ids, table_text

Form = Literal["table", "lines", "npy", "npz", "list", "mapping"]
Kind = Literal["names", "labels", "one_hot", "probabilities"]


@dataclass(frozen=True)
class Template:
    """The format of a predictions file.

    Attributes:
        name: Its name in the zip.
        form: A CSV with header, a label a line, `.npy`, `.npz` of one array, or JSON: a list or ids with values.
        kind: What stands for a picture.
        sample: The CSV's form, else None.
        array: Name of the array in an `.npz`.
        ids: Ids of the example, where it has some.
        dtype: Of an array.
        column: Whether labels of an array have the shape `(n, 1)`.
    """

    name: str
    form: Form
    kind: Kind = "labels"
    sample: SampleForm | None = None
    array: str = ""
    ids: tuple[str, ...] = ()
    dtype: str = "int64"
    column: bool = False


def read_template(path: Path, class_names: Sequence[str], scratch: Path, values: str = "auto") -> Template:
    """Find out the format of an example of predictions.

    Args:
        path: The example, or a zip with nothing else in it. Its name is the name that the scoring looks for.
        class_names: `(k,)` names by index.
        scratch: An existing folder for what must be unpacked.
        values: `auto`, or what a CSV holds, as in `read_form`.

    Raises:
        MissingFileError: There is no such file.
        SubmissionError: Its format is not known.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no example of predictions at {path}. Set package.template to one.")
    if path.suffix == ".zip":
        path = _only_member(path, scratch)
    try:
        if path.suffix == ".npy":
            return _of_array(path.name, "npy", np.load(path, allow_pickle=False), len(class_names))
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                if len(arrays.files) != 1:
                    raise ValueError(f"it holds {len(arrays.files)} arrays instead of one")
                return _of_array(path.name, "npz", arrays[arrays.files[0]], len(class_names), arrays.files[0])
        if path.suffix == ".json":
            return _of_json(path.name, json.loads(path.read_text(encoding="utf-8")), class_names)
        if path.suffix in {".csv", ".tsv"}:
            return Template(path.name, "table", sample=read_form(path, class_names, values))
        cells = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return Template(path.name, "lines", _kind_of(cells, class_names))
    except (ValueError, OSError) as error:
        if isinstance(error, SubmissionError | DataError):
            raise
        raise SubmissionError(
            f"The format of {path.name} is not known: {error}. An example must be a CSV with a header, a text file "
            "with one label a line, an .npy or .npz with one array, or JSON (a list, or ids with labels)."
        ) from error


def write_results(
    template: Template,
    destination: Path,
    image_ids: Sequence[str],
    probabilities: np.ndarray,
    class_names: Sequence[str],
    label_values: Sequence[int] | None = None,
) -> list[Check]:
    """Write the zip of a result submission: one file, no `metadata`, as that would lose the predictions.

    Args:
        template: Format of the file.
        destination: The zip.
        image_ids: n ids of pictures, in the order of the test set.
        probabilities: `(n, k)`.
        class_names: `(k,)` names by index.
        label_values: The integer that stands for each class, None for its index.

    Returns:
        The checks, all of which hold.

    Raises:
        SubmissionError: Ids do not fit, or values are not finite.
    """
    if not np.isfinite(probabilities).all():
        raise SubmissionError("Some predicted probabilities are NaN or infinite, so nothing is written. Train again.")
    values = np.asarray(range(len(class_names)) if label_values is None else label_values)
    data, checks = _content(template, image_ids, probabilities, list(class_names), values)
    with atomic_path(destination) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zip_entry(template.name), data)
    return [*checks, Check("result zip", True, f"{template.name} alone at the top, no `metadata`")]


def _content(
    template: Template, image_ids: Sequence[str], probabilities: np.ndarray, names: list[str], values: np.ndarray
) -> tuple[bytes, list[Check]]:
    if template.sample is not None:
        columns = fill(template.sample, image_ids, probabilities)
        checks = judge(template.sample, columns)
        failed = " ".join(check.message for check in checks if not check.ok)
        if failed:
            raise SubmissionError(f"{template.name} is not written, as the contest would refuse it: {failed}")
        return table_text(columns).encode(), checks
    if template.ids:
        probabilities = probabilities[match_ids(template.ids, image_ids)]
    rows = _rows(template, probabilities, names, values)
    done = [Check("form", True, f"{len(rows)} {template.kind.replace('_', '-')} as {template.form}")]
    if template.form == "lines":
        return "".join(f"{row}\n" for row in rows.tolist()).encode(), done
    if template.form in {"list", "mapping"}:
        listed = rows.tolist()
        found = dict(zip(template.ids, listed, strict=True)) if template.form == "mapping" else listed
        return (json.dumps(found, ensure_ascii=False) + "\n").encode(), done
    stream = io.BytesIO()
    if template.form == "npy":
        np.save(stream, rows, allow_pickle=False)
    else:
        arrays: dict[str, Any] = {template.array: rows}
        np.savez(stream, **arrays)
    return stream.getvalue(), done


def _rows(template: Template, probabilities: np.ndarray, names: list[str], values: np.ndarray) -> np.ndarray:
    winners = probabilities.argmax(axis=1)
    if template.kind == "names":
        return np.asarray(np.asarray(names)[winners])
    if template.kind == "labels":
        labels = np.asarray(values[winners], template.dtype)
        return labels[:, None] if template.column else labels
    rows = np.eye(len(names))[winners] if template.kind == "one_hot" else probabilities
    return np.asarray(rows, template.dtype)


def _only_member(path: Path, scratch: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if len(names) != 1 or "/" in names[0]:
            raise SubmissionError(f"{path} must hold one predictions file at its top, but holds {names[:5]}.")
        return Path(archive.extract(names[0], scratch))


def _of_array(name: str, form: Literal["npy", "npz"], example: np.ndarray, k: int, array: str = "") -> Template:
    if example.dtype.kind == "U" and example.ndim == 1:
        return Template(name, form, "names", array=array)
    if example.dtype.kind not in "iuf":
        raise ValueError(f"its dtype is {example.dtype}")
    dtype = str(example.dtype)
    if example.ndim == 1 or example.shape[1:] == (1,):
        return Template(name, form, "labels", array=array, dtype=dtype, column=example.ndim == 2)
    if example.shape[1:] != (k,):
        raise ValueError(f"its shape is {example.shape}, neither (n,) nor (n, {k})")
    one_hot = bool(np.isin(example, (0, 1)).all() and (example.sum(axis=1) == 1).all())
    return Template(name, form, "one_hot" if one_hot else "probabilities", array=array, dtype=dtype)


def _of_json(name: str, example: Any, class_names: Sequence[str]) -> Template:
    if isinstance(example, dict) and example:
        return Template(name, "mapping", _kind_of(list(example.values()), class_names), ids=tuple(example))
    if isinstance(example, list) and example:
        return Template(name, "list", _kind_of(example, class_names))
    raise ValueError("it is neither a list nor ids with labels")


def _kind_of(cells: Sequence[Any], class_names: Sequence[str]) -> Kind:
    if not cells:
        raise ValueError("it is empty")
    if all(isinstance(cell, list) and len(cell) == len(class_names) for cell in cells):
        return "probabilities"
    if all(isinstance(cell, str) and cell in class_names for cell in cells):
        return "names"
    if all(isinstance(cell, int) or (isinstance(cell, str) and cell.isdigit()) for cell in cells):
        return "labels"
    raise ValueError(f"{cells[0]!r} is neither a class ({', '.join(class_names[:6])}) nor a number of one")
