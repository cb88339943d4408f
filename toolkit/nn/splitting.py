"""Cutting a network in two, so that its frozen part is computed once and its trained part many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from toolkit.nn.heads import Pooling, add_head, backbone_of, pool
from toolkit.nn.stages import Unfreeze, first_trained


@dataclass(frozen=True)
class Cut:
    """A backbone cut before its last layers.

    Attributes:
        prefix: `keras.Model` from pictures to the tensors that cross the cut (a list if there are several: skip
            connections cross too), or to pooled features `(n, d)` when nothing of the backbone is trained.
        suffix: `keras.Model` from these tensors to the feature map; None when nothing of the backbone is trained.
        pooling: From feature map to feature vector.
        layer_names: Names of all layers of the backbone that was cut, in order.
    """

    prefix: Any
    suffix: Any
    pooling: Pooling
    layer_names: tuple[str, ...]


def split_at(backbone: Any, unfreeze: Unfreeze, pooling: Pooling = "avg") -> Cut:
    """Cut a backbone before the layers that are trained.

    Args:
        backbone: Functional `keras.Model` from `backbones.build_backbone`; it is copied, not changed.
        unfreeze: What comes behind the cut: a number of last `backbone.layers`, `stage:n`, or all.
        pooling: From feature map to feature vector.

    Returns:
        The two parts, with copies of the weights. `suffix(prefix(x))` equals `backbone(x)`.
    """
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    names = tuple(layer.name for layer in copy.layers)
    first = first_trained(copy, unfreeze)
    if first == len(copy.layers):
        return Cut(keras.Model(copy.inputs[0], pool(copy.output, pooling)), None, pooling, names)
    # The input layer itself stays in front: there must be something to feed.
    position = max(1, first)
    crossing = _crossing(copy, copy.layers[position])
    single = crossing[0] if len(crossing) == 1 else crossing
    prefix = keras.Model(copy.inputs[0], single)
    return Cut(prefix, keras.Model(single, copy.output), pooling, names)


def _crossing(model: Any, first: Any) -> list[Any]:
    """Symbolic tensors made before the layer `first` that it or later operations need."""
    # Operations, not layers: a plain addition is no layer. Their nodes, not their `input` and `output`: for a layer
    # that is itself a model those are its inner tensors.
    nodes = [operation._inbound_nodes[0] for operation in model.operations]
    position = next(number for number, operation in enumerate(model.operations) if operation is first)
    made = {id(tensor) for node in nodes[:position] for tensor in node.output_tensors}
    needed = [tensor for node in nodes[position:] for tensor in node.input_tensors]
    return list({id(tensor): tensor for tensor in needed if id(tensor) in made}.values())


def build_trial_model(
    cut: Cut,
    n_classes: int,
    *,
    layers: int = 1,
    units: Sequence[int] = (256, 128, 64),
    dropout: float | Sequence[float] = 0.3,
    activation: str = "relu",
    batch_norm: bool = True,
    feature_dropout: float = 0.0,
    seed: int = 0,
    adjustable: bool = False,
) -> Any:
    """Build what a search trial trains: everything behind the cut, with the same head as `heads.build_model`.

    Args:
        cut: Where the cached activations come from; its weights are copied, so trials never see each other.
        n_classes: k.
        layers: Number of dense layers before the class layer.
        units: Width of each dense layer; the first `layers` are used.
        dropout: Rate after each dense layer in 0–1: one, or one a layer.
        activation: Of the dense layers, a Keras name.
        batch_norm: Whether each dense layer is followed by batch normalisation.
        feature_dropout: Rate in 0–1 of dropout before the first dense layer, or the class layer.
        seed: Of the head's weights and of dropout, and the new global seed.
        adjustable: Whether `heads.set_dropout` can change the rates later.

    Returns:
        A `keras.Model` from what `cut.prefix` returns to probabilities `(n, k)` float32, all of it trainable.
    """
    keras.utils.set_random_seed(seed)
    crossing = cut.prefix.outputs
    inputs = [keras.Input(tensor.shape[1:], name=f"activations_{n}") for n, tensor in enumerate(crossing)]
    fed = inputs[0] if len(inputs) == 1 else inputs
    features = fed
    if cut.suffix is not None:
        suffix = keras.models.clone_model(cut.suffix)
        suffix.set_weights(cut.suffix.get_weights())
        for member in suffix.layers:
            member.trainable = True
        features = pool(suffix(fed), cut.pooling)
    outputs = add_head(
        features, n_classes, layers, units, dropout, activation, batch_norm, seed, feature_dropout, adjustable
    )
    return keras.Model(fed, outputs, name="trial")


def copy_trial_weights(trial: Any, cut: Cut, model: Any) -> None:
    """Make a whole network compute what prefix and trial compute together.

    Args:
        trial: Trained model of `build_trial_model`.
        cut: The cut it was built on.
        model: Model of `heads.build_model` with the same backbone, head and number of classes; changed in place.
    """
    body = backbone_of(model).layers
    suffix = [member for layer in trial.layers if isinstance(layer, keras.Model) for member in layer.layers]
    for member in (*cut.prefix.layers, *suffix):
        if member.weights:  # by position: Keras numbers unnamed layers anew in each copy
            body[cut.layer_names.index(member.name)].set_weights(member.get_weights())
    for layer in trial.layers:
        if layer.weights and not isinstance(layer, keras.Model):
            model.get_layer(layer.name).set_weights(layer.get_weights())
