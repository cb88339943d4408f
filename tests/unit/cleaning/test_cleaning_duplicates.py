import cv2
import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from toolkit.cleaning.conflicts import duplicate_issues, group_names
from toolkit.cleaning.duplicates import (
    Duplicates,
    NearPair,
    find_duplicates,
    find_exact,
    fingerprint,
    likely_equal,
    promote_exact,
)
from toolkit.cleaning.hamming import hamming_distance, hamming_pairs
from toolkit.cleaning.hashing import hash_images
from toolkit.errors import DataError

SIZE = 64
ACTIONS = {"exact_duplicate": "drop", "near_duplicate": "keep", "label_conflict": "drop"}


def crops(count: int, seed: int = 0) -> np.ndarray:
    """Different pictures with structure of all sizes, as photographs have."""
    rng = np.random.default_rng(seed)
    pieces = []
    for _ in range(count):
        image = np.zeros((SIZE, SIZE, 3), np.float32)
        for cells in (3, 6, 12, 24):
            coarse = rng.normal(0, 60 / cells**0.5, (cells, cells, 3))
            image += cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        pieces.append(np.clip(image + 128, 0, 255).astype(np.uint8))
    return np.stack(pieces)


@pytest.mark.parametrize("kind", ["pictures", "flat", "noise", "gradient"])
def test_hashes_are_bit_identical_to_imagehash(kind):
    rng = np.random.default_rng(1)
    images = {
        "pictures": crops(60),
        "flat": np.stack([np.full((20, 30, 3), value, np.uint8) for value in (0, 7, 255)]),
        "noise": rng.integers(0, 256, (30, 33, 47, 3), dtype=np.uint8),
        "gradient": np.repeat(np.arange(64, dtype=np.uint8)[None, :, None].repeat(64, 0) * 3, 3, -1)[None],
    }[kind]
    found = hash_images(images)
    for row, image in enumerate(images):
        assert int(str(imagehash.phash(Image.fromarray(image))), 16) == found.phash[row]
        assert int(str(imagehash.dhash(Image.fromarray(image))), 16) == found.dhash[row]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.integers(0, 12))
def test_the_search_finds_exactly_the_pairs_within_the_radius(seed, radius):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**63, 120, dtype=np.uint64)
    for row in range(0, 40, 2):  # plant near ones
        flipped = rng.choice(64, rng.integers(0, 14), replace=False)
        hashes[row + 1] = hashes[row] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    found = hamming_pairs(hashes, radius)
    ours = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    distances = hamming_distance(hashes[:, None], hashes[None])
    expected = {(i, j) for i in range(120) for j in range(i + 1, 120) if distances[i, j] <= radius}
    assert ours == expected


def test_equal_hashes_make_a_chain_and_not_all_pairs():
    found = hamming_pairs(np.zeros(5000, np.uint64), 4)
    assert len(found.first) == 4999


def brute_force(hashes: np.ndarray, radius: int) -> set[tuple[int, int]]:
    first, second = np.nonzero(np.triu(hamming_distance(hashes[:, None], hashes[None]) <= radius, 1))
    return set(zip(first.tolist(), second.tolist(), strict=True))


def groups_of(pairs: set[tuple[int, int]], rows: int) -> np.ndarray:
    first, second = np.array(sorted(pairs)).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), bool), (first, second)), (rows, rows))
    return connected_components(graph, directed=False)[1]


def clustered_hashes(rows: int, members: int, bits: int, rng: np.random.Generator) -> np.ndarray:
    """Different random hashes; the first `members` lie around the first one, at most `bits` away."""
    hashes = rng.integers(0, 2**64, rows, dtype=np.uint64)
    for row in range(1, members):
        flipped = rng.choice(64, rng.integers(1, bits + 1), replace=False)
        hashes[row] = hashes[0] ^ np.uint64(sum(1 << int(bit) for bit in flipped))
    return rng.permutation(np.unique(hashes))


@pytest.mark.parametrize("radius", [1, 2, 3, 5, 8, 10, 13, 16])
def test_without_a_limit_the_search_is_exact_on_random_and_clustered_hashes(radius):
    hashes = clustered_hashes(2000, 400, 12, np.random.default_rng(radius))
    found = hamming_pairs(hashes, radius, limit=len(hashes))
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == brute_force(hashes, radius)
    assert found.distance.tolist() == hamming_distance(hashes[found.first], hashes[found.second]).tolist()


