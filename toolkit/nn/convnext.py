"""ConvNeXt with true depthwise convolutions.

Liu et al. 2022 (arXiv 2201.03545). keras.applications writes its 7×7 depthwise convolutions as `Conv2D(groups=c)`,
which TensorFlow on CPU can only run through XLA, several times slower. The arithmetic here is the same, so its weight
files fit after their depthwise kernels `(7, 7, 1, c)` are laid out as `(7, 7, c, 1)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import applications, layers

# Keras's own layer, of which it offers no public name; models that hold it load without this package.
from keras.src.applications.convnext import LayerScale

_EPSILON = 1e-6
_LAYER_SCALE = 1e-6
_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_VARIANCE = (58.395**2, 57.12**2, 57.375**2)


@dataclass(frozen=True)
class _Variant:
    blocks: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]


VARIANTS = {
    "Tiny": _Variant((3, 3, 9, 3), (96, 192, 384, 768)),
    "Small": _Variant((3, 3, 27, 3), (96, 192, 384, 768)),
    "Base": _Variant((3, 3, 27, 3), (128, 256, 512, 1024)),
    "Large": _Variant((3, 3, 27, 3), (192, 384, 768, 1536)),
    "XLarge": _Variant((3, 3, 27, 3), (256, 512, 1024, 2048)),
}


def convnext(
    size: str,
    *,
    input_tensor: Any,
    input_shape: tuple[int, int, int],
    weights: str | Path | None = None,
    include_top: bool = False,
    drop_path_rate: float = 0.0,
) -> Any:
    """Build ConvNeXt up to its last feature map.

    Args:
        size: One of `VARIANTS`.
        input_tensor: Symbolic RGB `(n, s, s, 3)` in 0–255.
        input_shape: `(s, s, 3)`.
        weights: `imagenet`, a `.h5` file that keras.applications wrote for this size, or None for random ones.
        include_top: Only False: other constructors have this argument.
        drop_path_rate: Share of the pictures in 0–1 that skip the last block in training; earlier blocks less.

    Returns:
        A `keras.Model` from RGB to `(n, s / 32, s / 32, c)` float32.

    Raises:
        ValueError: The weights file is of another network, or a classifier was asked for.
    """
    if include_top:
        raise ValueError("ConvNeXt is built without its classifier only")
    variant, name = VARIANTS[size], f"convnext_{size.lower()}"
    x = layers.Normalization(mean=_IMAGENET_MEAN, variance=_IMAGENET_VARIANCE, name=f"{name}_prestem_normalization")(
        input_tensor
    )
    rates = iter(np.linspace(0.0, drop_path_rate, sum(variant.blocks)).tolist())
    for stage, (blocks, width) in enumerate(zip(variant.blocks, variant.widths, strict=True)):
        if stage == 0:
            x = layers.Conv2D(width, 4, strides=4, name=f"{name}_stem_conv")(x)
            x = _norm(x, f"{name}_stem_layernorm")
        else:
            x = _norm(x, f"{name}_downsampling_layernorm_{stage - 1}")
            x = layers.Conv2D(width, 2, strides=2, name=f"{name}_downsampling_conv_{stage - 1}")(x)
        for block in range(blocks):
            x = _block(x, width, next(rates), f"{name}_stage_{stage}_block_{block}")
    model = keras.Model(input_tensor, _norm(x, f"{name}_output_layernorm"), name=name)
    if weights is not None:
        assign_stock_weights(model, _stock(size, input_shape, weights))
    return model


def _block(x: Any, width: int, drop_rate: float, name: str) -> Any:
    shortcut = x
    x = layers.DepthwiseConv2D(7, padding="same", name=f"{name}_depthwise_conv")(x)
    x = _norm(x, f"{name}_layernorm")
    x = layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(width, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(_LAYER_SCALE, width, name=f"{name}_layer_scale")(x)
    if drop_rate:
        x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop_path")(x)
    return layers.Add(name=f"{name}_add")([shortcut, x])


def _norm(x: Any, name: str) -> Any:
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)(x)


def _stock(size: str, input_shape: tuple[int, int, int], weights: str | Path) -> list[np.ndarray]:
    build = getattr(applications, f"ConvNeXt{size}")
    stock = build(include_top=False, weights=str(weights), input_shape=input_shape)
    values: list[np.ndarray] = stock.get_weights()
    return values


def assign_stock_weights(model: Any, values: Sequence[np.ndarray]) -> None:
    """Put the weights of a network of keras.applications into one built by `convnext`.

    Args:
        model: The network to fill.
        values: The stock network's `get_weights()`: the layers come in the same order in both.

    Raises:
        ValueError: They are of another network.
    """
    depthwise = {layer.kernel.path for layer in model.layers if isinstance(layer, layers.DepthwiseConv2D)}
    if len(values) != len(model.weights):
        raise ValueError(f"it holds {len(values)} weights, {model.name} has {len(model.weights)}")
    model.set_weights(
        [
            value.swapaxes(2, 3) if variable.path in depthwise else value
            for variable, value in zip(model.weights, values, strict=True)
        ]
    )
