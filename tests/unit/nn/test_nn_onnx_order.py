"""ONNX graphs that compute the same, written differently, become the same bytes."""

import numpy as np
import pytest

from toolkit.nn.onnx_order import put_in_order

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")


def graph(prefix, swap):
    """(x + 2) * (x + 3) + 2, with names, order of nodes and constants, and a doubled constant that differ."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    values = {f"{prefix}two": 2.0, f"{prefix}three": 3.0, f"{prefix}again": 2.0}
    constants = [onnx.numpy_helper.from_array(np.float32(value), name) for name, value in values.items()]
    last = f"{prefix}again" if swap else f"{prefix}two"
    nodes = [
        helper.make_node("Add", ["pictures", f"{prefix}two"], [f"{prefix}a"], name=f"{prefix}first"),
        helper.make_node("Add", ["pictures", f"{prefix}three"], [f"{prefix}b"], name=f"{prefix}second"),
        helper.make_node("Mul", [f"{prefix}a", f"{prefix}b"], [f"{prefix}c"]),
        helper.make_node("Add", [f"{prefix}c", last], ["probabilities"]),
    ]
    if swap:
        nodes[:2], constants = nodes[1::-1], constants[::-1]
    size = f"unk__{prefix}"
    made = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("pictures", float32, [size])],
                             [helper.make_tensor_value_info("probabilities", float32, [size])], constants)  # fmt: skip
    return helper.make_model(made)


def test_names_and_order_of_what_computes_the_same_become_the_same():
    models = [graph("p", False), graph("q", True)]
    for model in models:
        put_in_order(model)
        onnx.checker.check_model(model)
    first, second = (model.SerializeToString(deterministic=True) for model in models)
    assert first == second
    x = np.arange(4, dtype=np.float32)
    run = reference.ReferenceEvaluator(models[0]).run(None, {"pictures": x})[0]
    np.testing.assert_array_equal(run, (x + 2) * (x + 3) + 2)
    assert len(models[0].graph.initializer) == 2
