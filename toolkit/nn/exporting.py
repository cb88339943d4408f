"""Networks in forms that other versions of Keras, or TensorFlow alone, can run.

A `.keras` file names every argument that its Keras knows, and an older Keras refuses those that it does not. So a
network for another version is kept as its architecture with the arguments that differ from their defaults, and its
weights by layer; code of a few lines builds it again.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from toolkit.errors import SubmissionError
from toolkit.nn.onnx_order import put_in_order

# Weights are given, and nothing is trained: how weights begin and what holds them back has no meaning any more.
_OF_TRAINING = ("_initializer", "_regularizer", "_constraint")
_HALF = np.finfo(np.float16)


def architecture(model: Any) -> str:
    """A network without weights as JSON for `keras.models.model_from_json`, the same bytes for the same network.

    Arguments that equal their defaults are left out, and so is all that concerns training.

    Args:
        model: A `keras.Model` built of Keras's own layers and operations.
    """
    described = json.loads(model.to_json())
    for name in ("build_config", "compile_config"):
        described.pop(name, None)
    return json.dumps(_plain(described), sort_keys=True)


def weights(model: Any, *, float16: bool = False) -> dict[str, np.ndarray]:
    """The weights of a network by layer and position: `backbone/conv1/0`.

    Args:
        model: A `keras.Model`.
        float16: Matrices with half the bits, where their values are in its range; vectors stay as they are.
    """
    found = {}
    for path, layer in _leaves(model, ""):
        for index, value in enumerate(layer.get_weights()):
            array = np.asarray(value, np.float32)
            halve = float16 and array.ndim >= 2 and np.abs(array).max(initial=0) < _HALF.max
            found[f"{path}/{index}"] = array.astype(np.float16) if halve else array
    return found


def export_savedmodel(model: Any, folder: Path) -> None:
    """Write a network as a TensorFlow SavedModel, which needs no Keras to run.

    Args:
        model: A `keras.Model` on the TensorFlow backend.
        folder: Is created; its signature `serving_default` takes float32 pictures and returns probabilities.
    """
    import tensorflow as tf

    serve = _serving(model)
    holder = tf.Module()
    holder.state = [variable.value for variable in model.variables]
    holder.serve = serve
    tf.saved_model.save(holder, str(folder), signatures={"serving_default": serve})
    # Hashes of the other files and a random name: nothing needs it, and without it the bytes are always the same.
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def export_onnx(model: Any, path: Path) -> None:
    """Write a network as an ONNX file, the same bytes for the same network.

    Args:
        model: A `keras.Model` on the TensorFlow backend.
        path: Ends in `.onnx`.

    Raises:
        SubmissionError: What writes ONNX files is not installed.
    """
    try:
        tf2onnx = importlib.import_module("tf2onnx")
    except ImportError as error:
        raise SubmissionError(
            "package.runtime: onnx needs two further packages: run `pip install 'contest-toolkit[onnx]'`."
        ) from error
    for layer in _all_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            # Held as eager tensors, these would become inputs of the file; as arrays they become constants.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    serve = _serving(model)
    made, _ = tf2onnx.convert.from_function(
        serve,
        input_signature=serve.input_signature,
        opset=17,
        custom_op_handlers={"Erfc": (_write_erfc, [])},
    )
    put_in_order(made)
    path.write_bytes(made.SerializeToString(deterministic=True))


def _serving(model: Any) -> Any:
    import tensorflow as tf

    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="pictures")]
    return tf.function(lambda pictures: {"probabilities": model(pictures, training=False)}, input_signature=signature)


def _write_erfc(graph: Any, node: Any, name: str, _: Any) -> None:
    """ONNX has no erfc, which GELU is made of: 1 - erf stands for it."""
    erf = graph.make_node("Erf", list(node.input))
    one = graph.make_const(f"{name}/one", np.float32(1.0))
    node.type = "Sub"
    graph.replace_inputs(node, [one.output[0], erf.output[0]])


def _all_layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield from _all_layers(layer) if isinstance(layer, keras.Model) else (layer,)


def _leaves(model: Any, before: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        path = f"{before}{layer.name}"
        if isinstance(layer, keras.Model):
            yield from _leaves(layer, f"{path}/")
        elif layer.get_weights():
            yield path, layer


def _plain(value: Any) -> Any:
    """A serialised object without what every version of Keras does by itself."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {name: item for name, item in value.items() if name not in {"build_config", "shared_object_id"}}
    if "class_name" in value and "module" in value and isinstance(value.get("config"), dict):
        value["config"] = _arguments(value)
    return {name: _plain(item) for name, item in value.items()}


def _arguments(serialised: dict[str, Any]) -> dict[str, Any]:
    config = dict(serialised["config"])
    if "layers" in config:  # a network in a network
        config.pop("trainable", None)
        return config
    made = _class(str(serialised["module"]), str(serialised["class_name"]))
    if made is None:
        return config
    defaults = _defaults(made)
    layer = issubclass(made, keras.layers.Layer)
    if not layer and issubclass(made, keras.Operation):
        config.pop("name", None)  # tensors find it by the name beside the config; older ones take none in it
    if layer:
        config.pop("trainable", None)
        policy = config.pop("dtype", None)
        name = policy["config"]["name"] if isinstance(policy, dict) else policy
        if name not in (None, "float32"):
            config["dtype"] = name
    return {
        name: value
        for name, value in config.items()
        if not name.endswith(_OF_TRAINING) and not (name in defaults and _same(value, defaults[name]))
    }


@cache
def _class(module: str, name: str) -> Any:
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None
    return found if isinstance(found, type) else None


def _defaults(made: type) -> dict[str, Any]:
    parameters = inspect.signature(made.__init__).parameters.values()  # type: ignore[misc]
    return {entry.name: entry.default for entry in parameters if entry.default is not inspect.Parameter.empty}


def _same(value: Any, default: Any) -> bool:
    plain = list(default) if isinstance(default, tuple) else default
    return type(value) is type(plain) and value == plain