@pytest.mark.parametrize("bits", [3, 6])
def test_dense_clusters_make_the_same_groups_with_few_pairs(bits):
    hashes = clustered_hashes(3000, 1500, bits, np.random.default_rng(bits))
    found = hamming_pairs(hashes, 6, limit=8)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    exact = brute_force(hashes, 6)
    assert pairs <= exact
    assert np.array_equal(groups_of(pairs, len(hashes)), groups_of(exact, len(hashes)))
    assert len(pairs) <= 4 * 8 * 1500 < len(exact) / 2
    # A pair is left out only where both rows have their share.
    counts = np.bincount(np.array(sorted(pairs)).ravel(), minlength=len(hashes))
    left_out = np.array(sorted(exact - pairs))
    assert counts[left_out].min() >= 8


def test_full_clusters_near_each_other_stay_linked():
    near, far = np.uint64(0), np.uint64(sum(1 << bit for bit in (0, 1, 16, 17, 32, 33, 48, 49)))
    marks = np.array([1 << bit for bit in range(2, 16)], np.uint64)
    hashes = np.r_[near, near ^ marks, far, far ^ marks]
    found = hamming_pairs(hashes, 8, limit=2)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert len(set(groups_of(pairs, len(hashes)).tolist())) == 1


def test_the_threads_do_not_change_the_pairs():
    hashes = clustered_hashes(3000, 1500, 4, np.random.default_rng(0))
    one, four = (hamming_pairs(hashes, 10, workers=workers) for workers in (1, 4))
    assert np.array_equal(one.first, four.first)
    assert np.array_equal(one.second, four.second)


def test_bits_are_counted_without_numpy_2(monkeypatch):
    values = np.random.default_rng(0).integers(0, 2**64, (5, 7), dtype=np.uint64)
    values[0, :2] = 0, 2**64 - 1
    expected = [[int(value).bit_count() for value in row] for row in values]
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    counts = hamming_distance(values, np.uint64(0))
    assert counts.dtype == np.uint8
    assert counts.tolist() == expected


def search(images: np.ndarray, contents: list[str] | None = None) -> Duplicates:
    ids = [f"{index:04d}" for index in range(len(images))]
    row = {name: index for index, name in enumerate(ids)}
    prints = fingerprint(lambda names: images[[row[name] for name in names]], ids)
    # Embeddings that know nothing but rough colours: the pixels must decide.
    embeddings = np.stack([cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA).ravel() for image in images])
    return find_duplicates(prints, contents or [""] * len(images), embeddings.astype(np.float32))


