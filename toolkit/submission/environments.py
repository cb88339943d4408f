"""Clean environments with the very versions that a contest runs, built once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from toolkit.artifacts import write_json
from toolkit.errors import MissingFileError, SubmissionError

_BUILD_LIMIT_S = 1800
_VERSION = re.compile(r"^\d+(\.\d+)*([abrc.post]+\d+)?$")
_ASK_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


@dataclass(frozen=True)
class Pins:
    """Versions of a contest's server, None where any will do.

    Attributes:
        tensorflow: Such as `2.17.1`.
        keras: Such as `3.4.1`.
        python: `3.11` or `3.11.9`.
        packages: Further requirements as pip reads them, such as `pandas==2.2.2`.
    """

    tensorflow: str | None = None
    keras: str | None = None
    python: str | None = None
    packages: tuple[str, ...] = ()

    @property
    def requirements(self) -> list[str]:
        """What pip is asked for."""
        # The build without CUDA is a quarter of the size and computes the same.
        cpu = sys.platform == "linux" and platform.machine() == "x86_64"
        found = [f"tensorflow{'-cpu' if cpu else ''}=={self.tensorflow}"] if self.tensorflow else []
        found += [f"keras=={self.keras}"] if self.keras else []
        return [*found, *self.packages]

    @property
    def versions(self) -> dict[str, str]:
        """Versions by package, as far as they are named."""
        named = {"tensorflow": self.tensorflow, "keras": self.keras}
        return {name: version for name, version in named.items() if version}

    @property
    def words(self) -> str:
        """`TensorFlow 2.17.1, Keras 3.4.1, Python 3.11`."""
        named = {"TensorFlow": self.tensorflow, "Keras": self.keras, "Python": self.python}
        return ", ".join([f"{name} {version}" for name, version in named.items() if version] + list(self.packages))


def parse_pins(text: str) -> Pins:
    """Read `tensorflow=2.17.1,keras=3.4.1,python=3.11`, also as a config writes it: `{tensorflow: 2.17.1}`.

    Raises:
        SubmissionError: The text is not of this form.
    """
    found: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.strip().strip("{}").split(","))):
        name, version = ([piece.strip(" \"'") for piece in re.split("==|=|:", part, maxsplit=1)] + [""])[:2]
        if name not in {"tensorflow", "keras", "python"} or not _VERSION.match(version):
            raise SubmissionError(
                f"The runtime {text!r} cannot be read at {part!r}. Write the versions as in "
                "`tensorflow=2.17.1,keras=3.4.1,python=3.11`, or `current` for this environment."
            )
        found[name] = version
    return Pins(found.get("tensorflow"), found.get("keras"), found.get("python"))


def cache_folder() -> Path:
    """Where environments are kept: `contest-toolkit/runtimes` in the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "contest-toolkit" / "runtimes"


