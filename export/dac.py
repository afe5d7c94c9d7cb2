"""The published codec's streaming decoder as ONNX and TorchScript, and how much less look-ahead costs. It does not know patches."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from export.errors import CodecExportError
from export.model_file import ExportedModel
from export.streaming import to_onnx
from export.torch_files import to_torchscript
from training.codecs.codec import Codes, Sound
from training.codecs.dac import DacCodec
from training.codecs.dac_stream import STEPS, DacStream, Lookahead, guess_for, shorter_lookahead, stream_lookahead_frames

__all__ = [
    "LookaheadRow",
    "dac_stream",
    "decode_stream",
    "decoder_lookahead_frames",
    "export_dac",
    "export_decoder",
    "export_stream",
    "lookahead_table",
    "show_lookahead_table",
]

# What is closer than float32 can tell is shown as this.
EXACT_DB = 150.0


@dataclass(frozen=True)
class LookaheadRow:
    """What a decoder that waits less gets wrong.

    Attributes
    ----------
    lookahead_codes : int
        Codec steps it may wait at most.
    lookahead_frames : int
        Frames it waits where it guesses: the newest codes go on.
    held, held_levels : int
        How far it guesses, for `export_decoder`.
    snr_db, max_error : float
        Of guessing, against the whole-sound decoder.
    work : float
        Multiplications of guessing over those of the exact decoder.
    cut_frames : int
        Frames it waits where it gives up taps instead, at no more work than the exact one.
    cut_snr_db, cut_max_error : float
        Of giving up taps.
    """

    lookahead_codes: int
    lookahead_frames: int
    held: int
    held_levels: int
    snr_db: float
    max_error: float
    work: float
    cut_frames: int
    cut_snr_db: float
    cut_max_error: float


def export_dac(
    codec: DacCodec, *, codebooks: int | None = None, steps: int = 1, lookahead_codes: int | None = None, torchscript: bool = False
) -> list[ExportedModel]:
    """Return the streaming decoder; the encoder of this codec needs no stream: what it encodes is there as a whole.

    Parameters
    ----------
    codec : DacCodec
    codebooks : int, optional
        How many the token model speaks; all by default.
    steps : int, one of `STEPS`
        Codec steps per call.
    lookahead_codes : int, optional
        Codec steps it may wait at most, guessing the rest; exact by default. `decoder_lookahead_frames` says how many frames it waits then.
    torchscript : bool
        Whether a twin is wanted. At full size each file has 176 MB.

    Raises
    ------
    CodecExportError
    """
    return export_stream(dac_stream(codec, codebooks=codebooks, steps=steps, lookahead_codes=lookahead_codes), torchscript=torchscript)


def dac_stream(codec: DacCodec, *, codebooks: int | None = None, steps: int = 1, lookahead_codes: int | None = None) -> DacStream:
    """Return in torch what `export_dac` exports; raises CodecExportError."""
    held, levels = _guess(codec, lookahead_codes)
    return _stream(codec, steps, codebooks, held=held, held_levels=levels)


def decoder_lookahead_frames(codec: DacCodec, lookahead_codes: int | None = None) -> int:
    """Return how many frames the decoder of `export_dac` is late: what a manifest states as its look-ahead; raises CodecExportError."""
    return stream_lookahead_frames(codec.model.config, *_guess(codec, lookahead_codes))


def export_decoder(
    codec: DacCodec,
    *,
    steps: int = 1,
    codebooks: int | None = None,
    lookahead: Lookahead | None = None,
    held: int = 0,
    held_levels: int = 1,
    torchscript: bool = False,
) -> list[ExportedModel]:
    """Return a streaming decoder of any look-ahead, see `DacStream`; raises CodecExportError."""
    stream = _stream(codec, steps, codebooks, lookahead=lookahead, held=held, held_levels=held_levels)
    return export_stream(stream, torchscript=torchscript)


def _stream(
    codec: DacCodec, steps: int, codebooks: int | None, *, lookahead: Lookahead | None = None, held: int, held_levels: int
) -> DacStream:
    if steps not in STEPS:
        raise CodecExportError(
            "the decoder does not run in such steps", where="--decoder-steps", got=steps, allowed=", ".join(map(str, STEPS))
        )
    books = codec.codebooks if codebooks is None else codebooks
    if not 1 <= books <= codec.codebooks:
        raise CodecExportError("the codec has not so many codebooks", got=books, allowed=f"1 to {codec.codebooks}")
    return DacStream(codec.model, steps, lookahead, codebooks=books, held=held, held_levels=held_levels).eval()


def export_stream(stream: DacStream, *, torchscript: bool = False) -> list[ExportedModel]:
    """Return a decoder as ONNX, float32, and its TorchScript twin where asked for."""
    shapes = stream.state_shapes
    states = [f"state_{name}" for name in shapes]
    following = [f"next_{name}" for name in states]
    arguments = (torch.full(stream.codes_shape, -1, dtype=torch.int64), *stream.initial_state())
    kinds = {torch.float32: "float32", torch.int64: "int64"}
    inputs = {name: (kinds[value.dtype], tuple(value.shape)) for name, value in zip(["codes", *states], arguments, strict=True)}
    outputs = {"audio": ("float32", (1, stream.steps * stream.config.hop_frames))}
    outputs |= {after: inputs[name] for after, name in zip(following, states, strict=True)}
    feedback = dict(zip(following, states, strict=True))
    # Whether a weight fits half precision is tried out; one divided by a tiny frequency does not.
    with np.errstate(over="ignore"):
        content = to_onnx(stream, arguments, list(inputs), list(outputs))
    made = [ExportedModel("decoder", "onnx", content, inputs, outputs, feedback)]
    if torchscript:
        made.append(ExportedModel("decoder", "torchscript", to_torchscript(stream, arguments), inputs, outputs, feedback))
    return made


def decode_stream(stream: DacStream, codes: Codes) -> Sound:
    """Return the sound of codes (k, S) that a stream makes in torch, its delay taken off: (S * hop,)."""
    hop, steps = stream.config.hop_frames, codes.shape[1]
    calls = -(-(steps + -(-stream.lookahead_frames // hop)) // stream.steps)
    fed = np.full((stream.codebooks, calls * stream.steps), -1, np.int64)
    fed[: len(codes), :steps] = codes
    state, sound = stream.initial_state(), []
    with torch.no_grad():
        for piece in torch.from_numpy(fed).split(stream.steps, dim=1):
            made, *following = stream(piece.reshape(stream.codes_shape), *state)
            state = tuple(following)
            sound.append(made[0])
    return torch.cat(sound)[stream.lookahead_frames : stream.lookahead_frames + steps * hop].numpy()


def lookahead_table(codec: DacCodec, sound_or_codes: Sound | Codes, *, steps: int = 1) -> list[LookaheadRow]:
    """Return what waiting less costs, from no look-ahead to the true one.

    Parameters
    ----------
    codec : DacCodec
    sound_or_codes : float32 array (T,), or int array (k, S)
        What is decoded; a sound is encoded first.
    steps : int
        Codec steps per call. Of guessing, only the last step of a call has the least look-ahead.

    Returns
    -------
    list of LookaheadRow
        One per whole number of codec steps.
    """
    given = np.asarray(sound_or_codes)
    codes = codec.encode(given) if given.ndim == 1 else codec.checked(given)
    true, hop = codec.decode(codes), codec.hop_frames
    most = -(-codec.lookahead_frames // hop)
    exact = DacStream(codec.model, steps, codebooks=len(codes)).multiplications
    rows = []
    for waited in range(most + 1):
        cut = DacStream(codec.model, steps, shorter_lookahead(codec.model, waited * hop), codebooks=len(codes))
        held, levels = guess_for(codec.model.config, waited * hop)
        guess = DacStream(codec.model, steps, codebooks=len(codes), held=held, held_levels=levels)
        snr_db, max_error = _errors(decode_stream(guess, codes), true)
        cut_snr_db, cut_max_error = _errors(decode_stream(cut, codes), true)
        work = guess.multiplications / exact
        rows.append(
            LookaheadRow(
                waited, guess.lookahead_frames, held, levels, snr_db, max_error, work, cut.lookahead_frames, cut_snr_db, cut_max_error
            )
        )
    return rows


def show_lookahead_table(rows: list[LookaheadRow], sample_rate_hz: int) -> str:
    """Return the table as text."""
    lines = ["codes   guessing: ms    SNR dB       max   work   taps given up: ms    SNR dB       max"]
    for row in rows:
        waits = (1e3 * row.lookahead_frames / sample_rate_hz, 1e3 * row.cut_frames / sample_rate_hz)
        lines.append(
            f"{row.lookahead_codes:5d} {waits[0]:14.1f} {row.snr_db:9.1f} {row.max_error:9.2g} {row.work:6.2f}"
            f" {waits[1]:19.1f} {row.cut_snr_db:9.1f} {row.cut_max_error:9.2g}"
        )
    return "\n".join(lines)


def _guess(codec: DacCodec, lookahead_codes: int | None) -> tuple[int, int]:
    """Return how far, and in how many levels, a decoder guesses."""
    if lookahead_codes is None:
        return 0, 1
    if lookahead_codes < 0:
        raise CodecExportError("a look-ahead cannot be negative", where="--decoder-lookahead", got=lookahead_codes, allowed="0 and up")
    return guess_for(codec.model.config, lookahead_codes * codec.hop_frames)


def _errors(made: NDArray[np.float32], true: NDArray[np.float32]) -> tuple[float, float]:
    error = made.astype(np.float64) - true
    power, noise = float(np.square(true, dtype=np.float64).sum()), float(np.square(error).sum())
    if noise == 0.0:
        return EXACT_DB, 0.0
    if power == 0.0:
        return -EXACT_DB, float(np.abs(error).max())
    return float(np.clip(10.0 * np.log10(power / noise), -EXACT_DB, EXACT_DB)), float(np.abs(error).max())
