"""Where something begins in a sound: onsets, found in one pass over it, and the cuts between units that follow from them.

It does not know descriptors or files.

Source: spectral flux on a mel scale in decibels with librosa's peak picking (Böck, Krebs, Schedl, "Evaluating the Online Capabilities of
Onset Detection Methods", ISMIR 2012, as in librosa.onset).
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from training.one_librosa import librosa

__all__ = ["OnsetFinder", "cut_lengths"]

WINDOW_FRAMES = 1024
HOP_FRAMES = 256
# Enough to tell a click from a swell; an hour of them is 100 MB, three times less than librosa's 128.
MEL_BANDS = 40
# As in librosa: what is so far under the loudest moment of a sound is not heard beside it.
TOP_DB = 80.0
TINY = 1e-10
# A cut this long before an onset is found leaves all of its attack in the unit that it begins.
LEAD_FRAMES = 2 * HOP_FRAMES
BLOCK_HOPS = 1024

Array = NDArray[np.float32]


class OnsetFinder:
    """Takes a sound as it comes and says in the end where something began.

    Parameters
    ----------
    sample_rate_hz : int

    Capacity
    --------
    160 bytes per 256 frames of sound.

    Thread
    ------
    Worker.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._mel = librosa.filters.mel(sr=sample_rate_hz, n_fft=WINDOW_FRAMES, n_mels=MEL_BANDS).astype(np.float32)
        self._window = librosa.filters.get_window("hann", WINDOW_FRAMES).astype(np.float32)
        self._pending: Array = np.zeros(WINDOW_FRAMES // 2, np.float32)
        self._rows: list[Array] = []

    def push(self, mono: Array) -> None:
        """Take the next samples, shape (T,)."""
        audio = np.concatenate([self._pending, mono])
        count = max(0, 1 + (len(audio) - WINDOW_FRAMES) // HOP_FRAMES)
        for start in range(0, count, BLOCK_HOPS):
            stop = min(start + BLOCK_HOPS, count)
            piece = audio[start * HOP_FRAMES : (stop - 1) * HOP_FRAMES + WINDOW_FRAMES]
            framed = np.lib.stride_tricks.sliding_window_view(piece, WINDOW_FRAMES)[::HOP_FRAMES]
            power = np.square(np.abs(np.fft.rfft(framed * self._window, axis=1))).astype(np.float32)  # (n, 513)
            self._rows.append(10.0 * np.log10(np.maximum(power @ self._mel.T, TINY)))
        self._pending = audio[count * HOP_FRAMES :]

    def find(self) -> NDArray[np.int64]:
        """End the sound.

        Returns
        -------
        int64 array, frames, ascending
            A little before each onset; none is negative.
        """
        self.push(np.zeros(WINDOW_FRAMES // 2, np.float32))
        if not self._rows:
            return np.zeros(0, np.int64)
        levels = np.concatenate(self._rows)  # (n, 40)
        np.maximum(levels, levels.max() - TOP_DB, out=levels)
        # A sound that begins at once begins against silence.
        before = np.full((1, MEL_BANDS), levels.min(), np.float32)
        flux = np.maximum(np.diff(levels, axis=0, prepend=before), 0.0).mean(axis=1)
        if flux.max() <= 0.0:
            return np.zeros(0, np.int64)
        rows = librosa.onset.onset_detect(onset_envelope=flux, sr=self._rate_hz, hop_length=HOP_FRAMES, units="frames")
        return np.maximum(rows.astype(np.int64) * HOP_FRAMES - LEAD_FRAMES, 0)


def cut_lengths(onsets: NDArray[np.int64], frames: int, shortest: int, longest: int) -> list[tuple[int, int]]:
    """Cut a sound into units that begin where something begins.

    Parameters
    ----------
    onsets : int64 array, frames, ascending
    frames : int
        Length of the sound.
    shortest, longest : int, frames
        A stretch under `shortest` joins the one before it (the first joins the next), one over `longest` is cut into equal parts.

    Returns
    -------
    list of (start, length)
        In order, without gaps, all of the sound; empty where the sound is shorter than `shortest`.
    """
    if frames < shortest:
        return []
    cuts = [0]
    for onset in onsets.tolist():
        if onset - cuts[-1] >= shortest and frames - onset >= shortest:
            cuts.append(onset)
    units = []
    for start, stop in zip(cuts, [*cuts[1:], frames], strict=True):
        parts = max(1, min(-(-(stop - start) // longest), (stop - start) // shortest))
        edges = [start + (stop - start) * part // parts for part in range(parts + 1)]
        units += [(first, last - first) for first, last in itertools.pairwise(edges)]
    return units
