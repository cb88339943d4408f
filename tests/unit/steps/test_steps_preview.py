"""What a person sees before training: the pictures of the source as training and the local tests change them."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

import toolkit
from toolkit.config import load_config
from toolkit.errors import ConfigError, DataError
from toolkit.evaluation.corruptions import corrupt
from toolkit.report import Page, render
from toolkit.steps import keys
from toolkit.steps.held_out import held_out_in_training, held_out_notes
from toolkit.steps.networks import augmentation
from toolkit.steps.pages.preview import LocalTest, Previewed, preview_sections

CHROMIUM = Path("/usr/bin/chromium")
SIDE = 48
CORRUPTIONS = ("white_noise", "fog", "cutout")
HOSTILE = "<img src=x onerror=alert(1)> & sons.png"


@pytest.fixture(scope="module")
def contest(tmp_path_factory):
    """Two classes of four photograph crops each, one with a broken file, and a class of nothing but broken files."""
    folder = tmp_path_factory.mktemp("preview")
    photos = load_sample_images().images
    for label, photo in zip(("temple", "flower"), photos, strict=True):
        (folder / "data" / label).mkdir(parents=True)
        for index in range(4):
            crop = photo[60 * index + 20 : 60 * index + 20 + SIDE, 250 : 250 + SIDE]
            name = HOSTILE if (label, index) == ("flower", 0) else f"{label}{index}.png"
            Image.fromarray(crop).save(folder / "data" / label / name)
    (folder / "data" / "flower" / "broken.png").write_bytes(b"no picture")
    (folder / "data" / "lost").mkdir()
    (folder / "data" / "lost" / "broken.png").write_bytes(b"")
    return folder


def settings(contest, **changes):
    return {
        "name": "small",
        "runs_dir": str(contest / "runs"),
        "data": {"source": str(contest / "data"), "image_size": SIDE},
        "augment": {"policy": {"name": "rand_augment"}},
        "evaluate": {"corruptions": ["white_noise"], "severity": 2},
        "tune": {"corruptions": ["fog", "cutout"]},
        **changes,
    }


@pytest.fixture(scope="module")
def preview(contest):
    return toolkit.preview(settings(contest), pictures=4)


def page(result):
    return (result.run_dir / "report.html").read_text(encoding="utf-8")


def pictures(text):
    """The pictures of a page by title of their group and their own, `(n, 2 · SIDE, 2 · SIDE, 3)`, in order."""
    found = []
    for part in text.split('<div class="group">')[1:]:
        group = re.search(r"<strong>(.*?)</strong>", part).group(1)
        for data, title in re.findall(r'src="data:image/png;base64,([^"]+)" alt="([^"]*)"', part):
            image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
            found.append((group, title, image[::2, ::2]))
    return found


def test_the_result_says_what_is_on_the_page(preview):
    assert (preview.classes, preview.pictures, preview.policy) == (2, 8, "rand_augment")
    assert preview.corruptions == CORRUPTIONS
    assert (preview.overlapping, preview.held_out) == ((), ())
    assert preview.run_dir.parent.name == "preview"
    assert "white_noise" in preview._repr_html_()


def test_each_picture_is_shown_as_training_sees_it_in_its_first_epochs(contest, preview):
    shown = [(group, title, image) for group, title, image in pictures(page(preview)) if group == "temple/temple1.png"]
    assert [title for _, title, _ in shown] == ["original", *(f"epoch {epoch}" for epoch in range(6))]
    original = np.asarray(Image.open(contest / "data" / "temple" / "temple1.png"))
    assert np.array_equal(shown[0][2], original)
    augment = augmentation(load_config(settings(contest)))
    for epoch, (_, _, image) in enumerate(shown[1:]):
        assert np.array_equal(image, augment(original[None], ["temple/temple1.png"], epoch)[0])


def test_each_picture_is_shown_as_the_local_tests_corrupt_it(contest, preview):
    # Severities 1, 3, 5 and the configured one; the pictures are those that `evaluate` will score.
    shown = [image for group, _, image in pictures(page(preview)) if group == "white noise"]
    titles = [title for group, title, _ in pictures(page(preview)) if group == "white noise"]
    assert titles == [f"severity {severity}" for severity in (1, 2, 3, 5)] * 8
    seed = load_config(settings(contest)).seed
    original = np.asarray(Image.open(contest / "data" / "temple" / "temple1.png"))[None]
    for severity in (1, 2, 3, 5):
        expected = corrupt(original, ["temple/temple1.png"], "white_noise", severity, seed)[0]
        assert any(np.array_equal(image, expected) for image in shown)


def test_unreadable_pictures_are_left_out_and_classes_without_others_are_counted(preview):
    text = page(preview)
    assert "broken.png" not in text
    assert "Not shown: 1 of the classes" in text
    assert "Class lost" not in text


def test_names_are_escaped(preview):
    assert "<img src=x" not in page(preview)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page(preview)


def test_the_second_time_nothing_is_done_and_settings_that_change_no_picture_change_no_key(contest, preview):
    again = toolkit.preview(settings(contest), ["train.epochs=3", "model.unfreeze=5"], pictures=4)
    assert again.reused
    assert again.run_dir == preview.run_dir
    assert (contest / "runs" / "small" / "index.html").read_text(encoding="utf-8").count("preview/") >= 1


@pytest.mark.parametrize(
    ("assignment", "pictures_a_class"),
    [
        ("augment.policy.magnitude=0.2", 3),
        ("evaluate.severity=4", 3),
        ("tune.corruptions=[grid]", 3),
        ("data.image_size=32", 3),
        ("seed=5", 3),
        ("train.epochs=3", 2),
    ],
)
def test_what_changes_a_picture_changes_the_key(assignment, pictures_a_class):
    base = {"name": "n", "data": {"source": "train.csv"}}
    first = keys.preview_key(load_config(base), "f", 3)
    assert keys.preview_key(load_config(base, [assignment]), "f", pictures_a_class) != first
    assert keys.preview_key(load_config(base, ["name=other", "train.epochs=9"]), "f", 3) == first


def test_without_augmentation_the_page_says_that_training_sees_the_originals(contest):
    result = toolkit.preview(settings(contest), ["augment.policy.name=none"], pictures=1)
    assert result.policy == "none"
    assert "Training sees the originals" in page(result)
    assert "epoch 0" not in page(result)


def test_corruptions_of_a_family_in_training_are_marked(contest):
    result = toolkit.preview(settings(contest), ["evaluate.corruptions=[hue, white_noise]"], pictures=1)
    assert result.overlapping == ("hue",)
    assert "overlaps training" in page(result)


def test_a_family_of_corruptions_is_shown_whole(contest):
    result = toolkit.preview(settings(contest), ["tune.corruptions=[weather]"], pictures=1)
    assert result.corruptions == ("white_noise", "fog", "frost", "snow", "rain")


def test_a_training_that_contains_held_out_families_is_warned_of():
    images = np.zeros((1, 16, 16, 3), np.uint8)
    test = LocalTest("jpeg", "digital", "evaluate", 3, False)
    shown = Previewed({"a": ["x"]}, ["x"], images, [images], [(test, {3: images})])

    def text(held):
        return render(Page("preview", "", preview_sections({"name": "mine"}, shown, held, 0, "c.yaml")))

    assert "flatter the network" in text(("impulse noise", "jpeg/pixelate"))
    assert "impulse noise, jpeg/pixelate" in text(("impulse noise", "jpeg/pixelate"))
    assert "flatter the network" not in text(())
    assert held_out_notes(()) == []


@pytest.mark.parametrize("policy", ["none", "basic", "rand_augment"])
def test_no_policy_by_its_defaults_trains_on_a_held_out_family(policy):
    config = load_config({"name": "n", "data": {"source": "train.csv"}}, [f"augment.policy.name={policy}"])
    assert held_out_in_training(config) == ()


def test_mistakes_are_explained(contest, tmp_path):
    with pytest.raises(ConfigError, match="whitenoise"):
        toolkit.preview(settings(contest), ["evaluate.corruptions=[whitenoise]"])
    with pytest.raises(ConfigError, match="at least 1"):
        toolkit.preview(settings(contest), pictures=0)
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="None of the 2 pictures"):
        toolkit.preview(settings(tmp_path))


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is absent; install Debian's chromium")
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_opens_in_a_browser_without_complaint_request_or_panning(preview, width):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        opened = browser.new_page(viewport={"width": width, "height": 900})
        complaints, asked = [], []
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        address = (preview.run_dir / "report.html").resolve().as_uri()
        opened.goto(address)
        assert complaints == []
        assert [url for url in asked if not url.startswith("data:")] == [address]
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
        assert opened.get_by_text("epoch 5").first.is_visible()
        before = opened.locator("details[open]").count()
        opened.locator("details:not([open]) summary").last.click()
        assert opened.locator("details[open]").count() == before + 1
        browser.close()
