import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolkit.artifacts import file_hash
from toolkit.errors import DataError, DiskFullError
from toolkit.images import read_image, resize
from toolkit.manifest import Manifest
from toolkit.pixelstore import CHUNK_PICTURES, PixelStore

SIZE = 16


def hashes_of(manifest):
    files = [place.file for place in manifest.locations()]
    hashes = {file: file_hash(file) if file.exists() else "missing" for file in set(files)}
    return [hashes[file] for file in files]


def build(folder, manifest, size=SIZE, mode="squash", **options):
    return PixelStore.build(folder, manifest, hashes_of(manifest), size, mode, **options)


def files_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def pictures(tmp_path):
    """Thirty JPEG and PNG files of odd sizes, of which one is empty, one truncated, one absent and two equal."""
    root = tmp_path / "data"
    root.mkdir()
    random = np.random.default_rng(0)
    names = []
    for i in range(30):
        height, width = random.integers(5, 60, 2)
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
        names.append(f"{i:02d}.{'jpg' if i % 2 else 'png'}")
        image.save(root / names[-1])
    (root / names[3]).write_bytes(b"")
    (root / names[4]).write_bytes((root / names[4]).read_bytes()[:-30])
    (root / names[5]).unlink()
    (root / names[7]).write_bytes((root / names[9]).read_bytes())
    return Manifest.build(root, ["a"], [Path(name).stem for name in names], names)


def many(root, n=1_500):
    """Rows of an array, each of another content."""
    root.mkdir(exist_ok=True)
    if not (root / "many.npz").exists():
        np.savez(root / "many.npz", images=np.random.default_rng(0).integers(0, 256, (n, 20, 24, 3), np.uint8))
    return Manifest.build(root, ["a"], [f"row{i}" for i in range(n)], [f"many.npz::images::{i}" for i in range(n)])