def runtime_python(pins: Pins, *, cache: Path | None = None, on_note: Callable[[str], None] | None = None) -> Path:
    """The interpreter of an environment with these versions, built now where it is not there yet.

    Building installs packages from the package index that pip is set to; all later calls need no network.

    Args:
        pins: The versions.
        cache: Folder of environments; None: `cache_folder()`.
        on_note: Is told that the environment is being built.

    Raises:
        MissingFileError: There is no such Python on this machine.
        SubmissionError: pip cannot install the versions.
    """
    root = cache or cache_folder()
    digest = hashlib.sha256(json.dumps([asdict(pins), pins.requirements]).encode()).hexdigest()[:12]
    folder = root / digest
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if (folder / "DONE").is_file() and python.exists():
        return python
    base = find_python(pins.python)
    if on_note is not None:
        on_note(f"Building an environment with {pins.words} in {folder} (once, a few minutes)")
    root.mkdir(parents=True, exist_ok=True)
    # Built beside its place and renamed, as two commands may build the same at once. Only its scripts know their path,
    # and none of them is used.
    building = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=root))
    inside = building / python.relative_to(folder)
    try:
        _call([str(base), "-m", "venv", str(building)], pins)
        _call([str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins.requirements], pins)
        frozen = _call([str(inside), "-m", "pip", "freeze", "--disable-pip-version-check"], pins)
        write_json(building / "DONE", {"pins": asdict(pins), "installed": frozen.split()})
        if not (folder / "DONE").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # the other was faster
                building.replace(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return python


def clean_python(folder: Path, packages: Sequence[str]) -> Path:
    """The interpreter of a new environment that shows some of the installed packages, and nothing else.

    So another machine's image is stood in for without a network: whatever is not named and no named package needs is
    not there, this toolkit and its other requirements least of all.

    Args:
        folder: Is created; delete it afterwards.
        packages: Names as pip knows them. Those that are not installed are left out; `pip` itself is then put in as
            Python brings it along.
    """
    import sysconfig

    shown = with_requirements(packages)
    bare = "pip" not in packages or "pip" in shown
    _call([sys.executable, "-m", "venv", *(["--without-pip"] if bare else []), str(folder)],
          Pins(python=platform.python_version()))  # fmt: skip
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    inside = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    inside.mkdir(parents=True, exist_ok=True)
    for package in shown.values():
        tops = {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}
        for top in sorted(tops):
            if not (inside / top).exists():
                (inside / top).symlink_to(Path(str(package.locate_file(top))))
    return python


def with_requirements(packages: Sequence[str]) -> dict[str, metadata.Distribution]:
    """Installed packages and all that they need, by their normal names.

    Args:
        packages: Names as pip knows them; those that are not installed are left out.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, metadata.Distribution] = {}
    left: list[str] = [canonicalize_name(name) for name in packages]
    while left:
        name = left.pop()
        if name in found:
            continue
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.distribution(name)
            needed = [Requirement(line) for line in found[name].requires or ()]
            left += [canonicalize_name(entry.name) for entry in needed
                     if entry.marker is None or entry.marker.evaluate({"extra": ""})]  # fmt: skip
    return found


def find_python(version: str | None) -> Path:
    """An interpreter of a version: this one, or one that is on the path.

    Args:
        version: `3.11`, or `3.11.9` for exactly this one; None: this interpreter.

    Raises:
        MissingFileError: There is none.
    """
    if version is None:
        return Path(sys.executable)
    short = ".".join(version.split(".")[:2])
    names = [sys.executable, *_on_path(f"python{short}"), *_on_path("python3")]
    names += [str(path) for path in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}*/bin/python3"))]
    for name in names:
        with suppress(OSError, subprocess.SubprocessError):
            asked = subprocess.run([name, "-c", _ASK_VERSION], capture_output=True, text=True, timeout=30)
            if f"{asked.stdout.strip()}.".startswith(f"{version}."):
                return Path(name)
    raise MissingFileError(
        f"package.runtime asks for Python {version}, and there is none on this machine (looked for python{short} on "
        "the path). Install it, or leave `python` out to use the one that runs here."
    )


def _on_path(name: str) -> list[str]:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return [str(Path(folder) / name) for folder in folders if folder and (Path(folder) / name).is_file()]


def _call(command: list[str], pins: Pins) -> str:
    # Nothing of this interpreter's own packages may be seen by the new one.
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    variables = {name: value for name, value in os.environ.items() if name not in hidden}
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(
            command, env=variables, stdout=log, stderr=subprocess.STDOUT, timeout=_BUILD_LIMIT_S, check=False
        )
        log.seek(0)
        text = log.read()
    if done.returncode:
        told = next((line.strip() for line in reversed(text.splitlines()) if "ERROR" in line), text.strip()[-300:])
        raise SubmissionError(
            f"An environment with {pins.words} cannot be built: {told} Check the versions in package.runtime (they "
            "must exist together for this Python) and the network; or build one by hand and name its interpreter: "
            "`toolkit verify ZIP --python PATH`."
        )
    return text
