"""Pages in a real browser: nothing on the console, no request leaves the page, tables sort, phones need no panning."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from toolkit.report import Column, Link, Measure, Note, Page, RunSummary, Section, Table, write_index, write_page

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is absent; install Debian's chromium to look at pages in a browser"
)


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield started
        started.close()


@pytest.fixture
def show(browser):
    """Opens a file and returns the page with lists of what its console said and what it requested."""
    contexts = []

    def opened(path: Path, width: int = 1280, scheme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page, complaints, requests = context.new_page(), [], []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page, complaints, requests

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rich_page_opens_without_complaint_request_or_panning(show, rich_page, tmp_path, width, scheme):
    write_page(tmp_path / "report.html", rich_page)
    page, complaints, requests = show(tmp_path / "report.html", width, scheme)
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [(tmp_path / "report.html").as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


def test_index_opens_on_a_phone(show, tmp_path):
    runs = [
        RunSummary("clean", "done", "3f2a91c07b1e", datetime(2025, 1, 31), report=tmp_path / "clean" / "report.html")
    ]
    write_index(tmp_path / "index.html", runs * 3, name="digits")
    page, complaints, _ = show(tmp_path / "index.html", 400)
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_click_on_a_heading_sorts_and_keeps_empty_cells_last(show, tmp_path):
    rows = [("image10", 0.9, None), ("image2", None, 12.0), ("Image1", Measure(1000.5, 1, 2), -3.0), ("", 0.05, 4.0)]
    table = Table(("name", "score", Column("change", "percent")), rows)
    write_page(tmp_path / "report.html", Page("t", sections=(Section("s", blocks=(table,)),)))
    page, complaints, _ = show(tmp_path / "report.html")

    def names():
        return page.eval_on_selector_all("tbody tr", "rows => rows.map(row => row.cells[0].textContent)")

    expected = {
        "name": (["Image1", "image2", "image10", ""], ["image10", "image2", "Image1", ""]),
        "score": (["Image1", "image10", "", "image2"], ["", "image10", "Image1", "image2"]),
        "change": (["image2", "", "Image1", "image10"], ["Image1", "", "image2", "image10"]),
    }
    for heading, (first, second) in expected.items():
        button = page.get_by_role("button", name=heading)
        button.click()
        assert names() == first
        button.press("Enter")
        assert names() == second
        sorted_by = page.locator("th[aria-sort]").all_text_contents()
        assert sorted_by == [heading]
    assert complaints == []


def test_text_that_pretends_to_be_a_script_does_not_run(show, tmp_path):
    attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    blocks = (Note(attack), Table((attack,), ((attack,), (Link(attack, "javascript:document.title='owned'"),))))
    write_page(tmp_path / "report.html", Page("calm", attack, (Section(attack, attack, blocks),)))
    page, complaints, _ = show(tmp_path / "report.html")
    assert page.title() == "calm"
    assert complaints == []


def test_policy_refuses_scripts_even_where_escaping_would_fail(show, tmp_path):
    write_page(tmp_path / "report.html", Page("calm", sections=(Section("MARK"),)))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    (tmp_path / "broken.html").write_text(html.replace("MARK", attack), encoding="utf-8")
    page, complaints, _ = show(tmp_path / "broken.html")
    assert page.title() == "calm"
    assert any("Content Security Policy" in complaint for complaint in complaints)


def test_long_table_opens_and_sorts(show, tmp_path):
    values = np.random.default_rng(0).permutation(5000)
    table = Table(("name", "n"), [(f"image{value}", int(value)) for value in values], limit=None)
    write_page(tmp_path / "report.html", Page("long", sections=(Section("s", blocks=(table,)),)))
    page, _, _ = show(tmp_path / "report.html")
    page.get_by_role("button", name="n", exact=True).click()
    assert page.locator("tbody tr").first.text_content().startswith("image4999")
    assert page.locator("tbody tr").count() == 5000
