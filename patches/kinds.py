"""What each kind of patch must and may hold: its roles and its settings.

Two literal tables; a new voice adds rows here. Does not know how a voice uses them.
"""

from dataclasses import dataclass

from patches.fields import SHA256, Field

MAX_CODEBOOKS = 16
"""Codebooks of a tokens patch that can have a temperature of their own: the published codecs use 4 to 12."""

SEQUENCERS = ("LSTM", "LSTMEncoderDecoderModel", "TransformerEncoderOnlyModel", "TransformerModel")
"""The models that can be the sequencer of a mosaic, under the names the Descriptor Transformer gave them."""

RESERVED_CONTROLS = frozenset({"gain", "pan", "mute", "solo", "freeze", "seed", "reset", "load", "lead", "mode"})
"""Words that every deck answers to itself: a patch's control with the same id could never be reached."""


@dataclass(frozen=True, slots=True)
class Role:
    """One file that a kind of patch knows.

    Parameters
    ----------
    kind : str
        Kind of patch.
    name : str
        The role.
    runtime : str
        Runtime of a model; empty for data.
    extension : str
        How the file name ends.
    required : bool
        Whether a patch of this kind must have it.
    """

    kind: str
    name: str
    runtime: str
    extension: str
    required: bool


ROLES: tuple[Role, ...] = (
    Role("mosaic", "sequencer", "onnx", ".onnx", True),
    Role("mosaic", "sequencer", "torchscript", ".ts", False),
    Role("mosaic", "corpus", "", ".npz", True),
    Role("mosaic", "audio", "", ".flac", True),
    Role("tokens", "step", "onnx", ".onnx", True),
    Role("tokens", "step", "torchscript", ".ts", False),
    Role("tokens", "step_int8", "onnx", ".onnx", False),
    Role("tokens", "step_int8", "torchscript", ".ts", False),
    Role("tokens", "step_light", "onnx", ".onnx", False),
    Role("tokens", "step_light", "torchscript", ".ts", False),
    Role("tokens", "step_short", "onnx", ".onnx", False),
    Role("tokens", "step_short", "torchscript", ".ts", False),
    Role("tokens", "decoder", "onnx", ".onnx", True),
    Role("tokens", "decoder", "torchscript", ".ts", False),
    Role("tokens", "encoder", "onnx", ".onnx", False),
    Role("tokens", "encoder", "torchscript", ".ts", False),
    Role("tokens", "primes", "", ".npz", False),
    Role("tokens", "vectors", "", ".safetensors", False),
    Role("latent", "generator", "onnx", ".onnx", True),
    Role("latent", "generator", "torchscript", ".ts", False),
    Role("latent", "decoder", "onnx", ".onnx", False),
    Role("latent", "decoder", "torchscript", ".ts", False),
    Role("latent", "vectors", "", ".safetensors", False),
)
"""The stage plays the ONNX models; a TorchScript twin is for other programs. *vectors* holds named conditioning vectors."""

SETTINGS: dict[str, tuple[Field, ...]] = {
    "mosaic": (
        Field("crossfade_frames", "integer", 0, 16384),
        Field("candidates", "integer", 1, 32),
        Field("selected_model", "text", 1, 48, one_of=SEQUENCERS, required=False),
        Field("window_size", "integer", 1, 5000, required=False),
        Field("forecast_size", "integer", 1, 5000, required=False),
        Field("descriptors", "text", 1, 4096, required=False),
    ),
    "tokens": (
        Field("codec", "text", 1, 48, one_of=("spectral", "dac")),
        Field("codec_identity", "text", 64, 64, pattern=SHA256),
        Field("codebook_size", "integer", 2, 65536),
        Field("classes", "integer", 1, 48),
        Field("parameters", "integer", 0, 48),
        Field("freeze_steps", "integer", 1, 4096),
        Field("context_steps", "integer", 0, 4096),
        Field("threads", "integer", 1, 8, required=False),
        Field("prime_names", "text", 1, 256, required=False),
        *(Field(f"codebook_temperature_{book}", "number", 0, 4, required=False) for book in range(1, MAX_CODEBOOKS + 1)),
    ),
    "latent": (),
}
"""Kind -> the settings it knows. `Field.path` is the key inside ``settings``."""
