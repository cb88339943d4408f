"""This toolkit as a wheel, made from the installed files: no build tool and no network is needed."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from pathlib import Path

from toolkit.artifacts import atomic_path
from toolkit.submission.codabench import zip_entry

_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)
_WHEEL = "Wheel-Version: 1.0\nGenerator: contest-toolkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path) -> Path:
    """Write `contest_toolkit-<version>-py3-none-any.whl`; the same source gives the same bytes.

    It declares no dependencies: it is installed beside the packages that are already there, with `--no-deps`.

    Args:
        folder: An existing folder.

    Returns:
        Path of the wheel.
    """
    root = Path(__file__).parents[1]
    # Read, not imported: the package's top imports what lies above this module.
    version = _VERSION.findall((root / "__init__.py").read_text(encoding="utf-8"))[0]
    stem = f"contest_toolkit-{version}"
    files = {
        f"toolkit/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    about = f"Metadata-Version: 2.1\nName: contest-toolkit\nVersion: {version}\nRequires-Python: >=3.11\n"
    files[f"{stem}.dist-info/METADATA"] = about.encode()
    files[f"{stem}.dist-info/WHEEL"] = _WHEEL.encode()
    record = [f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items()]
    files[f"{stem}.dist-info/RECORD"] = "".join([*record, f"{stem}.dist-info/RECORD,,\n"]).encode()
    destination = folder / f"{stem}-py3-none-any.whl"
    with atomic_path(destination) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, data in files.items():
            archive.writestr(zip_entry(name), data, zipfile.ZIP_DEFLATED)
    return destination


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
