"""`toolkit bundle`: a Codabench competition from a labelled set, ready to be uploaded."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

import numpy as np

from toolkit.console import Console, TextTable
from toolkit.errors import ConfigError, DataError, SubmissionError, UnreadableImageError, suggest
from toolkit.manifest import Location
from toolkit.steps.package import check_table
from toolkit.steps.proving import CheckRecord, label_values, records
from toolkit.steps.results import Result

_FORMS: dict[str, Literal["labels", "one_hot", "probabilities"]] = {
    "labels": "labels",
    "one_hot": "one_hot",
    "probabilities": "probabilities",
}
_DEFAULT_SIZE = 96  # pixels, where pictures have several sizes


class BundleResult(Result):
    """A competition bundle.

    Attributes:
        folder: The bundle.
        zip: The same as a zip, which Codabench takes.
        images: Hidden pictures.
        image_size: Height and width in pixels.
        classes: Class names by index.
        checks: The rules of Codabench that it was compared with.
    """

    folder: Path
    zip: Path
    images: int
    image_size: tuple[int, int]
    classes: tuple[str, ...]
    checks: tuple[CheckRecord, ...]

    def tables(self) -> list[TextTable]:
        """One row a rule."""
        height, width = self.image_size
        title = f"{self.images:,} hidden pictures of {height} × {width} pixels in {len(self.classes)} classes"
        return [check_table(title, self.checks)]

    def lines(self) -> list[str]:
        """What to do with it."""
        return [
            f"Upload {self.zip} on Codabench (Management, Upload a competition). It holds the truth: keep it private.",
            f"Try a submission on it: toolkit verify SUBMISSION.zip --bundle {self.zip}",
        ]


def make_bundle(
    data: Path,
    output: Path,
    *,
    title: str | None = None,
    form: str = "labels",
    image_size: int | None = None,
    time_limit_s: int = 600,
    days: int = 90,
    console: Console | None = None,
) -> BundleResult:
    """Write a competition whose hidden test is a labelled set.

    Args:
        data: Folder of class folders, CSV, Kaggle folder or `.npz`; every picture needs a label.
        output: Folder of the bundle; the zip goes beside it.
        title: Title of the competition; None: the folder's name.
        form: What a submission's `predict` must return: `labels`, `one_hot` or `probabilities`.
        image_size: Side of the square that pictures are resized to; None: their own size where all are alike, else 96.
        time_limit_s: Seconds that each step may take.
        days: Length of the competition.
        console: Shows the progress.

    Raises:
        ConfigError: There is no such form.
        DataError: A picture cannot be decoded or has no label.
        SubmissionError: The bundle would break a rule, or the folder holds something else.
    """
    from toolkit.sources import read_source
    from toolkit.submission.bundle import write_bundle
    from toolkit.submission.bundle_rules import check_bundle
    from toolkit.submission.scan import refuse_unsafe

    output_form = _FORMS.get(form)
    if output_form is None:
        raise ConfigError(f"--form is {form!r}{suggest(form, _FORMS)}")
    manifest = read_source(data, labelled=True)
    with (console or Console(quiet=True)).progress("Reading pictures") as on_progress:
        pictures = []
        for count, (name, place) in enumerate(zip(manifest.image_ids, manifest.locations(), strict=True)):
            pictures.append(_read(str(name), place))
            on_progress(count + 1, len(manifest))
    images = _stack(pictures, image_size)
    write_bundle(
        output, images, manifest.labels, class_names=manifest.classes, title=title or output.name.replace("_", " "),
        label_values=label_values(manifest.classes), output=output_form, time_limit_s=time_limit_s, days=days,
    )  # fmt: skip
    refuse_unsafe(output, float("inf"))
    checks = records(check_bundle(output))
    failed = " ".join(check.message for check in checks if not check.ok)
    if failed:
        raise SubmissionError(f"Codabench would refuse the bundle {output}: {failed}")
    height, width = images.shape[1:3]
    return BundleResult(
        step="bundle", folder=output, zip=_zip(output), images=len(images), image_size=(height, width),
        classes=manifest.classes, checks=tuple(checks),
    )  # fmt: skip


def _read(name: str, place: Location) -> np.ndarray:
    from toolkit.images import read_image

    try:
        return read_image(place)
    except UnreadableImageError as error:
        raise DataError(
            f"The picture {name} cannot be decoded ({error}). A hidden test must hold none of these: remove it, or run "
            "`toolkit clean` and bundle what is left."
        ) from error


def _stack(pictures: list[np.ndarray], image_size: int | None) -> np.ndarray:
    from toolkit.images import resize

    if image_size is None and len({picture.shape for picture in pictures}) == 1:
        return np.stack(pictures)
    return np.stack([resize(picture, image_size or _DEFAULT_SIZE, "squash") for picture in pictures])


def _zip(folder: Path) -> Path:
    from toolkit.artifacts import atomic_path
    from toolkit.submission.codabench import zip_entry

    path = folder.with_name(f"{folder.name}.zip")
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.writestr(
                    zip_entry(file.relative_to(folder).as_posix()), file.read_bytes(), zipfile.ZIP_DEFLATED
                )
    return path
