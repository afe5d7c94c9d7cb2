"""Small corpus folders made in a moment, for tests that are not about how sounds are described."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np

from patches.corpus_fields import ARRAYS, ARRAYS_FOLDER, AUDIO_NAME
from patches.corpus_folder import write_corpus_manifest
from patches.corpus_manifest import CorpusArray, CorpusAudio, CorpusFile, CorpusManifest, Segmentation, Statistics
from patches.descriptors import DEFAULT_SPEC, DescriptorSpec


def write_array(folder: Path, name: str, array: np.ndarray) -> CorpusArray:
    """Write one array and say what corpus.json says of it."""
    (folder / ARRAYS_FOLDER).mkdir(exist_ok=True)
    written = io.BytesIO()
    np.save(written, np.ascontiguousarray(array, ARRAYS[name][0]))
    content = written.getvalue()
    (folder / ARRAYS_FOLDER / f"{name}.npy").write_bytes(content)
    return CorpusArray(f"{ARRAYS_FOLDER}/{name}.npy", ARRAYS[name][0], array.shape, len(content), hashlib.sha256(content).hexdigest())


def write_corpus(
    folder: Path,
    *,
    spec: DescriptorSpec = DEFAULT_SPEC,
    labels: tuple[str, ...] = ("rain", "wind"),
    files: int = 4,
    units: int = 5,
    channels: int = 1,
    seed: int = 0,
    lists: int = 0,
    prefix: str = "sounds",
    **changed: np.ndarray,
) -> CorpusManifest:
    """Write a corpus of noise: `units` units of a hop in each file, each file of the next label; `changed` arrays instead of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    hop = spec.hop_frames
    frames = (units + 1) * hop
    total = files * units
    samples = (rng.uniform(-0.5, 0.5, (files * frames, channels)) * 32767).astype("<i2")
    index = np.repeat(np.arange(files), units)
    label = index % len(labels) if labels else np.full(total, -1)
    arrays = {
        "descriptors": rng.standard_normal((total, len(spec))),
        "attributes": rng.standard_normal((total, 3)),
        "f0_hz": np.where(rng.random(total) < 0.5, 0.0, 220.0),
        "start_frames": index * frames + np.tile(np.arange(units), files) * hop + hop // 2,
        "length_frames": np.full(total, hop),
        "file_index": index,
        "label_index": label,
        "weight": np.ones(total),
    }
    if lists:
        of_list = rng.integers(0, lists, total)
        arrays["centroids"] = rng.standard_normal((lists, len(spec) + 3))
        arrays["list_start"] = np.concatenate([[0], np.cumsum(np.bincount(of_list, minlength=lists))])
        arrays["order"] = np.argsort(of_list, kind="stable")
    arrays |= changed
    described = np.hstack([arrays["descriptors"], arrays["attributes"]])
    described = described[np.isfinite(described).all(axis=1)]
    (folder / AUDIO_NAME).write_bytes(samples.tobytes())
    manifest = CorpusManifest(
        descriptors=spec.names,
        hop_frames=hop,
        sample_rate_hz=spec.sample_rate_hz,
        channels=channels,
        units=len(arrays["start_frames"]),
        frames=len(samples),
        labels=labels,
        files=tuple(
            CorpusFile(
                f"{prefix}/{file}.wav",
                labels[file % len(labels)] if labels else "",
                "0" * 64,
                file * frames,
                frames,
                frames / 44_100,
                -20.0,
            )
            for file in range(files)
        ),
        skipped=(),
        segmentation=Segmentation("hop", hop, hop),
        statistics=Statistics(
            tuple((described.mean(0) if len(described) else np.zeros(described.shape[1])).tolist()),
            tuple((described.std(0) + 1e-3 if len(described) else np.ones(described.shape[1])).tolist()),
        ),
        arrays={name: write_array(folder, name, array) for name, array in arrays.items()},
        audio=CorpusAudio(AUDIO_NAME, samples.nbytes, hashlib.sha256(samples.tobytes()).hexdigest()),
        git="test",
        created="2026-01-01T00:00:00Z",
    )
    write_corpus_manifest(folder, manifest)
    return manifest


def change_array(folder: Path, manifest: CorpusManifest, name: str, array: np.ndarray) -> CorpusManifest:
    """Put another array into a corpus, listed as it should be."""
    changed = replace(manifest, arrays=manifest.arrays | {name: write_array(folder, name, array)})
    write_corpus_manifest(folder, changed)
    return changed
