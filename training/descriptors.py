"""The 39 descriptors of a sound and three attributes of it, per hop, the same live as offline.

It does not know files, corpora or models: samples in, one row per hop out.

Thirteen MFCCs, their first and their second derivative over time, as in the Descriptor Transformer, but on an absolute scale: a frame
depends on the sound within `LOOKAHEAD_FRAMES` of its centre and on nothing else. Frame `i` is centred on sample `i * HOP_FRAMES`;
before and after the sound is silence.
"""

from dataclasses import dataclass

import librosa
import numpy as np
from numpy.typing import NDArray

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

SAMPLE_RATE_HZ = 44_100
HOP_FRAMES = 1024
WINDOW_FRAMES = 2048
MEL_BANDS = 128
MFCC_COUNT = 13
# Hops on each side of a frame that its derivatives look at: a Savitzky-Golay window of nine.
DELTA_REACH = 4
DELTA_WIDTH = 2 * DELTA_REACH + 1
# Samples after a frame's centre that it depends on: half a window, and the derivatives' reach.
LOOKAHEAD_FRAMES = WINDOW_FRAMES // 2 + DELTA_REACH * HOP_FRAMES
LOUDNESS_FLOOR_DBFS = -100.0
# Keeps the logarithm of digital silence finite; far under any floor.
TINY = 1e-12
# Digital silence has no centroid. It is put at the lower end of hearing.
BRIGHTNESS_FLOOR_HZ = 20.0
# The spectrum of one block is 256 × 1025 complex numbers, 2 MiB: enough for the FFT to be efficient, little beside an hour of sound.
BLOCK_HOPS = 256

NAMES = tuple(f"{kind}{index}" for kind in ("mfcc", "delta", "delta_delta") for index in range(MFCC_COUNT))
ATTRIBUTES = ("loudness", "brightness", "noisiness")

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Descriptors:
    """Rows of description, one per hop, in time order.

    Attributes
    ----------
    frames : float32 array, shape (N, 39)
        In the order of `NAMES`, not normalised.
    attributes : float32 array, shape (N, 3)
        In the order of `ATTRIBUTES`: loudness (RMS of the window, dBFS), brightness (spectral centroid, log2 Hz),
        noisiness (spectral flatness, dB; 0 is white noise).
    """

    frames: Array
    attributes: Array

    def __len__(self) -> int:
        return len(self.frames)


def frame_count(audio_frames: int) -> int:
    """Return how many rows a sound of this many samples is described by."""
    return 1 + audio_frames // HOP_FRAMES


def describe(audio_mono: Array) -> Descriptors:
    """Describe a whole sound, in memory that does not grow with its length.

    Parameters
    ----------
    audio_mono : float32 array, shape (T,), linear amplitude at `SAMPLE_RATE_HZ`
        May be a memory map. Read only.

    Returns
    -------
    Descriptors
        `1 + T // HOP_FRAMES` rows.

    Raises
    ------
    ValueError
        If the array is not one-dimensional, or a sample is NaN or infinite.

    Thread
    ------
    Any.
    """
    stream = DescriptorStream()
    step = BLOCK_HOPS * HOP_FRAMES
    parts = [stream.push(audio_mono[start : start + step]) for start in range(0, max(1, len(audio_mono)), step)]
    return _joined([*parts, stream.flush()])


