"""Finds tensors that an ONNX model keeps outside its own file.

A walk over the protobuf wire format with the standard library, bounded in depth and in steps; weights are skipped, not copied.
Does not know what the model computes, and is no full check of it: only what could lead out of the file is followed.

Source: onnx.proto (message and field numbers); protobuf "Encoding" (wire format).
"""

from patches.errors import CorruptModelError, ExternalDataError

MAX_DEPTH = 100
"""Messages inside each other: the limit of protobuf's own parsers, so nothing that ONNX Runtime could open is refused for it."""
MAX_FIELDS = 4_000_000
"""Fields looked at: a model of 100 000 nodes has about 2 million. Bounds the time a file of empty messages can take to some seconds."""

MAX_FIELD_NUMBER = (1 << 29) - 1
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED_BYTES = {FIXED64: 8, FIXED32: 4}

CHILDREN: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "TensorProto": {},
}
"""Message -> field number -> the message inside. Every other field cannot hold a tensor and is stepped over."""

TENSOR_NAME, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION = 8, 13, 14
MODEL_GRAPH = 7
"""Field numbers that mean something here."""


def scan_onnx(data: bytes, *, file: str) -> None:
    """Refuse a model that is damaged or that keeps tensors outside its file.

    Parameters
    ----------
    data : bytes
        The whole file.
    file : str
        Its name, for the message.

    Raises
    ------
    ExternalDataError
        A tensor, wherever it hides (initializer, sparse initializer, node attribute, subgraph, function, training graph), has
        ``external_data`` or a ``data_location`` other than DEFAULT. ONNX Runtime would read the file named there, or, with its
        in-memory marker, any address.
    CorruptModelError
        Not a protobuf message, one without a graph, or one deeper or longer than any model.

    Thread
    ------
    Any but audio.
    """
    rest = [(0, len(data), "ModelProto")]  # what is left of the message in hand, and of each one around it
    fields = 0
    has_graph = False
    while rest:
        at, end, message = rest.pop()
        children = CHILDREN[message]
        name = outside = ""
        while at < end:
            fields += 1
            if fields > MAX_FIELDS:
                raise CorruptModelError(file=file, got=f"more than {MAX_FIELDS} fields", allowed="a model of ordinary size")
            tag, at = _varint(data, at, end, file)
            number, wire = tag >> 3, tag & 7
            start, value = at, 0
            if wire == LENGTH:
                length, start = _varint(data, at, end, file)
                at = start + length
            elif wire == VARINT:
                value, at = _varint(data, at, end, file)
            elif wire in FIXED_BYTES:
                at += FIXED_BYTES[wire]
            else:
                raise _damaged(file, start, f"wire type {wire}")
            if at > end or not 0 < number <= MAX_FIELD_NUMBER:
                raise _damaged(file, start, "a field that ends beyond its message" if at > end else f"field number {number}")
            inside = children.get(number)
            if inside is not None:
                if wire != LENGTH:
                    raise _damaged(file, start, f"wire type {wire} for a {inside}")
                if len(rest) + 2 > MAX_DEPTH:
                    raise CorruptModelError(file=file, got=f"messages nested deeper than {MAX_DEPTH}", allowed="what protobuf itself reads")
                has_graph = has_graph or (message == "ModelProto" and number == MODEL_GRAPH)
                rest += [(at, end, message), (start, at, inside)]
                break
            if message == "TensorProto":
                if number == TENSOR_NAME and wire == LENGTH:
                    name = data[start : min(at, start + 80)].decode("utf-8", "replace")
                elif number == TENSOR_EXTERNAL_DATA:
                    outside = "external_data"
                elif number == TENSOR_DATA_LOCATION and (wire != VARINT or value != 0):
                    outside = "data_location EXTERNAL"
        if outside:  # tensors hold no messages that are walked, so this one has been seen to its end
            hint = "save the model again with all tensors inside: onnx.save(onnx.load(path), path)"
            raise ExternalDataError(file=file, field=f"tensor {name!r}", got=outside, allowed="tensors inside the file", hint=hint)
    if not has_graph:
        raise CorruptModelError(file=file, got="no graph", allowed="an ONNX ModelProto", hint="export it again")


def _varint(data: bytes, at: int, end: int, file: str) -> tuple[int, int]:
    """Return the number at `at`, in base 128 with the low digits first, and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _damaged(file, at, "a number without an end")


def _damaged(file: str, at: int, got: str) -> CorruptModelError:
    """Return the error for a broken place."""
    return CorruptModelError(file=file, got=f"{got} at byte {at}", allowed="an ONNX model", hint="copy or export it again")
