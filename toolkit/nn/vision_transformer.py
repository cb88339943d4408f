"""A vision transformer that is trained from scratch on small pictures.

Dosovitskiy et al. 2021 (arXiv 2010.11929) without class token: the feature map is pooled by the head, as for every
other backbone. The defaults are those of the Keras example for 72-pixel pictures, with a patch of 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from toolkit.errors import ConfigError


def vision_transformer(
    image_size: int,
    *,
    patch_size: int = 8,
    width: int = 64,
    heads: int = 4,
    blocks: int = 8,
    mlp_units: Sequence[int] | None = None,
    dropout: float = 0.1,
) -> Any:
    """Build a vision transformer with random weights.

    Args:
        image_size: Height and width of the input in pixels, a multiple of `patch_size`.
        patch_size: Height and width of a patch in pixels.
        width: Projection width: channels of the feature map, a multiple of `heads`.
        heads: Attention heads a block, each of `width / heads` channels.
        blocks: Transformer blocks.
        mlp_units: Widths of the dense layers of each block; the last must be `width`. None: twice the width, the width.
        dropout: Rate in 0–1 after attention and after each of these dense layers.

    Returns:
        A `keras.Model` from RGB `(n, image_size, image_size, 3)` in 0–255 to a feature map
        `(n, image_size / patch_size, image_size / patch_size, width)` float32.

    Raises:
        ConfigError: The options do not fit each other or the picture.
    """
    units = (2 * width, width) if mlp_units is None else tuple(mlp_units)
    _check(image_size, patch_size, width, heads, blocks, units, dropout)
    side = image_size // patch_size
    inputs = keras.Input((image_size, image_size, 3), name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = layers.Reshape((side, patch_size, side, patch_size, 3), name="patch_rows")(x)
    x = layers.Permute((1, 3, 2, 4, 5), name="patch_order")(x)
    x = layers.Reshape((side * side, patch_size * patch_size * 3), name="patches")(x)
    # A convolution with the stride of its kernel, whose bias differs by place: the learned position embedding.
    x = layers.EinsumDense(
        "npd,dc->npc",
        (side * side, width),
        bias_axes="pc",
        bias_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name="patch_embedding",
    )(x)
    for block in range(blocks):
        x = _block(x, heads, units, dropout, f"encoder{block}")
    x = layers.LayerNormalization(epsilon=1e-6, name="output_norm")(x)
    return keras.Model(inputs, layers.Reshape((side, side, width), name="feature_map")(x), name="vit")


def _block(x: Any, heads: int, units: tuple[int, ...], dropout: float, name: str) -> Any:
    shortcut, width = x, int(x.shape[-1])
    x = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_1")(x)
    # Dropout is a layer of its own: inside the attention it would stay active in frozen blocks.
    x = layers.MultiHeadAttention(heads, width // heads, name=f"{name}_attention")(x, x)
    x = layers.Dropout(dropout, name=f"{name}_attention_dropout")(x)
    x = shortcut = layers.Add(name=f"{name}_add_1")([shortcut, x])
    x = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm_2")(x)
    for number, wide in enumerate(units, 1):
        x = layers.Dense(wide, name=f"{name}_dense_{number}")(x)
        x = layers.Activation("gelu", name=f"{name}_gelu_{number}")(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout_{number}")(x)
    return layers.Add(name=f"{name}_add_2")([shortcut, x])


def _check(
    image_size: int, patch_size: int, width: int, heads: int, blocks: int, units: tuple[int, ...], dropout: float
) -> None:
    wrong = None
    if min(patch_size, width, heads, blocks, *units, 1) < 1 or not units:
        wrong = "every number must be at least 1"
    elif image_size % patch_size:
        wrong = f"patch_size {patch_size} must divide `data.image_size`, which is {image_size}"
    elif width % heads:
        wrong = f"heads {heads} must divide width {width}"
    elif units[-1] != width:
        wrong = f"the last of mlp_units is added to the block's input, so it must be width {width}, not {units[-1]}"
    elif not 0 <= dropout < 1:
        wrong = f"dropout {dropout} must be from 0 to below 1"
    if wrong:
        raise ConfigError(f"The options of vit do not fit: {wrong}. Change `model.backbone_options` accordingly.")
