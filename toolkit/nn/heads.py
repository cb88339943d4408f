"""The classifier on top of a backbone, and which layers are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import keras
from keras import layers as kl
from keras import ops

from toolkit.errors import ConfigError
from toolkit.nn.backbones import build_backbone
from toolkit.nn.choices import choose
from toolkit.nn.layer_decay import leaves
from toolkit.nn.stages import Unfreeze, first_trained

Pooling = Literal["avg", "max", "gem", "flatten"]
_POOLING = {
    "avg": kl.GlobalAveragePooling2D,
    "max": kl.GlobalMaxPooling2D,
    "gem": kl.GlobalAveragePooling2D,
    "flatten": kl.Flatten,
}
_GEM_POWER = 3.0
_GEM_SMALLEST = 1e-6
_DROPOUT = "head_dropout_{}"
_FEATURE_DROPOUT = "head_feature_dropout"


def build_model(
    backbone: str,
    image_size: int,
    n_classes: int,
    *,
    weights: str | Path = "packaged",
    layers: int = 1,
    units: Sequence[int] = (256, 128, 64),
    dropout: float | Sequence[float] = 0.3,
    activation: str = "relu",
    batch_norm: bool = True,
    pooling: Pooling = "avg",
    unfreeze: Unfreeze = 0,
    seed: int = 0,
    backbone_options: Mapping[str, Any] | None = None,
    feature_dropout: float = 0.0,
) -> Any:
    """Build backbone, pooling and head as one model.

    Args:
        backbone: Name of the backbone.
        image_size: Height and width of the pictures in pixels.
        n_classes: k.
        weights: Source of the backbone's weights, see `backbones.build_backbone`.
        layers: Number of dense layers before the class layer.
        units: Width of each dense layer; the first `layers` are used.
        dropout: Rate after each dense layer in 0–1: one, or one a layer.
        activation: Of the dense layers, a Keras name.
        batch_norm: Whether each dense layer is followed by batch normalisation.
        pooling: From feature map to feature vector.
        unfreeze: What of the backbone is trained: a number of last layers, `stage:n`, or all.
        seed: Of the head's weights and of dropout. It also becomes Keras's, NumPy's and Python's global seed, from
            which keras.applications draws, so that a model does not depend on what was built before it.
        backbone_options: See `backbones.build_backbone`.
        feature_dropout: Rate in 0–1 of dropout between pooling and the first dense layer, or the class layer.

    Returns:
        A `keras.Model` from RGB `(n, image_size, image_size, 3)` in 0–255, uint8 or float, to probabilities `(n, k)`
        float32.

    Raises:
        ConfigError: Unknown names, or fewer widths or rates than layers.
    """
    keras.utils.set_random_seed(seed)
    body = build_backbone(backbone, image_size, weights, backbone_options)
    inputs = keras.Input((image_size, image_size, 3), name="images")
    features = pool(body(inputs), pooling)
    outputs = add_head(features, n_classes, layers, units, dropout, activation, batch_norm, seed, feature_dropout)
    model = keras.Model(inputs, outputs, name=f"{backbone}_classifier")
    set_trainable(model, unfreeze)
    return model


def pool(features: Any, pooling: Pooling) -> Any:
    """Feature map `(n, h, w, c)` → feature vector `(n, d)`, both symbolic.

    `gem` is the generalised mean with p = 3 (Radenović et al. 2018, arXiv 1711.02512), computed in float32; features
    below 1e-6 count as that, so it suits networks that end in a ReLU.
    """
    layer = choose(_POOLING, pooling, "model.pooling")(name="pooling", dtype="float32" if pooling == "gem" else None)
    if pooling != "gem":
        return layer(features)
    positive = ops.maximum(ops.cast(features, "float32"), _GEM_SMALLEST)
    return ops.power(layer(positive * positive * positive), 1 / _GEM_POWER)


def add_head(
    features: Any,
    n_classes: int,
    layers: int,
    units: Sequence[int],
    dropout: float | Sequence[float],
    activation: str,
    batch_norm: bool,
    seed: int,
    feature_dropout: float = 0.0,
    adjustable: bool = False,
) -> Any:
    """Put the dense layers and the softmax on symbolic features `(n, d)`; arguments as in `build_model`.

    With `adjustable`, `set_dropout` can change the rates of the finished model, but for dropout of features at rate 0,
    which is no layer.
    """
    dropped = AdjustableDropout if adjustable else kl.Dropout
    rates = _rates(dropout, layers, len(units))
    x = features
    if feature_dropout:
        x = dropped(feature_dropout, seed=seed + len(units) + 1, name=_FEATURE_DROPOUT)(x)
    for number in range(layers):
        x = kl.Dense(
            int(units[number]),
            use_bias=not batch_norm,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + number),
            name=f"head_dense_{number}",
        )(x)
        if batch_norm:
            # Small data sets have few steps: with Keras's momentum 0.99 the averages would still be near their start.
            x = kl.BatchNormalization(momentum=0.9, name=f"head_bn_{number}")(x)
        try:
            x = kl.Activation(activation, name=f"head_activation_{number}")(x)
        except ValueError as error:
            raise ConfigError(
                f"`model.head.activation` is {activation!r}, which Keras does not know. Common ones: relu, gelu, swish."
            ) from error
        x = dropped(rates[number], seed=seed + number, name=_DROPOUT.format(number))(x)
    initializer = keras.initializers.GlorotUniform(seed=seed + layers)
    logits = kl.Dense(n_classes, kernel_initializer=initializer, name="head_logits")(x)
    return kl.Activation("softmax", dtype="float32", name="probabilities")(logits)


class AdjustableDropout(kl.Dropout):  # type: ignore[misc]
    """Dropout whose rate is a variable, so that a compiled step can be used at another rate."""

    def build(self, input_shape: Any) -> None:
        """Make the variable, with the rate that the layer was made with."""
        self.share = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.rate), trainable=False, name="rate"
        )
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """As Keras's: each value is kept with probability 1 − rate and divided by it; outside training all are kept."""
        if not training:
            return inputs
        drawn = keras.random.uniform(ops.shape(inputs), seed=self.seed_generator, dtype="float32")
        scaled = inputs / ops.cast(1.0 - self.share, inputs.dtype)
        return ops.where(drawn >= self.share, scaled, ops.zeros_like(scaled))


