"""Windows and forecasts cut from descriptor frames: what one update learns from, and what a model is judged by.

It knows neither sounds nor models. Everything is in memory, so no loader process is worth its start.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from training.sequencers.model import Batch

__all__ = ["HeldOutBatches", "WindowBatches", "around", "as_batch"]

# Held-out clips are judged in pieces of at most this length, so that one long file does not decide the memory needed.
HELD_OUT_ROWS = 512
HELD_OUT_BATCH = 16
# A multi-step model is judged from every so-manieth frame on. One forecast after another would judge a long one at its end alone.
HELD_OUT_STRIDE = 8

Array = NDArray[np.float32]


class WindowBatches:
    """The training batches of one stretch of updates, each made from the seed and its update number alone.

    So a resumed training sees what an uninterrupted one would have seen, whatever stopped it. A piece is drawn in proportion to its length.
    For a one-step model (no `forecast`) a window is `window` frames and the frames that follow each; a piece shorter than that is filled up
    and masked. For a multi-step model it is the `window` frames before a random frame, and the `forecast` frames from there on: what is
    before the piece is its first frame, as on stage, and what is after it is masked. So a piece of two frames can be learned from.

    Parameters
    ----------
    pieces : list of float32 array, shape (S, D)
    window, forecast : int, frames; `forecast` 0 for a one-step model
    batch_size : int
    seed : int
    interval : int, updates of one stretch
    last_update : int, no batch is made from here on
    next_update : callable returning the number of the next update
    splice_share : float, share of windows that go on in another place from a random frame on
    """

    def __init__(
        self,
        pieces: list[Array],
        *,
        window: int,
        batch_size: int,
        seed: int,
        interval: int,
        last_update: int,
        next_update: Callable[[], int],
        forecast: int = 0,
        splice_share: float = 0.0,
    ):
        self._pieces = pieces
        self._window = window
        self._forecast = forecast
        self._batch_size = batch_size
        self._seed = seed
        self._interval = interval
        self._last_update = last_update
        self._next_update = next_update
        self._splice_share = splice_share
        lengths = np.array([len(piece) for piece in pieces], dtype=np.float64)
        self._share = lengths / lengths.sum()
        self.stop = False

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the next stretch, or fewer once `stop` is set."""
        first = self._next_update()
        for update in range(first, min(first + self._interval, self._last_update)):
            if self.stop:
                return
            yield self.batch(update)

    def batch(self, update: int) -> Batch:
        """Return the batch of an update, as `training.sequencers.model.Batch` describes it."""
        random = np.random.default_rng((self._seed, update))
        length = self._window + max(1, self._forecast)
        frames = np.zeros((self._batch_size, length, self._pieces[0].shape[1]), dtype=np.float32)
        real = np.zeros((self._batch_size, length), dtype=np.float32)
        for row, index in enumerate(random.choice(len(self._pieces), size=self._batch_size, p=self._share)):
            piece = self._pieces[index]
            if self._forecast:
                first = int(random.integers(1, len(piece)))
                frames[row], real[row] = around(piece, first, self._window, self._forecast)
            else:
                count = min(len(piece), length)
                start = random.integers(0, len(piece) - count + 1)
                frames[row, :count] = piece[start : start + count]
                real[row, 1:count] = 1.0
        if self._splice_share > 0.0:
            for row in np.flatnonzero(random.random(self._batch_size) < self._splice_share):
                self._splice(random, frames[row], real[row])
        return as_batch(frames, real, self._forecast)

    def _splice(self, random: np.random.Generator, frames: Array, real: Array) -> None:
        """From a random frame on, let a window go on in another place of the folder."""
        cut = int(random.integers(1, len(frames) - 1))
        piece = self._pieces[random.choice(len(self._pieces), p=self._share)]
        length = min(len(piece), len(frames) - cut)
        start = random.integers(0, len(piece) - length + 1)
        # What precedes the cut may be filling already: then the cut itself is nothing to learn from.
        heard = real[cut - 1] or cut == 1
        frames[cut : cut + length] = piece[start : start + length]
        frames[cut + length :] = piece[start + length - 1]
        real[cut:] = 0.0
        real[cut if heard else cut + 1 : cut + length] = 1.0


class HeldOutBatches:
    """What a model is judged by: batches like those of `WindowBatches`, the same every time.

    A one-step model predicts every held-out frame once. A multi-step model forecasts from every eighth frame on.

    Parameters
    ----------
    pieces : list of float32 array, shape (S, D)
    window, forecast : int, as in `WindowBatches`
    """

    def __init__(self, pieces: list[Array], *, window: int = 0, forecast: int = 0):
        self._forecast = forecast
        if forecast:
            rows = [around(piece, first, window, forecast) for piece in pieces for first in range(1, len(piece), HELD_OUT_STRIDE)]
        else:
            # Each cut begins with the last frame of the one before it, which is where its first prediction starts from.
            cuts = [piece[start : start + HELD_OUT_ROWS + 1] for piece in pieces for start in range(0, len(piece) - 1, HELD_OUT_ROWS)]
            rows = [(cut, np.ones(len(cut), dtype=np.float32)) for cut in sorted(cuts, key=len)]
        self._batches = [self._padded(rows[first : first + HELD_OUT_BATCH]) for first in range(0, len(rows), HELD_OUT_BATCH)]

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        return iter(self._batches)

    def _padded(self, rows: list[tuple[Array, Array]]) -> Batch:
        length = max(len(frames) for frames, _ in rows)
        frames = np.zeros((len(rows), length, rows[0][0].shape[1]), dtype=np.float32)
        real = np.zeros((len(rows), length), dtype=np.float32)
        for index, (row, known) in enumerate(rows):
            frames[index, : len(row)] = row
            real[index, : len(row)] = known
        return as_batch(frames, real, self._forecast)


def around(piece: Array, first: int, window: int, forecast: int) -> tuple[Array, Array]:
    """Return `window` frames before frame `first` of a piece and `forecast` frames from it, (W + F, D), and which are real, (W + F,)."""
    index = np.arange(first - window, first + forecast)
    real = (index < len(piece)).astype(np.float32)
    frames = piece[index.clip(0, len(piece) - 1)]
    frames[real == 0.0] = 0.0
    return frames, real


def as_batch(frames: Array, real: Array, forecast: int) -> Batch:
    """Return rows of frames (B, L, D), real or not (B, L), as a batch for a model with this forecast, 0 for a one-step model."""
    whole, known = torch.from_numpy(frames), torch.from_numpy(real)
    if forecast:
        return whole[:, :-forecast], whole[:, None, -forecast:], known[:, None, -forecast:]
    return whole[:, :-1], whole[:, 1:, None], known[:, 1:, None]
