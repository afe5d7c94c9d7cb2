"""The manifest's table of fields: what may stand in patch.json, once.

Reading and writing (`patches.codec`) and the page `docs/patch-format.md` follow this table. It does not know what the fields mean
to each other; that is `patches.rules`.
"""

import re
from dataclasses import dataclass
from typing import Literal

from patches.limits import FORMAT, MAX_CONTROLS, MAX_FILE_BYTES, MAX_FILES, MAX_MODELS, MAX_TENSORS

ValueType = Literal["object", "list", "map", "text", "integer", "number", "scalar"]

SLUG = re.compile(r"[a-z][a-z0-9-]{0,47}")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,47}")
SHA256 = re.compile(r"[0-9a-f]{64}")
UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

KINDS = ("mosaic", "tokens", "latent")
RUNTIMES = ("onnx", "torchscript")
DTYPES = ("float32", "float16", "int64", "int32", "int8", "uint8", "bool")
CURVES = ("linear", "exponential")


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table.

    Parameters
    ----------
    path : str
        Keys joined by dots; ``[]`` stands for each entry of a list, ``{}`` for each value of a map.
    type : ValueType
        *object* has the keys of the rows below it, *map* has keys of the author's choosing, *scalar* is text, number or boolean.
    low, high : int or float
        Inclusive bounds: of the value (integer, number), of the characters (text), of the entries (list, map).
    one_of : tuple of str
        The only texts allowed; empty where any is.
    pattern : re.Pattern or None
        What the whole text must match.
    required : bool
        False only where a manifest without the key has a meaning.
    """

    path: str
    type: ValueType
    low: int | float = 0
    high: int | float = 0
    one_of: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    required: bool = True

    @property
    def allowed(self) -> str:
        """What may stand there, in words, for messages and for the page."""
        if self.one_of:
            return ", ".join(self.one_of)
        if self.pattern is not None:
            return f"text matching {self.pattern.pattern}"
        match self.type:
            case "text":
                return f"{self.low} to {self.high} printable characters"
            case "integer" | "number":
                return f"{self.type} {self.low} to {self.high}"
            case "list" | "map":
                return f"{self.type} of {self.low} to {self.high}"
            case "scalar":
                return "text, number or boolean"
        return self.type


FIELDS: tuple[Field, ...] = (
    Field("format", "integer", 1, FORMAT),
    Field("slug", "text", 1, 48, pattern=SLUG),
    Field("name", "text", 1, 80),
    Field("summary", "text", 1, 400),
    Field("kind", "text", 1, 48, one_of=KINDS),
    Field("authors", "list", 1, 32),
    Field("authors[]", "text", 1, 80),
    Field("licence", "object"),
    Field("licence.code", "text", 1, 80),
    Field("licence.weights", "text", 1, 80),
    Field("licence.data", "text", 1, 80),
    Field("audio", "object"),
    Field("audio.sample_rate_hz", "integer", 8000, 192000),
    Field("audio.channels", "integer", 1, 2),
    Field("audio.step_frames", "integer", 64, 16384),
    Field("audio.lookahead_frames", "integer", 0, 65536),
    Field("models", "list", 1, MAX_MODELS),
    Field("models[]", "object"),
    Field("models[].role", "text", 1, 48, pattern=IDENTIFIER),
    Field("models[].runtime", "text", 1, 48, one_of=RUNTIMES),
    Field("models[].file", "text", 1, 100),
    Field("models[].sha256", "text", 64, 64, pattern=SHA256),
    Field("models[].bytes", "integer", 1, MAX_FILE_BYTES),
    Field("models[].inputs", "list", 1, MAX_TENSORS),
    Field("models[].inputs[]", "object"),
    Field("models[].inputs[].name", "text", 1, 256),
    Field("models[].inputs[].dtype", "text", 1, 48, one_of=DTYPES),
    Field("models[].inputs[].shape", "list", 0, 8),
    Field("models[].inputs[].shape[]", "integer", 1, 2**24),
    Field("models[].outputs", "list", 1, MAX_TENSORS),
    Field("models[].outputs[]", "object"),
    Field("models[].outputs[].name", "text", 1, 256),
    Field("models[].outputs[].dtype", "text", 1, 48, one_of=DTYPES),
    Field("models[].outputs[].shape", "list", 0, 8),
    Field("models[].outputs[].shape[]", "integer", 1, 2**24),
    Field("models[].feedback", "map", 0, MAX_TENSORS),
    Field("models[].feedback{}", "text", 1, 256),
    Field("data", "list", 0, MAX_FILES),
    Field("data[]", "object"),
    Field("data[].role", "text", 1, 48, pattern=IDENTIFIER),
    Field("data[].file", "text", 1, 100),
    Field("data[].sha256", "text", 64, 64, pattern=SHA256),
    Field("data[].bytes", "integer", 1, MAX_FILE_BYTES),
    Field("controls", "list", 0, MAX_CONTROLS),
    Field("controls[]", "object"),
    Field("controls[].id", "text", 1, 48, pattern=IDENTIFIER),
    Field("controls[].label", "text", 1, 48),
    Field("controls[].unit", "text", 0, 16),
    Field("controls[].min", "number", -(10**9), 10**9),
    Field("controls[].max", "number", -(10**9), 10**9),
    Field("controls[].default", "number", -(10**9), 10**9),
    Field("controls[].curve", "text", 1, 48, one_of=CURVES),
    Field("controls[].smoothing_ms", "number", 0, 10000),
    Field("settings", "map", 0, 64),
    Field("settings{}", "scalar"),
    Field("origin", "object"),
    Field("origin.recipe", "text", 1, 200),
    Field("origin.git", "text", 1, 80),
    Field("origin.checkpoint_sha256", "text", 64, 64, pattern=SHA256),
    Field("origin.created", "text", 20, 20, pattern=UTC),
    Field("origin.seed", "integer", 0, 2**63 - 1),
    Field("origin.training_seconds", "number", 0, 10**9),
    Field("origin.scores", "map", 0, 64),
    Field("origin.scores{}", "number", -(10**12), 10**12),
    Field("verify", "object"),
    Field("verify.onnx_max_error", "number", 0, 10**9),
    Field("verify.torchscript_max_error", "number", 0, 10**9, required=False),
    Field("verify.steps", "integer", 1, 10**9),
    Field("verify.step_ms_p50", "number", 0, 10**6),
    Field("verify.step_ms_p99", "number", 0, 10**6),
    Field("verify.machine", "text", 1, 200),
)
"""Bounds are those of the instrument (rates, steps, channels) or generous multiples of what the largest known patch uses."""

BY_PATH: dict[str, Field] = {field.path: field for field in FIELDS}

KEYS: dict[str, tuple[str, ...]] = {
    parent: tuple(f.path.rpartition(".")[2] for f in FIELDS if f.path.rpartition(".")[0] == parent and not f.path.endswith(("[]", "{}")))
    for parent in ("", *(field.path for field in FIELDS if field.type == "object"))
}
"""Path of an object -> its keys, in the table's order. The manifest itself is the path ""."""


def join(parent: str, key: str) -> str:
    """Return the path of `key` inside `parent`."""
    return f"{parent}.{key}" if parent else key
