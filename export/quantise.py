"""Eight-bit weights for an ONNX model that makes one row at a time. It knows ONNX only, not what the model does.

Every product with a large constant matrix becomes one of unsigned bytes, its other side quantised as it comes; every look-up in a large
constant table becomes one of bytes. ONNX Runtime fuses each product into one kernel. Unsigned, because products of unsigned with signed
bytes saturate on x86 processors without VNNI.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

__all__ = ["quantise_weights"]

# Smaller matrices cost more to quantise the other side for than their bytes save.
SMALLEST = 4096
ZERO = 128
LARGEST = 127

Floats = NDArray[np.float32]


def quantise_weights(model: onnx.ModelProto) -> int:
    """Quantise the large constant matrices of a float32 model in place, and return how many.

    Parameters
    ----------
    model : onnx.ModelProto
        ``Gemm`` without scale factors, ``MatMul`` with the constant on its right, and ``Gather`` on the first axis are looked at; constants
        may be sliced or transposed on the way.
    """
    graph = model.graph
    constants = _Constants(graph)
    nodes: list[NodeProto] = []
    extra: list[TensorProto] = []
    count = 0
    for node in graph.node:
        made = _product(node, constants) or _look_up(node, constants)
        if made is None:
            nodes.append(node)
            continue
        count += 1
        nodes += made[0]
        names = {tensor.name for tensor in extra}
        extra += [tensor for tensor in made[1] if tensor.name not in names]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(extra)
    _drop_unused(graph)
    return count


class _Constants:
    """The constant float32 matrices of a graph, through slices and transpositions."""

    def __init__(self, graph: onnx.GraphProto):
        self._initialisers = {tensor.name: tensor for tensor in graph.initializer}
        self._makers = {output: node for node in graph.node for output in node.output}

    def matrix(self, name: str) -> Floats | None:
        """Return a large constant matrix, or None for anything else."""
        value = self.value(name)
        large = value is not None and value.dtype == np.float32 and value.ndim == 2 and value.size >= SMALLEST
        return value if large else None

    def value(self, name: str) -> NDArray | None:
        """Return a constant, or None for what is computed otherwise."""
        if name in self._initialisers:
            return numpy_helper.to_array(self._initialisers[name])
        node = self._makers.get(name)
        if node is None or node.op_type not in ("Slice", "Transpose", "Constant"):
            return None
        inputs = [self.value(part) for part in node.input]
        if any(part is None for part in inputs):
            return None
        attributes = {part.name: helper.get_attribute_value(part) for part in node.attribute}
        if node.op_type == "Transpose":
            return inputs[0].transpose(attributes.get("perm"))
        if node.op_type == "Constant":
            return numpy_helper.to_array(attributes["value"]) if "value" in attributes else None
        if len(inputs) < 4 or (len(inputs) > 4 and (inputs[4] != 1).any()):
            return None
        starts, ends, axes = inputs[1:4]
        place = [slice(None)] * inputs[0].ndim
        for start, end, axis in zip(starts, ends, axes, strict=True):
            place[int(axis)] = slice(int(start), int(end))
        return inputs[0][tuple(place)]


def _product(node: NodeProto, constants: _Constants) -> tuple[list[NodeProto], list[TensorProto]] | None:
    """Return the nodes and constants that replace a product with a constant matrix, or None."""
    if node.op_type not in ("Gemm", "MatMul"):
        return None
    weight = constants.matrix(node.input[1])
    attributes = {part.name: helper.get_attribute_value(part) for part in node.attribute}
    if weight is None or attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0:
        return None
    if attributes.get("transB", 0):
        weight = weight.T
    name, bias = node.output[0], node.input[2] if len(node.input) > 2 else ""
    scale, quantised = _bytes(weight, axis=0)
    tensors = {"weight": quantised, "scale": scale[0], "zero": np.full(weight.shape[1], ZERO, np.uint8)}
    part = {key: f"{name}/{key}" for key in (*tensors, "row", "row_scale", "row_zero", "sum", "float", "both", "product")}
    product = part["product"] if bias else name
    nodes = [
        helper.make_node("DynamicQuantizeLinear", [node.input[0]], [part["row"], part["row_scale"], part["row_zero"]]),
        helper.make_node("MatMulInteger", [part["row"], part["weight"], part["row_zero"], part["zero"]], [part["sum"]]),
        helper.make_node("Cast", [part["sum"]], [part["float"]], to=TensorProto.FLOAT),
        helper.make_node("Mul", [part["row_scale"], part["scale"]], [part["both"]]),
        helper.make_node("Mul", [part["float"], part["both"]], [product]),
    ]
    if bias:
        nodes.append(helper.make_node("Add", [product, bias], [name]))
    return nodes, [numpy_helper.from_array(np.ascontiguousarray(value), part[key]) for key, value in tensors.items()]


def _look_up(node: NodeProto, constants: _Constants) -> tuple[list[NodeProto], list[TensorProto]] | None:
    """Return the nodes and constants that replace a look-up of rows in a constant table, or None."""
    if node.op_type != "Gather" or any(part.name == "axis" and part.i != 0 for part in node.attribute):
        return None
    table = constants.matrix(node.input[0])
    if table is None:
        return None
    scale, quantised = _bytes(table, axis=1)
    source, name = node.input[0], node.output[0]
    # Signed here: nothing is multiplied as bytes, and there is no zero to subtract.
    tensors = {"rows": (quantised.astype(np.int16) - ZERO).astype(np.int8), "row_scales": scale}
    part = {key: f"{source}/{key}" for key in tensors}
    nodes = [
        helper.make_node("Gather", [part["rows"], node.input[1]], [f"{name}/bytes"], axis=0),
        helper.make_node("Gather", [part["row_scales"], node.input[1]], [f"{name}/scale"], axis=0),
        helper.make_node("Cast", [f"{name}/bytes"], [f"{name}/float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}/float", f"{name}/scale"], [name]),
    ]
    return nodes, [numpy_helper.from_array(np.asarray(value), part[key]) for key, value in tensors.items()]


def _bytes(weight: Floats, axis: int) -> tuple[Floats, NDArray[np.uint8]]:
    """Return the scale of each column (axis 0) or row (axis 1), and the weights as bytes about `ZERO`."""
    scale = np.abs(weight).max(axis, keepdims=True) / LARGEST
    scale = np.where(scale > 0.0, scale, 1.0).astype(np.float32)
    return scale, (np.clip(np.rint(weight / scale), -LARGEST, LARGEST) + ZERO).astype(np.uint8)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and initialisers that nothing needs any more."""
    outputs = {value.name for value in graph.output}
    while True:
        used = outputs.union(*(node.input for node in graph.node))
        idle = [node for node in graph.node if not used.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)
