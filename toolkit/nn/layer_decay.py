"""Smaller learning rates for the layers nearer to the picture.

They hold general features (edges, textures) that pretraining has learnt from far more pictures than a contest has, so
they should move least. Discriminative fine-tuning of ULMFiT (Howard and Ruder 2018, arXiv 1801.06146), as a power of
the depth in ELECTRA (Clark et al. 2020, arXiv 2003.10555) and BEiT (Bao et al. 2022, arXiv 2106.08254).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras


def layer_scales(model: Any, decay: float) -> list[float]:
    """Factor of the learning rate for each of `model.trainable_variables`.

    The head has 1; the backbone's last layer has `decay`, the one before it `decay`², and so on. A layer here is one
    with a kernel (convolution, dense, attention); the normalisations behind it belong to it. Depth is counted from the
    end, so it does not depend on how many layers are frozen. In a model without a backbone of its own, the last layer
    with a kernel is the head.

    Args:
        model: Made by `heads.build_model` or `splitting.build_trial_model`, or any functional model.
        decay: In 0–1; 1 gives 1 everywhere. Networks differ in depth: 0.97 leaves the first of 50 layers 0.22.
    """
    bodies = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    inside = {id(leaf) for body in bodies for leaf in leaves(body)}
    members = list(leaves(model))
    if not bodies:
        kernels = [position for position, leaf in enumerate(members) if _has_kernel(leaf)]
        inside = {id(leaf) for leaf in members[: kernels[-1] if kernels else 0]}
    scales: dict[int, float] = {}
    scale = decay
    for leaf in reversed([leaf for leaf in members if id(leaf) in inside]):
        for variable in leaf.variables:
            scales[id(variable)] = scale
        if _has_kernel(leaf):
            scale *= decay
    return [scales.get(id(variable), 1.0) for variable in model.trainable_variables]


def leaves(layer: Any) -> Iterator[Any]:
    """A layer, or the layers inside it, in order."""
    inner = getattr(layer, "layers", None)
    if not inner:
        yield layer
        return
    for member in inner:
        yield from leaves(member)


def _has_kernel(layer: Any) -> bool:
    """Whether a layer mixes channels or pixels; normalisations and scalings hold vectors only."""
    return any(len(variable.shape) > 1 and "seed" not in variable.name for variable in layer.weights)
