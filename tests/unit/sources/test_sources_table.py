"""CSVs however they were written."""

import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.errors import DataError, MissingFileError
from toolkit.sources.columns import GROUP_NAMES, ID_NAMES, LABEL_NAMES, id_and_path_columns
from toolkit.sources.table import read_table

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12).map(str.strip)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_separators_encodings_and_line_ends_simply_work(table, separator, encoding, end):
    lines = ["image_id;label;note", "ä b;01;x", "ü;NA;y", ""]
    read = read_table(table(end.join(lines).replace(";", separator), encoding=encoding))
    assert read.columns == {"image_id": ["ä b", "ü"], "label": ["01", "NA"], "note": ["x", "y"]}


def test_a_separator_inside_a_quoted_header_is_no_separator(table):
    assert list(read_table(table('"a, b, c";label\n1;2\n')).columns) == ["a, b, c", "label"]


def test_rows_are_numbered_by_the_line_they_begin_on(table):
    read = read_table(table('id,note\n\na,"two\nlines"\n , \nb,x\n'))
    assert read.column("note") == ["two\nlines", "x"]
    assert read.rows == [3, 6]


def test_characters_that_only_unicode_calls_line_ends_stay_in_their_cell(table):
    assert read_table(table("id,label\na,x\u2028y\x85z\n")).column("label") == ["x\u2028y\x85z"]


def test_empty_columns_that_spreadsheets_leave_are_ignored(table):
    assert read_table(table("id,label,,\na,x,,\n")).columns == {"id": ["a"], "label": ["x"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("id,label\n", "no rows"),
        ("id,label\n\n , \n", "no rows"),
        ("id,label\na,x\nb\n", "row 3 has 1 cells, but the header has 2"),
        ("id,label\n\na,x,y\n", "row 3 has 3 cells"),
        ("id,id\na,b\n", "the column 'id' more than once"),
        ('id,label\na,x\nb,"y\n' + "c,z\n" * 9, "begins on line 3 .*quotation mark that is not closed"),
        ('id,label\na,"x\n' + "z" * 200_000, "begins on line 2 .*quotation mark"),
        ("\x89PNG\x00\x00,", "no text file"),
    ],
    ids=["empty", "header", "blank rows", "short", "long", "column twice", "open quote", "huge cell", "binary"],
)
def test_a_broken_csv_is_one_clear_error(table, text, message):
    path = table(text)
    with pytest.raises(DataError, match=message) as error:
        read_table(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_not_there_and_a_folder_are_clear_errors(tmp_path):
    for path in (tmp_path / "no.csv", tmp_path):
        with pytest.raises(MissingFileError, match="There is no CSV at"):
            read_table(path)


def test_an_unknown_column_is_told_the_nearest_and_all_others(table):
    read = read_table(table("image_id,label\na,x\n"))
    with pytest.raises(
        DataError, match=r"no column 'lable'; did you mean 'label'\? Its columns are 'image_id', 'label'"
    ):
        read.column("lable")


@pytest.mark.parametrize("spelling", ["image_id", "ImageID", "Image Id", "image-id", "IMAGE.ID"])
def test_columns_are_recognised_whatever_their_spelling(table, spelling):
    assert read_table(table(f"x,{spelling}\n1,2\n")).guess(ID_NAMES) == spelling


@pytest.mark.parametrize(
    ("header", "ids", "paths", "label"),
    [
        ("image_id,path,label", "image_id", "path", "label"),
        ("filename,class", "filename", "filename", "class"),
        ("id,filepath,target", "id", "filepath", "target"),
        ("path,name,label", "path", "path", "label"),
        ("id_code,diagnosis", "id_code", "id_code", "diagnosis"),
        ("file,category,label", "file", "file", "label"),
    ],
)
def test_columns_are_guessed_by_their_names(table, header, ids, paths, label):
    read = read_table(table(f"{header}\n1,2{',3' * (header.count(',') - 1)}\n"))
    assert id_and_path_columns(read, None, None) == (ids, paths)
    assert read.guess(LABEL_NAMES) == label


def test_a_column_of_file_names_is_recognised_whatever_its_name(table):
    read = read_table(table("colour,was\nred,a.PNG\nblue,b.jpeg\n"))
    assert id_and_path_columns(read, None, None) == ("was", "was")


def test_a_column_that_is_taken_is_not_guessed(table):
    read = read_table(table("name,file,patient\n1,2,3\n"))
    assert id_and_path_columns(read, None, None, ("name",)) == ("file", "file")
    assert read.guess(GROUP_NAMES, ("patient",)) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(CELLS.filter(bool), CELLS), min_size=1, max_size=6), separator=st.sampled_from(",;\t"))
def test_what_the_csv_module_writes_is_read_back(table, rows, separator):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator)
    writer.writerows([("id", "label"), *rows])
    read = read_table(table(stream.getvalue()))
    assert list(zip(read.column("id"), read.column("label"), strict=True)) == rows
