"""Writes the files of a corpus piece by piece: arrays whose length is not known yet, one file of sound, statistics, corpus.json.

It knows units and files, not where they come from. What is in memory at once is one sound's units.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from patches.corpus_fields import ARRAYS, ARRAYS_FOLDER, AUDIO_NAME, LIST_ARRAYS
from patches.corpus_folder import write_corpus_manifest
from patches.corpus_manifest import CorpusArray, CorpusAudio, CorpusFile, CorpusManifest, Segmentation, SkippedFile, Statistics
from patches.descriptors import ATTRIBUTES, DescriptorSpec
from training.corpus_cut import SoundUnits
from training.corpus_weights import column_weights
from training.inverted_lists import LISTS_ABOVE, train_lists

__all__ = ["CorpusFiles"]

LIST_SEED = 0
STD_FLOOR = 1e-3
"""A descriptor that hardly varies must not be blown up to unit spread; in dB, as most are, this is inaudible."""
HEADER_BYTES = 128
CHUNK_BYTES = 1 << 20
TABLE_ROWS = 65_536


class _Column:
    """An array that grows at its end, in a npy file."""

    def __init__(self, folder: Path, name: str, width: int | None) -> None:
        self.path = folder / ARRAYS_FOLDER / f"{name}.npy"
        self.dtype = ARRAYS[name][0]
        self._width = width
        self._length = 0
        self._file: IO[bytes] = self.path.open("w+b")
        self._file.write(bytes(HEADER_BYTES))

    def append(self, values: NDArray[np.generic]) -> None:
        self._file.write(np.ascontiguousarray(values, self.dtype).tobytes())
        self._length += len(values)

    def close(self) -> CorpusArray:
        """Write the head, now that the length is known, and say what the file holds."""
        shape = (self._length,) if self._width is None else (self._length, self._width)
        head = f"{{'descr': '{self.dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode("ascii")
        self._file.seek(0)
        self._file.write(b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little"))
        self._file.write(head.ljust(HEADER_BYTES - 11) + b"\n")
        self._file.flush()
        self._file.seek(0)
        sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()
        size = self._file.tell()
        self._file.close()
        return CorpusArray(f"{ARRAYS_FOLDER}/{self.path.name}", self.dtype, shape, size, sha256)


class _Moments:
    """Mean and standard deviation of rows that come in parts, in double precision.

    Source: Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """

    def __init__(self, columns: int) -> None:
        self.count = 0
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)

    def add(self, rows: NDArray[np.float32]) -> None:
        count = self.count + len(rows)
        mean = rows.mean(axis=0, dtype=np.float64)
        apart = mean - self.mean
        self.squares += np.square(rows - mean, dtype=np.float64).sum(axis=0) + apart**2 * (self.count * len(rows) / count)
        self.mean += apart * (len(rows) / count)
        self.count = count

    def statistics(self) -> Statistics:
        std = np.maximum(np.sqrt(self.squares / max(self.count, 1)), STD_FLOOR)
        # As the stage reads them: float32, so that both compute the same z-scores.
        return Statistics(tuple(np.float32(self.mean).tolist()), tuple(np.float32(std).tolist()))


@dataclass(eq=False)
class CorpusFiles:
    """The files of a corpus that is being written.

    Parameters
    ----------
    folder : Path
        An empty folder.
    spec : DescriptorSpec
    channels : int
    segmentation : Segmentation
    labels : tuple of str
    """

    folder: Path
    spec: DescriptorSpec
    channels: int
    segmentation: Segmentation
    labels: tuple[str, ...]
    files: list[CorpusFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    frames: int = 0
    units: int = 0

    def __post_init__(self) -> None:
        (self.folder / ARRAYS_FOLDER).mkdir()
        widths = {"descriptors": len(self.spec), "attributes": len(ATTRIBUTES)}
        self._columns = {name: _Column(self.folder, name, widths.get(name)) for name in ARRAYS if name not in LIST_ARRAYS}
        self._moments = _Moments(len(self.spec) + len(ATTRIBUTES))
        self._audio = (self.folder / AUDIO_NAME).open("wb")
        self._digest = hashlib.sha256()

    def add(self, file: CorpusFile, units: SoundUnits, pcm: Path) -> None:
        """Append a sound: its entry, whose `first_frame` is set here, its units, its samples."""
        count = len(units)
        entry = CorpusFile(
            file.path, file.label, file.sha256, self.frames, file.frames, file.seconds, file.loudness_dbfs, file.weight
        )  # first_frame is only known here
        values: dict[str, NDArray[np.generic]] = {
            "descriptors": units.descriptors,
            "attributes": units.attributes,
            "f0_hz": units.f0_hz,
            "start_frames": units.start_frames + self.frames,
            "length_frames": units.length_frames,
            "file_index": np.full(count, len(self.files), np.int32),
            "label_index": np.full(count, self.labels.index(file.label), np.int16),
            "weight": np.full(count, file.weight, np.float32),
        }
        for name, column in self._columns.items():
            column.append(values[name])
        self._moments.add(np.hstack([units.descriptors, units.attributes]))
        with pcm.open("rb") as samples:
            while chunk := samples.read(CHUNK_BYTES):
                self._audio.write(chunk)
                self._digest.update(chunk)
        self.files.append(entry)
        self.frames += file.frames
        self.units += count

    def finish(self, scratch: Path, git: str, created: str) -> CorpusManifest:
        """Write what is still missing and return what corpus.json says.

        Raises
        ------
        OSError, PatchError
            It could not be written.
        """
        arrays = {name: column.close() for name, column in self._columns.items()}
        size = self._audio.tell()
        self._audio.close()
        statistics = self._moments.statistics()
        if self.units > LISTS_ABOVE:
            arrays |= self._lists(statistics, scratch)
        corpus = CorpusManifest(
            descriptors=self.spec.names,
            hop_frames=self.spec.hop_frames,
            sample_rate_hz=self.spec.sample_rate_hz,
            channels=self.channels,
            units=self.units,
            frames=self.frames,
            labels=self.labels,
            files=tuple(self.files),
            skipped=tuple(self.skipped),
            segmentation=self.segmentation,
            statistics=statistics,
            arrays=arrays,
            audio=CorpusAudio(AUDIO_NAME, size, self._digest.hexdigest()),
            git=git,
            created=created,
        )
        write_corpus_manifest(self.folder, corpus)
        return corpus

    def close(self) -> None:
        """Let go of files that an interruption left open."""
        self._audio.close()
        for column in self._columns.values():
            column._file.close()

    def _lists(self, statistics: Statistics, scratch: Path) -> dict[str, CorpusArray]:
        """Train inverted lists on the z-scores of all rows, which are in a file while that goes on, each column as it usually weighs."""
        table = np.memmap(scratch / "table.f32", np.float32, "w+", shape=(self.units, len(self.spec) + len(ATTRIBUTES)))
        mean, std = np.array(statistics.mean, np.float32), np.array(statistics.std, np.float32)
        scale = np.sqrt(column_weights(self.spec))
        sources = [np.load(self._columns[name].path, mmap_mode="r") for name in ("descriptors", "attributes")]
        for start in range(0, self.units, TABLE_ROWS):
            rows = np.hstack([source[start : start + TABLE_ROWS] for source in sources])
            table[start : start + TABLE_ROWS] = (rows - mean) / std * scale
        centroids, list_start, order = train_lists(table, LIST_SEED)
        arrays = {}
        for name, array in zip(LIST_ARRAYS, (centroids / scale, list_start, order), strict=True):
            column = _Column(self.folder, name, array.shape[1] if array.ndim == 2 else None)
            column.append(array)
            arrays[name] = column.close()
        return arrays
