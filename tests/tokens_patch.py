"""A small tokens patch made in a moment: real attention, real sampling, a real streaming decoder, weights drawn from a seed.

Built node by node, so that a test of the stage needs no training and no framework but onnx.
"""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from patches.manifest import Audio, Control, DataFile, Licence, Manifest, Model, Origin, Tensor, Verify
from patches.writer import write_patch

RATE_HZ = 44_100
HOP_FRAMES = 256
BOOKS, SIZE, CLASSES, PARAMETERS = 4, 32, 3, 2
WINDOW, SHORT_WINDOW = 16, 8
LAYERS, HEADS, HEAD_SIZE = 2, 2, 4
WIDTH = HEADS * HEAD_SIZE
PRIMES, CONTEXT = 4, 24
LIGHT_BOOKS = 2
GREEDY_BELOW = 1e-4
Shapes = dict[str, tuple[str, tuple[Any, ...]]]
_TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Graph:
    """Adds nodes one by one; each method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, op: str, *inputs: Any, out: str = "", outputs: int = 1, **attributes: Any) -> Any:
        names = [self.constant(i) if isinstance(i, np.ndarray) else i for i in inputs]
        results = [out or f"{op.lower()}_{len(self.nodes)}"] + [f"{op.lower()}_{len(self.nodes)}_{i}" for i in range(1, outputs)]
        self.nodes.append(helper.make_node(op, names, results, **attributes))
        return results[0] if outputs == 1 else results

    def constant(self, values: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def model(self, inputs: Shapes, outputs: Shapes) -> bytes:
        def side(shapes: Shapes) -> list[Any]:
            return [helper.make_tensor_value_info(n, _TYPES[dtype], shape) for n, (dtype, shape) in shapes.items()]

        graph = helper.make_graph(self.nodes, "tiny", side(inputs), side(outputs), self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def cache_names() -> list[str]:
    return [f"{kind}_{layer}" for layer in range(LAYERS) for kind in ("keys", "values")]


def step_shapes(window: Any = WINDOW) -> tuple[Shapes, Shapes]:
    caches: Shapes = {name: ("float32", (1, HEADS, window, HEAD_SIZE)) for name in cache_names()}
    inputs: Shapes = {
        "codes": ("int64", (1, BOOKS)),
        "condition": ("float32", (1, CLASSES + PARAMETERS)),
        "noise": ("float32", (1, BOOKS)),
        "temperature": ("float32", (1, BOOKS)),
        "top_k": ("float32", (1,)),
        "top_p": ("float32", (1,)),
        "position": ("int64", (1,)),
    }
    outputs: Shapes = {"next_codes": ("int64", (1, BOOKS)), "next_position": ("int64", (1,))}
    return inputs | caches, outputs | {f"next_{name}": shape for name, shape in caches.items()}


def step_bytes(*, books: int = BOOKS, window: Any = WINDOW, grain: float = 0.0, code_offset: int = 0, poison: bool = False) -> bytes:
    """The token model: embeddings, banded attention over rolling caches with rotated keys, ordered codebooks, sampling inside.

    Parameters
    ----------
    books : int
        Codebooks that are sampled; the others come out as -1.
    window : int or str
        Slots of the caches; a text leaves the dimension open under that name.
    grain : float
        Weights are rounded to multiples of it, as quantisation does.
    code_offset : int
        Added to the codes: a model that says what is no code.
    poison : bool
        Its values become NaN as soon as the first class is at 0.
    """
    rng = np.random.default_rng(3)
    g = Graph()

    def weight(*shape: int, scale: float) -> np.ndarray:
        values = rng.standard_normal(shape) * scale
        return (np.round(values / grain) * grain if grain else values).astype(np.float32)

    embedding = [weight(SIZE, WIDTH, scale=1.0) for _ in range(BOOKS)]
    x = g("MatMul", "condition", weight(CLASSES + PARAMETERS, WIDTH, scale=2.0))
    for book in range(BOOKS):
        code = g("Gather", "codes", np.array(book, np.int64), axis=1)  # (1,)
        known = g("Cast", g("GreaterOrEqual", code, i64(0)), to=TensorProto.FLOAT)
        x = g("Add", x, g("Mul", g("Gather", embedding[book], g("Max", code, i64(0))), known))
    # The angle is brought into one turn in double precision: the position only ever grows.
    frequency = (1.0 / 100.0 ** (np.arange(HEAD_SIZE // 2) / (HEAD_SIZE // 2))).astype(np.float64)
    angle = g("Mul", g("Cast", "position", to=TensorProto.DOUBLE), frequency)
    angle = g("Cast", g("Mod", angle, np.array([2 * np.pi]), fmod=1), to=TensorProto.FLOAT)
    cosine, sine = g("Cos", angle), g("Sin", angle)

    def rotated(name: str) -> str:
        first, second = g("Split", name, axis=-1, num_outputs=2, outputs=2)
        left = g("Sub", g("Mul", first, cosine), g("Mul", second, sine))
        return g("Concat", left, g("Add", g("Mul", first, sine), g("Mul", second, cosine)), axis=-1)

    slots = g("Gather", g("Shape", "keys_0"), np.array(2, np.int64))  # ()
    unseen = g("Greater", g("Range", np.array(0, np.int64), slots, np.array(1, np.int64)), "position")
    unseen = g("Mul", g("Cast", unseen, to=TensorProto.FLOAT), f32(-1e9))
    slot = g("Mod", "position", slots)
    whole = g("Expand", g("Reshape", slot, i64(1, 1, 1, 1)), i64(1, HEADS, 1, HEAD_SIZE))
    places = g("Concat", i64(*[0] * HEADS).reshape(1, HEADS, 1), np.arange(HEADS).reshape(1, HEADS, 1), axis=2)
    places = g("Concat", places, g("Expand", g("Reshape", slot, i64(1, 1, 1)), i64(1, HEADS, 1)), axis=2)  # (1, H, 3)
    for layer in range(LAYERS):
        q, k, v = (g("Reshape", g("MatMul", x, weight(WIDTH, WIDTH, scale=0.4)), i64(1, HEADS, 1, HEAD_SIZE)) for _ in range(3))
        if poison:
            bad = g("Div", f32(0.0), g("Gather", g("Gather", "condition", np.array(0), axis=0), np.array(0), axis=0))
            v = g("Add", v, bad)
        written = {}
        for name, update in ((f"keys_{layer}", rotated(k)), (f"values_{layer}", v)):
            # One layer by each of the two operators that exporters write.
            if layer == 0:
                written[name] = g("ScatterND", name, places, g("Squeeze", update, i64(2)), out=f"next_{name}")
            else:
                written[name] = g("ScatterElements", name, whole, update, axis=2, out=f"next_{name}")
        scores = g("MatMul", rotated(q), g("Transpose", written[f"keys_{layer}"], perm=[0, 1, 3, 2]))
        share = g("Softmax", g("Add", g("Mul", scores, f32(HEAD_SIZE**-0.5)), unseen), axis=-1)
        gathered = g("Reshape", g("MatMul", share, written[f"values_{layer}"]), i64(1, WIDTH))
        x = g("Add", x, g("MatMul", gathered, weight(WIDTH, WIDTH, scale=0.6)))
    drawn = []
    for book in range(BOOKS):
        head = weight(WIDTH, SIZE, scale=0.5)
        if book >= books:
            drawn.append(g.constant(i64(-1)))
            continue
        code = _draw(g, g("MatMul", g("Tanh", x), head), book)
        x = g("Add", x, g("Gather", embedding[book], code))
        drawn.append(g("Add", code, i64(code_offset)))
    g("Unsqueeze", g("Concat", *drawn, axis=0), i64(0), out="next_codes")
    g("Add", "position", i64(1), out="next_position")
    return g.model(*step_shapes(window))


def _draw(g: Graph, logits: str, book: int) -> str:
    """Sample one code, shape (1,), by inverting the distribution at the noise."""
    noise, temperature = (g("Gather", name, i64(book), axis=1) for name in ("noise", "temperature"))  # (1, 1)
    ordered, index = g("TopK", logits, i64(SIZE), outputs=2)
    top = g("Slice", ordered, i64(0), i64(1), i64(1))
    weight = g("Exp", g("Div", g("Sub", ordered, top), g("Max", temperature, f32(GREEDY_BELOW))))
    rank = np.arange(SIZE, dtype=np.float32)[None]
    weight = g("Mul", weight, g("Cast", g("Less", rank, g("Max", "top_k", f32(1.0))), to=TensorProto.FLOAT))
    before = g("Sub", g("CumSum", weight, np.array(1)), weight)
    enough = g("Mul", g("ReduceSum", weight, i64(1)), "top_p")
    stays = g("Or", g("Less", before, enough), g("Less", g.constant(rank), f32(1.0)))
    weight = g("Mul", weight, g("Cast", stays, to=TensorProto.FLOAT))
    reached = g("CumSum", weight, np.array(1))
    live = g("Greater", weight, f32(0.0))
    passed = g("And", g("LessOrEqual", reached, g("Mul", noise, g("ReduceMax", reached, i64(1)))), live)

    def count(name: str) -> str:
        return g("ReduceSum", g("Cast", name, to=TensorProto.INT64), i64(1))  # (1, 1)

    place = g("Min", count(passed), g("Sub", count(live), i64(1)))
    place = g("Where", g("Less", temperature, f32(GREEDY_BELOW)), i64(0).reshape(1, 1), place)
    return g("Squeeze", g("GatherElements", index, place, axis=1), i64(1))


def decoder_shapes(steps: int) -> tuple[Shapes, Shapes]:
    codes = (1, BOOKS) if steps == 1 else (1, BOOKS, steps)
    state: Shapes = {"state_tail": ("float32", (1, HOP_FRAMES))}
    inputs: Shapes = {"codes": ("int64", codes), "noise": ("float32", (1, HOP_FRAMES * steps))}
    return inputs | state, {"audio": ("float32", (1, HOP_FRAMES * steps)), "next_state_tail": state["state_tail"]}


def decoder_bytes(steps: int = 1, *, broken_code: int = -1) -> bytes:
    """The decoder: every code is a windowed tone two hops long, overlapped and added, with a little noise.

    `broken_code`: a code of the first codebook that sounds as infinity.
    """
    g = Graph()
    time = np.arange(2 * HOP_FRAMES) / RATE_HZ
    window = np.sin(np.pi * (np.arange(2 * HOP_FRAMES) + 0.5) / (2 * HOP_FRAMES))
    tables = []
    for book in range(BOOKS):
        tone_hz = 200.0 * (book + 1) * 1.06 ** np.arange(SIZE)
        tables.append((0.06 * window * np.sin(2 * np.pi * tone_hz[:, None] * time)).astype(np.float32))
    if broken_code >= 0:
        tables[0][broken_code] = np.inf
    parts, tail = [], "state_tail"
    for step in range(steps):
        here = "codes" if steps == 1 else g("Gather", "codes", np.array(step, np.int64), axis=2)
        frame = ""
        for book in range(BOOKS):
            code = g("Gather", here, np.array(book, np.int64), axis=1)
            known = g("GreaterOrEqual", code, i64(0))
            sound = g("Where", known, g("Gather", tables[book], g("Max", code, i64(0))), f32(0.0))
            frame = g("Add", frame, sound) if frame else sound
        first, last = g("Split", frame, axis=1, num_outputs=2, outputs=2)
        parts.append(g("Add", first, tail))
        tail = last
    g("Identity", tail, out="next_state_tail")
    g("Add", g("Concat", *parts, axis=1), g("Mul", "noise", f32(0.003)), out="audio")
    return g.model(*decoder_shapes(steps))


def model_entry(role: str, shapes: tuple[Shapes, Shapes]) -> Model:
    inputs, outputs = (tuple(Tensor(n, dtype, shape) for n, (dtype, shape) in side.items()) for side in shapes)
    feedback = {t.name: t.name.removeprefix("next_") for t in outputs if t.name.startswith("next_")}
    return Model(role, "onnx", f"{role}.onnx", inputs=inputs, outputs=outputs, feedback=feedback)


def primes_bytes(**replaced: np.ndarray) -> bytes:
    """Four contexts: one per class with both parameters low, and a fourth of the first class with them high."""
    rng = np.random.default_rng(9)
    condition = np.zeros((PRIMES, CLASSES + PARAMETERS), np.float32)
    condition[np.arange(PRIMES), [0, 1, 2, 0]] = 1.0
    condition[:, CLASSES:] = [[0.1, 0.1], [0.1, np.nan], [0.1, 0.1], [0.9, 0.9]]
    arrays = {"codes": rng.integers(0, SIZE, (PRIMES, BOOKS, CONTEXT)).astype(np.int16), "condition": condition}
    stream = io.BytesIO()
    np.savez(stream, **(arrays | replaced))
    return stream.getvalue()


def manifest(slug: str, steps: int = 1) -> Manifest:
    """Manifest of the whole patch; hashes are filled in by the writer."""
    full, short = step_shapes(), step_shapes(SHORT_WINDOW)
    models = [model_entry(role, full) for role in ("step", "step_int8", "step_light")]
    models += [model_entry("step_short", short), model_entry("decoder", decoder_shapes(steps))]
    controls = [
        Control(f"class_{name}", name.capitalize(), "", 0.0, 1.0, float(i == 0), "linear", 0.0)
        for i, name in enumerate(("wind", "rain", "bees"))
    ]
    controls += [
        Control("strength", "Strength", "", 0.0, 1.0, 0.5, "linear", 0.0),
        Control("rate", "Rate", "Hz", 2.0, 10.0, 6.0, "linear", 0.0),
        Control("temperature", "Temperature", "", 0.0, 2.0, 1.0, "linear", 0.0),
        Control("top_k", "Top k", "", 1.0, float(SIZE), float(SIZE), "linear", 0.0),
        Control("top_p", "Top p", "", 0.0, 1.0, 1.0, "linear", 0.0),
        Control("prime", "Prime", "", 0.0, float(PRIMES), 0.0, "linear", 0.0),
    ]
    return Manifest(
        slug=slug,
        name=slug.capitalize(),
        summary="A patch for tests.",
        kind="tokens",
        authors=("Starling",),
        licence=Licence("MIT", "CC0-1.0", "CC0-1.0"),
        audio=Audio(RATE_HZ, 1, HOP_FRAMES * steps, HOP_FRAMES),
        models=tuple(models),
        data=(DataFile("primes", "primes.npz"),),
        controls=tuple(controls),
        settings={
            "codec": "spectral",
            "codec_identity": "0" * 64,
            "codebook_size": SIZE,
            "classes": CLASSES,
            "parameters": PARAMETERS,
            "freeze_steps": 12,
            "context_steps": CONTEXT,
            "prime_names": "wind,rain,bees,storm",
            "codebook_temperature_1": 0.9,
        },
        origin=Origin(
            recipe="test", git="none", checkpoint_sha256="0" * 64, created="2026-01-01T00:00:00Z", seed=0, training_seconds=0.0, scores={}
        ),
        verify=Verify(onnx_max_error=0.0, steps=1, step_ms_p50=0.1, step_ms_p99=0.1, machine="test"),
    )


def all_files(steps: int = 1) -> dict[str, bytes]:
    """Every file of the whole patch."""
    return {
        "step.onnx": step_bytes(),
        "step_int8.onnx": step_bytes(grain=0.25),
        "step_light.onnx": step_bytes(grain=0.25, books=LIGHT_BOOKS),
        "step_short.onnx": step_bytes(grain=0.25, books=LIGHT_BOOKS, window=SHORT_WINDOW),
        "decoder.onnx": decoder_bytes(steps),
        "primes.npz": primes_bytes(),
    }


def make_tokens_patch(folder: Path, slug: str = "tokens", *, steps: int = 1, leave_out: tuple[str, ...] = (), **replaced: bytes) -> Path:
    """Write the patch into `folder` and return its own folder.

    Parameters
    ----------
    steps : int
        Codec frames per step.
    leave_out : tuple of str
        Roles the patch is without.
    replaced : bytes
        Role -> its file instead.
    """
    described = manifest(slug, steps)
    models = tuple(m for m in described.models if m.role not in leave_out)
    data = tuple(d for d in described.data if d.role not in leave_out)
    if "primes" in leave_out:
        settings = {k: v for k, v in described.settings.items() if k != "prime_names"} | {"context_steps": 0}
        controls = tuple(c for c in described.controls if c.id != "prime")
        described = replace(described, settings=settings, controls=controls)
    described = replace(described, models=models, data=data)
    listed = {entry.file for entry in described.entries}
    given = {f"{role}.npz" if role == "primes" else f"{role}.onnx": content for role, content in replaced.items()}
    files = {name: content for name, content in (all_files(steps) | given).items() if name in listed}
    return write_patch(folder, described, files, "CC0-1.0\n")
