"""What is found in a zip without running it."""

import stat
import zipfile

import pytest

from toolkit.submission.checks import Check, inspect, open_archive

MODEL = "class Model:\n    pass\n"
GOOD = {"model.py": MODEL, "metadata": "description: a model\n", "weights.bin": "w"}


@pytest.fixture
def failures(tmp_path):
    """Names of the failed checks of a zip with these files, with their messages."""

    def find(files, max_mb=500.0):
        path = tmp_path / "it.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        with open_archive(path) as archive:
            return {check.name: check.message for check in inspect(archive, max_mb) if not check.ok}

    return find


def link():
    info = zipfile.ZipInfo("weights.h5")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def absolute(name):
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


def test_a_good_zip_has_no_failures(failures):
    assert failures(GOOD) == {}
    assert failures(GOOD | {"__MACOSX/._model.py": "finder"}) == {}


@pytest.mark.parametrize(
    ("files", "name", "words"),
    [
        ({f"mine/{name}": text for name, text in GOOD.items()}, "flat", "silently scores 0.0"),
        ({"metadata": "a: 1"}, "model.py", "missing from the top"),
        (GOOD | {"model.py": "class Net:\n    pass\n"}, "model.py", "no `class Model`"),
        (GOOD | {"model.py": "class Model\n"}, "model.py", "not Python"),
        (GOOD | {"model.py": f"from toolkit.nn import features\n{MODEL}"}, "imports", "line 1"),
        (GOOD | {"model.py": f"def f():\n    import toolkit\n{MODEL}"}, "imports", "line 2"),
        ({"model.py": MODEL}, "metadata", "Add the file, without a command"),
        (GOOD | {"metadata": "command: python3 model.py\n"}, "metadata", "Take the command out"),
        (GOOD | {"metadata.yaml": "command: python3 model.py\n"}, "metadata", "`metadata.yaml` holds a command"),
        (GOOD | {absolute("/etc/x"): "1"}, "paths", "outside"),
        (GOOD | {absolute("../x"): "1"}, "paths", "outside"),
        (GOOD | {link(): "/etc/passwd"}, "paths", "symbolic link"),
        (GOOD | {"kaggle.json": "{}"}, "secrets", "kaggle.json"),
        (GOOD | {"notes.txt": "-----BEGIN RSA PRIVATE " + "KEY-----"}, "secrets", "notes.txt"),
    ],
    ids=["nested", "no model.py", "no class", "syntax", "imports us", "imports us inside", "no metadata", "command",
         "command in yaml", "absolute", "parent", "link", "token file", "private key"],
)  # fmt: skip
def test_each_mistake_is_found_and_said_what_to_do(failures, files, name, words):
    found = failures(files)
    assert words in found[name]


def test_a_zip_over_the_limit_fails_the_size(failures):
    assert set(failures(GOOD | {"big.bin": "x" * 50_000}, max_mb=0.01)) == {"size"}


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_what_is_no_zip_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "it.zip"
    if content is not None:
        path.write_bytes(content)
    found = open_archive(path)
    assert isinstance(found, Check) and not found.ok
    assert ("does not exist" if content is None else "Build it again") in found.message


def test_a_damaged_member_is_named(tmp_path):
    path = tmp_path / "it.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.bin", b"a" * 1000)
    path.write_bytes(path.read_bytes().replace(b"a" * 500, b"b" * 500, 1))
    found = open_archive(path)
    assert isinstance(found, Check) and "weights.bin" in found.message
