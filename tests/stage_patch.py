"""A small mosaic patch made in a moment, for tests of the stage that are not about what a trained model sounds like."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import soundfile
from onnx import TensorProto, helper

from patches.manifest import Audio, Control, DataFile, Licence, Manifest, Model, Origin, Tensor, Verify
from patches.writer import write_patch

RATE_HZ = 44_100
HOP_FRAMES = 1_024
DESCRIPTORS = 39
_SHAPES = {"frame": (1, 39), "hidden": (1, 1, 4), "cell": (1, 1, 4), "gumbel": (1, 2), "normal": (1, 39), "temperature": (1,)}
_OUTPUTS = {"next_frame": (1, 39), "hidden_next": (1, 1, 4), "cell_next": (1, 1, 4)}


def sequencer_bytes(gain: float = 0.9) -> bytes:
    """An ONNX model with the sequencer's signature: an autoregressive walk with explicit state."""
    nodes = [
        helper.make_node("Mul", ["frame", "gain"], ["kept"]),
        helper.make_node("Mul", ["normal", "temperature"], ["spread"]),
        helper.make_node("Add", ["kept", "spread"], ["next_frame"]),
        helper.make_node("ReduceSum", ["gumbel"], ["used"], keepdims=0),
        helper.make_node("Mul", ["used", "zero"], ["nothing"]),
        helper.make_node("Add", ["hidden", "one"], ["counted"]),
        helper.make_node("Add", ["counted", "nothing"], ["hidden_next"]),
        helper.make_node("Identity", ["cell"], ["cell_next"]),
    ]
    initial = [
        helper.make_tensor("gain", TensorProto.FLOAT, [1], [gain]),
        helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]),
        helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]),
    ]
    graph = helper.make_graph(
        nodes,
        "walk",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in _SHAPES.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in _OUTPUTS.items()],
        initial,
    )
    return onnx.helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def corpus_audio(seconds: float, channels: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Noise that changes its colour and level slowly, so that units differ; shape (T, C)."""
    rng = np.random.default_rng(5)
    frames = round(seconds * rate_hz)
    noise = rng.standard_normal((frames, channels))
    smooth = np.cumsum(noise, axis=0)
    smooth -= np.convolve(smooth[:, 0], np.ones(64) / 64, "same")[:, None]
    blend = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(frames) / rate_hz / 3.0)[:, None]
    sound = blend * noise + (1 - blend) * smooth / max(smooth.std(), 1e-9)
    return (0.12 * sound / sound.std()).astype(np.float32).clip(-0.9, 0.9)


def tone(seconds: float, frequency_hz: float) -> np.ndarray:
    """A steady tone whose period divides the hop, so that every unit begins in the same phase; shape (T, 1)."""
    periods = round(frequency_hz * HOP_FRAMES / RATE_HZ)
    frames = np.arange(round(seconds * RATE_HZ))
    sound = 0.1 * np.sin(2 * np.pi * periods * frames / HOP_FRAMES)
    return (sound + 1e-4 * np.random.default_rng(0).standard_normal(len(frames)))[:, None].astype(np.float32)


def corpus_bytes(audio: np.ndarray, crossfade_frames: int) -> bytes:
    """A corpus of one file: band energies stand in for descriptors, which is all a stage test needs."""
    mono = audio.mean(axis=1)
    starts = np.arange(0, len(mono) - HOP_FRAMES - crossfade_frames, HOP_FRAMES)
    spectra = np.array([np.abs(np.fft.rfft(mono[s : s + HOP_FRAMES]))[:507].reshape(13, 39).mean(axis=1) for s in starts])
    static = np.log(spectra + 1e-6)
    delta = np.gradient(static, axis=0)
    descriptors = np.hstack([static, delta, np.gradient(delta, axis=0)]).astype(np.float32)
    rms = np.array([20 * np.log10(mono[s : s + HOP_FRAMES].std() + 1e-9) for s in starts])
    attributes = np.stack([rms, static[:, -1] - static[:, 0], static.std(axis=1)], axis=1).astype(np.float32)
    mean, std = descriptors.mean(axis=0), descriptors.std(axis=0) + 1e-6
    buffer = io.BytesIO()
    np.savez(
        buffer,
        descriptors=descriptors,
        attributes=attributes,
        mean=mean,
        std=std,
        attribute_mean=attributes.mean(axis=0),
        attribute_std=attributes.std(axis=0) + 1e-6,
        start_frames=starts.astype(np.int64),
        file_index=np.zeros(len(starts), np.int32),
        prime=((descriptors[:20] - mean) / std).astype(np.float32),
        weights=np.ones(DESCRIPTORS, np.float32),
    )
    return buffer.getvalue()


def manifest(slug: str, audio: Audio) -> Manifest:
    """Manifest of the patch; hashes are filled in by the writer."""
    tensors = {n: Tensor(n, "float32", s) for n, s in (_SHAPES | _OUTPUTS).items()}
    model = Model(
        role="sequencer",
        runtime="onnx",
        file="sequencer.onnx",
        inputs=tuple(tensors[n] for n in _SHAPES),
        outputs=tuple(tensors[n] for n in _OUTPUTS),
        feedback={"hidden_next": "hidden", "cell_next": "cell"},
    )
    controls = (
        Control("loudness", "Loudness", "σ", -3.0, 3.0, 0.0, "linear", 50.0),
        Control("brightness", "Brightness", "σ", -3.0, 3.0, 0.0, "linear", 50.0),
        Control("noisiness", "Noisiness", "σ", -3.0, 3.0, 0.0, "linear", 50.0),
        Control("continuity", "Continuity", "", 0.0, 1.0, 0.5, "linear", 50.0),
        Control("temperature", "Temperature", "", 0.0, 2.0, 0.7, "linear", 0.0),
        Control("density", "Density", "units/s", 1.0, 43.0, 8.0, "exponential", 50.0),
    )
    return Manifest(
        slug=slug,
        name=slug.capitalize(),
        summary="A patch for tests.",
        kind="mosaic",
        authors=("Starling",),
        licence=Licence("MIT", "CC0-1.0", "CC0-1.0"),
        audio=audio,
        models=(model,),
        data=(DataFile("corpus", "corpus.npz"), DataFile("audio", "corpus.flac")),
        controls=controls,
        settings={"crossfade_frames": 256, "candidates": 8},
        origin=Origin(
            recipe="test", git="none", checkpoint_sha256="0" * 64, created="2026-01-01T00:00:00Z", seed=0, training_seconds=0.0, scores={}
        ),
        verify=Verify(onnx_max_error=0.0, steps=1, step_ms_p50=0.1, step_ms_p99=0.1, machine="test"),
    )


def make_patch(
    folder: Path,
    slug: str = "tiny",
    *,
    seconds: float = 6.0,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    gain: float = 0.9,
    tone_hz: float = 0.0,
) -> Path:
    """Write the patch into `folder` and return its own folder."""
    audio = tone(seconds, tone_hz) if tone_hz else corpus_audio(seconds, channels, rate_hz)
    flac = io.BytesIO()
    soundfile.write(flac, audio, rate_hz, format="FLAC", subtype="PCM_16")
    described = replace(manifest(slug, Audio(rate_hz, channels, HOP_FRAMES, 0)))
    files = {"sequencer.onnx": sequencer_bytes(gain), "corpus.npz": corpus_bytes(audio, 256), "corpus.flac": flac.getvalue()}
    return write_patch(folder, described, files, "CC0-1.0\n")
