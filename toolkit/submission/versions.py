"""Version skew: models that another Keras saved than the one that loads them."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from functools import cache

from toolkit.submission.checks import Check
from toolkit.submission.codabench import keras_version
from toolkit.submission.sandbox import PATH

_ASK = "from importlib.metadata import version as v; print(v('keras'))"
_LOADING = re.compile(
    r"deserializ|Unrecognized keyword|Unknown layer|unknown object|quantization_config"
    r"|could not locate (class|function)|Unable to synchronously open|layer count mismatch|bad marshal data",
    re.IGNORECASE,
)


@cache
def runtime_keras(python: str) -> str | None:
    """The version of Keras that an interpreter has, None where it has none."""
    try:
        asked = subprocess.run([python, "-c", _ASK], env={"PATH": PATH}, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip() or None


def judge_versions(archive: zipfile.ZipFile, python: str, ran_well: bool, log: str) -> list[Check]:
    """Compare the Keras that saved the models with the one that ran them.

    A newer Keras's file may not load in an older one (3.12 and later in 3.11 and earlier, for example); where the run
    went well, it does.

    Args:
        archive: The open zip.
        python: Interpreter that ran it.
        ran_well: Whether the prediction step ended without an error.
        log: What it wrote.
    """
    saved = {}
    for name in archive.namelist():
        if name.endswith(".keras"):
            version = keras_version(io.BytesIO(archive.read(name)))
            if version is not None:
                saved[name] = version
    if not saved:
        return []
    name, newest = max(saved.items(), key=lambda item: numbers(item[1]))
    there = runtime_keras(python)
    if there is None:
        return [Check("versions", ran_well, f"models saved by Keras {newest}; the runtime's Keras is unknown")]
    told = f"{name} was saved by Keras {newest}, and the runtime has {there}"
    newer = numbers(newest)[:2] > numbers(there)[:2]
    if ran_well or not (newer or _LOADING.search(log)):
        return [Check("versions", True, told)]
    return [
        Check(
            "versions",
            False,
            f"{told}, which cannot load it. Build it again with the contest's versions in package.runtime, as in "
            f"{{tensorflow: …, keras: {there}}}: the networks are then packed as weights that this Keras loads.",
        )
    ]


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version))
