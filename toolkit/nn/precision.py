"""Mixed precision: computing in 16 bits while weights, saved models and predictions stay in 32.

Micikevicius et al. 2018, arXiv 1710.03740. Only the training steps compute in 16 bits. The layers of the model get
their policy for the time of a step and lose it afterwards, so that validation judges, and the file holds, exactly what
will predict.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from toolkit.errors import ConfigError
from toolkit.nn.layer_decay import leaves
from toolkit.nn.runtime import fast_bfloat16

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"]
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "auto")
# What turns 0-255 into the backbone's range: 8 bits of a bfloat16 hold no more than the pixel itself.
_PREPROCESSING = ("Rescaling", "Normalization")


def resolve(precision: Precision) -> str:
    """What `auto` means on this machine: `mixed_bfloat16` on a GPU or TPU that computes in it, else `float32`.

    Raises:
        ConfigError: Unknown name.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"`train.precision` is {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if fast_bfloat16() else "float32"


@contextmanager
def computing_in(model: Any, policy: str) -> Iterator[None]:
    """Within the block the layers of a model compute in a Keras dtype policy.

    What is compiled in the block keeps computing so. Preprocessing and the layers that make the model's output stay as
    they are, and so do layers whose own policy is not float32.

    Args:
        model: A `keras.Model` with float32 layers.
        policy: `float32`, `mixed_bfloat16` or `mixed_float16`.
    """
    if policy == "float32":
        yield
        return
    last = {id(tensor._keras_history.operation) for tensor in model.outputs}
    changed = []
    for leaf in leaves(model):
        ours = id(leaf) in last or type(leaf).__name__ in _PREPROCESSING or leaf.dtype_policy.name != "float32"
        if not ours:
            changed.append((leaf, leaf.dtype_policy))
            leaf.dtype_policy = policy
    try:
        yield
    finally:
        for leaf, before in changed:
            leaf.dtype_policy = before
