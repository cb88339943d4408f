"""Duplicates: exact ones by content, near ones proposed by hashes and embeddings and decided on pixels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from toolkit.cleaning.hamming import hamming_pairs
from toolkit.cleaning.hashing import Hashes, PixelReader
from toolkit.cleaning.issues import Issue, join_groups

HASH_RADIUS = 10
NEIGHBOURS = 4
SIDE = 48  # pixels of the pictures that are compared
REACH = 6  # largest shift in these pixels
CORRELATION = 0.9
_CHUNK = 512


@dataclass(frozen=True)
class DuplicateGroups:
    """Groups of duplicates.

    Attributes:
        exact: Group of each picture that has the same pixels as another, by image id.
        all: Group of each picture that is an exact or near duplicate of another, by image id.
        scores: Highest verified correlation with another picture of its group, by image id; 1 for exact duplicates.
    """

    exact: Mapping[str, str]
    all: Mapping[str, str]
    scores: Mapping[str, float]


def pixel_keys(read: PixelReader, image_ids: Sequence[str]) -> list[str]:
    """A key of each picture's decoded pixels; equal pixels have equal keys."""
    keys = []
    for start in range(0, len(image_ids), _CHUNK):
        for image in read(image_ids[start : start + _CHUNK]):
            keys.append(hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest())
    return keys


def find_duplicates(
    read: PixelReader,
    image_ids: Sequence[str],
    contents: Sequence[str],
    hashes: Hashes,
    embeddings: np.ndarray,
    on_progress: Callable[[int, int], None] | None = None,
) -> DuplicateGroups:
    """Find groups of duplicates.

    Args:
        read: Image ids → uint8 RGB `(m, h, w, 3)`.
        image_ids: n readable pictures.
        contents: n keys; pictures with equal keys are exact duplicates, as are pictures with equal pixels.
        hashes: Of the n pictures.
        embeddings: `(n, d)` float32.
        on_progress: Called as `(pairs compared, pairs in all)`.
    """
    exact = join_groups([[f"c:{key}" for key in contents], [f"p:{key}" for key in pixel_keys(read, image_ids)]])
    # One picture stands for its exact copies: they need not be compared.
    first = np.unique(np.asarray(exact), return_index=True)[1]
    pairs = _candidates(Hashes(hashes.phash[first], hashes.dhash[first]), embeddings[first])
    vectors = _vectors(read, [image_ids[row] for row in first])
    correlation = _correlate(vectors, pairs, on_progress)
    same = correlation >= CORRELATION
    scores: dict[str, float] = {}
    links: list[str] = [str(root) for root in exact]
    component = _components(len(first), pairs[same])
    root_of = {int(exact[row]): component[index] for index, row in enumerate(first)}
    near = [root_of[root] for root in exact]
    for (a, b), value in zip(pairs[same], correlation[same], strict=True):
        for index in (a, b):
            name = image_ids[first[index]]
            scores[name] = max(scores.get(name, 0.0), float(value))
    exact_groups = _named(links, image_ids)
    for name in exact_groups:
        scores[name] = 1.0
    return DuplicateGroups(exact_groups, _named([str(root) for root in near], image_ids), scores)


def duplicate_issues(
    groups: DuplicateGroups,
    labels: Mapping[str, int],
    class_names: Sequence[str],
    actions: Mapping[str, str],
    conflicts: str = "drop_all",
    probabilities: Mapping[str, np.ndarray] | None = None,
) -> list[Issue]:
    """Issues of duplicates and of duplicates under several labels.

    Args:
        groups: From `find_duplicates`.
        labels: Class index by image id.
        class_names: Names by index.
        actions: Action by kind.
        conflicts: `drop_all`; `majority`: keep the pictures of the most common label if it is alone at the top;
            `keep_best`: keep those of the label with the highest mean out-of-sample probability.
        probabilities: `(k,)` out-of-sample probabilities by image id, for `keep_best`.
    """
    issues: list[Issue] = []
    for group, members in _members(groups.exact).items():
        keeper = members[0]
        for name in members:
            action = "keep" if name == keeper else actions["exact_duplicate"]
            others = f"same pixels as {len(members) - 1} other{'s' * (len(members) > 2)}"
            reason = f"{others}; this one is kept" if name == keeper else f"{others}, such as {keeper}"
            issues.append(Issue(name, "exact_duplicate", 1.0, groups.all.get(name, group), action, reason))
    for group, members in _members(groups.all).items():
        roots = {groups.exact.get(name, name) for name in members}
        if len(roots) > 1:
            for name in members:
                score = groups.scores.get(name, CORRELATION)
                score = score if name not in groups.exact else CORRELATION
                reason = f"nearly the same as {len(members) - 1} other{'s' * (len(members) > 2)} of its group"
                issues.append(Issue(name, "near_duplicate", score, group, actions["near_duplicate"], reason))
        found = sorted({labels[name] for name in members})
        if len(found) > 1:
            kept = _kept_label(members, labels, conflicts, probabilities)
            told = ", ".join(class_names[label] for label in found)
            for name in members:
                action = "keep" if labels[name] == kept else actions["label_conflict"]
                issues.append(Issue(name, "label_conflict", 1.0, group, action, f"its group has the labels {told}"))
    return issues


