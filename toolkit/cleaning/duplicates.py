"""Find exact and near duplicates of pictures, and group them.

Exact: the same bytes, or the same decoded pixels in the same shape. Near: re-encoded, resized, slightly cropped or
shifted, brightened, noisy or watermarked copies. Candidates are proposed loosely and verified on pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.cleaning.alignment import measure_pairs
from toolkit.cleaning.candidates import QuickLook, propose_pairs, propose_turned
from toolkit.cleaning.chunks import fill
from toolkit.cleaning.hashing import Hashes, PixelReader, hash_images
from toolkit.cleaning.thumbnails import Thumbnails, make_thumbnails
from toolkit.cleaning.verification import Measured, Thresholds, connected_groups, group_duplicates
from toolkit.errors import DataError

Progress = Callable[[int, int], None]
_CHUNK = 512
_SCORES = 65536  # pairs whose measurement an interruption loses at most
_SURELY_EQUAL = 0.99
_LIKELY, _SUSPECT = 0.3, 0.9
_SAMPLE = 5000  # look-alike pairs
# The mirror images and quarter turns of pictures (m, s, s), without the picture itself.
SYMMETRIES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda p: p[:, :, ::-1],
    lambda p: p[:, ::-1],
    lambda p: p[:, ::-1, ::-1],
    lambda p: p.transpose(0, 2, 1),
    lambda p: p.transpose(0, 2, 1)[:, ::-1],
    lambda p: p.transpose(0, 2, 1)[:, :, ::-1],
    lambda p: p.transpose(0, 2, 1)[:, ::-1, ::-1],
)


@dataclass(frozen=True)
class Fingerprints:
    """What is kept of n pictures to find duplicates among them, 3.4 kB a picture; thumbnails may lie on disk.

    Attributes:
        image_ids: `(n,)` object array of str.
        pixels: `(n,)` object array of str: hash of the decoded pixels and their shape.
        hashes: Perceptual hashes.
        thumbnails: Grey thumbnails.
    """

    image_ids: np.ndarray
    pixels: np.ndarray
    hashes: Hashes
    thumbnails: Thumbnails


@dataclass(frozen=True)
class NearPair:
    """A verified near-duplicate pair.

    Attributes:
        first: Image id.
        second: Image id.
        score: Correlation at the best alignment, 0–1.
    """

    first: str
    second: str
    score: float


@dataclass(frozen=True)
class Duplicates:
    """Groups of the same picture.

    Attributes:
        exact: Groups of at least two ids with the same bytes or pixels, each sorted.
        near: Verified pairs; of an exact group only its first id appears.
        groups: Unions of exact groups and near pairs, each sorted, of at least two ids.
    """

    exact: tuple[tuple[str, ...], ...]
    near: tuple[NearPair, ...]
    groups: tuple[tuple[str, ...], ...]


def fingerprint(
    read: PixelReader,
    image_ids: Sequence[str],
    workers: int = 2,
    on_progress: Progress | None = None,
) -> Fingerprints:
    """Read every picture once and keep what the search for duplicates needs.

    Args:
        read: Gives the pixels `(m, s, s, 3)` uint8 of image ids.
        image_ids: Readable pictures.
        workers: Threads.
        on_progress: Called with (pictures done, all pictures).
    """
    pixels: list[str] = []
    hashes: list[Hashes] = [Hashes(np.empty(0, np.uint64), np.empty(0, np.uint64))]
    thumbnails: list[Thumbnails] = [make_thumbnails(np.empty((0, 8, 8, 3), np.uint8))]
    for start in range(0, len(image_ids), _CHUNK):
        images = read(image_ids[start : start + _CHUNK])
        pixels.extend(_pixel_hash(image) for image in images)
        hashes.append(hash_images(images, workers))
        thumbnails.append(make_thumbnails(images))
        if on_progress:
            on_progress(min(start + _CHUNK, len(image_ids)), len(image_ids))
    return Fingerprints(
        np.array([str(name) for name in image_ids], object),
        np.array(pixels, object),
        Hashes(np.concatenate([part.phash for part in hashes]), np.concatenate([part.dhash for part in hashes])),
        Thumbnails(
            np.concatenate([part.coarse for part in thumbnails]), np.concatenate([part.fine for part in thumbnails])
        ),
    )


def from_prints(image_ids: Sequence[str], prints: np.ndarray, pixels: Sequence[str]) -> Fingerprints:
    """Fingerprints of pictures that `inspection.inspect_pictures` has measured.

    Args:
        image_ids: n names.
        prints: `(n,)` records; their thumbnails stay where they are.
        pixels: n keys from `inspection.pixel_keys`.
    """
    return Fingerprints(
        np.array([str(name) for name in image_ids], object),
        np.array(list(pixels), object),
        Hashes(np.asarray(prints["phash"]), np.asarray(prints["dhash"])),
        Thumbnails(prints["coarse"], prints["fine"]),
    )


def promote_exact(found: Duplicates, keys: Mapping[str, str]) -> Duplicates:
    """Turn near pairs whose pictures prove to be equal into exact duplicates.

    Args:
        found: Duplicates.
        keys: Hash of the whole decoded pixels, by image id, of pictures that may be equal; see `likely_equal`.
    """
    same = [(p.first, p.second) for p in found.near if keys.get(p.first, "1") == keys.get(p.second, "2")]
    if not same:
        return found
    exact = unite(found.exact, same)
    leader = {name: group[0] for group in exact for name in group}
    near: dict[tuple[str, str], NearPair] = {}
    for pair in found.near:
        first, second = sorted((leader.get(pair.first, pair.first), leader.get(pair.second, pair.second)))
        if first != second:
            near.setdefault((first, second), NearPair(first, second, pair.score))
    return Duplicates(exact, tuple(near.values()), found.groups)


def likely_equal(found: Duplicates) -> list[str]:
    """Pictures of near pairs so alike that their whole pixels should be compared, such as one as JPEG and as PNG."""
    return sorted({name for p in found.near if p.score >= _SURELY_EQUAL for name in (p.first, p.second)})


def _pixel_hash(image: np.ndarray) -> str:
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def find_exact(image_ids: Sequence[str], *keys: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Group pictures that agree in any key.

    Args:
        image_ids: n ids.
        keys: Sequences of n strings, such as hashes of the file's bytes and of the pixels; an empty string agrees
            with nothing.

    Returns:
        Groups of at least two ids, each sorted, in the order of their first ids.

    Raises:
        DataError: A key has another length than `image_ids`.
    """
    first, second = [], []
    for key in keys:
        if len(key) != len(image_ids):
            raise DataError(f"Got {len(key)} hashes for {len(image_ids)} pictures: every picture needs one.")
        seen: dict[str, int] = {}
        for row, value in enumerate(key):
            if value:
                first.append(seen.setdefault(value, row))
                second.append(row)
    labels = connected_groups(len(image_ids), np.array(first, np.int64), np.array(second, np.int64))
    return _as_groups([str(name) for name in image_ids], labels)


