"""Codecs as the stage runs them, against real time: the published codec at full size with random weights, and the bundled patch's own.

Every engine decodes the same codes in the same run, in rounds of an order shuffled each time, so all see the same machine. Sessions are
those of a deck, whose threads do not spin. Weights are random because time does not depend on them and the published ones cannot ship.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import BenchmarkError, Outcome, Value, need

if TYPE_CHECKING:
    from training.codecs.dac import DacCodec

THREADS = (1, 2)
# The published 44.1 kHz codec.
FULL = {
    "encoder_dim": 64,
    "encoder_rates": (2, 4, 8, 8),
    "latent_dim": 1024,
    "decoder_dim": 1536,
    "decoder_rates": (8, 8, 4, 2),
    "n_codebooks": 9,
    "codebook_size": 1024,
    "codebook_dim": 8,
    "sample_rate": 44_100,
}
SPECTRAL_PATCH = "textures"
MAX_ERROR = 1e-4

Decode = Callable[[NDArray[np.int64]], NDArray[np.float32]]


class WrongSoundError(BenchmarkError):
    """An engine does not make the sound of the whole-sound decoder, so its time says nothing."""


def run(arguments: list[str]) -> Outcome:
    """Measure real-time factors: time to decode over time of the sound; below 1 is faster than real time.

    Parameters
    ----------
    arguments : list of str
        `--seconds S` of sound per round (1.5), `--rounds N` (4), `--decoder-dim N` (1536: full size), `--seed N` (1).

    Raises
    ------
    MissingPackageError, WrongSoundError
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks codec")
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--decoder-dim", type=int, default=FULL["decoder_dim"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    for module in ("torch", "onnx", "onnxscript"):
        need("codec", module)
    codec = random_codec(options.seed, options.decoder_dim)
    hop, rate = codec.hop_frames, codec.sample_rate_hz
    # Whole calls of every step size.
    steps = max(24, int(options.seconds * rate / hop) // 8 * 8)
    generator = np.random.default_rng(options.seed)
    codes = generator.integers(0, codec.codebook_size, (codec.codebooks, steps))
    engines, calls = _engines(codec, steps)
    for name, engine in engines.items():
        _check(name, engine(codes), codec.decode(codes), codec.lookahead_frames if "stream" in name else 0)
    times: dict[str, list[float]] = {name: [] for name in engines}
    gc.collect()
    for _ in range(options.rounds):
        for name in generator.permutation(list(engines)):
            begun = time.perf_counter()
            engines[name](codes)
            times[name].append((time.perf_counter() - begun) / (steps * hop / rate))
    results: dict[str, Value] = {"decoder_dim": options.decoder_dim, "seconds": steps * hop / rate, "rounds": options.rounds}
    rows: list[list[Value]] = []
    for name, spent in times.items():
        best, middle = float(np.min(spent)), float(np.median(spent))
        results[f"rtf_{name}"] = middle
        results[f"rtf_best_{name}"] = best
        call_ms = 1e3 * middle * calls[name] * hop / rate
        rows.append([name.replace("_", " "), middle, best, call_ms, 1e3 * calls[name] * hop / rate])
    spectral = _spectral_factors(options.seconds, options.rounds)
    for threads, middle in spectral.items():
        results[f"rtf_spectral_threads_{threads}"] = middle
        rows.append([f"spectral threads {threads}", middle, None, None, None])
    notes = [
        f"DAC: decoder_dim {options.decoder_dim}, rates 8 8 4 2, 9 x 1024, random weights, float32",
        f"look-ahead of the stream {codec.lookahead_frames} frames",
    ]
    if not any(spectral.values()):
        notes.append(f"spectral: no patch {SPECTRAL_PATCH} is installed")
    return Outcome(("engine", "rtf p50", "rtf best", "call ms", "of ms"), rows, results, tuple(notes))


def random_codec(seed: int, decoder_dim: int) -> DacCodec:
    """Return a codec of the published sizes with random weights, scaled so that the sound neither dies nor clips."""
    import torch

    from training.codecs.dac import DacCodec
    from training.codecs.dac_model import DacConfig, DacModel, ResidualUnit, Snake

    torch.manual_seed(seed)
    model = DacModel(DacConfig(**FULL | {"decoder_dim": decoder_dim})).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, Snake):
            module.alpha.uniform_(0.5, 2.0)
        elif isinstance(module, ResidualUnit):
            # Units that add as much as they get would grow the signal, and rounding with it, a thousandfold.
            module.block[-1].weight_g.fill_(0.2)
    model.decoder.model[-1].weight_g.fill_(0.05)
    return DacCodec(model, "random", "CC0-1.0")


