"""Which reader a source gets."""

import numpy as np
import pytest

from toolkit.errors import DataError, MissingFileError
from toolkit.sources import read_source


def test_a_file_of_another_kind_is_a_clear_error(touch):
    root = touch("a.parquet")
    with pytest.raises(DataError, match=r"neither a folder nor a \.csv, \.tsv or \.npz"):
        read_source(root / "a.parquet")


@pytest.mark.parametrize("form", ["auto", "folder", "csv", "kaggle", "npz"])
def test_an_absent_source_is_a_clear_error_in_every_format(tmp_path, form):
    with pytest.raises(MissingFileError, match=r"There is no data at .*`data\.source`"):
        read_source(tmp_path / "no", format=form)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"format": "parquet"}, "no source format 'parquet'; known: auto, folder"), ({"split": "dev"}, "no split 'dev'")],
    ids=["format", "split"],
)
def test_unknown_arguments_are_clear_errors(touch, arguments, message):
    with pytest.raises(DataError, match=message):
        read_source(touch("x/a.png"), **arguments)


def test_a_format_that_the_source_cannot_have_is_a_clear_error(touch, table):
    root, path = touch("a.png"), table("id,label\na,x\n")
    for form in ("csv", "npz"):
        with pytest.raises(DataError, match=rf"`data\.format` is '{form}', but .* is a folder"):
            read_source(root, format=form)
    for form in ("folder", "kaggle"):
        with pytest.raises(DataError, match=rf"`data\.format` is '{form}', but .* is a file"):
            read_source(path, format=form)


@pytest.mark.parametrize("name", ["images", "id_column", "path_column", "label_column", "group_column"])
def test_settings_of_tables_are_not_dropped_in_silence_where_there_is_no_table(touch, tmp_path, name):
    root = touch("data/cat/a.png", "data/dog/b.png") / "data"
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 3, 3), np.uint8), labels=[0, 1])
    for source in (root, tmp_path / "a.npz"):
        with pytest.raises(DataError, match=r"`data\.\w+` speaks of a CSV"):
            read_source(source, **{name: root if name == "images" else "x"})


def test_tab_separated_tables_are_tables(touch, table):
    touch("a.png")
    assert len(read_source(table("id\tlabel\na\tx\n", name="t.tsv"))) == 1