def find_duplicates(
    fingerprints: Fingerprints,
    content_hashes: Sequence[str],
    embeddings: np.ndarray | None = None,
    thresholds: Thresholds | None = None,
    neighbours: int = 6,
    hash_radius: int = 6,
    symmetries: bool = False,
    workers: int = 2,
    on_progress: Progress | None = None,
    scores: Path | None = None,
) -> Duplicates:
    """Find exact and near duplicates.

    Args:
        fingerprints: Of n readable pictures.
        content_hashes: n hashes of the bytes behind each picture; empty strings where several pictures share a file.
        embeddings: `(n, d)` features of a network, rows as in `fingerprints.image_ids`; without them a few more
            heavily changed copies are missed.
        thresholds: When a pair is a near duplicate.
        neighbours: Nearest neighbours taken as candidates from each description of a picture.
        hash_radius: Largest Hamming distance at which a perceptual hash proposes a pair.
        symmetries: Whether mirrored and quarter-turned copies count; takes several times as long.
        workers: Threads.
        on_progress: Called with (pairs verified, all pairs).
        scores: File that keeps what was measured, so that an interrupted search goes on; its name must tell the
            pictures by content.

    Raises:
        DataError: The arguments differ in length.
    """
    ids = [str(name) for name in fingerprints.image_ids]
    if embeddings is not None and len(embeddings) != len(ids):
        raise DataError(f"Got {len(embeddings)} embeddings for {len(ids)} pictures: every picture needs one.")
    exact = find_exact(ids, content_hashes, list(fingerprints.pixels))
    copies = {name for group in exact for name in group[1:]}
    rows = np.array([row for row, name in enumerate(ids) if name not in copies], np.int64)
    measured = measure_near(
        _select(fingerprints, rows), None if embeddings is None else np.asarray(embeddings)[rows],
        neighbours, hash_radius, symmetries, workers, on_progress, scores,
    )  # fmt: skip
    labels = group_duplicates(len(rows), measured, thresholds or Thresholds())
    inside = np.flatnonzero(labels[measured.first] == labels[measured.second])
    bound = (thresholds or Thresholds()).correlation
    near = []
    for pair in inside[measured.score[inside] >= bound].tolist():
        one, other = sorted((ids[rows[measured.first[pair]]], ids[rows[measured.second[pair]]]))
        near.append(NearPair(one, other, float(np.clip(measured.score[pair], 0, 1))))
    return Duplicates(exact, tuple(near), unite(exact, [(pair.first, pair.second) for pair in near]))