def _engines(codec: DacCodec, steps: int) -> tuple[dict[str, Decode], dict[str, int]]:
    """Return each engine, and how many codec steps it decodes per call."""
    import torch

    from export.dac import export_dac
    from training.codecs.dac_stream import STEPS

    engines: dict[str, Decode] = {}
    calls: dict[str, int] = {}

    def whole(threads: int) -> Decode:
        def decode(codes: NDArray[np.int64]) -> NDArray[np.float32]:
            before = torch.get_num_threads()
            torch.set_num_threads(threads)
            try:
                return codec.decode(codes)
            finally:
                torch.set_num_threads(before)

        return decode

    offline = _offline_onnx(codec, steps)
    for threads in THREADS:
        engines[f"dac_torch_threads_{threads}"] = whole(threads)
        engines[f"dac_onnx_threads_{threads}"] = _offline_session(offline, threads)
        calls |= {f"dac_{kind}_threads_{threads}": steps for kind in ("torch", "onnx")}
    for count in STEPS:
        (model,) = export_dac(codec, steps=count)
        for threads in THREADS:
            engines[f"dac_stream_{count}_threads_{threads}"] = _stream(model, count, threads)
            calls[f"dac_stream_{count}_threads_{threads}"] = count
    return engines, calls


def _offline_onnx(codec: DacCodec, steps: int) -> bytes:
    """Return the whole-sound decoder, as the exporter writes it."""
    import torch
    from torch import Tensor, nn

    from export.streaming import to_onnx

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = codec.model

        def forward(self, codes: Tensor) -> Tensor:
            return self.model.decode(codes)[:, 0]

    codes = torch.zeros(1, codec.codebooks, steps, dtype=torch.int64)
    return to_onnx(Whole().eval(), (codes,), ["codes"], ["audio"])


def _offline_session(content: bytes, threads: int) -> Decode:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda codes: session.run(None, {"codes": codes[None]})[0][0]


def _stream(model: Any, count: int, threads: int) -> Decode:
    """Return a deck's way through a clip: as many whole calls as it has steps; the look-ahead is not waited for."""
    from realtime.voices.session import StatefulSession

    session = StatefulSession(model.entry("decoder.onnx"), model.content, threads=threads)
    fed, audio = session.inputs["codes"], session.outputs["audio"]

    def decode(codes: NDArray[np.int64]) -> NDArray[np.float32]:
        session.reset()
        sound = np.empty((codes.shape[1] // count, audio.shape[1]), np.float32)
        for call in range(len(sound)):
            fed[...] = codes[:, call * count : (call + 1) * count].reshape(fed.shape)
            session.step()
            sound[call] = audio[0]
        return sound.reshape(-1)

    return decode


def _check(name: str, made: NDArray[np.float32], true: NDArray[np.float32], late: int) -> None:
    # The end of a stream that was not flushed has not been said yet; the start has.
    error = float(np.abs(made[late:] - true[: len(made) - late]).max())
    if not error <= MAX_ERROR:
        raise WrongSoundError(f"benchmark codec: {name} strays by {error:.3g} from the whole-sound decoder; allowed: {MAX_ERROR:g}")


def _spectral_factors(seconds: float, rounds: int) -> dict[int, float | None]:
    """Return the real-time factor of the bundled patch's decoder per number of threads; None where there is no such patch."""
    from realtime.voices.session import StatefulSession
    from training.codecs.errors import CodecError
    from training.codecs.patch_codec import open_patch_codec

    try:
        codec = open_patch_codec(SPECTRAL_PATCH)
    except CodecError:
        return dict.fromkeys(THREADS)
    from patches.reader import read_bytes

    model = codec.manifest.model("decoder")
    content = read_bytes(codec.folder, model)
    factors: dict[int, float | None] = {}
    random = np.random.default_rng(0)
    for threads in THREADS:
        session = StatefulSession(model, content, threads=threads)
        calls = max(8, int(seconds * codec.sample_rate_hz / session.outputs["audio"].shape[1]))
        spent = []
        for _ in range(rounds):
            begun = time.perf_counter()
            for _ in range(calls):
                session.inputs["codes"][...] = random.integers(0, codec.codebook_size, session.inputs["codes"].shape)
                if "noise" in session.inputs:
                    random.standard_normal(out=session.inputs["noise"], dtype=np.float32)
                session.step()
            spent.append((time.perf_counter() - begun) / (calls * session.outputs["audio"].shape[1] / codec.sample_rate_hz))
        factors[threads] = float(np.median(spent))
    return factors
