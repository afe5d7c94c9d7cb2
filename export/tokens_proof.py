"""Everything that is proved and measured of a tokens patch before it is written, as its manifest says it. It knows no files."""

import os
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from export.codecs import DecoderPlan
from export.errors import VerificationError
from export.model_file import ExportedModel
from export.primes import Primes
from export.tokens_verify import int8_loss, step_times_ms, verify_step, verify_step_torchscript
from export.verify import open_session
from training.codecs.codec import Codec
from training.codecs.patch_codec import PatchCodec, stream_decode
from training.tokens_dataset import TokenClip, TokenDataset
from training.tokens_model import TokenTransformer

if TYPE_CHECKING:
    from export.dac import LookaheadRow

__all__ = ["TokensProof", "decoder_error", "prove_tokens"]

# Largest error of decoded sound, linear amplitude. Measured on `textures`: 4e-6.
MAX_ERROR = 1e-4
DECODED_STEPS = 200
# Enough held-out tokens for a difference of a hundredth of a nat.
JUDGED_CLIPS, JUDGED_STEPS = 24, 160
TIMED_CALLS, WARM_UP_CALLS = 500, 50
DTYPES = {"float32": np.float32, "int64": np.int64}
MIDDLE = 0.5


@dataclass(frozen=True)
class TokensProof:
    """What was measured.

    Attributes
    ----------
    onnx_max_error : float
        Larger of the decoder's error in linear amplitude and the step's in keys and values, each against torch.
    torchscript_max_error : float, optional
        The step's, where a twin goes along.
    steps : int
        Token steps that were compared.
    step_ms_p50, step_ms_p99 : float
        One step of the patch in float32 on one thread: its token steps and its decoder.
    machine : str
    scores : dict
        `loss`, of held-out tokens in nats per token; `int8_loss_added`, what eight bits add to it; `<role>_ms`, the median time of one call
        of each model. For a codec with look-ahead, `lookahead_<n>_error_db`: error of a decoder that looks n frames ahead instead of all,
        relative to the sound.
    lookahead : str
        The same as a table; empty for a codec without a choice.
    """

    onnx_max_error: float
    torchscript_max_error: float | None
    steps: int
    step_ms_p50: float
    step_ms_p99: float
    machine: str
    scores: dict[str, float]
    lookahead: str = ""

    def lines(self) -> list[str]:
        """Return it in words."""
        twin = "" if self.torchscript_max_error is None else f", TorchScript {self.torchscript_max_error:.1e}"
        return [
            f"largest error in {self.steps} steps ONNX {self.onnx_max_error:.1e}{twin}; "
            f"a step takes {self.step_ms_p50:.2f} ms, p99 {self.step_ms_p99:.2f}",
            ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items()),
            *self.lookahead.splitlines(),
        ]


def prove_tokens(
    model: TokenTransformer,
    step_models: list[ExportedModel],
    codec: Codec,
    codec_models: list[ExportedModel],
    dataset: TokenDataset,
    primes: Primes,
    plan: DecoderPlan,
) -> TokensProof:
    """Run every exported model beside what it was made from, and time it.

    A decoder that looks ahead less than it needs is compared with the same one in torch; what it costs stands in the scores.

    Raises
    ------
    VerificationError
        One strays from it by more than the limit.
    """
    onnx = {item.role: item for item in [*step_models, *codec_models] if item.runtime == "onnx"}
    twins = [item for item in step_models if item.runtime == "torchscript"]
    step = verify_step(model, onnx["step"])
    twin = verify_step_torchscript(model, twins[0]) if twins else None
    sound_error = decoder_error(codec, onnx["decoder"], primes, plan)
    if not sound_error <= MAX_ERROR:
        raise VerificationError("the decoder does not repeat the trained one", got=f"error {sound_error:.3g}", allowed=f"{MAX_ERROR:g}")
    loss = int8_loss(model, [_heard(clip) for clip in _held_out(dataset)])
    scores = {"loss": round(loss.float32, 6), "int8_loss_added": round(loss.lost, 6)}
    decoder_times = call_times_ms(onnx["decoder"])
    decoder_p50, decoder_p99 = np.percentile(decoder_times, (50, 99))
    step_p50, step_p99, _ = step_times_ms(onnx["step"])
    scores |= {"step_ms": step_p50, "decoder_ms": round(float(decoder_p50), 4)}
    scores |= {f"{role}_ms": step_times_ms(onnx[role])[0] for role in ("step_int8", "step_light") if role in onnx}
    rows = _lookahead_rows(codec, primes, plan)
    scores |= {f"lookahead_{row.lookahead_codes}_error_db": round(-row.snr_db, 3) for row in rows}
    return TokensProof(
        onnx_max_error=max(step.max_error, sound_error),
        torchscript_max_error=None if twin is None else twin.max_error,
        steps=step.steps,
        step_ms_p50=round(plan.steps * step_p50 + float(decoder_p50), 4),
        step_ms_p99=round(plan.steps * step_p99 + float(decoder_p99), 4),
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        scores=scores,
        lookahead=_table(rows, codec),
    )


