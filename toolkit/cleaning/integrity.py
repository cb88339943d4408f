"""Files that cannot be used at all."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.cleaning.issues import Issue


def integrity_issues(unreadable: Mapping[str, str], action: str = "drop") -> list[Issue]:
    """One issue a picture that cannot be decoded.

    Args:
        unreadable: Why, by image id.
        action: What is done with them.
    """
    return [Issue(name, "unreadable", 1.0, "", action, why) for name, why in sorted(unreadable.items())]
