import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.quantise import quantise_weights

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.standard_normal((90, 64)).astype(np.float32)
TABLE[7] = 0.0  # a row without a scale of its own
WEIGHT = RANDOM.standard_normal((64, 96)).astype(np.float32)
BIAS = RANDOM.standard_normal(96).astype(np.float32)


def graph(nodes, constants, inputs, outputs):
    return helper.make_model(
        helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )


def both(model, feeds):
    """Outputs before and after."""
    runs = []
    for _ in range(2):
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        runs.append(session.run(None, feeds))
        count = quantise_weights(model)
    return runs, count


def operators(model):
    return [node.op_type for node in model.graph.node]


def row(width):
    return ("x", TensorProto.FLOAT, [1, width])


@pytest.mark.parametrize("turned", [False, True])
def test_products_with_large_constants_become_products_of_bytes(turned):
    weight = WEIGHT.T.copy() if turned else WEIGHT
    model = graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=int(turned))], {"w": weight, "b": BIAS}, [row(64)], [("y", [1, 96])]
    )
    x = RANDOM.standard_normal((1, 64)).astype(np.float32)
    (before, after), again = both(model, {"x": x})
    assert again == 0  # nothing is left to do
    assert 0.0 < np.abs(before[0] - after[0]).max() < 0.05 * np.abs(before[0]).max()
    assert "MatMulInteger" in operators(model)
    assert {tensor.name for tensor in model.graph.initializer} == {"y/weight", "y/scale", "y/zero", "b"}


def test_a_table_is_one_of_bytes_and_serves_as_a_matrix_through_a_slice():
    model = graph(
        [
            helper.make_node("Gather", ["table", "i"], ["found"]),
            helper.make_node("Slice", ["table", "from", "to", "axis"], ["part"]),
            helper.make_node("Transpose", ["part"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["found", "turned"], ["y"]),
        ],
        {"table": TABLE, "from": np.array([10]), "to": np.array([80]), "axis": np.array([0])},
        [("i", TensorProto.INT64, [1])],
        [("y", [1, 70]), ("found", [1, 64])],
    )
    (before, after), _ = both(model, {"i": np.array([42])})
    assert np.abs(before[1] - after[1]).max() <= np.abs(TABLE[42]).max() / 254 + 1e-6
    assert 0.0 < np.abs(before[0] - after[0]).max() < 0.05 * np.abs(before[0]).max()
    assert operators(model).count("MatMulInteger") == 1
    assert not {"Slice", "Transpose"} & set(operators(model))
    assert "table" not in {tensor.name for tensor in model.graph.initializer}
    (_, zero), _ = both(model, {"i": np.array([7])})
    assert not zero[1].any()


def test_what_is_small_scaled_or_not_constant_stays():
    small = np.ones((8, 8), np.float32)
    model = graph(
        [
            helper.make_node("MatMul", ["x", "small"], ["a"]),
            helper.make_node("Gemm", ["a", "wide"], ["b"], alpha=0.5),
            helper.make_node("Transpose", ["b"], ["c"], perm=[1, 0]),
            helper.make_node("MatMul", ["a", "fed"], ["d"]),
            helper.make_node("Gather", ["wide", "i"], ["e"], axis=1),
        ],
        {"small": small, "wide": np.ones((8, 600), np.float32), "i": np.array([3])},
        [row(8), ("fed", TensorProto.FLOAT, [8, 600])],
        [("c", [600, 1]), ("d", [1, 600]), ("e", [8, 1])],
    )
    content = model.SerializeToString()
    assert quantise_weights(model) == 0
    assert model.SerializeToString() == content