def set_dropout(model: Any, dropout: float | Sequence[float], feature_dropout: float) -> None:
    """Change the rates of a model whose head is adjustable.

    Args:
        model: With a head of `add_head`.
        dropout: Rate after each dense layer in 0–1: one, or one a layer.
        feature_dropout: Rate before the first of them; without effect where the head was built without it.

    Raises:
        ConfigError: Fewer rates than layers.
    """
    layers = {layer.name: layer for layer in model.layers if isinstance(layer, AdjustableDropout)}
    features = layers.pop(_FEATURE_DROPOUT, None)
    if features is not None:
        features.share.assign(feature_dropout)
    for number, rate in enumerate(_rates(dropout, len(layers), len(layers))):
        layers[_DROPOUT.format(number)].share.assign(rate)


def _rates(dropout: float | Sequence[float], layers: int, widths: int) -> list[float]:
    """The rate of each dense layer; an error where there are fewer rates or widths than layers."""
    rates = [float(dropout)] * layers if isinstance(dropout, int | float) else [float(rate) for rate in dropout]
    if layers > widths or layers > len(rates):
        raise ConfigError(
            f"`model.head.layers` is {layers}, but `model.head.units` has {widths} widths and `model.head.dropout` "
            f"{len(rates)} rates. Name one a layer."
        )
    return rates[:layers]


def backbone_of(model: Any) -> Any:
    """The backbone inside a model that `build_model` made, also after loading it."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def set_trainable(model: Any, unfreeze: Unfreeze) -> None:
    """Train the head and the last layers of the backbone, and freeze the rest.

    A layer is one entry of `backbone.layers`: activations and additions count too, as in the reports' "last 15 layers".
    Frozen layers compute as at inference: batch normalisation uses its stored averages, dropout passes everything.

    Args:
        model: A model that `build_model` made.
        unfreeze: How many of the backbone's last layers are trained, or `stage:n`: its last n stages (see
            `stages.stage_starts`); more than it has is the same as `all`.
    """
    backbone = backbone_of(model)
    members = backbone.layers
    first = first_trained(backbone, unfreeze)
    for layer in (model, *model.layers):
        layer.trainable = True
    for position, member in enumerate(members):
        _set_layer(member, position >= first)


def _set_layer(layer: Any, trained: bool) -> None:
    layer.trainable = trained
    for leaf in leaves(layer):
        leaf.trainable = trained  # a layer that holds others passes it on only when its own setting changes
        # Keras keeps dropout and stochastic depth of frozen layers active in training.
        for attribute in ("rate", "drop_path_rate"):
            if isinstance(getattr(leaf, attribute, None), float):
                kept = vars(leaf).setdefault(f"_unfrozen_{attribute}", getattr(leaf, attribute))
                setattr(leaf, attribute, kept if trained else 0.0)