def measure_near(
    fingerprints: Fingerprints,
    embeddings: np.ndarray | None,
    neighbours: int = 6,
    hash_radius: int = 6,
    symmetries: bool = False,
    workers: int = 2,
    on_progress: Progress | None = None,
    scores: Path | None = None,
) -> Measured:
    """Propose pairs of different pictures and measure their correlation; judging is `group_duplicates`' part.

    Args:
        fingerprints: Of n pictures, no two of them exact duplicates.
        embeddings: `(n, d)` features, or None.
        neighbours: Nearest neighbours taken from each description.
        hash_radius: Largest Hamming distance of hash candidates.
        symmetries: Whether the second picture of a pair is also measured mirrored and turned.
        workers: Threads.
        on_progress: Called with (pairs done, all pairs).
        scores: File of the scores, see `find_duplicates`.
    """
    none = np.empty(0, np.int64)
    if len(fingerprints.image_ids) < 2:
        return Measured(none, none, np.empty(0, np.float32), none, none, np.empty(0, np.float32))
    thumbnails = fingerprints.thumbnails
    found = propose_pairs(embeddings, thumbnails.coarse, fingerprints.hashes, neighbours, hash_radius, workers)
    look = QuickLook(thumbnails.coarse)
    likely = look(found.first, found.second) >= _LIKELY
    first, second = found.first[likely], found.second[likely]
    values = _measure(thumbnails, first, second, workers, on_progress, scores)
    # Look-alikes matter to pictures that may have a copy; of the others a sample tells what is usual.
    suspect = np.zeros(len(fingerprints.image_ids), bool)
    strong = values >= _SUSPECT
    suspect[first[strong]] = suspect[second[strong]] = True
    asked = suspect[found.control_first] | suspect[found.control_second]
    asked[:: max(1, len(asked) // _SAMPLE)] = True
    control_first, control_second = found.control_first[asked], found.control_second[asked]
    control = np.zeros(len(control_first), np.float32)
    near = look(control_first, control_second) >= _LIKELY
    control[near] = measure_pairs(thumbnails, control_first[near], control_second[near], workers)
    pairs = [(first, second, values)]
    for turn in SYMMETRIES if symmetries else ():
        pairs.append(_measure_turned(thumbnails, turn, workers))
    return Measured(
        np.concatenate([pair[0] for pair in pairs]),
        np.concatenate([pair[1] for pair in pairs]),
        np.concatenate([pair[2] for pair in pairs]),
        control_first,
        control_second,
        control,
    )


def _measure(
    thumbnails: Thumbnails,
    first: np.ndarray,
    second: np.ndarray,
    workers: int,
    on_progress: Progress | None,
    scores: Path | None,
) -> np.ndarray:
    if scores is None:
        return measure_pairs(thumbnails, first, second, workers, on_progress)

    def compute(start: int, stop: int) -> np.ndarray:
        return measure_pairs(thumbnails, first[start:stop], second[start:stop], workers)

    return np.asarray(fill(scores, (len(first),), np.float32, compute, _SCORES, on_progress))


def _measure_turned(
    thumbnails: Thumbnails, turn: Callable[[np.ndarray], np.ndarray], workers: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    first, second = propose_turned(np.asarray(thumbnails.coarse), turn, workers=workers)
    rows = len(thumbnails.coarse)
    both = Thumbnails(
        np.concatenate([thumbnails.coarse, turn(thumbnails.coarse)]),
        np.concatenate([thumbnails.fine, turn(thumbnails.fine)]),
    )
    return first, second, measure_pairs(both, first, second + rows, workers)


def unite(*groupings: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Union of groups of ids that share a member: sorted groups of at least two, in the order of their first ids."""
    row: dict[str, int] = {}
    first, second = [], []
    for grouping in groupings:
        for group in grouping:
            members = [row.setdefault(name, len(row)) for name in group]
            first.extend(members[:1] * len(members))
            second.extend(members)
    labels = connected_groups(len(row), np.array(first, np.int64), np.array(second, np.int64))
    return _as_groups(list(row), labels)


def group_lookup(groups: Sequence[Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    """The group of each id that is in one."""
    return {name: tuple(group) for group in groups for name in group}


def _as_groups(ids: list[str], labels: np.ndarray) -> tuple[tuple[str, ...], ...]:
    members: dict[int, list[str]] = {}
    for name, label in zip(ids, labels.tolist(), strict=True):
        members.setdefault(label, []).append(name)
    return tuple(sorted(tuple(sorted(group)) for group in members.values() if len(group) > 1))


def _select(fingerprints: Fingerprints, rows: np.ndarray) -> Fingerprints:
    return Fingerprints(
        fingerprints.image_ids[rows],
        fingerprints.pixels[rows],
        Hashes(fingerprints.hashes.phash[rows], fingerprints.hashes.dhash[rows]),
        Thumbnails(fingerprints.thumbnails.coarse[rows], fingerprints.thumbnails.fine[rows]),
    )
