"""One form for an ONNX graph: nodes in one order, and names that follow from it.

tf2onnx walks over sets of Python objects, whose order depends on memory addresses: the same network comes out with
other names, constants in another order, and another of several equal constants kept.
"""

from __future__ import annotations

from typing import Any


def put_in_order(model: Any) -> None:
    """Change an `onnx.ModelProto` so that equal graphs have equal bytes; what it computes stays the same.

    Nodes are ordered by a depth-first walk from the outputs along the inputs of each node, tensors are numbered in this
    order, and equal constants become one. Graphs within nodes (loops, conditions), which no network here has, are left
    as they are with everything around them.

    Args:
        model: Is changed in place.
    """
    graph = model.graph
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return
    nodes = _walk(graph)
    constants = {entry.name: entry for entry in graph.initializer}
    names = {"": ""} | {entry.name: entry.name for entry in (*graph.input, *graph.output)}
    kept: list[Any] = []
    known: dict[bytes, str] = {}
    for index, node in enumerate(nodes):
        for name in node.input:
            if name in constants and name not in names:
                names[name] = _constant(constants[name], known, kept)
        for name in node.output:
            names.setdefault(name, f"t{len(names)}")
        node.name = f"n{index}"
        for part in (node.input, node.output):
            part[:] = [names[name] for name in part]
        attributes = sorted(node.attribute, key=lambda attribute: str(attribute.name))
        del node.attribute[:]
        node.attribute.extend(attributes)
    for part, made in ((graph.node, nodes), (graph.initializer, kept)):
        copies = [type(entry).FromString(entry.SerializeToString()) for entry in made]
        del part[:]
        part.extend(copies)
    for entry in (*graph.input, *graph.output):
        for size in entry.type.tensor_type.shape.dim:
            if size.HasField("dim_param"):
                size.dim_param = "n"  # how many pictures
    del graph.value_info[:]  # shapes in between, which whoever runs it works out


def _walk(graph: Any) -> list[Any]:
    """Nodes, each behind those that it takes its inputs from."""
    maker = {name: node for node in graph.node for name in node.output if name}
    ordered: list[Any] = []
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(maker[out.name], False) for out in reversed(graph.output) if out.name in maker]
    while stack:
        node, ready = stack.pop()
        if ready:
            ordered.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack += [(maker[name], False) for name in reversed(node.input) if name in maker]
    return ordered


def _constant(entry: Any, known: dict[bytes, str], kept: list[Any]) -> str:
    """The name of a constant; an equal one that was met before gives its own."""
    entry.ClearField("name")
    content = entry.SerializeToString(deterministic=True)
    if content not in known:
        known[content] = entry.name = f"c{len(kept)}"
        kept.append(entry)
    return known[content]
