"""Issues made of groups of duplicates: copies, near copies, and the same picture under several labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from toolkit.cleaning.duplicates import Duplicates
from toolkit.cleaning.issues import Issue


def group_names(found: Duplicates) -> dict[str, str]:
    """The name of its group for every duplicate, after the group's first image id."""
    return {name: f"dup-{group[0]}" for group in found.groups for name in group}


def duplicate_issues(
    found: Duplicates,
    labels: Mapping[str, int],
    class_names: Sequence[str],
    actions: Mapping[str, str],
    conflicts: str = "drop_all",
    probabilities: Mapping[str, np.ndarray] | None = None,
) -> list[Issue]:
    """Issues of duplicates and of duplicates under several labels.

    Args:
        found: From `find_duplicates`.
        labels: Class index by image id.
        class_names: Names by index.
        actions: Action by kind.
        conflicts: `drop_all`; `majority`: keep the pictures of the most common label if it is alone at the top;
            `keep_best`: keep those of the label with the highest mean out-of-sample probability.
        probabilities: `(k,)` out-of-sample probabilities by image id, for `keep_best`.
    """
    named = group_names(found)
    issues: list[Issue] = []
    for group in found.exact:
        keeper, others = group[0], f"same pixels as {_others(group)}"
        for name in group:
            kept = name == keeper
            reason = f"{others}; this one is kept" if kept else f"{others}, such as {keeper}"
            action = "keep" if kept else actions["exact_duplicate"]
            issues.append(Issue(name, "exact_duplicate", 1.0, named[name], action, reason))
    strongest: dict[str, tuple[float, str]] = {}
    for pair in found.near:
        for name, other in ((pair.first, pair.second), (pair.second, pair.first)):
            strongest[name] = max(strongest.get(name, (0.0, "")), (pair.score, other))
    # A near pair names one picture of each group of exact copies; its copies share the finding.
    for group in found.exact:
        if group[0] in strongest:
            strongest.update(dict.fromkeys(group[1:], strongest[group[0]]))
    for name, (score, other) in strongest.items():
        reason = f"nearly the same as {other}, correlation {score:.3f}"
        issues.append(Issue(name, "near_duplicate", score, named[name], actions["near_duplicate"], reason))
    for group in found.groups:
        given = sorted({labels[name] for name in group})
        if len(given) > 1:
            kept_label = _kept_label(group, labels, conflicts, probabilities)
            told = ", ".join(class_names[label] for label in given)
            for name in group:
                action = "keep" if labels[name] == kept_label else actions["label_conflict"]
                reason = f"the same picture has the labels {told}"
                issues.append(Issue(name, "label_conflict", 1.0, named[name], action, reason))
    return issues


def _others(group: Sequence[str]) -> str:
    return f"{len(group) - 1} other{'s' * (len(group) > 2)}"


def _kept_label(
    group: Sequence[str],
    labels: Mapping[str, int],
    conflicts: str,
    probabilities: Mapping[str, np.ndarray] | None,
) -> int | None:
    given = [labels[name] for name in group]
    if conflicts == "majority":
        counts = np.bincount(given)
        return int(counts.argmax()) if (counts == counts.max()).sum() == 1 else None
    if conflicts == "keep_best" and probabilities:
        mean = np.mean([probabilities[name] for name in group], axis=0)
        return max(set(given), key=lambda label: float(mean[label]))
    return None
