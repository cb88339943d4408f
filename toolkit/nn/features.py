"""Describing pictures by a frozen network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from toolkit.nn.backbones import build_backbone
from toolkit.nn.feeding import Reader
from toolkit.nn.heads import pool
from toolkit.nn.prediction import predict


def embed(
    backbone: str,
    image_size: int,
    read: Reader,
    image_ids: Sequence[str],
    *,
    weights: str | Path = "packaged",
    batch_size: int = 128,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """The globally averaged last feature map of each picture.

    Args:
        backbone: Name of the backbone.
        image_size: Height and width of the pictures in pixels.
        read: Image ids → uint8 RGB `(m, image_size, image_size, 3)`.
        image_ids: n names.
        weights: Source of the backbone's weights, see `backbones.build_backbone`.
        batch_size: Pictures a call.
        workers: Threads that read.
        on_progress: Called as `(done, n)`.

    Returns:
        `(n, d)` float32 in the order of `image_ids`; d is 1280 for EfficientNet-Lite.
    """
    model = feature_model(backbone, image_size, weights)
    return predict(model, read, image_ids, batch_size=batch_size, workers=workers, on_progress=on_progress)


def feature_model(backbone: str, image_size: int, weights: str | Path = "packaged") -> keras.Model:
    """The model behind `embed`, for describing pictures in several calls of `predict`.

    Args:
        backbone: Name of the backbone.
        image_size: Height and width of the pictures in pixels.
        weights: Source of the backbone's weights.
    """
    body = build_backbone(backbone, image_size, weights)
    return keras.Model(body.inputs[0], pool(body.output, "avg"))
