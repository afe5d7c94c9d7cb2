"""A mosaic patch of several labelled sounds with every control, described as the stage describes them; for tests of what a mosaic does."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from export.corpus_arrays import lines
from patches.descriptors import DEFAULT_SPEC
from patches.manifest import Audio
from patches.mosaic_controls import MOSAIC_CONTROLS, label_control
from patches.writer import write_patch
from realtime.descriptors.live import LiveDescriptors
from tests.stage_patch import HOP_FRAMES, RATE_HZ, manifest, sequencer_bytes

FADE_FRAMES = 512


def sounds(seconds: float = 4.0) -> dict[str, np.ndarray]:
    """Three sounds that no ear would mix up, each moving a little; label -> float32 (T, 1)."""
    rng = np.random.default_rng(3)
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    noise = rng.standard_normal(len(time_s)) * (0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * time_s))
    hum = sum(np.sin(2 * np.pi * 110.0 * k * time_s + 0.3 * np.sin(2 * np.pi * 0.5 * time_s)) / k for k in range(1, 9))
    whistle = np.sin(2 * np.pi * (1800.0 * time_s + 60.0 * np.sin(2 * np.pi * 0.8 * time_s)))
    quiet = 1e-3 * rng.standard_normal(len(time_s))
    levels = {"hiss": 0.1 * noise, "hum": 0.1 * hum + quiet, "whistle": 0.2 * whistle + quiet}
    return {label: sound.astype(np.float32)[:, None] for label, sound in levels.items()}


def described(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Units of one sound: descriptors, attributes, pitches and first frames, without those at the edges."""
    live = LiveDescriptors(DEFAULT_SPEC)
    parts = [live.push(audio[:, 0]), live.flush()]
    frames, attributes, f0_hz = (np.concatenate([getattr(part, name) for part in parts]) for name in ("frames", "attributes", "f0_hz"))
    rows = np.arange(1, (len(audio) - FADE_FRAMES - HOP_FRAMES // 2) // HOP_FRAMES + 1)
    return frames[rows], attributes[rows], f0_hz[rows], rows * HOP_FRAMES - HOP_FRAMES // 2


def mosaic_files(content: dict[str, np.ndarray], gain: float = 0.9) -> dict[str, bytes]:
    """The files of the patch."""
    columns: list[tuple[np.ndarray, ...]] = []
    spans, offset = [], 0
    for index, audio in enumerate(content.values()):
        frames, attributes, f0_hz, starts = described(audio)
        count = np.full(len(starts), index)
        columns.append((frames, attributes, f0_hz, starts + offset, count))
        spans.append((offset, offset + len(audio), 0))
        offset += len(audio)
    frames, attributes, f0_hz, starts, index = (np.concatenate(column) for column in zip(*columns, strict=True))
    mean, std = frames.mean(0), frames.std(0) + 1e-3
    arrays = io.BytesIO()
    np.savez(
        arrays,
        descriptors=frames.astype(np.float32),
        attributes=attributes.astype(np.float32),
        mean=mean.astype(np.float32),
        std=std.astype(np.float32),
        attribute_mean=attributes.mean(0).astype(np.float32),
        attribute_std=(attributes.std(0) + 1e-3).astype(np.float32),
        start_frames=starts.astype(np.int64),
        file_index=index.astype(np.int32),
        prime=((frames[:20] - mean) / std).astype(np.float32),
        weights=np.repeat([1.0, 0.5, 0.25], 13).astype(np.float32),
        f0_hz=f0_hz.astype(np.float32),
        length_frames=np.full(len(starts), HOP_FRAMES, np.int64),
        label_index=index.astype(np.int16),
        unit_weight=np.ones(len(starts), np.float32),
        file_spans=np.array(spans, np.int64),
        labels=lines(tuple(content)),
        files=lines(tuple(f"{label}/take.wav" for label in content)),
    )
    flac = io.BytesIO()
    soundfile.write(flac, np.concatenate(list(content.values())), RATE_HZ, format="FLAC", subtype="PCM_16")
    return {"sequencer.onnx": sequencer_bytes(gain), "corpus.npz": arrays.getvalue(), "corpus.flac": flac.getvalue()}


def make_mosaic(folder: Path, slug: str = "trio", content: dict[str, np.ndarray] | None = None) -> Path:
    """Write the patch into `folder` and return its own folder."""
    content = sounds() if content is None else content
    controls = (*MOSAIC_CONTROLS, *(label_control(label, f"label_{label}") for label in content))
    made = replace(
        manifest(slug, Audio(RATE_HZ, 2, HOP_FRAMES, 0)),
        controls=controls,
        settings={"crossfade_frames": FADE_FRAMES, "candidates": 8, "selected_model": "LSTM", "descriptors": "mfcc"},
    )
    return write_patch(folder, made, mosaic_files(content), "CC0-1.0\n")
