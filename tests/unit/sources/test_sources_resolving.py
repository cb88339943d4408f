"""Paths and ids of tables, and the files they stand for."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import DataError, MissingFileError
from toolkit.sources.resolving import Resolver, choose_root

TABLE = Path("t.csv")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.png", "a.png"),
        ("a.png", "a"),
        ("a.b.JPG", "a.b"),
        ("x/y/a.png", "x/y/a"),
        ("x/a.png", "./x/./a.png"),
        ("x/a.png", "x//a.png"),
        ("x/a.png", "x\\a.png"),
        ("x/a.png", "y/../x/a.png"),
        ("mit Leer zeichen/ä b.png", "mit Leer zeichen/ä b"),
        ("x/.a.png", "x/.a.png"),
        ("no_ending", "no_ending"),
        ("a.png.png", "a.png"),
    ],
)
def test_a_name_finds_its_file(touch, file, name):
    assert Resolver(touch(file), TABLE).resolve([name]) == [file]


@pytest.mark.parametrize("disk", ["NFC", "NFD"])
@pytest.mark.parametrize("table", ["NFC", "NFD"])
def test_both_unicode_spellings_of_folders_and_files_find_the_file(touch, disk, table):
    path = unicodedata.normalize(disk, "é/ü/ô.png")
    assert Resolver(touch(path), TABLE).resolve([unicodedata.normalize(table, "é/ü/ô")]) == [path]


def test_an_absolute_path_inside_the_root_is_made_relative_even_through_a_link(touch, tmp_path):
    root = touch("data/x/a.png") / "data"
    link = tmp_path / "link"
    link.symlink_to(root)
    for base in (root, link):
        for name in (root, root.resolve()):
            assert Resolver(base, TABLE).resolve([f"{name}/x/a.png"]) == ["x/a.png"]


@pytest.mark.parametrize("name", ["../secret.png", "x/../../secret.png", "/etc/passwd", "..\\secret.png", "..", "/"])
def test_a_path_that_escapes_is_an_error_whether_or_not_the_file_exists(touch, name):
    root = touch("secret.png", "data/x/a.png") / "data"
    with pytest.raises(DataError, match="leads out of"):
        Resolver(root, TABLE).resolve([name])


def test_a_neighbour_whose_name_begins_alike_is_outside(touch):
    base = touch("data/a.png", "data-secret/s.png")
    (base / "data" / "l.png").symlink_to(base / "data-secret" / "s.png")
    for name in (f"{base}/data-secret/s.png", "l.png"):
        with pytest.raises(DataError, match="leads out of"):
            Resolver(base / "data", TABLE).resolve([name])


def test_links_that_stay_inside_are_followed_and_those_that_leave_are_errors(touch):
    base = touch("out/s.png", "data/real/a.png")
    data = base / "data"
    (data / "linked").symlink_to(data / "real")
    (data / "b.png").symlink_to(data / "real" / "a.png")
    (data / "leaving").symlink_to(base / "out")
    resolver = Resolver(data, TABLE)
    assert resolver.resolve(["linked/a", "b"]) == ["linked/a.png", "b.png"]
    with pytest.raises(DataError, match="leads out of"):
        resolver.resolve(["leaving/s.png"])


def test_a_link_to_nothing_counts_as_missing(touch):
    root = touch("a.png")
    (root / "b.png").symlink_to(root / "gone.png")
    with pytest.raises(MissingFileError, match="1 of 2 pictures"):
        Resolver(root, TABLE).resolve(["a", "b"])


def test_missing_files_are_counted_the_first_three_named_and_the_place_told(touch):
    root = touch("a.png", "x/y.png")
    with pytest.raises(
        MissingFileError, match=r"5 of 6 pictures of t\.csv .* 'm1', 'no/m2\.png', 'a\.png/m3'; looked"
    ) as e:
        Resolver(root, TABLE).resolve(["m1", "a", "no/m2.png", "a.png/m3", "x", "n" * 5000])
    assert str(root) in str(e.value)


def test_an_id_that_fits_two_files_is_an_error_unless_the_ending_is_written(touch):
    resolver = Resolver(touch("a.jpg", "a.png", "a.txt", "b.png", "b.txt"), TABLE)
    with pytest.raises(DataError, match=r"'a', which fits several files of .*: a\.jpg, a\.png"):
        resolver.resolve(["a"])
    assert resolver.resolve(["a.png", "b"]) == ["a.png", "b.png"]


def test_a_root_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(MissingFileError, match=r"`data\.images`"):
        Resolver(tmp_path / "no", TABLE)


def test_the_folder_that_holds_most_of_the_pictures_is_chosen(touch):
    root = touch("one/a.png", "two/a.png", "two/b.png", "three/a.png", "three/b.png")
    found = choose_root(["a", "b", "c"], [root / "none", root / "one", root / "two", root / "three"], TABLE)
    assert found is not None
    assert found.root == root / "two"
    assert choose_root(["z"], [root / "one"], TABLE) is None
    with pytest.raises(DataError, match="leads out of"):
        choose_root(["../one/a.png"], [root / "two"], TABLE)


@given(st.lists(st.sampled_from(["..", ".", "/", "\\", "x", "a", ".png", "secret", "data", "é", "~"])).map("".join))
def test_no_name_whatever_finds_a_file_outside_the_root(tmp_path_factory, name):
    base = tmp_path_factory.getbasetemp() / "any"
    (base / "data" / "x").mkdir(parents=True, exist_ok=True)
    (base / "secret.png").touch()
    (base / "data" / "x" / "a.png").touch()
    try:
        found = Resolver(base / "data", TABLE).find(name)
    except DataError:
        return
    assert found in (None, "x/a.png")
