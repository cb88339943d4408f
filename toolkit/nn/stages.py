"""How much of a backbone is trained: its last layers, its last stages, all or nothing."""

from __future__ import annotations

import re
from typing import Any

from toolkit.errors import ConfigError
from toolkit.nn.registry import BACKBONES

# A number of layers, `all`, or `stage:n`.
Unfreeze = int | str
_STAGES = re.compile(r"stage:(\d+)")
_ENCODER = re.compile(r"encoder\d+(?=_)")


def first_trained(backbone: Any, unfreeze: Unfreeze) -> int:
    """Position in `backbone.layers` of the first layer that is trained; their number when none is.

    Args:
        backbone: Functional `keras.Model`.
        unfreeze: How many of the last layers; `all`; or `stage:n` for the last n stages. More than there are: all.

    Raises:
        ConfigError: It is none of these.
    """
    count = len(backbone.layers)
    if isinstance(unfreeze, int) and unfreeze >= 0:
        return max(0, count - unfreeze)
    if unfreeze == "all":
        return 0
    match = _STAGES.fullmatch(str(unfreeze))
    if match is None:
        raise ConfigError(
            f"`model.unfreeze` is {unfreeze!r}. Expected a number of layers such as 15, a number of stages such as "
            "stage:2, or all."
        )
    starts, stages = stage_starts(backbone), int(match[1])
    return count if stages == 0 else starts[max(0, len(starts) - stages)]


def stage_starts(backbone: Any) -> tuple[int, ...]:
    """Positions in `backbone.layers` at which its stages begin; the first is 0.

    A stage ends where the feature map is halved: it begins with the layer that does so. In a vision transformer, whose
    feature map keeps its size, each block is a stage, and so is the patch embedding. Layers without weights before the
    first or after the last stage belong to it.

    Args:
        backbone: Functional `keras.Model`.
    """
    layers = backbone.layers
    row = BACKBONES.get(backbone.name)
    if row is not None and row.layer_groups == "encoder":
        names = [match[0] if (match := _ENCODER.match(layer.name)) else "" for layer in layers]
        found = [n for n, name in enumerate(names) if name and name != names[n - 1]]
    else:
        found = _halvings(backbone)
    starts = [0]
    for start, end in zip(found, [*found[1:], len(layers)], strict=True):
        weighs = any(layer.weights for layer in layers[start:end])
        if weighs and any(layer.weights for layer in layers[starts[-1] : start]):
            starts.append(start)
    return tuple(starts)


def _halvings(backbone: Any) -> list[int]:
    """Positions of the layers at which the product of strides on the way from the input grows beyond any before."""
    strides: dict[int, int] = {}
    positions = {id(layer): n for n, layer in enumerate(backbone.layers)}
    found: dict[int, int] = {}
    for operation in backbone.operations:
        node = operation._inbound_nodes[0]
        here = max((strides[id(tensor)] for tensor in node.input_tensors), default=1)
        step = getattr(operation, "strides", 1)
        here *= step if isinstance(step, int) else max(step)
        strides.update((id(tensor), here) for tensor in node.output_tensors)
        if id(operation) in positions and here > max(found, default=1):
            found[here] = positions[id(operation)]
    return sorted(found.values())
