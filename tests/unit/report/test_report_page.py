import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from toolkit.errors import DataError
from toolkit.report import (
    Badge,
    Bars,
    Code,
    Column,
    Details,
    Figure,
    Figures,
    Gallery,
    Heatmap,
    Interval,
    Line,
    Lines,
    Link,
    Mark,
    Measure,
    Note,
    Page,
    Picture,
    PictureGroup,
    Row,
    Section,
    Table,
    render,
    thumbnail,
    write_page,
)

HOSTILE = "<img src=x onerror=\"alert('1')\">'&amp;</script></title></style><b>`x`"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Reader(HTMLParser):
    """Checks that every tag is closed in order, and collects tags and visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"doubled attribute in {tag}: {attrs}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"{tag} closed but never opened"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    @property
    def words(self) -> str:
        return "".join(self.text)


def one(*blocks) -> Page:
    return Page("title", sections=(Section("section", blocks=blocks),))


def hostile_page(text: str) -> Page:
    picture = Picture(thumbnail(np.zeros((60, 60, 3), np.uint8)), text, text, (Badge(text),))
    blocks = (
        Figures((Figure(text, text, text),)),
        Table((Column(text, note=text),) * 4, (Row((text, Badge(text), Link(text, text), picture)),), text, rest=text),
        Table((text,), ((text,), (text,)), text, limit=1, rest=text),
        Table((text,), (), empty=text),
        Gallery((picture, PictureGroup((picture,), text, text, (Badge(text),))), text, limit=1, rest=text),
        Gallery((PictureGroup((picture,), text, text, (Badge(text),)),), text),
        Gallery((), empty=text),
        Bars((text,), (0.5,), (0.4,), (0.6,), text),
        Lines((Line(text, (1, 2), (1, 2)), Line(text, (1,), (1,), kind="dots")), text, text, text),
        Heatmap(((1, 2), (3, 4)), (text, text), (text, text), text, text, text),
        Interval((Mark(text, (0.5,), note=text, names=(text,)),), text, chance=0.1),
        Note(text),
        Code(text, text),
    )
    sections = (Section(text, text, (*blocks, Details(text, blocks))),) * 3
    return Page(text, text, sections, {text: text}, (Link(text, text),))


def test_rich_page_is_well_formed_and_names_what_it_shows(rich_page):
    words = Reader(render(rich_page)).words
    for expected in ("Evaluation of digits", "97.2\u202f%", "12,000", "flower with a rather long name", "issues.csv"):
        assert expected in words


def test_no_text_of_any_block_becomes_markup():
    reader = Reader(render(hostile_page(HOSTILE)))
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if tag == "img":
            assert attributes["src"].startswith("data:image/")
    assert "b" not in {tag for tag, _ in reader.tags}
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert HOSTILE in reader.words


def test_a_script_address_becomes_a_harmless_relative_path():
    html = render(replace(one(), links=(Link("x", "javascript:alert(1)"), Link("y", "//host/a b#c?.csv"))))
    hrefs = [attributes["href"] for tag, attributes in Reader(html).tags if tag == "a"]
    assert hrefs == ["javascript%3Aalert%281%29", "/host/a%20b%23c%3F.csv"]


def test_page_points_at_nothing_outside_itself(rich_page):
    html = render(rich_page)
    assert "://" not in html
    assert "@import" not in html
    assert "url(" not in html
    for _, attributes in Reader(html).tags:
        assert (attributes.get("src") or "data:").startswith("data:")
        assert not re.match(r"[a-z]+:|//", (attributes.get("href") or "").replace("data:,", ""))


def test_same_page_gives_the_same_bytes(rich_page, tmp_path):
    write_page(tmp_path / "a" / "report.html", rich_page)
    write_page(tmp_path / "b" / "report.html", rich_page)
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["report.html"]


def test_failed_page_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.html"
    write_page(path, one(Note("old")))
    with pytest.raises(DataError, match="neither PNG nor JPEG"):
        write_page(path, one(Gallery((Picture(b"GIF89a"),))))
    assert "old" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_file_names_that_are_no_unicode_can_be_written(tmp_path):
    write_page(tmp_path / "report.html", one(Note("caf\udce9 \x00\x1b[31m"), Table(("a",), (("\udce9",),))))
    assert "caf\ufffd" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (Figures((Figure("accuracy", 0.93271, style="percent", digits=2),)), "93.27\u202f%"),
        (Figures((Figure("best", None),)), "–"),
        (Table(("n",), ((12345,),)), "12,345"),
        (Table(("x",), ((Measure(0.5, 0.25, 0.75),),)), "0.25–0.75"),
        (Table(("x",), ((float("nan"),), (None,))), "–"),
        (Table(("x",), ((np.bool_(True),), (False,))), "yes"),
        (Table(("x",), ()), "No rows."),
        (Gallery(()), "No pictures."),
        (Bars(("a",), (float("nan"),)), "–"),
        (Bars((), ()), "section"),
        (Lines((), "epoch"), "epoch"),
        (Lines((Line("loss", (1,), (float("nan"),)),), log_y=True), "loss"),
        (Heatmap((), (), ()), "Nothing to show."),
        (Heatmap(((0, 0), (0, 0)), "ab", "ab"), "a → b: 0"),
        (Interval((Mark("clean", (0.972,)),)), "97.2\u202f%"),
        (Interval((Mark("estimate", low=0.7, high=0.9, kind="estimate"),)), "70.0–90.0\u202f%"),
        (Interval((Mark("unknown", (float("nan"),)),)), "–"),
        (Note("see `issues.csv`"), "issues.csv"),
        (Code("toolkit run"), "toolkit run"),
        (Details("more", (Note("inside"),)), "inside"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_block_renders(block, expected):
    html = render(one(block))
    assert expected in Reader(html).words
    assert "nan%" not in html


def test_code_in_backticks_is_set_as_code_and_a_lone_backtick_is_kept():
    html = render(one(Note("see `a<b`"), Note("it`s")))
    assert "<code>a&lt;b</code>" in html
    assert "it`s" in html


def test_long_tables_are_cut_and_say_where_the_rest_is():
    rows = [(index,) for index in range(5000)]
    words = Reader(render(one(Table(("n",), rows, limit=100, rest="issues.csv")))).words
    assert "The first 100 of 5,000 rows; all of them are in issues.csv." in " ".join(words.split())
    everything = render(one(Table(("n",), rows, limit=None)))
    assert everything.count("<td") == 5000
    assert "The first" not in Reader(everything).words


def test_long_galleries_are_cut_too():
    picture = Picture(thumbnail(np.zeros((60, 60, 3), np.uint8)))
    html = render(one(Gallery([picture] * 30, limit=10, rest="issues.csv")))
    assert html.count("<img") == 10
    assert "The first 10 of 30" in Reader(html).words


def test_numbers_sort_by_value_and_empty_cells_carry_an_empty_key():
    html = render(one(Table((Column("x", "percent"),), ((0.5,), (None,), (Measure(0.25, 0.2, 0.3),)))))
    assert re.findall(r'data-value="([^"]*)"', html) == ["0.5", "", "0.25"]


def test_columns_of_numbers_share_their_decimals_and_stand_right():
    html = render(one(Table(("name", "x"), (("a", 0.5), ("b", 0.125)))))
    assert "0.500" in html
    assert html.count('class="right"') == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Table(("a", "b"), ((1,),), "scores"),
        lambda: Bars(("a", "b"), (1.0,)),
        lambda: Bars(("a",), (1.0,), low=(0.5,)),
        lambda: Line("loss", (1, 2), (1,)),
        lambda: Line("loss", (1, 2), (1, 2), high=(1, 2)),
        lambda: Heatmap(((1, 2),), ("a",), ("a",)),
        lambda: Mark("nothing"),
        lambda: Mark("half", (0.5,), low=0.4),
        lambda: render(one(Gallery((Picture("picture.png"),)))),
        lambda: render(one(Gallery((Picture("data:image/svg+xml;base64,AAAA"),)))),
    ],
)
def test_blocks_that_contradict_themselves_are_refused(make):
    with pytest.raises(DataError):
        make()


def test_arrays_serve_wherever_sequences_do():
    x = np.arange(3)
    page = one(
        Bars(["a", "b", "c"], np.float32([0.1, 0.2, 0.3]), x / 20, x / 5 + 0.2),
        Lines((Line("a", x, x / 2, x / 3, x),)),
        Heatmap(np.eye(3, dtype=np.int64), list("abc"), list("abc")),
        Interval((Mark("noisy", np.float32([0.5, 0.75]), kind="noisy"),)),
        Table(("a", "b"), np.eye(2)),
    )
    assert "50.0–75.0\u202f%" in Reader(render(page)).words
