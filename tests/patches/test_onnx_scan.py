"""External data is found wherever ONNX allows a tensor, in files that onnx itself writes."""

import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from patches import onnx_scan
from patches.errors import CorruptModelError, ExternalDataError, PatchError
from patches.onnx_scan import scan_onnx


def scan(model: onnx.ModelProto | bytes) -> None:
    scan_onnx(model if isinstance(model, bytes) else model.SerializeToString(), file="x.onnx")


@pytest.fixture
def external(make: ModuleType) -> TensorProto:
    return make.external(make.constant("outside"))


def graph(nodes: list[onnx.NodeProto] = (), initializers: list[TensorProto] = ()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "g", [], [], list(initializers))


def test_models_that_onnx_saves(tmp_path: Path, make: ModuleType) -> None:
    """The same model saved whole is let through, and refused when onnx.save moves its weights out."""
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32), "weights")
    model = helper.make_model(graph([helper.make_node("Identity", ["weights"], ["y"])], [weights]))
    onnx.save(model, tmp_path / "whole.onnx")
    scan((tmp_path / "whole.onnx").read_bytes())
    onnx.save(model, tmp_path / "split.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").stat().st_size == 4 * 4096
    with pytest.raises(ExternalDataError, match=r"x\.onnx, tensor 'weights'"):
        scan((tmp_path / "split.onnx").read_bytes())