CHANGES = {
    "jpeg": lambda image: cv2.imdecode(
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR
    ),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=0.85, beta=30),
    "shifted": lambda image: cv2.warpAffine(
        image, np.float32([[1, 0, 3], [0, 1, -2]]), (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE
    ),
    "smaller and back": lambda image: cv2.resize(
        cv2.resize(image, (40, 40), interpolation=cv2.INTER_AREA), (SIZE, SIZE)
    ),
    "noisy": lambda image: np.clip(image + np.random.default_rng(0).normal(0, 6, image.shape), 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_different_pictures_are_not(change):
    originals = crops(200)
    copies = np.stack([CHANGES[change](image) for image in originals[:20]])
    found = search(np.concatenate([originals, copies]))
    planted = {(f"{index:04d}", f"{200 + index:04d}") for index in range(20)}
    pairs = {(pair.first, pair.second) for pair in found.near}
    assert len(planted & pairs) >= 17
    assert len(pairs - planted) <= 1
    assert all(0.9 <= pair.score <= 1 for pair in found.near)


def test_different_pictures_alone_make_no_groups():
    assert search(crops(300, seed=5)).groups == ()


def test_exact_copies_agree_in_bytes_or_pixels():
    images = crops(30)
    images[7] = images[3]
    contents = [""] * 30
    contents[10] = contents[20] = "same bytes"
    found = search(images, contents)
    assert found.exact == (("0003", "0007"), ("0010", "0020"))


def test_pixels_of_another_shape_are_another_picture():
    wide, tall = np.zeros((1, 10, 20, 3), np.uint8), np.zeros((1, 20, 10, 3), np.uint8)
    keys = [fingerprint(lambda names, image=image: image, ["a"]).pixels[0] for image in (wide, tall)]
    assert keys[0] != keys[1]


def test_lengths_that_do_not_fit_are_an_error():
    with pytest.raises(DataError):
        find_exact(["a", "b"], ["x"])


FOUND = Duplicates((("a", "b"), ("e", "f")), (NearPair("a", "c", 0.97),), (("a", "b", "c"), ("e", "f")))
LABELS = {"a": 0, "b": 0, "c": 1, "e": 2, "f": 2}


def by_kind(issues):
    return {(issue.image_id, issue.issue): issue for issue in issues}


def test_one_of_each_exact_group_is_kept_and_conflicts_drop_all_of_it():
    issues = by_kind(duplicate_issues(FOUND, LABELS, "xyz", ACTIONS))
    assert issues["e", "exact_duplicate"].action == "keep"
    assert issues["f", "exact_duplicate"].action == "drop"
    assert {name for name, kind in issues if kind == "label_conflict"} == {"a", "b", "c"}
    assert all(issue.action == "drop" for (_, kind), issue in issues.items() if kind == "label_conflict")
    assert {name for name, kind in issues if kind == "near_duplicate"} == {"a", "b", "c"}
    assert group_names(FOUND)["c"] == group_names(FOUND)["a"] == "dup-a"


@pytest.mark.parametrize("policy", ["majority", "keep_best"])
def test_conflict_policies_keep_the_pictures_of_one_label(policy):
    probabilities = {name: np.array([0.8, 0.1, 0.1]) for name in LABELS}
    issues = by_kind(duplicate_issues(FOUND, LABELS, "xyz", ACTIONS, policy, probabilities))
    actions = {name: issue.action for (name, kind), issue in issues.items() if kind == "label_conflict"}
    assert actions == {"a": "keep", "b": "keep", "c": "drop"}


def test_mirrored_and_turned_copies_are_found_where_asked():
    images = crops(150, seed=5)

    def turn(image, way):  # three turns, the mirror image and its three turns
        return np.rot90(image, way + 1) if way < 3 else np.rot90(image[:, ::-1], way - 3)

    turned = np.stack([turn(image, row % 7) for row, image in enumerate(images[:14])])
    both = np.concatenate([images, turned])
    ids = [f"{index:04d}" for index in range(len(both))]
    prints = fingerprint(lambda names: both[[int(name) for name in names]], ids)
    expected = {(f"{row:04d}", f"{150 + row:04d}") for row in range(14)}
    assert not find_duplicates(prints, [""] * 164).near
    found = find_duplicates(prints, [""] * 164, symmetries=True)
    assert {(pair.first, pair.second) for pair in found.near} == expected


def test_scores_of_pairs_are_kept_for_the_next_call(tmp_path):
    images = crops(60, seed=6)
    both = np.concatenate([images, np.roll(images[:5], 3, axis=1)])
    ids = [f"{index:04d}" for index in range(len(both))]
    prints = fingerprint(lambda names: both[[int(name) for name in names]], ids)
    file = tmp_path / "pairs.npy"
    first = find_duplicates(prints, [""] * 65, scores=file)
    assert len(np.load(file)) > 0
    assert find_duplicates(prints, [""] * 65, scores=file) == first


def test_a_near_pair_of_equal_pixels_becomes_exact():
    near = (NearPair("a", "b", 0.999), NearPair("b", "c", 0.98), NearPair("d", "e", 0.999))
    found = Duplicates((), near, (("a", "b", "c"), ("d", "e")))
    assert likely_equal(found) == ["a", "b", "d", "e"]
    promoted = promote_exact(found, {"a": "1", "b": "1", "d": "2", "e": "3"})
    assert promoted.exact == (("a", "b"),)
    assert promoted.near == (NearPair("a", "c", 0.98), NearPair("d", "e", 0.999))
    assert promoted.groups == found.groups
