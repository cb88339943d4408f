"""What must never leave the machine inside a package: secrets, links, files over the limit."""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.errors import SubmissionError

_NAMES = re.compile(
    r"(^|/)(kaggle\.json|access_token|\.netrc|\.env|\.pypirc|\.git-credentials|credentials(\.json)?"
    r"|id_(rsa|dsa|ecdsa|ed25519))$|\.(pem|p12|pfx|key)$",
    re.IGNORECASE,
)
_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bAKIA[0-9A-Z]{16}\b"
    rb"|\bhf_[A-Za-z0-9]{30,}|\bKGAT_[A-Za-z0-9]{20,}|\bxox[abprs]-[A-Za-z0-9-]{20,}|\bAIza[\w-]{35}\b"
    rb"|\"key\"\s*:\s*\"[0-9a-f]{32}\""
)
LOOKED_AT = 1_000_000  # bytes at the start of a file; what is longer is weights


def is_secret(name: str, data: bytes) -> bool:
    """Whether a file looks like a key or holds one.

    Args:
        name: Its name in the package.
        data: Its first bytes, `LOOKED_AT` of them at least.
    """
    return bool(_NAMES.search(name) or _TEXT.search(data[:LOOKED_AT]))


def refuse_unsafe(folder: Path, max_mb: float) -> None:
    """Look at everything that is about to be handed in.

    Args:
        folder: Its folder; symbolic links in it are not followed.
        max_mb: Largest size of all files together, in MB (10^6 bytes).

    Raises:
        SubmissionError: A secret, a symbolic link, or more than the limit.
    """
    total = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise SubmissionError(f"{path} is a symbolic link, which is not packed: put the file itself there.")
        if not path.is_file():
            continue
        total += path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(LOOKED_AT)
        if is_secret(name, start):
            raise SubmissionError(
                f"{path} looks like a secret key or token, so nothing is packed. Take it out, and replace the key if "
                "it has ever been shared."
            )
    if total > max_mb * 1e6:
        raise SubmissionError(
            f"{folder} holds {total / 1e6:.0f} MB, more than package.max_mb = {max_mb:g}. Take out what is not needed, "
            "or raise the limit if the contest accepts it."
        )
