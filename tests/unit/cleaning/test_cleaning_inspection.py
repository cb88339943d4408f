import json

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageFilter

from toolkit.cleaning.chunks import fill, finished
from toolkit.cleaning.inspection import FORMATS, inspect_pictures, pixel_keys
from toolkit.cleaning.integrity import format_issues, integrity_issues, other_files
from toolkit.cleaning.quality import quality_issues
from toolkit.manifest import Location

ACTIONS = dict.fromkeys(
    ("wrong_extension", "animated", "blurry", "dark", "bright", "low_information", "odd_size"), "keep"
)


def scene(height=120, width=160, seed=0):
    rng = np.random.default_rng(seed)
    coarse, fine = (
        Image.fromarray(rng.integers(20, 236, (height // cells, width // cells, 3), dtype=np.uint8))
        for cells in (12, 2)
    )
    whole = [part.resize((width, height), Image.Resampling.BICUBIC) for part in (coarse, fine)]
    return Image.blend(*whole, 0.4)


def inspect(folder, **files):
    places = []
    for name, write in files.items():
        path = folder / name.replace("_", ".", 1)
        write(path)
        places.append(Location(path))
    return inspect_pictures(places, folder / "prints.npy"), places


def test_a_picture_is_measured_with_its_size_format_and_hashes(tmp_path):
    picture = scene()
    prints, _ = inspect(tmp_path, a_png=picture.save)
    row = prints[0]
    assert (row["readable"], FORMATS[row["format"]], row["frames"]) == (True, "PNG", 1)
    assert (row["width"], row["height"]) == (160, 120)
    assert int(str(imagehash.phash(picture)), 16) == row["phash"]
    assert int(str(imagehash.dhash(picture)), 16) == row["dhash"]


def test_a_large_jpeg_is_hashed_as_it_is_decoded_and_keeps_its_size(tmp_path):
    prints, places = inspect(tmp_path, a_jpg=lambda path: scene(480, 640).save(path, quality=90))
    with Image.open(places[0].file) as image:
        image.draft("RGB", (80, 60))
        assert int(str(imagehash.phash(image)), 16) == prints[0]["phash"]
    assert (prints[0]["width"], prints[0]["height"]) == (640, 480)


def test_unreadable_pictures_are_left_empty(tmp_path):
    prints, _ = inspect(tmp_path, a_png=scene().save, b_png=lambda path: path.write_bytes(b"no picture"))
    assert prints["readable"].tolist() == [True, False]


def test_keys_are_equal_exactly_where_all_pixels_are(tmp_path):
    picture = scene(480, 640)
    close = np.asarray(picture).copy()
    close[0, 0] ^= 1  # one bit, which no thumbnail shows
    prints, places = inspect(
        tmp_path,
        a_png=picture.save,
        b_png=lambda path: picture.save(path, compress_level=1),
        c_png=Image.fromarray(close).save,
        d_png=scene(480, 640, seed=1).save,
    )
    keys = pixel_keys(prints, places)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_formats_and_frames_are_told(tmp_path):
    frames = [scene(seed=number) for number in range(3)]
    prints, places = inspect(
        tmp_path,
        a_jpg=lambda path: scene().save(path, "PNG"),
        b_gif=lambda path: frames[0].save(path, save_all=True, append_images=frames[1:]),
        c_png=scene().save,
        d_JPEG=scene().save,
    )
    found = format_issues(list("abcd"), [place.file for place in places], prints, ACTIONS)
    assert [(issue.image_id, issue.issue) for issue in found] == [("a", "wrong_extension"), ("b", "animated")]
    assert "PNG" in found[0].reason
    assert "3 frames" in found[1].reason


def test_other_files_among_the_pictures_are_listed(tmp_path):
    (tmp_path / "cat").mkdir()
    for name in ("cat/1.png", "cat/notes.txt", "cat/2.png.part", ".hidden", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"x")
    found = other_files(tmp_path, [tmp_path / "cat/1.png"])
    assert [path.as_posix() for path in found] == ["cat/2.png.part", "cat/notes.txt"]


def test_integrity_issues_are_dropped():
    (found,) = integrity_issues({"a": "truncated"})
    assert (found.issue, found.score, found.action, found.reason) == ("unreadable", 1.0, "drop", "truncated")


def poor(kind):
    grey = np.asarray(scene())
    return {
        "blurry": Image.fromarray(grey).filter(ImageFilter.GaussianBlur(5)),
        "dark": Image.fromarray(grey // 8),
        "bright": Image.fromarray(255 - grey // 10),
        "low_information": Image.new("RGB", (160, 120), (90, 120, 100)),
        "odd_size": scene(120, 3000),
        "tiny": scene(120, 160).resize((6, 6)),
    }[kind]


@pytest.mark.parametrize("kind", ["blurry", "dark", "bright", "low_information", "odd_size", "tiny"])
def test_poor_pictures_are_told_from_good_ones(tmp_path, kind):
    files = {f"p{number}_png": scene(seed=number).save for number in range(40)}
    prints, _ = inspect(tmp_path, **files, bad_png=poor(kind).save)
    ids = [*(f"p{number}" for number in range(40)), "bad"]
    sizes = np.stack([prints["width"], prints["height"]], axis=1)
    found = quality_issues(ids, prints["quality"], sizes, ACTIONS, {})
    assert {issue.image_id for issue in found} == {"bad"}
    assert {"tiny": "odd_size"}.get(kind, kind) in {issue.issue for issue in found}
    assert all(0 <= issue.score <= 1 and issue.reason for issue in found)


def test_an_interrupted_computation_goes_on_after_its_last_chunk(tmp_path):
    file, asked = tmp_path / "values.npy", []

    def compute(start, stop):
        asked.append(start)
        if start == 20 and len(asked) < 4:
            raise KeyboardInterrupt
        return np.arange(start, stop)

    with pytest.raises(KeyboardInterrupt):
        fill(file, (35,), np.int64, compute, 10)
    assert finished(file, 35) is None
    values = fill(file, (35,), np.int64, compute, 10)
    assert values.tolist() == list(range(35))
    assert asked == [0, 10, 20, 20, 30]
    assert finished(file, 35).tolist() == list(range(35))
    fill(file, (35,), np.int64, compute, 10)
    assert len(asked) == 5


@pytest.mark.parametrize("damage", ["{", json.dumps({"rows": 20}), ""])
def test_a_damaged_marker_starts_anew(tmp_path, damage):
    file = tmp_path / "values.npy"
    fill(file, (20,), np.int64, np.arange, 10)
    (tmp_path / "values.npy.rows").write_text(damage)
    assert fill(file, (20,), np.int64, lambda a, b: -np.arange(a, b), 10).tolist() == [-value for value in range(20)]