def _kept_label(
    members: Sequence[str], labels: Mapping[str, int], conflicts: str, probabilities: Mapping[str, np.ndarray] | None
) -> int | None:
    given = [labels[name] for name in members]
    if conflicts == "majority":
        counts = np.bincount(given)
        return int(counts.argmax()) if (counts == counts.max()).sum() == 1 else None
    if conflicts == "keep_best" and probabilities:
        mean = np.mean([probabilities[name] for name in members if name in probabilities], axis=0)
        return max(set(given), key=lambda label: float(mean[label]))
    return None


def _candidates(hashes: Hashes, embeddings: np.ndarray) -> np.ndarray:
    """`(p, 2)` rows worth comparing: near by either hash, or neighbours by embedding."""
    found = set()
    for values in (hashes.phash, hashes.dhash):
        near = hamming_pairs(values, HASH_RADIUS)
        found |= set(zip(near.first.tolist(), near.second.tolist(), strict=True))
    unit = embeddings - embeddings.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True) + 1e-9
    count = min(NEIGHBOURS, len(unit) - 1)
    for start in range(0, len(unit), 1024) if count > 0 else ():
        similar = unit[start : start + 1024] @ unit.T
        rows = np.arange(len(similar))
        similar[rows, start + rows] = -2
        nearest = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        for row, others in enumerate(nearest.tolist()):
            found |= {(min(start + row, other), max(start + row, other)) for other in others}
    return np.array(sorted(found), np.int64).reshape(-1, 2)


def _vectors(read: PixelReader, image_ids: Sequence[str]) -> np.ndarray:
    """`(n, SIDE, SIDE)` float32 grey pictures without their low frequencies, of unit length."""
    vectors = np.empty((len(image_ids), SIDE, SIDE), np.float32)
    for start in range(0, len(image_ids), _CHUNK):
        for offset, image in enumerate(read(image_ids[start : start + _CHUNK])):
            grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            smooth = grey.astype(np.float32)
            high = smooth - cv2.GaussianBlur(smooth, (0, 0), SIDE / 8, borderType=cv2.BORDER_REFLECT_101)
            vectors[start + offset] = high - high.mean()
    # What all pictures of the set share, such as a common background, says nothing about two of them.
    vectors -= vectors.mean(axis=0)
    norms = np.sqrt((vectors**2).sum(axis=(1, 2), keepdims=True))
    return vectors / np.maximum(norms, 1e-3)


def _correlate(vectors: np.ndarray, pairs: np.ndarray, on_progress: Callable[[int, int], None] | None) -> np.ndarray:
    """`(p,)` highest normalised correlation over shifts of up to `REACH` pixels, on what both pictures show."""
    best = np.full(len(pairs), -1.0, np.float32)
    shifts = [(y, x) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1)]
    size = 2 * SIDE
    for start in range(0, len(pairs), 256):
        part = pairs[start : start + 256]
        a, b = vectors[part[:, 0]], vectors[part[:, 1]]
        product = np.fft.rfft2(a, (size, size)) * np.conj(np.fft.rfft2(b, (size, size)))
        surface = np.fft.irfft2(product, (size, size))
        inside = np.stack([surface[:, y, x] for y, x in shifts], axis=1)
        choice = inside.argmax(axis=1)
        for row, index in enumerate(choice.tolist()):
            y, x = shifts[index]
            one = a[row, max(0, y) : SIDE + min(0, y), max(0, x) : SIDE + min(0, x)]
            two = b[row, max(0, -y) : SIDE - max(0, y), max(0, -x) : SIDE - max(0, x)]
            norm = float(np.linalg.norm(one) * np.linalg.norm(two))
            best[start + row] = float((one * two).sum()) / norm if norm > 1e-3 else 0.0
        if on_progress:
            on_progress(min(start + 256, len(pairs)), len(pairs))
    return best


def _components(count: int, pairs: np.ndarray) -> list[int]:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return [int(label) for label in connected_components(graph, directed=False)[1]]


def _named(roots: Sequence[str], image_ids: Sequence[str]) -> dict[str, str]:
    """Groups of more than one picture, named after their first image id."""
    members: dict[str, list[str]] = defaultdict(list)
    for root, name in zip(roots, image_ids, strict=True):
        members[root].append(name)
    return {name: f"dup-{min(names)}" for names in members.values() if len(names) > 1 for name in names}


def _members(groups: Mapping[str, str]) -> dict[str, list[str]]:
    members: dict[str, list[str]] = defaultdict(list)
    for name, group in sorted(groups.items()):
        members[group].append(name)
    return members
