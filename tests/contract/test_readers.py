"""The same expectations over every form that data arrive in."""

import csv
import stat
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import DataError, MissingFileError, ToolkitError
from toolkit.images import read_image
from toolkit.manifest import UNLABELLED, Manifest
from toolkit.sources import read_source, sniff

COUNT, CLASSES = 12, ("cat", "dog", "owl")
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def picture(index: int) -> np.ndarray:
    """A flat picture whose colour tells which it is."""
    return np.full((10, 14, 3), index * 17 + 5, np.uint8)


def save(path: Path, index: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture(index))[1].tobytes())


def write_csv(path: Path, rows: list[tuple], header: tuple, separator: str = ",", encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def make_folder(root: Path) -> Path:
    for index in range(COUNT):
        save(root / CLASSES[index % 3] / f"{index:02d}.png", index)
    (root / "notes.txt").write_text("not a picture")
    (root / ".hidden").mkdir()
    return root


def make_csv(root: Path) -> Path:
    for index in range(COUNT):
        save(root / "pictures" / f"{index:02d}.png", index)
    rows = [(f"{index:02d}", f"pictures/{index:02d}.png", CLASSES[index % 3]) for index in range(COUNT)]
    return write_csv(root / "train.csv", rows, ("image_id", "path", "label"))


def make_kaggle(root: Path) -> Path:
    for index in range(COUNT):
        save(root / "train_images" / f"{index:02d}.png", index)
    for index in range(3):
        save(root / "test_images" / f"t{index}.png", index)
    write_csv(root / "train.csv", [(f"{i:02d}", CLASSES[i % 3], i) for i in range(COUNT)], ("id", "animal", "weight"))
    write_csv(root / "sample_submission.csv", [(f"t{i}", "cat") for i in range(3)], ("id", "animal"))
    return root


def make_npz(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    labels = (np.arange(COUNT) % 3)[:, None]
    np.savez(root / "data.npz", images=np.stack([picture(i) for i in range(COUNT)]), labels=labels)
    return root / "data.npz"


def make_medmnist(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    images, labels = np.stack([picture(i)[..., 0] for i in range(COUNT)]), (np.arange(COUNT) % 3)[:, None]
    np.savez(root / "m.npz", train_images=images, train_labels=labels, val_images=images[:3], val_labels=labels[:3],
             test_images=images[:2], test_labels=labels[:2])  # fmt: skip
    return root / "m.npz"


MAKERS = {
    "folder": make_folder,
    "csv": make_csv,
    "kaggle": make_kaggle,
    "npz_an2dl": make_npz,
    "npz_medmnist": make_medmnist,
}


@pytest.fixture(params=list(MAKERS))
def source(request, tmp_path):
    return MAKERS[request.param](tmp_path / "däta with space")


def lay_out(form: str, root: Path, labels: list[str], ids: list[str]) -> Path:
    """A data set of this form whose pictures are empty files; ids sort as they stand."""
    if form.startswith("npz"):
        root.mkdir(parents=True)
        prefix = "train_" if form == "npz_medmnist" else ""
        images, column = np.zeros((len(labels), 2, 2), np.uint8), np.array(labels)[:, None]
        np.savez(root / "d.npz", **{f"{prefix}images": images, f"{prefix}labels": column})
        return root / "d.npz"
    folder = {"folder": root, "csv": root / "pictures", "kaggle": root / "train"}[form]
    for name, label in zip(ids, labels, strict=True):
        file = folder / (label if form == "folder" else "") / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    if form == "folder":
        return root
    rows = list(zip(ids, labels, strict=True))
    table = write_csv(
        root / "train.csv", [(f"{'pictures/' * (form == 'csv')}{n}", w) for n, w in rows], ("id", "label")
    )
    return table if form == "csv" else root


NAMES = st.text("abcdefgxyzäé0123456789", min_size=1, max_size=6).filter(lambda name: name not in {"nan", "na"})


@pytest.mark.parametrize("form", list(MAKERS))
@settings(max_examples=15, deadline=None)
@given(labels=st.lists(NAMES, min_size=1, max_size=8))
def test_every_label_comes_back_by_name_and_every_index_is_in_range(form, labels):
    labels = [f"c{label}" for label in labels]
    ids = [f"{index:03d}" for index in range(len(labels))]
    with tempfile.TemporaryDirectory() as folder:
        manifest = read_source(lay_out(form, Path(folder) / "data", labels, ids), labelled=True)
    assert manifest.classes == tuple(sorted(set(labels)))
    assert ((manifest.labels >= 0) & (manifest.labels < len(manifest.classes))).all()
    back = [manifest.classes[label] for label in manifest.labels]
    assert back == (sorted(labels) if form == "folder" else labels)


@pytest.mark.parametrize("form", list(MAKERS))
def test_whole_number_labels_keep_their_value_in_every_form(form, tmp_path):
    manifest = read_source(lay_out(form, tmp_path / "d", ["0", "3", "1", "3"], ["a", "b", "c", "d"]))
    assert manifest.classes == ("0", "1", "2", "3")
    assert sorted(manifest.labels) == [0, 1, 3, 3]


@pytest.mark.parametrize("form", list(MAKERS))
def test_a_label_that_the_config_does_not_name_is_an_error_in_every_form(form, tmp_path):
    source = lay_out(form, tmp_path / "d", ["cat", "owl"], ["a", "b"])
    with pytest.raises(DataError, match=r"does not name, for example 'owl'"):
        read_source(source, classes=("cat", "dog"))


@pytest.mark.parametrize("form", list(MAKERS))
def test_no_picture_is_opened_and_the_class_order_does_not_depend_on_the_row_order(form, tmp_path):
    ids = ["a", "b", "c", "d"]
    first = read_source(lay_out(form, tmp_path / "1", ["x", "z", "y", "z"], ids))
    second = read_source(lay_out(form, tmp_path / "2", ["z", "y", "z", "x"], ids))
    assert first.classes == second.classes == ("x", "y", "z")


def test_every_location_is_absolute_even_of_a_relative_source(source, monkeypatch):
    monkeypatch.chdir(source.parent)
    places = read_source(Path(source.name)).locations()
    monkeypatch.chdir("/")
    assert all(place.file.is_absolute() and place.file.is_file() for place in places)


@pytest.mark.parametrize("form", ["folder", "csv", "kaggle"])
def test_a_picture_that_is_a_link_out_of_the_data_is_an_error(form, tmp_path):
    source = lay_out(form, tmp_path / "d", ["x", "y"], ["a", "b"])
    picture = next((tmp_path / "d").rglob("a.jpg"))
    (tmp_path / "secret.jpg").touch()
    picture.unlink()
    picture.symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(DataError, match="leads out of"):
        read_source(source)


def test_every_picture_is_listed_once_with_its_label(source):
    manifest = read_source(source)
    assert len(manifest) == COUNT
    assert manifest.labelled
    assert len(set(manifest.image_ids)) == COUNT
    names = CLASSES if manifest.classes[0] == "cat" else ("0", "1", "2")
    assert manifest.classes == names
    for row, place in enumerate(manifest.locations()):
        index = (int(read_image(place)[0, 0, 0]) - 5) // 17
        assert manifest.labels[row] == index % 3


def test_reading_twice_gives_the_same(source):
    first, second = read_source(source), read_source(source)
    assert first.table.equals(second.table)


def test_a_manifest_survives_saving(source, tmp_path):
    manifest = read_source(source)
    manifest.save(tmp_path / "m.csv")
    again = Manifest.load(tmp_path / "m.csv", manifest.root, manifest.classes)
    assert again.table.to_dict("list") == manifest.table.to_dict("list")
    assert again.locations() == manifest.locations()


def test_a_read_only_data_folder_is_enough_and_nothing_is_written(source):
    folder = source if source.is_dir() else source.parent
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        read_source(source)
        sniff(source)
    finally:
        folder.chmod(0o755)
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))} == before


