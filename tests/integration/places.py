"""Where in a long sound a short piece comes from: the largest normalised correlation with any of its places, a block at a time."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Sound = NDArray[Any]
_BLOCK_FRAMES = 16_384
_FLOOR = 1e-9
"""Energy below which a place is silence, which is like nothing."""


class Places:
    """All places of a sound at which a piece of one length may be.

    Parameters
    ----------
    sound : ndarray, shape (T,)
        At least as long as a piece.
    piece_frames : int
    """

    def __init__(self, sound: Sound, piece_frames: int) -> None:
        sound = np.asarray(sound, np.float64)
        step = _BLOCK_FRAMES - piece_frames + 1
        count = len(sound) - piece_frames + 1
        blocks = -(-count // step)
        padded = np.zeros((blocks - 1) * step + _BLOCK_FRAMES)
        padded[: len(sound)] = sound
        self._spectra = fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _BLOCK_FRAMES)[::step], axis=1)
        running = np.concatenate([[0.0], np.cumsum(np.square(padded))])
        energy = np.maximum(running[piece_frames:] - running[:-piece_frames], _FLOOR)
        self._norms = np.sqrt(energy[: blocks * step].reshape(blocks, step))
        self._piece_frames = piece_frames

    def likeness(self, piece: Sound) -> float:
        """Likeness of a piece, shape (piece_frames,), to the place that is most like it: 1 where it is a copy at any level."""
        assert len(piece) == self._piece_frames
        product = fft.irfft(self._spectra * np.conj(fft.rfft(piece, _BLOCK_FRAMES)), _BLOCK_FRAMES, axis=1)
        return float((product[:, : self._norms.shape[1]] / self._norms).max() / (np.linalg.norm(piece) + _FLOOR))