def hide_in_initializer(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.initializer.append(tensor)


def hide_in_sparse_values(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(tensor)


def hide_in_sparse_indices(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.sparse_initializer.add().indices.CopyFrom(tensor)


def hide_in_constant(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def hide_in_tensor_list(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.node.append(helper.make_node("Custom", [], ["c"], values=[tensor]))


def hide_in_sparse_attribute(model: onnx.ModelProto, tensor: TensorProto) -> None:
    attribute = model.graph.node.add().attribute.add()
    attribute.sparse_tensor.values.CopyFrom(tensor)


def hide_in_sparse_attributes(model: onnx.ModelProto, tensor: TensorProto) -> None:
    attribute = model.graph.node.add().attribute.add()
    attribute.sparse_tensors.add().indices.CopyFrom(tensor)


def hide_in_if(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.node.append(helper.make_node("If", ["b"], ["c"], then_branch=graph(), else_branch=graph([], [tensor])))


def hide_in_graph_list(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.graph.node.append(helper.make_node("Custom", ["b"], ["c"], branches=[graph(), graph([], [tensor])]))


def hide_in_nested_loop(model: onnx.ModelProto, tensor: TensorProto) -> None:
    inner = helper.make_node("Loop", [], [], body=graph([helper.make_node("Constant", [], ["c"], value=tensor)]))
    model.graph.node.append(helper.make_node("If", ["b"], ["c"], then_branch=graph([inner]), else_branch=graph()))


def hide_in_function(model: onnx.ModelProto, tensor: TensorProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    model.functions.append(helper.make_function("d", "f", [], ["c"], [node], [helper.make_opsetid("", 13)]))


def hide_in_function_default(model: onnx.ModelProto, tensor: TensorProto) -> None:
    function = helper.make_function("d", "f", [], [], [], [helper.make_opsetid("", 13)])
    function.attribute_proto.append(helper.make_attribute("default", tensor))
    model.functions.append(function)


def hide_in_training(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.training_info.add().initialization.initializer.append(tensor)


def hide_in_training_step(model: onnx.ModelProto, tensor: TensorProto) -> None:
    model.training_info.add().algorithm.initializer.append(tensor)


PLACES = [value for name, value in list(globals().items()) if name.startswith("hide_in_")]


@pytest.mark.parametrize("hide", PLACES, ids=lambda hide: hide.__name__[8:])
def test_found_everywhere(hide: object, external: TensorProto, make: ModuleType) -> None:
    model = helper.make_model(graph())
    hide(model, make.constant("inside"))
    scan(model)
    hide(model, external)
    with pytest.raises(ExternalDataError, match="tensor 'outside': got data_location EXTERNAL"):
        scan(model)


def test_either_mark_is_enough(external: TensorProto) -> None:
    external.ClearField("data_location")
    with pytest.raises(ExternalDataError, match="got external_data"):
        scan(helper.make_model(graph([], [external])))
    external.ClearField("external_data")
    external.data_location = TensorProto.EXTERNAL
    with pytest.raises(ExternalDataError, match="got data_location EXTERNAL"):
        scan(helper.make_model(graph([], [external])))


def message(*fields: tuple[int, bytes]) -> bytes:
    """A message of length-delimited fields, each shorter than 128 bytes."""
    return b"".join(bytes([number << 3 | 2, len(data)]) + data for number, data in fields)


@pytest.mark.parametrize("location", [b"\x01", b"\x81\x00", b"\x81\x80\x80\x80\x10", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
def test_spellings_of_external(location: bytes) -> None:
    """Overlong numbers, and numbers that only become 1 when cut to 32 bits as protobuf does, are no way round."""
    with pytest.raises(ExternalDataError):
        scan(message((7, message((5, b"\x70" + location)))))


def test_a_second_graph_is_merged_by_protobuf_and_so_is_walked(external: TensorProto) -> None:
    both = helper.make_model(graph()).SerializeToString() + helper.make_model(graph([], [external])).SerializeToString()
    assert onnx.load_from_string(both).graph.initializer[0].data_location == TensorProto.EXTERNAL
    with pytest.raises(ExternalDataError):
        scan(both)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no graph"),
        (b"\x08\x08", "no graph"),
        (b"\x3a\x05ab", "ends beyond its message"),
        (b"\x3a", "a number without an end"),
        (b"\x3a" + b"\xff" * 20, "a number without an end"),
        (b"\x38\x01", "wire type 0 for a GraphProto"),
        (b"\x3b\x3c", "wire type 3"),
        (b"\x02\x00", "field number 0"),
        (b"\x0d\x00", "ends beyond its message"),
        (message((7, b"\x0a\x7f")), "ends beyond its message"),
    ],
)
def test_garbage(data: bytes, said: str) -> None:
    with pytest.raises(CorruptModelError, match=said):
        scan(data)


def test_every_truncation_of_a_model(make: ModuleType) -> None:
    """Cut anywhere but between two fields of the model itself, a file is refused; it never passes by accident of its content."""
    data = make.model()
    passed = []
    for size in range(len(data)):
        try:
            scan(data[:size])
            passed.append(size)
        except CorruptModelError:
            pass
    assert len(passed) <= 3  # after the graph, before opset_import and the like


def test_random_damage_is_always_a_named_error(make: ModuleType) -> None:
    data = make.model()
    dice = np.random.default_rng(2)
    for _ in range(2000):
        damaged = bytearray(data)
        for place in dice.integers(0, len(data), 2):
            damaged[place] = dice.integers(0, 256)
        try:
            scan(bytes(damaged))
        except PatchError:
            continue


def test_depth(make: ModuleType) -> None:
    """Three messages per graph inside a graph: 33 fit into protobuf's 100, 34 do not. No recursion either way."""
    scan(make.deep_model(32))
    with pytest.raises(CorruptModelError, match="nested deeper than 100"):
        scan(make.deep_model(33))
    with pytest.raises(CorruptModelError, match="nested deeper than 100"):
        scan(make.deep_model(2000))


def test_steps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_scan, "MAX_FIELDS", 100)
    scan(message((7, b"\x0a\x00" * 40)))
    with pytest.raises(CorruptModelError, match="more than 100 fields"):
        scan(message((7, b"\x0a\x00" * 60)) + message((7, b"\x0a\x00" * 60)))


def test_weights_are_stepped_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty megabytes of weights that look like external data cost as many steps as four bytes."""
    monkeypatch.setattr(onnx_scan, "MAX_FIELDS", 20)
    weights = helper.make_tensor("w", TensorProto.FLOAT, [5_000_000], struct.pack("<4B", 0x70, 1, 0x70, 1) * 5_000_000, raw=True)
    scan(helper.make_model(graph([], [weights])))


def test_field_numbers_are_those_of_onnx() -> None:
    """The table of messages against the descriptors of the installed onnx: every field that can lead to a tensor, and no other."""
    todo, seen = [onnx.ModelProto.DESCRIPTOR], {}
    leads: dict[str, set[str]] = {}
    while todo:
        descriptor = todo.pop()
        if descriptor.name not in seen:
            seen[descriptor.name] = {f.number: f.message_type for f in descriptor.fields if f.message_type is not None}
            todo += seen[descriptor.name].values()
    reach = {"TensorProto"}
    while True:
        more = {name for name, children in seen.items() if any(child.name in reach for child in children.values())} - reach
        if not more:
            break
        reach |= more
    leads = {name: {n: child.name for n, child in seen[name].items() if child.name in reach} for name in reach}
    assert leads == onnx_scan.CHILDREN
    fields = onnx.TensorProto.DESCRIPTOR.fields_by_name
    assert fields["data_location"].number == onnx_scan.TENSOR_DATA_LOCATION
    assert fields["external_data"].number == onnx_scan.TENSOR_EXTERNAL_DATA
    assert fields["name"].number == onnx_scan.TENSOR_NAME
    assert onnx.ModelProto.DESCRIPTOR.fields_by_name["graph"].number == onnx_scan.MODEL_GRAPH
