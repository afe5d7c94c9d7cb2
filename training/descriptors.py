"""The descriptors of a sound and three attributes of it, per hop, the same live as offline.

It does not know files, corpora or models: samples in, one row per hop out. Which descriptors, how often and at which rate is a
`DescriptorSpec`; without one, the 39 of the Descriptor Transformer every 1024 samples at 44100 Hz.

All are on an absolute scale: a frame depends on the sound within `lookahead_frames` of its centre and on nothing else. Frame `i` is
centred on sample `i * hop_frames`; before and after the sound is silence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import (
    ALL_NAMES,
    ATTRIBUTES,
    DEFAULT_SPEC,
    DELTA_REACH,
    HOP_FRAMES,
    LOUDNESS_FLOOR_DBFS,
    MFCC,
    MFCC_COUNT,
    SAMPLE_RATE_HZ,
    STATIC,
    WINDOW_FRAMES,
    DescriptorSpec,
)
from training.descriptor_block import Analyser, Measured
from training.one_librosa import librosa

__all__ = [
    "ATTRIBUTES",
    "HOP_FRAMES",
    "LOOKAHEAD_FRAMES",
    "LOUDNESS_FLOOR_DBFS",
    "NAMES",
    "SAMPLE_RATE_HZ",
    "WINDOW_FRAMES",
    "DescriptorStream",
    "Descriptors",
    "describe",
    "frame_count",
]

DELTA_WIDTH = 2 * DELTA_REACH + 1
# The default spec's: samples after a frame's centre that it depends on.
LOOKAHEAD_FRAMES = DEFAULT_SPEC.lookahead_frames
# The spectrum of one block is 256 × 1025 complex numbers, 4 MiB: enough for the FFT to be efficient, little beside an hour of sound.
BLOCK_HOPS = 256

NAMES = MFCC

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Rows of description, one per hop, in time order.

    Attributes
    ----------
    frames : float32 array, shape (N, D)
        In the order of the spec's names, not normalised. A column "f0" is plain YIN, which always names a fundamental, as in the seeds.
    attributes : float32 array, shape (N, 3)
        In the order of `ATTRIBUTES`: loudness (RMS of the window, dBFS), brightness (spectral centroid, log2 Hz),
        noisiness (spectral flatness, dB; 0 is white noise).
    f0_hz : float32 array, shape (N,)
        The fundamental of a voiced frame, 0 of any other: where the frame repeats best within 3 % of the period plain YIN names. It is
        voiced if under a fifth of its power fails to repeat there, and it is no quieter than -80 dBFS.
    """

    frames: Array
    attributes: Array
    f0_hz: Array

    def __len__(self) -> int:
        return len(self.frames)


def frame_count(audio_frames: int, hop_frames: int = HOP_FRAMES) -> int:
    """Return how many rows a sound of this many samples is described by."""
    return 1 + audio_frames // hop_frames


def describe(audio_mono: Array, spec: DescriptorSpec = DEFAULT_SPEC) -> Descriptors:
    """Describe a whole sound, in memory that does not grow with its length.

    Parameters
    ----------
    audio_mono : float32 array, shape (T,), linear amplitude at the spec's rate
        May be a memory map. Read only.
    spec : DescriptorSpec

    Returns
    -------
    Descriptors
        `1 + T // hop_frames` rows.

    Raises
    ------
    ValueError
        If the array is not one-dimensional, or a sample is NaN or infinite.

    Thread
    ------
    Any.
    """
    stream = DescriptorStream(spec)
    step = BLOCK_HOPS * spec.hop_frames
    parts = [stream.push(audio_mono[start : start + step]) for start in range(0, max(1, len(audio_mono)), step)]
    return joined([*parts, stream.flush()], spec)


