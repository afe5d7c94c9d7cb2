"""Writes the hostile patches: ``python tests/data/hostile/make.py``.

Each folder in ``patches/`` differs in one thing from the valid patch that `valid` returns. Deterministic; needs onnx for the models.
What each must be refused with is the table in ``tests/patches/test_patch_hostile.py``.
"""

import copy
import hashlib
import io
import json
import pickle
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

HERE = Path(__file__).parent
LICENCE = b"CC0-1.0: no rights reserved.\n"
MODEL, CORPUS, AUDIO = "sequencer.onnx", "corpus.npz", "corpus.flac"
INPUTS = {"frame": [1, 39], "hidden": [1, 1, 2], "cell": [1, 1, 2], "gumbel": [1, 1], "normal": [1, 39], "temperature": [1]}
OUTPUTS = {"next_frame": [1, 39], "hidden_next": [1, 1, 2], "cell_next": [1, 1, 2]}
FEEDBACK = {"hidden_next": "hidden", "cell_next": "cell"}
SAMPLE_RATE_HZ, STEP_FRAMES, AUDIO_BLOCKS, AUDIO_BLOCK_FRAMES = 44100, 1024, 4, 4096
UNITS = 3

Files = dict[str, bytes]
Manifest = dict

# ---------------------------------------------------------------------------------------------------------------- a valid patch


def tensors(shapes: dict[str, list[int]]) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]


def external(tensor: TensorProto) -> TensorProto:
    """The tensor, as if its numbers were in another file."""
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def constant(name: str) -> TensorProto:
    return helper.make_tensor(name, TensorProto.FLOAT, [1], struct.pack("<f", 0.5), raw=True)


def model(*, initializer: TensorProto | None = None, nodes: list[onnx.NodeProto] | None = None) -> bytes:
    """A sequencer with the right signature that leans every frame towards noise."""
    body = [
        helper.make_node("Mul", ["normal", "temperature"], ["spread"]),
        helper.make_node("Mul", ["spread", "half"], ["lean"]),
        helper.make_node("Add", ["frame", "lean"], ["next_frame"]),
        helper.make_node("Identity", ["hidden"], ["hidden_next"]),
        helper.make_node("Identity", ["cell"], ["cell_next"]),
        *(nodes or []),
    ]
    graph = helper.make_graph(body, "sequencer", tensors(INPUTS), tensors(OUTPUTS), [initializer or constant("half")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="starling")
    return made.SerializeToString(deterministic=True)


def subgraph_model(tensor: TensorProto) -> bytes:
    """A sequencer with an If, whose one branch holds the tensor."""
    out = [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, [1])]
    branches = {
        "then_branch": helper.make_graph([helper.make_node("Identity", ["inner"], ["chosen"])], "then", [], out, [tensor]),
        "else_branch": helper.make_graph([helper.make_node("Identity", ["half"], ["chosen"])], "else", [], out),
    }
    truth = helper.make_node("Constant", [], ["truth"], value=helper.make_tensor("truth", TensorProto.BOOL, [], [True]))
    return model(nodes=[truth, helper.make_node("If", ["truth"], ["unused"], **branches)])


def deep_model(depth: int) -> bytes:
    """A model whose graphs lie inside each other, encoded by hand: no library would write it."""

    def field(number: int, data: bytes) -> bytes:
        tag, length, size = number << 3 | 2, b"", len(data)
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        return bytes([tag]) + length + bytes([size]) + data

    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))  # a node with an attribute with a graph
    return field(7, graph)


def npy(descr: str, shape: tuple[int, ...], data: bytes) -> bytes:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def npz(arrays: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data)
    return stream.getvalue()


def corpus(**changed: bytes) -> bytes:
    def floats(*shape: int) -> bytes:
        count = 1
        for size in shape:
            count *= size
        return npy("<f4", shape, struct.pack(f"<{count}f", *(i / count for i in range(count))))

    arrays = {
        "descriptors": floats(UNITS, 39),
        "attributes": floats(UNITS, 3),
        "mean": floats(39),
        "std": floats(39),
        "attribute_mean": floats(3),
        "attribute_std": floats(3),
        "start_frames": npy("<i8", (UNITS,), struct.pack(f"<{UNITS}q", *(1024 * i for i in range(UNITS)))),
        "file_index": npy("<i4", (UNITS,), struct.pack(f"<{UNITS}i", *([0] * UNITS))),
        "prime": floats(1, 39),
        "weights": floats(39),
    }
    return npz(arrays | changed)