@pytest.mark.parametrize("mode", ["squash", "pad", "crop"])
def test_pictures_come_decoded_and_resized_in_the_order_asked(pictures, tmp_path, mode):
    store = build(tmp_path / "pixels", pictures, mode=mode)
    places = dict(zip(pictures.image_ids, pictures.locations(), strict=True))
    asked = ["29", "00", "12", "00", "08"]
    pixels = store.read(asked)
    assert pixels.shape == (5, SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    for name, picture in zip(asked, pixels, strict=True):
        assert np.array_equal(picture, resize(read_image(places[name]), SIZE, mode))
    assert store.image_ids.tolist() == pictures.image_ids.tolist()
    assert len(store) == 30
    assert store.size == SIZE
    assert store.stored


def test_what_is_read_is_a_plain_copy(pictures, tmp_path):
    store = build(tmp_path / "pixels", pictures)
    first = store.read(["00"])
    assert type(first) is np.ndarray
    kept = first.copy()
    first[:] = 7
    assert np.array_equal(store.read(["00"]), kept)
    assert store.read([]).shape == (0, SIZE, SIZE, 3)


def test_unreadable_pictures_are_black_and_say_why(pictures, tmp_path):
    reasons = {"03": "empty file", "04": "truncated", "05": "missing"}
    for _ in range(2):  # remembered
        store = build(tmp_path / "pixels", pictures)
        assert store.unreadable == reasons
        assert store.read(["03", "04", "05"]).max() == 0
    assert store.read(["02", "05"])[0].max() > 0


def test_a_file_that_was_missing_is_decoded_once_it_is_there(pictures, tmp_path):
    hashes = hashes_of(pictures)
    hashes[6] = "0" * 64  # hashed, then gone
    place = pictures.locations()[6].file
    content = place.read_bytes()
    place.unlink()
    assert PixelStore.build(tmp_path / "pixels", pictures, hashes, SIZE, "squash").unreadable["06"] == "missing"
    place.write_bytes(content)
    store = PixelStore.build(tmp_path / "pixels", pictures, hashes, SIZE, "squash")
    assert "06" not in store.unreadable
    assert np.array_equal(store.read(["06"])[0], resize(read_image(pictures.locations()[6]), SIZE, "squash"))


def test_an_unknown_picture_is_a_clear_error(pictures, tmp_path):
    store = build(tmp_path / "pixels", pictures)
    with pytest.raises(DataError, match="'nobody' is not among the 30"):
        store.read(["00", "nobody"])
    with pytest.raises(DataError, match="1 content hashes"):
        PixelStore.build(tmp_path / "pixels", pictures, ["x"], SIZE, "squash")


def test_any_number_of_workers_writes_the_same_files(tmp_path):
    manifest = many(tmp_path / "data")
    folders = []
    for workers in (1, 2, 4):
        folders.append(tmp_path / f"pixels{workers}")
        build(folders[-1], manifest, workers=workers)
    one, two, four = (files_of(folder) for folder in folders)
    assert one == two == four
    assert len(one["pixels.u8"]) == len(manifest) * SIZE * SIZE * 3


def test_equal_contents_share_their_place(pictures, tmp_path):
    store = build(tmp_path / "pixels", pictures)
    assert np.array_equal(*store.read(["07", "09"]))
    assert len(files_of(tmp_path / "pixels")["pixels.u8"]) == (30 - 2) * SIZE * SIZE * 3  # one missing, one equal


def test_a_finished_store_serves_subsets_and_other_ids_without_decoding(pictures, tmp_path):
    whole = build(tmp_path / "pixels", pictures)
    before = files_of(tmp_path / "pixels")
    expected = whole.read(["02", "20", "11"])
    part = pictures.select(["20", "11", "02", "04"])
    renamed = Manifest.build(part.root, ["a"], [f"new-{name}" for name in part.image_ids], list(part.table["path"]))
    hashes = hashes_of(renamed)
    for place in renamed.locations():
        place.file.rename(place.file.with_suffix(".moved"))  # whoever decodes now finds nothing
    calls = []
    store = PixelStore.build(
        tmp_path / "pixels", renamed, hashes, SIZE, "squash", on_progress=lambda *call: calls.append(call)
    )
    assert np.array_equal(store.read(["new-02", "new-20", "new-11"]), expected)
    assert store.unreadable == {"new-04": "truncated"}
    assert calls == [(4, 4)]
    assert files_of(tmp_path / "pixels") == before


def test_a_finished_store_is_used_from_a_read_only_folder(pictures, tmp_path):
    expected = build(tmp_path / "pixels", pictures).read(["02"])
    folder = next((tmp_path / "pixels").iterdir())
    for path in [*folder.iterdir(), folder]:
        path.chmod(0o555)
    try:
        assert np.array_equal(build(tmp_path / "pixels", pictures).read(["02"]), expected)
    finally:
        folder.chmod(0o755)


def test_new_pictures_are_added_to_those_that_are_there(pictures, tmp_path):
    build(tmp_path / "pixels", pictures.select(pictures.image_ids[:20]))
    before = files_of(tmp_path / "pixels")["pixels.u8"]
    calls = []
    store = build(tmp_path / "pixels", pictures, on_progress=lambda *call: calls.append(call))
    assert files_of(tmp_path / "pixels")["pixels.u8"].startswith(before)
    assert calls[-1] == (28, 28)
    assert np.array_equal(store.read(pictures.image_ids), build(tmp_path / "other", pictures).read(pictures.image_ids))


def test_sizes_and_modes_do_not_mix(pictures, tmp_path):
    squashed, padded = build(tmp_path / "pixels", pictures), build(tmp_path / "pixels", pictures, mode="pad")
    larger = build(tmp_path / "pixels", pictures, size=20)
    assert not np.array_equal(squashed.read(["00"]), padded.read(["00"]))
    assert larger.read(["00"]).shape == (1, 20, 20, 3)


def test_progress_counts_different_pictures(tmp_path):
    calls = []
    build(tmp_path / "pixels", many(tmp_path / "data", 100), on_progress=lambda *call: calls.append(call))
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert calls[-1] == (100, 100)


def test_what_does_not_fit_is_decoded_on_the_fly_to_the_same_pixels(pictures, tmp_path):
    stored = build(tmp_path / "pixels", pictures)
    loose = build(tmp_path / "loose", pictures, cache_bytes=20 * SIZE * SIZE * 3)
    assert stored.stored
    assert not loose.stored
    assert files_of(tmp_path / "loose")["pixels.u8"] == b""
    assert loose.unreadable == stored.unreadable
    for names in (pictures.image_ids, ["29", "04", "29"], []):
        assert np.array_equal(loose.read(names), stored.read(names))
    calls = []
    again = build(tmp_path / "loose", pictures, cache_bytes=0, on_progress=lambda *call: calls.append(call))
    assert calls == [(28, 28)]  # checked before: not once more
    assert again.unreadable == stored.unreadable


def test_a_partly_stored_set_reads_the_same(pictures, tmp_path):
    half = pictures.select(pictures.image_ids[:15])
    build(tmp_path / "pixels", half)
    both = build(tmp_path / "pixels", pictures, cache_bytes=20 * SIZE * SIZE * 3)
    assert not both.stored
    assert np.array_equal(both.read(pictures.image_ids), build(tmp_path / "whole", pictures).read(pictures.image_ids))


def test_more_room_stores_what_was_only_checked(pictures, tmp_path):
    build(tmp_path / "pixels", pictures, cache_bytes=0)
    store = build(tmp_path / "pixels", pictures)
    assert store.stored
    assert store.unreadable.keys() == {"03", "04", "05"}
    assert np.array_equal(store.read(pictures.image_ids), build(tmp_path / "other", pictures).read(pictures.image_ids))


def test_a_file_that_goes_while_it_is_read_on_the_fly_is_an_error(pictures, tmp_path):
    store = build(tmp_path / "pixels", pictures, cache_bytes=0)
    pictures.locations()[0].file.unlink()
    with pytest.raises(DataError, match=r"00\.png: missing, though"):
        store.read(["00"])


def test_a_store_travels_to_other_processes_without_its_pixels(pictures, tmp_path):
    store = build(tmp_path / "pixels", many(tmp_path / "many", 600))
    expected = store.read(store.image_ids)
    content = pickle.dumps(store)
    assert len(content) < expected.nbytes / 4
    assert np.array_equal(pickle.loads(content).read(store.image_ids), expected)


def test_threads_read_side_by_side(tmp_path):
    store = build(tmp_path / "pixels", many(tmp_path / "many", 200))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: store.read([f"row{i}"])[0], range(200)))
    assert np.array_equal(np.stack(found), store.read(store.image_ids))