def test_sniffing_suggests_settings_that_read_the_same(source):
    found = sniff(source)
    direct = read_source(source)
    assert (found.pictures, found.classes) == (len(direct), direct.classes)
    assert found.counts == tuple(direct.class_counts())


def test_class_names_fix_the_order(source):
    plain = read_source(source)
    if plain.classes[0] == "cat":
        ordered = read_source(source, classes=("owl", "cat", "dog"))
        assert [ordered.classes[label] for label in ordered.labels] == [plain.classes[label] for label in plain.labels]
    else:
        named = read_source(source, classes=("x", "y", "z"))
        assert np.array_equal(named.labels, plain.labels)
        assert named.classes == ("x", "y", "z")


def test_an_absent_source_is_a_clear_error(tmp_path):
    for name in ("none", "none.csv", "none.npz"):
        with pytest.raises(MissingFileError, match=r"data\.source"):
            read_source(tmp_path / name)


@pytest.mark.parametrize(
    ("separator", "encoding"), [(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-8"), (";", "latin-1")]
)
def test_separators_bom_and_latin_1_simply_work(tmp_path, separator, encoding):
    save(tmp_path / "ä b.png", 1)
    path = write_csv(tmp_path / "t.csv", [("ä b.png", "ü")], ("path", "label"), separator, encoding)
    manifest = read_source(path)
    assert manifest.image_ids.tolist() == ["ä b.png"]
    assert manifest.classes == ("ü",)


@pytest.mark.parametrize("name", ["a", "a.png"], ids=["without ending", "with ending"])
def test_ids_stand_for_files_with_or_without_ending(tmp_path, name):
    save(tmp_path / "a.png", 1)
    manifest = read_source(write_csv(tmp_path / "t.csv", [(name, "x")], ("id", "label")))
    assert manifest.locations()[0].file == tmp_path / "a.png"
    assert manifest.image_ids.tolist() == [name]


def test_both_unicode_spellings_of_a_name_find_its_file(tmp_path):
    save(tmp_path / "e\u0301.png", 1)
    manifest = read_source(write_csv(tmp_path / "t.csv", [("\u00e9.png", "x")], ("id", "label")))
    assert read_image(manifest.locations()[0]).shape == (10, 14, 3)


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        (["01", "10", "2", "01"], ("01", "2", "10"), [0, 2, 1, 0]),
        (["0", "2", "1", "2"], ("0", "1", "2"), [0, 2, 1, 2]),
        (["1", "2", "3", "3"], ("0", "1", "2", "3"), [1, 2, 3, 3]),
        (["1000", "2000", "500", "500"], ("500", "1000", "2000"), [1, 2, 0, 0]),
        (["b", "a", "B", "a"], ("B", "a", "b"), [2, 1, 0, 1]),
        (["1.0", "0.0", "1.0", "1.0"], ("0", "1"), [1, 0, 1, 1]),
    ],
    ids=["leading zeros", "numbers keep their value", "from one", "large numbers are names", "names", "floats"],
)
def test_the_class_order_is_fixed_once(tmp_path, labels, classes, indices):
    for index in range(4):
        save(tmp_path / f"{index}.png", index)
    rows = [(f"{index}.png", label) for index, label in enumerate(labels)]
    manifest = read_source(write_csv(tmp_path / "t.csv", rows, ("id", "label")))
    assert manifest.classes == classes
    assert manifest.labels.tolist() == indices


