"""EfficientNet-B0 to B7 of keras.applications with ImageNet's normalisation as constants.

Tan and Le 2019 (arXiv 1905.11946). The stock network keeps mean and deviation as weights of a `Normalization` layer,
which assigning or copying weights leaves at 0 and 1 for all it computes, and gets a further layer with
`weights="imagenet"` only. Here every network is the same: `(x / 255 − mean) / deviation`, then the stem.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import applications, layers

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def efficientnet(
    variant: str,
    *,
    input_tensor: Any,
    input_shape: tuple[int, int, int],
    weights: str | Path | None = None,
    include_top: bool = False,
) -> Any:
    """Build EfficientNet-B up to its last feature map.

    Args:
        variant: `B0` to `B7`.
        input_tensor: Symbolic RGB `(n, s, s, 3)` in 0–255.
        input_shape: `(s, s, 3)`.
        weights: `imagenet`, a `.h5` file that keras.applications wrote for this variant, or None for random ones.
        include_top: Only False: other constructors have this argument.

    Returns:
        A `keras.Model` from RGB to a feature map `(n, h, w, c)` float32.

    Raises:
        ValueError: The weights file is of another network, or a classifier was asked for.
    """
    if include_top:
        raise ValueError("EfficientNet is built without its classifier only")
    source = None if weights is None else str(weights)
    build = getattr(applications, f"EfficientNet{variant}")
    stock = build(include_top=False, weights=source, input_shape=input_shape)
    model = keras.models.clone_model(stock, input_tensors=input_tensor, clone_function=_constant_normalization)
    values = stock.get_weights()[3:]  # without mean, variance and count of the normalisation
    if source is not None:
        # The published files hold deviations where the layer has variances; the stock network makes up for it later.
        norm = next(layer for layer in stock.layers if isinstance(layer, layers.Normalization))
        if not np.allclose(norm.get_weights()[0], _MEAN, atol=1e-3):
            raise ValueError(f"its pictures are normalised by the mean {norm.get_weights()[0]}, not by {_MEAN}")
    model.set_weights(values)
    return model


def _constant_normalization(layer: Any) -> Any:
    if isinstance(layer, layers.Normalization):
        return layers.Normalization(mean=_MEAN, variance=tuple(d**2 for d in _DEVIATION), name="normalization")
    if isinstance(layer, layers.Rescaling) and np.size(layer.scale) > 1:
        return layers.Rescaling(1.0, name=layer.name)
    return layer.__class__.from_config(layer.get_config())
