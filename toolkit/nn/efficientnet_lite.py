"""EfficientNet-Lite0, 1 and 2: EfficientNet-B0's blocks without squeeze-and-excitation, with ReLU6 for swish.

Tan and Le 2019 (arXiv 1905.11946) for the blocks and their scaling; the Lite changes (stem and head widths and the
first and last stage's depth are not scaled) are those of TensorFlow's `efficientnet_lite_builder`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from toolkit.errors import WeightsError

_STEM_FILTERS = 32
_HEAD_FILTERS = 1280
_CLASSES = 1000


@dataclass(frozen=True)
class _Stage:
    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
# Variant -> (width, depth) factors.
_FACTORS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}


def efficientnet_lite(variant: int, image_size: int, *, include_top: bool = False, name: str | None = None) -> Any:
    """Build EfficientNet-Lite with random weights.

    Args:
        variant: 0, 1 or 2.
        image_size: Height and width of the input in pixels.
        include_top: Whether to end in ImageNet's 1,000 probabilities instead of the feature map.
        name: Name of the model.

    Returns:
        A `keras.Model` from RGB `(n, image_size, image_size, 3)` in 0–255 to `(n, h, w, 1280)` or `(n, 1000)`.
    """
    width, depth = _FACTORS[variant]
    inputs = keras.Input((image_size, image_size, 3), name="images")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(inputs)
    x = _conv(x, _STEM_FILTERS, 3, 2, "stem")
    block = 0
    for position, stage in enumerate(_STAGES):
        fixed_depth = position in (0, len(_STAGES) - 1)
        for repeat in range(stage.repeats if fixed_depth else math.ceil(stage.repeats * depth)):
            stride = stage.stride if repeat == 0 else 1
            x = _block(x, stage, stride, _round_filters(stage.filters * width), f"block{block}")
            block += 1
    x = _conv(x, _HEAD_FILTERS, 1, 1, "head")
    if include_top:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(_CLASSES, activation="softmax", name="top")(x)
    return keras.Model(inputs, x, name=name or f"efficientnet_lite{variant}")


def assign_torch_weights(model: Any, state: Mapping[str, np.ndarray]) -> None:
    """Put the weights of the PyTorch implementation into a model built by `efficientnet_lite`.

    Args:
        model: The network to fill.
        state: State dict of `efficientnet_lite_pytorch`.

    Raises:
        WeightsError: A tensor is missing or of another shape.
    """
    for layer in model.layers:
        if not layer.weights:
            continue
        stem, _, part = layer.name.partition("_")
        prefix = f"_blocks.{stem.removeprefix('block')}." if stem.startswith("block") else ""
        source = prefix + _TORCH_NAMES.get((stem, part), _TORCH_NAMES.get(("block", part), part))
        try:
            values = [_TORCH_LAYOUT[type(layer).__name__][kind](state, source) for kind in _kinds(layer)]
            layer.set_weights(values)
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"The weights file does not fit {model.name}: {source}, needed by layer {layer.name}, is missing or "
                f"of another shape ({error}). Use the file that belongs to this variant."
            ) from error


# (first part of our layer name, rest of it) -> name in the PyTorch network.
_TORCH_NAMES = {
    ("stem", "conv"): "_conv_stem",
    ("stem", "bn"): "_bn0",
    ("head", "conv"): "_conv_head",
    ("head", "bn"): "_bn1",
    ("top", ""): "_fc",
    ("block", "expand_conv"): "_expand_conv",
    ("block", "expand_bn"): "_bn0",
    ("block", "depthwise_conv"): "_depthwise_conv",
    ("block", "depthwise_bn"): "_bn1",
    ("block", "project_conv"): "_project_conv",
    ("block", "project_bn"): "_bn2",
}
# PyTorch stores kernels (out, in, h, w); Keras (h, w, in, out), depthwise (h, w, in, 1) from (in, 1, h, w).
_TORCH_LAYOUT: dict[str, dict[str, Any]] = {
    "Conv2D": {"kernel": lambda state, name: state[f"{name}.weight"].transpose(2, 3, 1, 0)},
    "DepthwiseConv2D": {"kernel": lambda state, name: state[f"{name}.weight"].transpose(2, 3, 0, 1)},
    "Dense": {
        "kernel": lambda state, name: state[f"{name}.weight"].T,
        "bias": lambda state, name: state[f"{name}.bias"],
    },
    "BatchNormalization": {
        "gamma": lambda state, name: state[f"{name}.weight"],
        "beta": lambda state, name: state[f"{name}.bias"],
        "moving_mean": lambda state, name: state[f"{name}.running_mean"],
        "moving_variance": lambda state, name: state[f"{name}.running_var"],
    },
}


def _kinds(layer: Any) -> list[str]:
    return [str(weight.name).removeprefix("depthwise_") for weight in layer.weights]


def _block(x: Any, stage: _Stage, stride: int, filters: int, name: str) -> Any:
    shortcut = x
    if stage.expansion != 1:
        x = _conv(x, x.shape[-1] * stage.expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = _relu6(_bn(x, f"{name}_depthwise"), f"{name}_depthwise")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project_conv")(x)
    x = _bn(x, f"{name}_project")
    if stride == 1 and shortcut.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def _conv(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return _relu6(_bn(x, name), name)


def _bn(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_bn")(x)


def _relu6(x: Any, name: str) -> Any:
    return layers.ReLU(max_value=6.0, name=f"{name}_relu")(x)


def _round_filters(filters: float, divisor: int = 8) -> int:
    """Nearest multiple of `divisor` that is not more than 10 % smaller."""
    rounded = max(divisor, int(filters + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * filters else rounded
