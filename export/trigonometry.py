"""Cosine and sine matrices of an ONNX model made when it is opened instead of stored: exact, and no bytes. It knows ONNX only."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["generate_tables"]


def generate_tables(model: onnx.ModelProto) -> int:
    """Replace every initialiser named ``…cosines_N`` or ``…sines_N`` by the nodes that compute it, in place; returns how many.

    Parameters
    ----------
    model : onnx.ModelProto
        The matrices are those of `export.spectral.cosines` and `sines`. ONNX Runtime folds the nodes into constants at its first look.

    Raises
    ------
    ValueError
        An initialiser of that name holds something else.
    """
    graph, count, nodes = model.graph, 0, []
    for initialiser in list(graph.initializer):
        word, _, size = initialiser.name.rpartition(".")[2].rpartition("_")
        if word not in ("cosines", "sines") or not size.isdecimal():
            continue
        frames = int(size)
        first, last = (0, frames // 2 + 1) if word == "cosines" else (1, frames // 2)
        wave = np.cos if word == "cosines" else np.sin
        k = np.arange(first, last)
        if not np.allclose(numpy_helper.to_array(initialiser), wave((k[:, None] * k % frames) * (2.0 * math.pi / frames)), atol=1e-6):
            raise ValueError(f"{initialiser.name} is not the matrix its name says")
        nodes += _table(initialiser.name, "Cos" if word == "cosines" else "Sin", frames, first, last)
        graph.initializer.remove(initialiser)
        count += 1
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
    return count


def _table(name: str, wave: str, frames: int, first: int, last: int) -> list[onnx.NodeProto]:
    made: list[onnx.NodeProto] = []

    def constant(value: np.ndarray) -> str:
        made.append(helper.make_node("Constant", [], [f"{name}/{len(made)}"], value=numpy_helper.from_array(value)))
        return made[-1].output[0]

    def node(kind: str, *inputs: str, **attributes: object) -> str:
        made.append(helper.make_node(kind, list(inputs), [f"{name}/{len(made)}"], **attributes))
        return made[-1].output[0]

    numbers = node("Range", constant(np.int64(first)), constant(np.int64(last)), constant(np.int64(1)))
    rows = node("Unsqueeze", numbers, constant(np.array([1], np.int64)))
    # Whole numbers modulo a turn, so that the angle is exact however large the product.
    turns = node("Mod", node("Mul", rows, numbers), constant(np.int64(frames)))
    angle = node("Mul", node("Cast", turns, to=TensorProto.FLOAT), constant(np.float32(2.0 * math.pi / frames)))
    made.append(helper.make_node(wave, [angle], [name]))
    return made
