"""TinyVGG with DropBlock: a network of 12,605 trained parameters for 5 classes at 64 pixels, trained from scratch.

Three blocks of a valid 3×3 convolution with bias, batch normalisation, ReLU and 2×2 max pooling. With `pooling:
flatten` and no dense layers it has the published count, to which the 120 averages of batch normalisation come; same
padding would give 15,965.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from toolkit.errors import ConfigError

_CHANNELS = (12, 24, 24)


def tiny_vgg(image_size: int, *, dropblock_rate: float = 0.1, dropblock_size: int = 5) -> Any:
    """Build TinyVGG with random weights.

    Args:
        image_size: Height and width of the input in pixels, at least 22.
        dropblock_rate: Share in 0–1 of the first block's activations that training hides; 0: no DropBlock.
        dropblock_size: Height and width of a hidden square in cells of that feature map, odd.

    Returns:
        A `keras.Model` from RGB `(n, image_size, image_size, 3)` in 0–255 to a feature map `(n, h, w, 24)` float32.

    Raises:
        ConfigError: An option is out of range.
    """
    if not 0 <= dropblock_rate < 1 or dropblock_size < 1 or dropblock_size % 2 == 0:
        raise ConfigError(
            f"`model.backbone_options` has dropblock_rate {dropblock_rate} and dropblock_size {dropblock_size}. "
            "Expected a rate from 0 to below 1 and an odd size of at least 1."
        )
    inputs = keras.Input((image_size, image_size, 3), name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    for number, channels in enumerate(_CHANNELS, 1):
        x = layers.Conv2D(channels, 3, name=f"block{number}_conv")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"block{number}_bn")(x)
        x = layers.ReLU(name=f"block{number}_relu")(x)
        x = layers.MaxPooling2D(2, name=f"block{number}_pool")(x)
        if number == 1 and dropblock_rate:
            x = drop_block(x, dropblock_rate, dropblock_size, "block1_dropblock")
    return keras.Model(inputs, x, name="tiny_vgg")


def drop_block(x: Any, rate: float, size: int, name: str) -> Any:
    """Hide squares of a feature map in training, as DropBlock does (Ghiasi et al. 2018, arXiv 1810.12890, algorithm 1).

    The seeds of the squares come from a dropout layer over ones, so at inference, or when that layer's rate is set to
    0, nothing is hidden.

    Args:
        x: Symbolic feature map `(n, s, s, c)`; each channel has squares of its own.
        rate: Share in 0–1 of the activations to hide, `1 − keep_prob`.
        size: Height and width of a square, odd.
        name: Prefix of the layers' names.

    Returns:
        A feature map of the same shape and, summed over the batch, about the same scale.

    Raises:
        ConfigError: A square is larger than the feature map.
    """
    side, margin = int(x.shape[1]), size // 2
    if size > side:
        raise ConfigError(
            f"`model.backbone_options.dropblock_size` is {size}, but the feature map that it applies to has only "
            f"{side} × {side} cells. Choose a smaller size or larger pictures."
        )
    # Equation 1: as many seeds as hide `rate` of all cells, drawn where a whole square fits.
    gamma = rate / size**2 * side**2 / (side - size + 1) ** 2
    ones = layers.Cropping2D(margin, name=f"{name}_inside")(ops.ones_like(x))
    kept = layers.Dropout(min(gamma, 1.0), name=f"{name}_seeds")(ones)  # 0 where a seed falls, at least 1 elsewhere
    seeds = layers.ZeroPadding2D(margin, name=f"{name}_border")(1.0 - ops.minimum(kept, 1.0))
    mask = 1.0 - layers.MaxPooling2D(size, strides=1, padding="same", name=f"{name}_squares")(seeds)
    return x * mask / ops.maximum(ops.mean(mask), 1e-3)
