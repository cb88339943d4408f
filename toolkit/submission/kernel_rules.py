"""What Kaggle demands of the metadata of a data set and a kernel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolkit.submission.checks import Check
from toolkit.submission.kernel import slugify

_ID = re.compile(r"^[\w-]+/[\w-]{3,50}$")
_KERNEL = ("id", "title", "code_file", "language", "kernel_type", "is_private", "enable_gpu", "enable_tpu",
           "enable_internet", "dataset_sources", "competition_sources", "kernel_sources", "model_sources")  # fmt: skip


def check_kernel(folder: Path) -> list[Check]:
    """Compare a kernel's folder with Kaggle's rules.

    Args:
        folder: Holds `dataset/` and `kernel/`.
    """
    looks = {
        "dataset-metadata.json": (folder / "dataset" / "dataset-metadata.json", _dataset),
        "kernel-metadata.json": (folder / "kernel" / "kernel-metadata.json", _kernel),
    }
    checks = []
    for name, (path, look) in looks.items():
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            problems = list(look(content, path.parent))
        except (OSError, ValueError, AttributeError) as error:
            problems = [f"{path} cannot be read ({error}): build the package again."]
        checks.append(Check(name, not problems, " ".join(problems) or "as Kaggle demands"))
    return checks


def _dataset(content: Mapping[str, Any], folder: Path) -> Iterator[str]:
    title, subtitle = str(content.get("title", "")), str(content.get("subtitle", ""))
    if not 6 <= len(title) <= 50:
        yield f"The title must have 6 to 50 characters, not {len(title)}."
    if subtitle and not 20 <= len(subtitle) <= 80:
        yield f"The subtitle must have 20 to 80 characters, not {len(subtitle)}."
    if not _ID.match(str(content.get("id"))):
        yield f"The id must be owner/slug with a slug of 3 to 50 characters, not {content.get('id')!r}."
    licenses = content.get("licenses")
    if not (isinstance(licenses, list) and len(licenses) == 1 and licenses[0].get("name")):
        yield "There must be exactly one license with a name."
    inner = [path.name for path in folder.iterdir() if path.is_dir()]
    if inner:
        yield f"The folder {inner[0]!r} would be skipped: `kaggle datasets create` takes files only."


def _kernel(content: Mapping[str, Any], folder: Path) -> Iterator[str]:
    missing = [key for key in _KERNEL if key not in content]
    if missing:
        yield f"It lacks {', '.join(missing)}."
    if not _ID.match(str(content.get("id"))):
        yield f"The id must be owner/slug, not {content.get('id')!r}."
    elif slugify(str(content.get("title"))) != str(content["id"]).partition("/")[2]:
        yield f"The title {content.get('title')!r} must turn into the id's slug, as Kaggle makes one of the other."
    if content.get("enable_internet") is not False:
        yield "enable_internet must be false: code contests run without a network."
    if not (folder / str(content.get("code_file"))).is_file():
        yield f"The notebook {content.get('code_file')!r} is missing."
