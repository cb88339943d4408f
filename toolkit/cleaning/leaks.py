"""Training pictures that reappear among test or validation pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolkit.cleaning.duplicates import Duplicates, NearPair, unite
from toolkit.cleaning.issues import Issue

_MARK = "\0against\0"  # no file name holds a zero byte


def mark(image_id: str, source: str) -> str:
    """A name for another source's picture that no training picture has."""
    return f"{_MARK}{source}\0{image_id}"


@dataclass(frozen=True)
class Leak:
    """A training picture that is also elsewhere.

    Attributes:
        image_id: The training picture.
        source: Where else.
        other: Its name there.
        score: Correlation of the two, 1 for equal pixels.
    """

    image_id: str
    source: str
    other: str
    score: float


def separate(found: Duplicates) -> tuple[Duplicates, list[Leak]]:
    """Split duplicates among training and marked pictures into those within training, and leaks.

    Args:
        found: Duplicates among training pictures and others, whose names went through `mark`.
    """
    score: dict[frozenset[str], float] = {frozenset((p.first, p.second)): p.score for p in found.near}
    same = {name: group for group in found.exact for name in group}
    leaks = []
    for group in found.groups:
        foreign = [name for name in group if name.startswith(_MARK)]
        for name in group if foreign else ():
            if name.startswith(_MARK):
                continue
            equal = [other for other in foreign if other in same.get(name, ())]
            best = equal[0] if equal else max(foreign, key=lambda o: (score.get(frozenset((name, o)), 0.0), o))
            value = 1.0 if equal else score.get(frozenset((name, best)), _weakest(group, score))
            source, other = best.removeprefix(_MARK).split("\0", 1)
            leaks.append(Leak(name, source, other, value))
    exact = _own(found.exact)
    leader = {name: min(own) for group in found.exact if (own := [n for n in group if not n.startswith(_MARK)])
              for name in group}  # fmt: skip
    near = []
    for pair in found.near:
        first, second = leader.get(pair.first, pair.first), leader.get(pair.second, pair.second)
        if not first.startswith(_MARK) and not second.startswith(_MARK) and first != second:
            near.append(NearPair(min(first, second), max(first, second), pair.score))
    # Two training pictures that both look like one test picture stay in one group, through it.
    return Duplicates(exact, tuple(near), unite(exact, _own(found.groups))), leaks


def _weakest(group: Sequence[str], score: Mapping[frozenset[str], float]) -> float:
    inside = [value for pair, value in score.items() if pair <= set(group)]
    return min(inside, default=1.0)


def _own(groups: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    kept = (tuple(name for name in group if not name.startswith(_MARK)) for group in groups)
    return tuple(group for group in kept if len(group) > 1)


def leak_issues(leaks: Sequence[Leak], action: str, groups: Mapping[str, str]) -> list[Issue]:
    """One issue a training picture that is also a test or validation picture.

    Args:
        leaks: From `separate`.
        action: What is done with them.
        groups: Group of duplicates by image id.
    """
    return [
        Issue(leak.image_id, "leak", min(1.0, leak.score), groups.get(leak.image_id, ""), action,
              f"is {leak.other} of {leak.source} too"
              + ("" if leak.score >= 1 else f", correlation {leak.score:.3f}"))
        for leak in sorted(leaks, key=lambda leak: leak.image_id)
    ]  # fmt: skip
