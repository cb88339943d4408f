"""What `clean` measures of pictures, kept in the project's cache, so that decisions measure nothing anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import make_key
from toolkit.cleaning.chunks import fill, finished
from toolkit.cleaning.inspection import inspect_pictures, pixel_keys
from toolkit.manifest import Location, Manifest
from toolkit.steps import keys
from toolkit.steps.networks import start
from toolkit.steps.project import Project

Read = Callable[[Sequence[str]], np.ndarray]
_EMBEDDED = 2048  # pictures that an interruption loses at most
_BATCH = 256


@dataclass(frozen=True)
class Measures:
    """What is known of the n readable pictures of one source.

    Attributes:
        manifest: They, with their labels.
        unreadable: Reason of each picture that cannot be decoded.
        read: Image ids → uint8 pictures at the training size.
        prints: `(n,)` records of `inspection.PRINT`, mapped from disk.
        content: n content keys; equal where the file or the row of an array is the same.
        file_keys: The same where a picture has a file of its own, else empty.
        pixel_keys: n strings, equal exactly where all pixels are.
        embeddings: `(n, d)` float32, mapped from disk.
        key: Of the pictures by content, in this order.
    """

    manifest: Manifest
    unreadable: dict[str, str]
    read: Read
    prints: np.ndarray
    file_keys: list[str]
    pixel_keys: list[str]
    embeddings: np.ndarray
    key: str


def cache_folder(project: Project) -> Path:
    """Where measurements are kept."""
    return project.folder / ".cache" / "clean"


def measure(project: Project, manifest: Manifest, hashes: Sequence[str], embedder: Embedder) -> Measures:
    """Decode, look at and describe all pictures of a source, going on where an earlier call was interrupted.

    Args:
        project: The project.
        manifest: The source.
        hashes: Content hash of each row's file.
        embedder: Describes pictures by a network.
    """
    store = project.pixels(manifest, hashes)
    content = dict(zip(manifest.image_ids.tolist(), hashes, strict=True))
    good = manifest.select(name for name in manifest.image_ids if name not in store.unreadable)
    ids, places = good.image_ids.tolist(), good.locations()
    contents = [
        content[name] if place.array is None else f"{content[name]}:{place.array}:{place.row}"
        for name, place in zip(ids, places, strict=True)
    ]
    key = hashlib.sha256("\n".join(contents).encode()).hexdigest()[:16]
    with project.console.progress("Inspecting pictures") as on_progress:
        prints = inspect_pictures(places, cache_folder(project) / f"prints-1-{key}.npy", on_progress=on_progress)
    return Measures(
        good,
        store.unreadable,
        store.read,
        prints,
        [name if place.array is None else "" for name, place in zip(contents, places, strict=True)],
        pixel_keys(prints, places),
        embedder(store.read, ids, key),
        key,
    )


class Embedder:
    """Describes pictures by the config's frozen network, built when the first picture needs it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._model: Any = None

    def __call__(self, read: Read, ids: list[str], key: str) -> np.ndarray:
        """Features of pictures.

        Args:
            read: Image ids → uint8 pictures.
            ids: n names.
            key: Of the pictures by content.

        Returns:
            `(n, d)` float32, mapped from disk.
        """
        config = self._project.config
        settings = keys.section(config, "clean")
        name = make_key("embeddings", key, settings["backbone"], settings["weights"],
                        config.data.image_size, config.data.resize)  # fmt: skip
        file = cache_folder(self._project) / f"embeddings-{name}.npy"
        done = finished(file, len(ids))
        if done is not None:
            return done
        start(config)
        from toolkit.nn.features import feature_model
        from toolkit.nn.prediction import predict

        if self._model is None:
            self._model = feature_model(config.clean.backbone, config.data.image_size, config.clean.weights)
        model = self._model
        with self._project.console.progress("Describing pictures") as on_progress:
            return fill(
                file, (len(ids), int(model.output_shape[-1])), np.float32,
                lambda begin, end: predict(model, read, ids[begin:end], batch_size=_BATCH), _EMBEDDED, on_progress,
            )  # fmt: skip


def whole_locations(measured: Measures) -> dict[str, Location]:
    """Where each picture is, by image id."""
    return dict(zip(measured.manifest.image_ids.tolist(), measured.manifest.locations(), strict=True))
