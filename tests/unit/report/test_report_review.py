"""Reviewing flagged pictures in a real browser: from a file, without a network, whatever the pictures are called."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from toolkit.cleaning.decisions import Decision, read_decisions
from toolkit.report import Finding, Flagged, Page, Review, write_review, write_sprites

CHROMIUM = Path("/usr/bin/chromium")
CLASSES = ["cat", 'dog, "big"', "<b>fox</b>"]
KINDS = {"exact_duplicate": "Same pixels.", "outlier": "Strange.", "label_error": "Wrong."}
HOSTILE = [
    "<img src=x onerror=alert(1)>.jpg",
    "</script><script>alert(2)</script>.png",
    "a,b\"c'.jpg",
    "new\nline.jpg",
    "ünï\u2028cødé.jpg",
    " space .jpg",
]
WITH_BROWSER = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is absent; install Debian's chromium")


def pictures(ids):
    shade = np.arange(len(ids), dtype=np.uint8)
    return np.broadcast_to(shade[:, None, None, None], (len(ids), 8, 8, 3)).copy()


def write(folder, flagged, key="k"):
    sprites = write_sprites(folder / "report_files", pictures, [one.image_id for one in flagged])
    review = Review(key, CLASSES, KINDS, flagged, sprites, "report_files", "toolkit clean --decisions decisions.csv")
    write_review(folder / "report.html", Page("contest: clean", "found"), review)
    return folder / "report.html"


def outliers(names):
    return [
        Flagged(name, 0, "drop", -1, [Finding("outlier", 1 - row / len(names), "unlike the others")])
        for row, name in enumerate(names)
    ]


def test_sheets_hold_every_picture_at_its_place(tmp_path):
    ids = [f"{number:03d}" for number in range(230)]

    def read(names):
        return np.stack([np.full((8, 8, 3), int(name), np.uint8) for name in names])

    sprites = write_sprites(tmp_path, read, ids, side=16, columns=10, rows=10)
    assert len(sprites.files) == 3
    for name in ("000", "101", "229"):
        place = sprites.place[name]
        sheet = np.asarray(Image.open(tmp_path / sprites.files[place // 100]))
        row, column = place % 100 // 10 * 16 + 8, place % 10 * 16 + 8
        assert abs(int(sheet[row, column, 0]) - int(name)) <= 3


def test_nothing_in_a_name_can_end_the_script(tmp_path):
    text = write(tmp_path, outliers(HOSTILE)).read_text()
    data = text.split('id="review-data">')[1].split("</script>")[0]
    assert "<" not in data
    assert "onerror" in data


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
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)

    def opened(path):
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append("dialog " + dialog.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield opened
    context.close()


def saved(page):
    with page.expect_download() as download:
        page.click(".review-save")
    return Path(download.value.path())


@WITH_BROWSER
def test_hostile_names_are_only_text_and_come_back_whole(show, tmp_path):
    page = show(write(tmp_path, outliers(HOSTILE)))
    assert page.locator(".review-name").all_text_contents() == HOSTILE
    page.locator(".review-scroll").focus()
    page.keyboard.press("a")
    page.keyboard.press("k")
    decisions = read_decisions(saved(page), HOSTILE, CLASSES)
    assert decisions == dict.fromkeys(HOSTILE, Decision("keep"))
    assert page.complaints == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in page.asked)


@WITH_BROWSER
def test_keys_and_clicks_decide_and_a_reload_keeps_them(show, tmp_path):
    flagged = [
        Flagged("a", 0, "keep", 1, [Finding("label_error", 0.9, "looks like a dog")]),
        Flagged("b", 0, "keep", 2, [Finding("label_error", 0.8, "looks like a fox")]),
        Flagged("c", 1, "keep", 0, [Finding("label_error", 0.7, "looks like a cat")]),
        Flagged("d", 1, "keep", 0, [Finding("label_error", 0.6, "looks like a cat")]),
        Flagged("e", 1, "drop", -1, [Finding("outlier", 0.6, "strange")]),
    ]
    file = write(tmp_path, flagged)
    page = show(file)
    page.click('[data-kind="label_error"]')
    page.locator(".review-scroll").focus()
    page.keyboard.press("r")  # a: as suggested
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")  # b
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    page.keyboard.press("r")  # c: again, so the class is asked for
    page.keyboard.press("3")
    page.locator(".review-card", has_text="looks like a cat").nth(1).locator('[data-act="d"]').click()
    page.keyboard.press("u")  # d: taken back
    page.click('[data-kind="outlier"]')
    page.locator('.review-card [data-act="k"]').click()
    expected = {
        "a": Decision("relabel", 1),
        "b": Decision("drop"),
        "c": Decision("relabel", 2),
        "e": Decision("keep"),
    }
    ids = list("abcde")
    first = saved(page)
    assert read_decisions(first, ids, CLASSES) == expected
    again = show(file)
    assert read_decisions(saved(again), ids, CLASSES) == expected
    other = show(write(tmp_path / "other", flagged, key="another run"))
    assert saved(other).read_text() == "image_id,action,label\n"
    other.set_input_files(".review-file", first)
    other.wait_for_function("document.querySelector('.review-count').textContent.includes('4 decisions')")
    assert read_decisions(saved(other), ids, CLASSES) == expected
    assert [*page.complaints, *again.complaints, *other.complaints] == []


@WITH_BROWSER
def test_groups_stand_side_by_side_and_a_range_is_chosen_by_shift(show, tmp_path):
    flagged = [
        Flagged(f"{number}", 0, "keep", -1, [Finding("exact_duplicate", 1.0, "same", f"dup-{number % 3}")])
        for number in range(9)
    ]
    page = show(write(tmp_path, flagged))
    heads = page.locator(".review-head strong").all_text_contents()
    assert heads == ["dup-0", "dup-1", "dup-2"]
    assert page.locator(".review-name").all_text_contents() == [*"036", *"147", *"258"]
    page.locator(".review-thumb").nth(1).click()
    page.locator(".review-thumb").nth(4).click(modifiers=["Shift"])
    page.keyboard.press("d")
    rows = list(csv.DictReader(io.StringIO(saved(page).read_text())))
    assert [row["image_id"] for row in rows] == ["1", "3", "4", "6"]
    assert {row["action"] for row in rows} == {"drop"}


@WITH_BROWSER
def test_twenty_thousand_pictures_have_few_cards_and_load_their_sheets_when_seen(show, tmp_path):
    names = [f"{number:05d}.jpg" for number in range(20_000)]
    page = show(write(tmp_path, outliers(names)))
    assert page.locator(".review-card").count() < 200
    page.wait_for_function("performance.getEntriesByType('resource').length >= 0")
    sheets = {url for url in page.asked if url.endswith(".jpg")}
    assert len(sheets) == 1
    page.locator(".review-scroll").focus()
    page.keyboard.press("End")
    page.locator(".review-card", has_text="19999.jpg").wait_for()
    assert page.locator(".review-card").count() < 200
    image = page.locator(".review-card", has_text="19999.jpg").locator(".review-thumb")
    last = image.evaluate("thumb => getComputedStyle(thumb).backgroundImage.slice(5, -2)")
    assert last.endswith("sprites-0049.jpg")
    width = page.evaluate("url => new Promise(done => { const i = new Image(); i.onload = () => done(i.naturalWidth);"
                          " i.onerror = () => done(0); i.src = url; })", last)  # fmt: skip
    assert width == 1920
    assert any(url.endswith("sprites-0049.jpg") for url in page.asked)
    assert page.complaints == []