def _held_out(dataset: TokenDataset) -> list[TokenClip]:
    """Return held-out clips spread over all classes; where nothing was held out, others."""
    clips = list(dataset.of("held_out") or dataset.clips)
    return clips[:: max(1, len(clips) // JUDGED_CLIPS)][:JUDGED_CLIPS]


def _heard(clip: TokenClip) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    condition = np.concatenate([clip.weights, np.nan_to_num(clip.values, nan=MIDDLE)])
    return clip.codes[:, :JUDGED_STEPS], condition.astype(np.float32)


def _codes(primes: Primes) -> NDArray[np.int64]:
    return np.concatenate(list(primes.codes), axis=1)[:, :DECODED_STEPS].astype(np.int64)


def decoder_error(codec: Codec, decoder: ExportedModel, primes: Primes, plan: DecoderPlan) -> float:
    """Return the largest error of the sound that an exported decoder makes of the contexts, linear amplitude."""
    if isinstance(codec, PatchCodec):
        return 0.0  # copied byte by byte from a patch that proved it
    codes = _codes(primes)
    streamed = stream_decode(decoder.entry("decoder.onnx"), decoder.content, codes, plan.lookahead_frames)
    if plan.lookahead_codes is None:
        expected = codec.decode(codes)
    else:
        from export.dac import dac_stream, decode_stream

        stream = dac_stream(codec, codebooks=plan.codebooks, steps=plan.steps, lookahead_codes=plan.lookahead_codes)
        expected = decode_stream(stream, codes)
    # The end of a decoder that looks ahead depends on what is said to come after it: nothing there, padding here.
    compared = len(streamed) - plan.lookahead_frames
    return float(np.abs(streamed - expected)[:compared].max())


def _lookahead_rows(codec: Codec, primes: Primes, plan: DecoderPlan) -> "list[LookaheadRow]":
    if codec.kind != "dac" or isinstance(codec, PatchCodec):
        return []
    from export.dac import lookahead_table

    return lookahead_table(codec, _codes(primes), steps=plan.steps)


def _table(rows: "list[LookaheadRow]", codec: Codec) -> str:
    if not rows:
        return ""
    from export.dac import show_lookahead_table

    return show_lookahead_table(rows, codec.sample_rate_hz)


def call_times_ms(model: ExportedModel) -> NDArray[np.float64]:
    """Return how long calls of a decoder take that feed back their state, in milliseconds."""
    session, random = open_session(model.content), np.random.default_rng(0)
    inputs = {name: np.zeros(shape, DTYPES[dtype]) for name, (dtype, shape) in model.inputs.items()}
    names, spent = list(model.outputs), np.empty(WARM_UP_CALLS + TIMED_CALLS)
    for index in range(len(spent)):
        if "noise" in inputs:
            inputs["noise"] = random.standard_normal(inputs["noise"].shape, dtype=np.float32)
        start = time.perf_counter()
        results = dict(zip(names, session.run(names, inputs), strict=True))
        spent[index] = time.perf_counter() - start
        inputs |= {target: results[source] for source, target in model.feedback.items()}
    return spent[WARM_UP_CALLS:] * 1e3
