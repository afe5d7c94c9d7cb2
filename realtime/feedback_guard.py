"""The feedback guard: whether the live input hears the output. It knows samples and time, not devices, decks or the shared block.

An input that hears the output makes a voice that follows it follow itself. Evidence is a lag at which the input repeats what was played
*before*, found by the correlation of their whitened spectra: every frequency counts the same, so one lag stands out for what is broad and
none for what only shares a pitch. A deck that repeats the input has the lag the other way round, and is no evidence.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.kernels.views import Floats

WINDOW_S = 1.2
MAX_LAG_S = 0.5
"""Device latency, and 100 m of air."""
MIN_LAG_S = 0.0005
"""No output comes back sooner: less than the smallest block there and back."""
LOW_HZ = 150.0
HIGH_HZ = 8_000.0
"""Where loudspeakers, rooms and microphones pass sound."""
LOBE_S = 0.002
"""Lags this near are one: the first reflections."""
DRIFT_S = 0.0005
"""What a lag may move between two looks: a microphone that is carried, not a player who keeps time."""
LEAST_STRENGTH = 0.05
"""Measured at 48 kHz: what has nothing to do with each other agrees by 0.02 to 0.045, a loop of -20 dB through a low-pass of 3 kHz and a
room of 0.4 s by 0.1 to 0.5."""
LEAST_LEAD = 1.5
"""Over the rival. Tones of one pitch, and an input that repeats itself and is echoed, agree with many lags alike (0.6 to 1.1)."""
SUSTAINED = 14
"""Looks in a row, at about eight a second: longer than the window, so that one pair of like strokes, which stay in it, is no evidence."""
FIRST_HOLD_S = 2.0
LONGEST_HOLD_S = 60.0
CALM_S = 30.0
"""Closing again within this time after it opened is the same trouble."""
QUIET = 10.0 ** (-70.0 / 20.0)
"""RMS below which there is nothing to compare."""


@dataclass(frozen=True)
class Match:
    """How the input repeats the output.

    `lag_s` is the best causal lag, `strength` the share (0..1) of the spectrum that agrees on it, `rival` the greatest share that agrees
    on a lag elsewhere, past or future.
    """

    lag_s: float
    strength: float
    rival: float


class Correlator:
    """Compares an input with an output over one window.

    Parameters
    ----------
    sample_rate_hz : int

    Thread
    ------
    One; not the audio thread.

    Source
    ------
    Generalized cross-correlation with the phase transform: Knapp and Carter 1976, The generalized correlation method for estimation of
    time delay, IEEE ASSP-24(4).
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.frames = 1 << math.ceil(math.log2(WINDOW_S * sample_rate_hz))
        self._window = np.hanning(self.frames).astype(np.float32)
        step_hz = sample_rate_hz / self.frames
        self._low = math.ceil(LOW_HZ / step_hz)
        self._high = min(math.floor(HIGH_HZ / step_hz), self.frames // 2)
        # Only the band is transformed back: the lags come out on a grid as coarse as the band allows.
        self._size = self.frames
        while self._size // 2 > 2.4 * self._high:
            self._size //= 2
        self._lag_s = self.frames / self._size / sample_rate_hz
        self._cross = np.zeros(self._size // 2 + 1, np.complex64)
        self._around = math.ceil(LOBE_S / self._lag_s)

    def compare(self, heard: Floats, played: Floats) -> Match:
        """Compare `frames` frames of each, both of the same time."""
        if min(_rms(heard), _rms(played)) < QUIET:
            return Match(0.0, 0.0, 0.0)
        band = slice(self._low, self._high)
        self._cross[band] = self._white(heard) * np.conj(self._white(played))
        agreement = np.fft.irfft(self._cross, self._size) * (self._size / 2 / (self._high - self._low))
        first, last = math.ceil(MIN_LAG_S / self._lag_s), math.floor(MAX_LAG_S / self._lag_s)
        best = first + int(np.argmax(agreement[first:last]))
        strength = float(agreement[best])
        agreement[max(best - self._around, 0) : best + self._around + 1] = 0.0
        return Match(best * self._lag_s, strength, float(agreement.max()))

    def _white(self, frames: Floats) -> NDArray[np.complex64]:
        spectrum = np.fft.rfft(frames * self._window)[self._low : self._high].astype(np.complex64, copy=False)
        white: NDArray[np.complex64] = spectrum / (np.abs(spectrum) + np.float32(1e-20))
        return white


class FeedbackGuard:
    """Says whether the input may be heard: not while it hears the output, and then for a while not.

    It closes when the same lag has been evident in `SUSTAINED` looks. While closed it goes on looking, at the input as it comes in: it
    opens when the hold is over and there is no evidence any more. Closing again soon after makes the next hold twice as long.

    Parameters
    ----------
    sample_rate_hz : int

    Thread
    ------
    One; not the audio thread. `trips` from any.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.trips = 0
        """Times it closed."""
        self._correlator = Correlator(sample_rate_hz)
        self._heard = np.zeros(self._correlator.frames, np.float32)
        self._played = np.zeros(self._correlator.frames, np.float32)
        self._missing = self._correlator.frames
        self._lag_s = 0.0
        self._seen = 0
        self._open = True
        self._hold_s = FIRST_HOLD_S
        self._until_s = 0.0  # while closed: when the hold ends; while open: when it was opened

    def look(self, heard: Floats, played: Floats, now_s: float) -> bool:
        """Take what came in and went out since the last look; returns whether the input may be heard.

        Parameters
        ----------
        heard, played : float32 array, shape (T,)
            Raw input and output of the same frames, mono. Any T.
        now_s : float
            Monotonic time.
        """
        _append(self._heard, heard)
        _append(self._played, played)
        self._missing = max(self._missing - len(heard), 0)
        if self._missing:
            return True  # a history with an edge in it agrees on that
        match = self._correlator.compare(self._heard, self._played)
        if match.strength < LEAST_STRENGTH or match.strength < LEAST_LEAD * match.rival:
            self._seen = max(self._seen - 1, 0)
        else:
            same = abs(match.lag_s - self._lag_s) < DRIFT_S
            self._seen = min(self._seen + 1, SUSTAINED) if same else 1
            self._lag_s = match.lag_s
        if self._open and self._seen == SUSTAINED:
            again = self.trips > 0 and now_s - self._until_s < CALM_S
            self._hold_s = min(2.0 * self._hold_s, LONGEST_HOLD_S) if again else FIRST_HOLD_S
            self._until_s = now_s + self._hold_s
            self._open = False
            self.trips += 1
        elif not self._open and self._seen == 0 and now_s >= self._until_s:
            self._until_s = now_s
            self._open = True
        return self._open


def _append(history: Floats, frames: Floats) -> None:
    """Move `history`, shape (N,), on by `frames`."""
    kept = max(len(history) - len(frames), 0)
    history[:kept] = history[len(history) - kept :]
    history[kept:] = frames[len(frames) - (len(history) - kept) :]


def _rms(frames: Floats) -> float:
    return math.sqrt(float(np.dot(frames, frames)) / len(frames))