def test_groups_come_from_a_column_and_empty_cells_stand_alone(tmp_path):
    for index in range(3):
        save(tmp_path / f"{index}.png", index)
    rows = [("0.png", "x", "7"), ("1.png", "y", "7"), ("2.png", "x", "")]
    path = write_csv(tmp_path / "t.csv", rows, ("id", "label", "patient"))
    manifest = read_source(path, group_column="patient")
    assert manifest.groups.tolist() == ["patient=7", "patient=7", "2.png"]
    assert sniff(path).group_column == "patient"


BROKEN = {
    "doubled ids": ([("a.png", "x"), ("a.png", "y")], ("id", "label"), {}, "more than once"),
    "missing files": ([("a.png", "x"), ("no.png", "y")], ("id", "label"), {}, "1 of 2 pictures .*'no.png'"),
    "unknown column": ([("a.png", "x")], ("id", "label"), {"label_column": "lable"}, "did you mean 'label'"),
    "absent label": ([("a.png", "")], ("id", "label"), {}, r"absent labels \(rows 2\)"),
    "nan label": ([("a.png", "NaN")], ("id", "label"), {}, "absent labels"),
    "no label column": ([("a.png", "1")], ("id", "weight"), {}, r"data\.label_column"),
    "no id column": ([("x", "1")], ("colour", "label"), {}, r"data\.id_column"),
    "escaping path": ([("../a.png", "x")], ("id", "label"), {}, "leads out of"),
    "absolute path": ([("/etc/passwd", "x")], ("id", "label"), {}, "leads out of"),
    "label not a class": ([("a.png", "katze")], ("id", "label"), {"classes": ("kater",)}, "does not name"),
    "class twice": ([("a.png", "x")], ("id", "label"), {"classes": ("x", "x")}, "names a class twice"),
    "uneven rows": ([("a.png", "x", "surplus")], ("id", "label"), {}, "row 2 has 3 cells"),
    "no rows": ([], ("id", "label"), {}, "no rows"),
    "column twice": ([("a.png", "x", "x")], ("id", "label", "label"), {}, "more than once"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_table_is_one_clear_error(tmp_path, case):
    rows, header, settings, message = BROKEN[case]
    save(tmp_path / "data" / "a.png", 1)
    save(tmp_path / "a.png", 1)
    path = write_csv(tmp_path / "data" / "t.csv", rows, header)
    with pytest.raises(ToolkitError, match=message):
        read_source(path, **settings)


def test_a_link_out_of_the_folder_is_an_error(tmp_path):
    save(tmp_path / "secret.png", 1)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").symlink_to(tmp_path / "secret.png")
    path = write_csv(tmp_path / "data" / "t.csv", [("a.png", "x")], ("id", "label"))
    with pytest.raises(DataError, match="leads out of"):
        read_source(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.array([{"a": 1}], object), "labels": np.zeros(1)}, "Python objects"),
        ({"images": np.zeros((2, 4, 4, 5), np.uint8), "labels": np.zeros(2)}, r"shape \(2, 4, 4, 5\)"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.zeros(3)}, r"shape \(3,\)"),
        ({"images": np.zeros((2, 4, 4), np.uint8), "labels": np.array([0, np.nan])}, "absent labels"),
        ({"images": np.zeros((2, 4, 4), np.uint8)}, "holds no labels"),
        ({"pixels": np.zeros((2, 4, 4), np.uint8)}, "holds no pictures"),
    ],
    ids=["objects", "channels", "lengths", "nan", "no labels", "no pictures"],
)
def test_a_broken_npz_is_one_clear_error(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_source(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="no readable"):
        read_source(tmp_path / "b.npz")


def test_pictures_outside_class_folders_and_empty_folders_are_errors(tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        read_source(tmp_path)
    save(tmp_path / "loose.png", 1)
    with pytest.raises(DataError, match=r"no class folder, for example 'loose\.png'"):
        read_source(tmp_path)
    assert read_source(tmp_path, labelled=False).labels.tolist() == [UNLABELLED]


def test_kaggle_and_medmnist_offer_their_test_part(tmp_path):
    kaggle = read_source(make_kaggle(tmp_path / "k"), split="test", labelled=False, classes=CLASSES)
    assert kaggle.image_ids.tolist() == ["t0", "t1", "t2"]
    medmnist = read_source(make_medmnist(tmp_path / "m"), split="val")
    assert medmnist.image_ids.tolist() == ["val/00000", "val/00001", "val/00002"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_the_blood_cells_are_recognised_with_their_class_names_and_practice_test():
    found = sniff(SHARED / "blood")
    assert (found.source.name, found.pictures, found.label_column) == ("train.csv", 13_759, "label")
    assert found.classes[0] == "basophil"
    assert found.test == SHARED / "blood" / "practice_test.csv"
    assert sniff(SHARED / "blood" / "train.csv").classes == found.classes
    assert len(read_source(SHARED / "blood")) == 13_759


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
def test_the_photographs_of_trash_are_recognised_from_either_folder():
    outer, inner = sniff(SHARED / "trash"), sniff(SHARED / "trash" / "images")
    assert outer.source == inner.source == SHARED / "trash" / "images"
    assert (inner.pictures, inner.counts[0], inner.classes[0]) == (2_527, 403, "cardboard")