class DescriptorStream:
    """Describe a sound as it arrives, in pieces of any length.

    A row comes out once the `LOOKAHEAD_FRAMES` samples after its centre are known; `flush` ends the sound and gives the rest. However
    the sound is cut, the rows are those of `describe`, which is this stream.

    Owner
    -----
    One caller; nothing is shared.

    Capacity
    --------
    One window of samples and nine rows of MFCCs between calls; `BLOCK_HOPS` windows within one.

    Thread
    ------
    Worker: it allocates.
    """

    def __init__(self) -> None:
        self._mel_basis = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=WINDOW_FRAMES, n_mels=MEL_BANDS)
        self._window = np.asarray(librosa.filters.get_window("hann", WINDOW_FRAMES), dtype=np.float32)
        self._frequencies_hz = librosa.fft_frequencies(sr=SAMPLE_RATE_HZ, n_fft=WINDOW_FRAMES)
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far: the stream is as new."""
        # Half a window of silence before the sound centres frame 0 on sample 0.
        self._pending = np.zeros(WINDOW_FRAMES // 2, dtype=np.float32)
        self._mfcc = np.empty((0, MFCC_COUNT), dtype=np.float32)
        self._attributes = np.empty((0, len(ATTRIBUTES)), dtype=np.float32)
        # Rows of `_mfcc` that are out already and stay only because the next rows' derivatives look back at them.
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
        step = BLOCK_HOPS * HOP_FRAMES
        parts = [self._advance(chunk[start : start + step]) for start in range(0, len(chunk), step)]
        return _joined(parts)

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
        """Append the MFCCs and attributes of every window that the samples now fill."""
        audio = np.concatenate([self._pending, np.asarray(chunk, dtype=np.float32)])
        if not np.isfinite(np.sum(audio, dtype=np.float64)):
            raise ValueError("a sample is NaN or infinite: such a sound cannot be described")
        count = max(0, 1 + (len(audio) - WINDOW_FRAMES) // HOP_FRAMES)
        self._pending = audio[count * HOP_FRAMES :]
        if count == 0:
            return
        audio = audio[: (count - 1) * HOP_FRAMES + WINDOW_FRAMES]
        magnitude = np.abs(librosa.stft(audio, n_fft=WINDOW_FRAMES, hop_length=HOP_FRAMES, window=self._window, center=False))  # (1025, N)
        mel = self._mel_basis @ np.square(magnitude)  # (128, N)
        mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=MFCC_COUNT)  # (13, N)
        self._mfcc = np.concatenate([self._mfcc, mfcc.T.astype(np.float32)])
        self._attributes = np.concatenate([self._attributes, self._attributes_of(audio, magnitude)])

    def _attributes_of(self, audio: Array, magnitude: Array) -> Array:
        rms = librosa.feature.rms(y=audio, frame_length=WINDOW_FRAMES, hop_length=HOP_FRAMES, center=False)[0]
        centroid_hz = librosa.feature.spectral_centroid(S=magnitude, freq=self._frequencies_hz)[0]
        flatness = librosa.feature.spectral_flatness(S=magnitude)[0]
        columns = (
            np.maximum(20.0 * np.log10(np.maximum(rms, TINY)), LOUDNESS_FLOOR_DBFS),
            np.log2(np.maximum(centroid_hz, BRIGHTNESS_FLOOR_HZ)),
            np.minimum(10.0 * np.log10(flatness), 0.0),  # rounding puts a perfectly flat spectrum a little over 0
        )
        return np.stack(columns, axis=1).astype(np.float32)  # (N, 3)

    def _release(self, *, last: bool) -> Descriptors:
        """Give out the rows whose successors are known, and keep those that the next rows look back at."""
        ready = len(self._mfcc) if last else max(self._context, len(self._mfcc) - DELTA_REACH)
        out = slice(self._context, ready)
        # Edge rows repeat only at the true edges: elsewhere `_context` rows before and DELTA_REACH rows after are there to be looked at.
        static = self._mfcc[max(0, self._context - DELTA_REACH) :]
        shift = len(self._mfcc) - len(static)
        moved = slice(out.start - shift, out.stop - shift)
        if moved.stop > moved.start:
            deltas = [librosa.feature.delta(static, width=DELTA_WIDTH, order=order, axis=0, mode="nearest")[moved] for order in (1, 2)]
        else:
            deltas = [static[moved], static[moved]]
        released = Descriptors(np.concatenate([static[moved], *deltas], axis=1), self._attributes[out].copy())
        drop = max(0, ready - DELTA_REACH)
        self._mfcc = self._mfcc[drop:]
        self._attributes = self._attributes[drop:]
        self._context = ready - drop
        return released


def _joined(parts: list[Descriptors]) -> Descriptors:
    if not parts:
        return Descriptors(np.empty((0, len(NAMES)), dtype=np.float32), np.empty((0, len(ATTRIBUTES)), dtype=np.float32))
    return Descriptors(np.concatenate([part.frames for part in parts]), np.concatenate([part.attributes for part in parts]))
