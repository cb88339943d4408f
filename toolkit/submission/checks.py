"""What can be said of a submission zip without running it."""

from __future__ import annotations

import ast
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from toolkit.submission.scan import LOOKED_AT, is_secret

METADATA_NAMES = ("metadata.yaml", "metadata")  # in the order the worker looks for them
_IGNORED = "__MACOSX"


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What was looked at, a word or two.
        ok: Whether it is as it must be.
        message: What was found; where it is wrong, also what to do.
    """

    name: str
    ok: bool
    message: str


def open_archive(path: Path) -> zipfile.ZipFile | Check:
    """Open a zip whose every byte can be read, or say what is wrong with it."""
    if not path.is_file():
        return Check("zip", False, f"{path} does not exist. Build it with `toolkit package`.")
    try:
        archive = zipfile.ZipFile(path)
        damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        return Check("zip", False, f"{path.name} is not a zip that can be read ({error}). Build it again.")
    if damaged is not None:
        archive.close()
        return Check("zip", False, f"{path.name} is damaged: {damaged} cannot be read. Build it again.")
    return archive


def inspect(archive: zipfile.ZipFile, max_mb: float) -> tuple[Check, ...]:
    """Look at everything in a submission that needs no running; a zip without Python code is one of results.

    Args:
        archive: The open zip.
        max_mb: Largest size of the file in MB (10^6 bytes).

    Returns:
        The checks, those of `UNSAFE` among them.
    """
    looks: tuple[Callable[[zipfile.ZipFile], Check], ...] = (_paths, _secrets, _flat, _model, _imports, _metadata)
    if is_result(archive):
        looks = (_paths, _secrets, _flat, _result)
    return (_size(archive, max_mb), *(look(archive) for look in looks))


def is_result(archive: zipfile.ZipFile) -> bool:
    """Whether a zip is a result submission: predictions, without any program."""
    return not any(info.filename.endswith((".py", ".keras", ".h5", ".sh")) for info in _files(archive)) and any(
        Path(info.filename).name not in METADATA_NAMES for info in _files(archive)
    )


UNSAFE = ("paths",)  # a zip that fails one of these is not unpacked


def _files(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    return (info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith(_IGNORED))


def _size(archive: zipfile.ZipFile, max_mb: float) -> Check:
    size = Path(str(archive.filename)).stat().st_size / 1e6
    if size > max_mb:
        return Check(
            "size",
            False,
            f"{size:.0f} MB, too big: more than the {max_mb:g} MB that upload reliably. Set package.float16: true "
            "or pack fewer members (package.members).",
        )
    return Check("size", True, f"{size:.1f} MB")


def _paths(archive: zipfile.ZipFile) -> Check:
    for info in archive.infolist():
        name = info.filename
        if name.startswith("/") or ".." in PurePosixPath(name).parts or "\\" in name or re.match(r"[A-Za-z]:", name):
            return Check("paths", False, f"{name!r} points outside of the zip. Store files under their bare names.")
        if stat.S_ISLNK(info.external_attr >> 16):
            return Check(
                "paths", False, f"{name!r} is a symbolic link, which the worker does not follow. Store the file."
            )
    return Check("paths", True, "no absolute paths, no links")


def _secrets(archive: zipfile.ZipFile) -> Check:
    for info in _files(archive):
        with archive.open(info) as stream:
            start = stream.read(LOOKED_AT)
        if is_secret(info.filename, start):
            return Check(
                "secrets",
                False,
                f"{info.filename!r} looks like a secret key or token. Take it out, and replace the key.",
            )
    return Check("secrets", True, "no keys or tokens")


def _flat(archive: zipfile.ZipFile) -> Check:
    nested = [info.filename for info in _files(archive) if "/" in info.filename]
    if nested:
        return Check(
            "flat",
            False,
            f"{nested[0]!r} lies in a folder of the zip, where the contest does not look: such a submission silently "
            "scores 0.0. Zip the files themselves, not the folder that holds them.",
        )
    return Check("flat", True, "all files at the top")


def _model(archive: zipfile.ZipFile) -> Check:
    source = _source(archive)
    if source is None:
        return Check(
            "model.py",
            False,
            "model.py is missing from the top of the zip, so the contest finds nothing to run. Put the file with "
            "`class Model` there under exactly this name.",
        )
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return Check("model.py", False, f"model.py is not Python ({error}). Correct it.")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == "Model":
            return Check("model.py", True, "at the top, with class Model")
        if isinstance(node, ast.ImportFrom) and any((name.asname or name.name) == "Model" for name in node.names):
            return Check("model.py", True, "at the top, imports class Model")
    return Check("model.py", False, "model.py holds no `class Model`, which the contest asks for. Name the class so.")


def _imports(archive: zipfile.ZipFile) -> Check:
    source = _source(archive) or b""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Check("imports", True, "not looked at")
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
        if any(name.split(".")[0] == "toolkit" for name in names):
            return Check(
                "imports",
                False,
                f"model.py imports toolkit (line {getattr(node, 'lineno', 0)}), which the contest server has not. "
                "Put the code it needs into model.py.",
            )
    return Check("imports", True, "needs nothing of this toolkit")


def _result(archive: zipfile.ZipFile) -> Check:
    found = [name for name in METADATA_NAMES if name in archive.namelist()]
    if found:
        return Check(
            "metadata",
            False,
            f"`{found[0]}` is in a zip of results, so the worker takes it for code and loses the predictions: such a "
            "submission silently scores 0.0. Take the file out. (Code needs a model.py.)",
        )
    return Check("metadata", True, "a result submission, without metadata")


def _metadata(archive: zipfile.ZipFile) -> Check:
    import yaml

    names = set(archive.namelist())
    found = next((name for name in METADATA_NAMES if name in names), None)
    if found is None:
        similar = next((name for name in sorted(names) if name.lower().startswith("metadata")), None)
        hint = f" (`{similar}` is not it: the name must be exactly `metadata`)" if similar else ""
        return Check(
            "metadata",
            False,
            "There is no file `metadata` beside model.py, so the worker takes the zip for a result and copies code and "
            f"weights into the predictions{hint}. Add the file, without a command.",
        )
    try:
        content = yaml.safe_load(archive.read(found))
    except (yaml.YAMLError, UnicodeDecodeError):
        return Check(
            "metadata",
            False,
            f"`{found}` is not YAML, so the worker fails on it. Write `description: a model` into it.",
        )
    if isinstance(content, dict) and content.get("command"):
        return Check(
            "metadata",
            False,
            f"`{found}` holds a command, so the worker runs the submission as a program of its own beside the "
            "contest's. Take the command out.",
        )
    return Check("metadata", True, "a code submission, without a command")


def _source(archive: zipfile.ZipFile) -> bytes | None:
    return archive.read("model.py") if "model.py" in archive.namelist() else None