class DescriptorStream:
    """Describe a sound as it arrives, in pieces of any length.

    A row comes out once the `lookahead_frames` samples after its centre are known; `flush` ends the sound and gives the rest. However
    the sound is cut, the rows are those of `describe`, which is this stream.

    Owner
    -----
    One caller; nothing is shared.

    Capacity
    --------
    One window of samples and nine rows of static descriptors between calls; `BLOCK_HOPS` windows within one.

    Thread
    ------
    Worker: it allocates.
    """

    def __init__(self, spec: DescriptorSpec = DEFAULT_SPEC) -> None:
        self.spec = spec
        self._columns = [ALL_NAMES.index(name) for name in spec.names]
        self._reach = (spec.lookahead_frames - WINDOW_FRAMES // 2) // spec.hop_frames
        self._analyser = Analyser(spec.sample_rate_hz, spec.hop_frames)
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far: the stream is as new."""
        # Half a window of silence before the sound centres frame 0 on sample 0.
        self._pending = np.zeros(WINDOW_FRAMES // 2, dtype=np.float32)
        # Samples still to come that lie between two windows: a hop may be longer than a window.
        self._between = 0
        self._log_mel: NDArray[np.float64] | None = None
        self._rows = _no_rows()
        # Rows that are out already and stay only because the next rows' derivatives look back at them.
        self._context = 0

    def push(self, chunk: Array) -> Descriptors:
        """Take the next samples and return the rows that are now complete.

        Parameters
        ----------
        chunk : float32 array, shape (T,)
            Any length, none included.

        Returns
        -------
        Descriptors
            The next rows in time order; often none.

        Raises
        ------
        ValueError
            If the array is not one-dimensional, or a sample is NaN or infinite.
        """
        if np.ndim(chunk) != 1:
            raise ValueError(f"a chunk must have shape (T,), mono; got shape {np.shape(chunk)}. Mix the channels down first")
        step = BLOCK_HOPS * self.spec.hop_frames
        parts = [self._advance(chunk[start : start + step]) for start in range(0, len(chunk), step)]
        return joined(parts, self.spec)

    def flush(self) -> Descriptors:
        """End the sound, return its last rows, and be as new.

        Returns
        -------
        Descriptors
            The rows whose look-ahead reaches past the end, where silence is taken for sound and the last row for its successors.
        """
        self._measure(np.zeros(WINDOW_FRAMES // 2, dtype=np.float32))
        rest = self._release(last=True)
        self.reset()
        return rest

    def _advance(self, chunk: Array) -> Descriptors:
        self._measure(chunk)
        return self._release(last=False)

    def _measure(self, chunk: Array) -> None:
        """Append the static descriptors of every window that the samples now fill."""
        chunk = np.asarray(chunk, dtype=np.float32)
        if not np.isfinite(np.sum(chunk, dtype=np.float64)):
            raise ValueError("a sample is NaN or infinite: such a sound cannot be described")
        audio = np.concatenate([self._pending, chunk[self._between :]])
        self._between = max(0, self._between - len(chunk))
        hop = self.spec.hop_frames
        count = max(0, 1 + (len(audio) - WINDOW_FRAMES) // hop)
        self._pending = audio[count * hop :]
        self._between += max(0, count * hop - len(audio))
        if count == 0:
            return
        measured, self._log_mel = self._analyser.measure(audio[: (count - 1) * hop + WINDOW_FRAMES], self._log_mel)
        self._rows = Measured(*(np.concatenate(pair) for pair in zip(self._rows, measured, strict=True)))

    def _release(self, *, last: bool) -> Descriptors:
        """Give out the rows whose successors are known, and keep those that the next rows look back at."""
        known = len(self._rows.static)
        ready = known if last else max(self._context, known - self._reach)
        out = slice(self._context, ready)
        released = Descriptors(self._frames(out), self._rows.attributes[out].copy(), self._rows.f0_hz[out].copy())
        drop = max(0, ready - self._reach)
        self._rows = Measured(*(column[drop:] for column in self._rows))
        self._context = ready - drop
        return released

    def _frames(self, out: slice) -> Array:
        """Return the spec's columns of these rows, (N, D)."""
        static = self._rows.static[out]
        deltas = [np.zeros((len(static), MFCC_COUNT), dtype=np.float32)] * 2
        if self._reach and len(static):
            # Edge rows repeat only at the true edges: elsewhere `_context` rows before and DELTA_REACH after are there to be looked at.
            begin = max(0, out.start - DELTA_REACH)
            mfcc = self._rows.static[begin:, :MFCC_COUNT]
            moved = slice(out.start - begin, out.stop - begin)
            deltas = [librosa.feature.delta(mfcc, width=DELTA_WIDTH, order=order, axis=0, mode="nearest")[moved] for order in (1, 2)]
        every = np.concatenate([static[:, :MFCC_COUNT], *deltas, static[:, MFCC_COUNT:]], axis=1)  # (N, 46), as in ALL_NAMES
        return every[:, self._columns]


def _no_rows() -> Measured:
    return Measured(
        np.empty((0, len(STATIC)), dtype=np.float32), np.empty((0, len(ATTRIBUTES)), dtype=np.float32), np.empty(0, dtype=np.float32)
    )


def joined(parts: list[Descriptors], spec: DescriptorSpec) -> Descriptors:
    """Return rows that follow each other as one, in the columns of a spec; none gives no rows."""
    if not parts:
        return Descriptors(np.empty((0, len(spec)), dtype=np.float32), *_no_rows()[1:])
    return Descriptors(*(np.concatenate([getattr(part, field) for part in parts]) for field in ("frames", "attributes", "f0_hz")))