def test_an_empty_data_set_is_no_special_case(tmp_path):
    store = build(tmp_path / "pixels", Manifest.build(tmp_path, ["a"], [], []))
    assert len(store) == 0
    assert store.read([]).shape == (0, SIZE, SIZE, 3)


SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_pixelstore import build, many
build(Path({folder!r}), many(Path({data!r})), workers=2, on_progress=lambda done, total: time.sleep({pause}))
"""


def start_build(tmp_path, folder, pause):
    code = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(folder), data=str(tmp_path / "data"), pause=pause)
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"the build ended too early: {process.communicate()[1]}")
        time.sleep(0.002)


@pytest.mark.parametrize("lines", [0, 1, 2])
def test_a_killed_build_resumes_to_the_same_files(tmp_path, lines):
    manifest = many(tmp_path / "data")
    build(tmp_path / "whole", manifest)
    folder = tmp_path / "pixels" / f"{SIZE}px-squash-v1"
    process = start_build(tmp_path, tmp_path / "pixels", pause=0.02)

    def far_enough():
        if lines:
            return (folder / "index.jsonl").exists() and (folder / "index.jsonl").read_bytes().count(b"\n") >= lines
        return (folder / "pixels.u8").exists() and (folder / "pixels.u8").stat().st_size > 0

    wait_for(far_enough, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    calls = []
    store = build(tmp_path / "pixels", manifest, on_progress=lambda *call: calls.append(call))
    assert calls[0][0] > lines * CHUNK_PICTURES  # what was committed is not decoded again
    assert files_of(tmp_path / "pixels") == files_of(tmp_path / "whole")
    assert store.read(["row0", "row1499"]).max() > 0


def test_two_builds_at_once_make_one_store(tmp_path):
    manifest = many(tmp_path / "data")
    other = start_build(tmp_path, tmp_path / "pixels", pause=0.002)
    wait_for((tmp_path / "pixels").exists, other)
    build(tmp_path / "pixels", manifest)
    assert other.wait(60) == 0
    build(tmp_path / "whole", manifest)
    assert files_of(tmp_path / "pixels") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["torn line", "zeros", "lost pixels", "no index", "no pixels", "foreign"])
def test_damaged_files_are_repaired(tmp_path, damage):
    manifest = many(tmp_path / "data")
    build(tmp_path / "whole", manifest)
    build(tmp_path / "pixels", manifest)
    folder = next((tmp_path / "pixels").iterdir())
    index, pixels = folder / "index.jsonl", folder / "pixels.u8"
    if damage == "torn line":
        index.write_bytes(index.read_bytes()[:-40])
    elif damage == "zeros":
        index.write_bytes(index.read_bytes()[:-400] + bytes(400))
    elif damage == "lost pixels":
        os.truncate(pixels, pixels.stat().st_size // 2)
    elif damage == "no index":
        index.unlink()
    elif damage == "no pixels":
        pixels.unlink()
    else:
        index.write_text('{"something": "else"}\n[]\n')
    store = build(tmp_path / "pixels", manifest)
    assert files_of(tmp_path / "pixels") == files_of(tmp_path / "whole")
    assert np.array_equal(store.read(["row7"]), build(tmp_path / "whole", manifest).read(["row7"]))


def test_an_error_while_building_keeps_what_was_done(tmp_path):
    manifest = many(tmp_path / "data")

    def stop(done, total):
        if done > 2 * CHUNK_PICTURES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "pixels", manifest, on_progress=stop)
    folder = next((tmp_path / "pixels").iterdir())
    assert (folder / "pixels.u8").stat().st_size == 2 * CHUNK_PICTURES * SIZE * SIZE * 3
    build(tmp_path / "pixels", manifest)
    build(tmp_path / "whole", manifest)
    assert files_of(tmp_path / "pixels") == files_of(tmp_path / "whole")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        manifest = many(tmp_path / "data")
        with pytest.raises(DiskFullError, match="No space left"):
            build(disk, manifest, cache_bytes=10**9)
        committed = next(disk.glob("*px*/pixels.u8")).stat().st_size
        assert committed == 2 * CHUNK_PICTURES * SIZE * SIZE * 3
        assert build(disk, manifest.select(manifest.image_ids[: 2 * CHUNK_PICTURES])).stored
        # half of what is left is too little for the rest: on the fly then
        assert not build(disk, manifest).stored
    finally:
        subprocess.run(["umount", str(disk)], check=True)
