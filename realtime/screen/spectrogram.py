"""What the scope shows, as numbers: columns of levels by frequency and of the wave's lowest and highest values. It knows no terminal.

Two windows share the work, as the ear does: a long one tells low tones apart, a short one keeps what is high sharp in time.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from realtime.attach.view import SoundView

COLUMNS_PER_S: Final = 10
"""More would not be seen in a terminal, and each new column moves the whole picture."""
MOST_COLUMNS: Final = 512
LOWEST_HZ: Final = 40.0
HIGHEST_HZ: Final = 16_000.0
SPLIT_HZ: Final = 1_000.0
"""Below, rows are narrower than a bin of the short window."""
LONG_S: Final = 8_192 / 44_100
SHORT_S: Final = 2_048 / 44_100
SILENCE_DB: Final = -140.0
WAVES: Final = 2
"""Pairs of lowest and highest value in a column."""
_FULL_SCALE: Final = 32_768.0
_LEAST: Final = 10 ** (SILENCE_DB / 10)


class SoundColumns:
    """The newest `MOST_COLUMNS` columns of a sound, `COLUMNS_PER_S` a second.

    Parameters
    ----------
    rows : int
        Bands from `LOWEST_HZ` to `HIGHEST_HZ`, of equal width in octaves; row 0 is the highest.

    Attributes
    ----------
    levels_db : float32 array, shape (rows, MOST_COLUMNS)
        Power of each band; 0 is a sine of full scale. The newest column is the last.
    lowest, highest : float32 array, shape (MOST_COLUMNS * WAVES)
        Of the wave, linear amplitude in [-1, 1].
    count : int
        Columns made since the start.

    Thread
    ------
    The screen's.
    """

    def __init__(self, rows: int) -> None:
        self.count = 0
        self.lowest = np.zeros(MOST_COLUMNS * WAVES, np.float32)
        self.highest = np.zeros(MOST_COLUMNS * WAVES, np.float32)
        self.levels_db = np.full((rows, MOST_COLUMNS), SILENCE_DB, np.float32)
        self._rate_hz = 0
        self._end = 0
        self._waiting = np.zeros(0, np.float32)
        self._long = self._short = _Bands(2)

    @property
    def rows(self) -> int:
        """How many bands."""
        return len(self.levels_db)

    def resize(self, rows: int) -> None:
        """Have another number of bands; what was is shown in them as well as it can be."""
        if rows != self.rows:
            self.levels_db = self.levels_db[np.arange(rows) * self.rows // rows]

    def row_of(self, frequency_hz: float) -> int:
        """Row of the band a frequency is in; beyond both ends the nearest."""
        share = np.log(frequency_hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)
        return int(np.clip(self.rows - 1 - np.floor(share * self.rows), 0, self.rows - 1))

    def take(self, sound: SoundView, sample_rate_hz: int) -> int:
        """Take what is new in `sound`; returns how many columns that made.

        Frames that were missed are not made up: the picture goes on when a whole window has come again.
        """
        if sample_rate_hz != self._rate_hz or sound.end < self._end:
            self._rate_hz, self._end = sample_rate_hz, 0
            self._waiting = self._waiting[:0]
            self._long, self._short = _Bands(_window_frames(LONG_S, sample_rate_hz)), _Bands(_window_frames(SHORT_S, sample_rate_hz))
        frames = np.frombuffer(sound.frames, "<i2")
        new = sound.end - self._end
        if new > len(frames):
            self._waiting = self._waiting[:0]
        self._end = sound.end
        if new <= 0 or not len(frames):
            return 0
        self._waiting = np.concatenate((self._waiting, frames[-new:].astype(np.float32) / np.float32(_FULL_SCALE)))
        hop = max(sample_rate_hz // COLUMNS_PER_S, 1)
        span = max(self._long.size, hop)
        made = 0
        while len(self._waiting) >= span:
            self._add(self._waiting[:span], hop)
            self._waiting = self._waiting[hop:]
            made += 1
        return made

    def _add(self, frames: NDArray[np.float32], hop: int) -> None:
        """One more column; `frames` end where it ends, its own are the last `hop`."""
        self.count += 1
        self.levels_db[:, :-1] = self.levels_db[:, 1:]
        self.levels_db[:, -1] = self._levels_db(frames, hop)
        for kept, choose in ((self.lowest, np.min), (self.highest, np.max)):
            kept[:-WAVES] = kept[WAVES:]
            kept[-WAVES:] = [choose(part) for part in np.array_split(frames[-hop:], WAVES)]

    def _levels_db(self, frames: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
        edges_hz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (np.arange(self.rows, -1, -1) / self.rows)
        low = self._long.powers(frames[-self._long.size :], 1, edges_hz, self._rate_hz)
        parts = max(round(2 * hop / self._short.size), 1)
        high = self._short.powers(frames[-max(hop, self._short.size) :], parts, edges_hz, self._rate_hz)
        powers = np.where(edges_hz[:-1] > SPLIT_HZ, high, low)
        return (10 * np.log10(np.maximum(powers, _LEAST))).astype(np.float32)


def _window_frames(seconds: float, rate_hz: int) -> int:
    return int(2 ** round(np.log2(seconds * rate_hz)))


class _Bands:
    """Power in bands, through one window length."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._window = np.hanning(size + 1)[:-1].astype(np.float32)
        # By Parseval a sine of full scale has this much, over all bins of positive frequency.
        self._full = size * float(np.sum(self._window**2)) / 4

    def powers(self, frames: NDArray[np.float32], parts: int, edges_hz: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
        """Mean power of `parts` windows spread over `frames`, between each edge and the next (falling); a sine of full scale has 1.

        A bin is as wide as its distance to the next, so bands share it, and the bands of both window lengths fit together.
        """
        starts = np.linspace(0, len(frames) - self.size, parts).astype(int)
        windows = np.stack([frames[start : start + self.size] for start in starts]) * self._window
        spectrum = np.abs(np.fft.rfft(windows)) ** 2
        sums = np.concatenate(([0.0], np.cumsum(spectrum.mean(0, np.float64))))
        at_edges = np.interp(edges_hz * self.size / rate_hz + 0.5, np.arange(len(sums)), sums)
        return (at_edges[:-1] - at_edges[1:]) / self._full
