from pathlib import Path

import pytest

from toolkit.cleaning.decisions import Decision, fingerprint_decisions, read_decisions
from toolkit.cleaning.duplicates import Duplicates, NearPair
from toolkit.cleaning.issues import Issue, resolve
from toolkit.cleaning.leaks import leak_issues, mark, separate
from toolkit.errors import DataError, MissingFileError
from toolkit.manifest import Manifest

IDS, CLASSES = ["a", "b,1", "c", "d"], ("x", "y")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_decisions_are_read_whatever_their_order(tmp_path):
    one = read_decisions(write(tmp_path / "1", 'image_id,action,label\n"b,1",relabel,y\na,keep,\n'), IDS, CLASSES)
    two = read_decisions(
        write(tmp_path / "2", '\ufeffimage_id,action,label\r\na,keep,\r\n"b,1",relabel,y\r\n'), IDS, CLASSES
    )
    assert one == two == {"a": Decision("keep"), "b,1": Decision("relabel", 1)}
    assert fingerprint_decisions(one) == fingerprint_decisions(two)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("aa,keep,\n", "Did you mean 'a'"),
        ("a,delete,\n", "none of keep, drop and relabel"),
        ("a,relabel,z\n", "'z' is no class; the classes are x, y"),
        ("a,keep,\na,drop,\n", "line 3: 'a' is decided a second time"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, rows, told):
    with pytest.raises(DataError, match=told):
        read_decisions(write(tmp_path / "decisions.csv", "image_id,action,label\n" + rows), IDS, CLASSES)


def test_a_wrong_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no column 'action'"):
        read_decisions(write(tmp_path / "decisions.csv", "image_id,what\n"), IDS, CLASSES)
    with pytest.raises(MissingFileError, match="saves them"):
        read_decisions(tmp_path / "none.csv", IDS, CLASSES)


def test_decisions_count_over_every_automatic_action():
    manifest = Manifest.build(Path("/data"), CLASSES, IDS, [f"{name}.png" for name in IDS], [0, 1, 0, 1])
    issues = [
        Issue("a", "outlier", 1.0, "", "drop", ""),
        Issue("b,1", "label_error", 1.0, "", "relabel", "", 0),
        Issue("c", "label_error", 1.0, "", "keep", "", 1),
    ]
    decided = {"a": Decision("keep"), "b,1": Decision("keep"), "c": Decision("relabel", 1), "d": Decision("drop")}
    resolved = resolve(manifest, issues, {}, decided)
    assert resolved.manifest.image_ids.tolist() == ["a", "b,1", "c"]
    assert resolved.manifest.labels.tolist() == [0, 1, 1]


def test_leaks_are_told_apart_from_duplicates_within_training():
    t, u = mark("7", "test.csv"), mark("8", "test.csv")
    found = Duplicates(
        exact=(("a", t), ("b,1", "c")),
        near=(NearPair("d", u, 0.99),),
        groups=(("a", t), ("b,1", "c"), ("d", u)),
    )
    within, leaks = separate(found)
    assert within == Duplicates((("b,1", "c"),), (), (("b,1", "c"),))
    assert [(leak.image_id, leak.source, leak.other, leak.score) for leak in leaks] == [
        ("a", "test.csv", "7", 1.0),
        ("d", "test.csv", "8", 0.99),
    ]
    issues = leak_issues(leaks, "keep", {})
    assert [issue.reason for issue in issues] == ["is 7 of test.csv too", "is 8 of test.csv too, correlation 0.990"]