def crc(data: bytes, polynomial: int, bits: int) -> bytes:
    """The FLAC checksums (RFC 9639, 9.1.8 and 9.3), bit by bit."""
    value, top = 0, 1 << (bits - 1)
    for byte in data:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & ((1 << bits) - 1)
    return value.to_bytes(bits // 8, "big")


def flac(frames: int = AUDIO_BLOCKS * AUDIO_BLOCK_FRAMES, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """Mono FLAC of constant blocks, each one level higher."""
    blocks, pcm = b"", b""
    for index in range(AUDIO_BLOCKS):
        level = struct.pack(">h", 1000 * index)
        header = bytes([0xFF, 0xF8, 0xC0, 0x08, index])  # 4096 frames, rate from STREAMINFO, mono, 16 bits
        header += crc(header, 0x07, 8)
        block = header + b"\x00" + level
        blocks += block + crc(block, 0x8005, 16)
        pcm += level[::-1] * AUDIO_BLOCK_FRAMES
    size = struct.pack(">HH", AUDIO_BLOCK_FRAMES, AUDIO_BLOCK_FRAMES) + bytes(6)
    packed = (rate_hz << 44 | 0 << 41 | 15 << 36 | frames).to_bytes(8, "big")
    return b"fLaC\x80\x00\x00\x22" + size + packed + hashlib.md5(pcm).digest() + blocks


def valid_files() -> Files:
    return {MODEL: model(), CORPUS: corpus(), AUDIO: flac()}


def listed(files: Files, name: str) -> Manifest:
    return {"file": name, "sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])}


def valid_manifest(slug: str, files: Files) -> Manifest:
    def sides(shapes: dict[str, list[int]]) -> list[Manifest]:
        return [{"name": name, "dtype": "float32", "shape": shape} for name, shape in shapes.items()]

    return {
        "format": 1,
        "slug": slug,
        "name": "Tiny",
        "summary": "The smallest mosaic that plays.",
        "kind": "mosaic",
        "authors": ["Starling"],
        "licence": {"code": "MIT", "weights": "CC0-1.0", "data": "CC0-1.0"},
        "audio": {"sample_rate_hz": SAMPLE_RATE_HZ, "channels": 1, "step_frames": STEP_FRAMES, "lookahead_frames": 0},
        "models": [
            {"role": "sequencer", "runtime": "onnx"}
            | listed(files, MODEL)
            | {"inputs": sides(INPUTS), "outputs": sides(OUTPUTS), "feedback": dict(FEEDBACK)}
        ],
        "data": [{"role": "corpus"} | listed(files, CORPUS), {"role": "audio"} | listed(files, AUDIO)],
        "controls": [
            {"id": "brightness", "label": "Brightness", "unit": "σ", "min": -3.0, "max": 3.0, "default": 0.0}
            | {"curve": "linear", "smoothing_ms": 50.0},
            {"id": "temperature", "label": "Temperature", "unit": "", "min": 0.01, "max": 2.0, "default": 1.0}
            | {"curve": "exponential", "smoothing_ms": 50.0},
        ],
        "settings": {"crossfade_frames": 256, "candidates": 8},
        "origin": {
            "recipe": "tests/data/hostile/make.py",
            "git": "unknown",
            "checkpoint_sha256": "0" * 64,
            "created": "2026-11-21T00:00:00Z",
            "seed": 1,
            "training_seconds": 0.0,
            "scores": {"validation_nll": 1.5},
        },
        "verify": {"onnx_max_error": 0.0, "steps": 1, "step_ms_p50": 0.1, "step_ms_p99": 0.2, "machine": "none"},
    }


def tokens_parts() -> Manifest:
    """What a manifest of kind tokens says otherwise: enough of it to be valid."""

    def side(name: str, dtype: str, shape: list[int]) -> list[Manifest]:
        return [{"name": name, "dtype": dtype, "shape": shape}]

    codes = side("codes", "int64", [1, 4])
    models = [
        {"role": "step", "inputs": codes, "outputs": side("next_codes", "int64", [1, 4]), "feedback": {"next_codes": "codes"}},
        {"role": "decoder", "inputs": codes, "outputs": side("audio", "float32", [1, STEP_FRAMES]), "feedback": {}},
    ]
    stamp = {"runtime": "onnx", "sha256": "0" * 64, "bytes": 1}
    settings = {"classes": 2, "parameters": 1, "codec": "spectral", "codec_identity": "0" * 64, "codebook_size": 1024}
    return {
        "kind": "tokens",
        "models": [stamp | model | {"file": f"{model['role']}.onnx"} for model in models],
        "data": [],
        "settings": settings | {"freeze_steps": 43, "context_steps": 0},
    }


def text(manifest: Manifest) -> bytes:
    return (json.dumps(manifest, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def valid(slug: str = "tiny", **replaced: bytes) -> Files:
    """All files of a valid patch; ``model``, ``corpus`` and ``audio`` may be replaced, and are listed as they are."""
    names = {"model": MODEL, "corpus": CORPUS, "audio": AUDIO}
    files = valid_files() | {names[key]: data for key, data in replaced.items()}
    return files | {"patch.json": text(valid_manifest(slug, files)), "LICENSE": LICENCE}


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


# ---------------------------------------------------------------------------------------------------------- one thing wrong each


def says(path: str, value: object, *, kind: str = "mosaic") -> Callable[[str], Files]:
    """A patch whose manifest says `value` at `path`, dots between keys and indices. Only the manifest: no file is looked at after it."""

    def make(slug: str) -> Files:
        manifest = copy.deepcopy(valid_manifest(slug, valid_files()) | (tokens_parts() if kind == "tokens" else {}))
        *parents, last = path.split(".")
        owner: object = manifest
        for key in parents:
            owner = owner[int(key) if isinstance(owner, list) else key]
        owner[last] = value
        return {"patch.json": text(manifest), "LICENSE": LICENCE}

    return make


def edited(edit: Callable[[bytes], bytes]) -> Callable[[str], Files]:
    """A patch whose manifest's bytes are changed."""
    return lambda slug: {"patch.json": edit(text(valid_manifest(slug, valid_files()))), "LICENSE": LICENCE}


def holds(**replaced: bytes) -> Callable[[str], Files]:
    """A patch with a bad file that is listed as it is: size and hash agree."""
    return lambda slug: valid(slug, **replaced)


def also(changed: Files, *, without: str = "") -> Callable[[str], Files]:
    """A patch with files changed or added behind the manifest's back, or one taken away."""
    return lambda slug: {name: data for name, data in (valid(slug) | changed).items() if name != without}


def bomb() -> bytes:
    """64 names for one array of 9 MiB of zeros, packed to 9 KiB: 576 MiB unpacked (after D. Fifield, "A better zip bomb", 2019)."""
    count = 9 << 18
    data = npy("<f4", (count,), bytes(4 * count))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    fixed = struct.pack("<5H3L", 20, 0, 8, 0, 0x21, zlib.crc32(data), len(packed), len(data))
    body = b"PK\x03\x04" + fixed + struct.pack("<2H", 5, 0) + b"a.npy" + packed
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + fixed + struct.pack("<5H2L", 5, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + name.encode() for name in [f"{i:x}.npy"[-5:] for i in range(16)] * 4)
    return body + directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 64, 64, len(directory), len(body), 0)


def pickled() -> bytes:
    """An array of objects whose pickle, if it were ever loaded, would print."""
    return npy("|O", (1,), b"\x80\x02cbuiltins\nprint\n" + pickle.dumps("hostile", 2)[2:-1] + b"\x85R.")


HOSTILE: dict[str, Callable[[str], Files]] = {
    # The manifest's text
    "corrupt-json": edited(lambda data: data.replace(b":", b"=", 1)),
    "truncated-json": edited(lambda data: data[: len(data) // 2]),
    "empty-manifest": edited(lambda data: b""),
    "not-utf8": edited(lambda data: data.replace("σ".encode(), "ö".encode("latin-1"))),
    "byte-order-mark": edited(lambda data: b"\xef\xbb\xbf" + data),
    "utf16": edited(lambda data: b"\xff\xfe" + data.decode().encode("utf-16-le")),
    "nan": edited(lambda data: data.replace(b'"default": 0.0', b'"default": NaN')),
    "minus-infinity": edited(lambda data: data.replace(b'"min": -3.0', b'"min": -Infinity')),
    "overflowing-number": edited(lambda data: data.replace(b'"max": 3.0', b'"max": 1e999')),
    "endless-number": edited(lambda data: data.replace(b'"max": 3.0', b'"max": ' + b"9" * 5000)),
    "deep-nesting": edited(lambda data: b"[" * 4000),
    "duplicate-key": edited(lambda data: data.replace(b'"name": "Tiny"', b'"name": "Tiny",\n  "name": "Other"')),
    "not-an-object": edited(lambda data: b"[]\n"),
    # The manifest's values
    "future-format": says("format", 2),
    "wrong-kind": says("kind", "granular"),
    "unknown-key": says("audio.sample_rate_khz", 44),
    "missing-key": edited(lambda data: data.replace(b'  "name": "Tiny",\n', b"")),
    "wrong-type": says("audio.channels", True),
    "float-for-integer": says("audio.step_frames", 1024.0),
    "sample-rate-bounds": says("audio.sample_rate_hz", 384000),
    "terminal-escape": says("name", "Tiny\x1b[2J"),
    "slug-mismatch": says("slug", "another"),
    "slug-escape": says("slug", "../tiny"),
    "path-escape": says("data.0.file", "../corpus.npz"),
    "path-inside": says("data.0.file", "more/corpus.npz"),
    "absolute-path": says("data.0.file", "/etc/corpus.npz"),
    "drive-letter": says("data.0.file", "C:corpus.npz"),
    "backslash": says("data.0.file", "..\\corpus.npz"),
    "windows-device": says("data.0.file", "nul.npz"),
    "wrong-extension": says("models.0.file", "sequencer.exe"),
    "case-clash": says("data.1.file", "CORPUS.npz"),
    "huge-file": says("data.0.bytes", 1 << 40),
    "huge-patch": lambda slug: {"patch.json": text(_huge(slug)), "LICENSE": LICENCE},
    "missing-role": says("data", []),
    "unknown-role": says("data.0.role", "library"),
    "control-bounds": says("controls.0.min", 3.0),
    "control-default": says("controls.0.default", 3.5),
    "control-exponential": says("controls.1.min", 0.0),
    "control-reserved": says("controls.0.id", "gain"),
    "control-twice": says("controls.0.id", "temperature"),
    "unknown-setting": says("settings.shell", "rm"),
    "setting-bounds": says("settings.crossfade_frames", 1025),
    "feedback-shape": says("models.0.feedback", {"next_frame": "hidden"}),
    "feedback-nowhere": says("models.0.feedback", {"hidden_next": "nowhere"}),
    "tokens-codec": says("settings.codec", "encodec", kind="tokens"),
    "tokens-identity": says("settings.codec_identity", "../../../etc/passwd", kind="tokens"),
    "tokens-freeze": says("settings.freeze_steps", 1 << 20, kind="tokens"),
    "tokens-temperature": says("settings.codebook_temperature_17", 1.0, kind="tokens"),
    "tokens-role": says("models.1.role", "sequencer", kind="tokens"),
    "tokens-feedback": says("models.0.feedback", {"next_codes": "keys_0"}, kind="tokens"),
    "impossible-date": says("origin.created", "2026-02-30T00:00:00Z"),
    # The folder
    "missing-file": also({}, without=CORPUS),
    "missing-licence": also({}, without="LICENSE"),
    "empty-licence": also({"LICENSE": b" \n"}),
    "binary-licence": also({"LICENSE": b"\xff\xfe\x00"}),
    "unlisted-file": also({"setup.py": b"raise SystemExit('never run')\n"}),
    "nested-folder": also({"more/readme.txt": b"hidden\n"}),
    # The files
    "hash-mismatch": also({CORPUS: corpus()[:-1] + b"\x01"}),
    "oversize": also({CORPUS: corpus() + b"\x00"}),
    "cut-short": also({MODEL: model()[:-20]}),
    "onnx-truncated": holds(model=model()[:-20]),
    "onnx-garbage": holds(model=b"This is not a model, it only says so.\n"),
    "onnx-empty-graph": holds(model=b"\x08\x08"),
    "onnx-deep": holds(model=deep_model(40)),
    "onnx-external-initializer": holds(model=model(initializer=external(constant("half")))),
    "onnx-external-attribute": holds(model=model(nodes=[helper.make_node("Constant", [], ["c"], value=external(constant("c")))])),
    "onnx-external-subgraph": holds(model=subgraph_model(external(constant("inner")))),
    "npz-pickled": holds(corpus=corpus(mean=pickled())),
    "npz-structured": holds(corpus=corpus(mean=npy("", (1,), bytes(8)).replace(b"''", b"[('a', '|O')]"))),
    "npz-bomb": holds(corpus=bomb()),
    "npz-truncated": holds(corpus=corpus()[:-30]),
    "npz-short": holds(corpus=corpus(mean=npy("<f4", (39,), bytes(8)))),
    "npz-checksum": holds(corpus=corpus().replace(struct.pack("<f", 1 / 39), struct.pack("<f", 2 / 39), 1)),
    "npz-escape": holds(corpus=npz({"../mean": npy("<f4", (1,), bytes(4))})),
    "flac-garbage": holds(audio=b"OggS" + bytes(60)),
    "flac-bomb": holds(audio=flac(frames=1 << 35)),
    "flac-rate": holds(audio=flac(rate_hz=48000)),
}
"""Name, which is also the slug -> its files."""

DEFLATED = {"npz-bomb"}
"""Made with zlib, whose successors pack differently: these may differ to the byte from what is committed."""


def _huge(slug: str) -> Manifest:
    manifest = valid_manifest(slug, valid_files())
    for entry in (*manifest["models"], *manifest["data"]):
        entry["bytes"] = 512 << 20
    return manifest


def main(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    for name, make in HOSTILE.items():
        write(out / name, make(name))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "patches")
