"""How units are played: the dials of the unit player, brought into their ranges. It knows numbers, not sound."""

import math
from dataclasses import dataclass
from typing import Final

from realtime.voices.unit_envelope import GUARD_FRAMES
from realtime.voices.unit_resample import RATE_MAX

STREAMS: Final = 4
FADE_MS: Final = 512 / 44.1
RATE_MIN: Final = 0.25
LONGEST_MS: Final = 60_000.0
UNISON: Final = 1e-5
"""A rate this near to 1 is 1 (a sixtieth of a cent): a smoothed control can end one rounding beside it, and frames are copied only at 1."""


@dataclass
class Shape:
    """How units are played. Values out of range are brought into it, what is not a number is the default; nothing raises.

    Parameters
    ----------
    attack_ms, release_ms, overlap_ms : float, 0..60000
        Fade in, fade out, and how long the old unit sounds on before it fades. Fades are at least `GUARD_FRAMES` long; an attack is no
        longer than its unit. Units that ring at once in a stream have the power of one.
    rate : float, 0.25..4
        Corpus seconds per second, for everything that sounds; a change takes one step.
    reverse : bool
        The next unit is played from its end backwards.
    spread : float, 0..1
        How far the streams are apart between left and right.
    streams : int, 1..4
        Streams above are let go.
    pitch_join : bool
        Move the start by at most half a period so that the waveform goes on.
    unit_ms : float, 0..60000
        When the unit lets itself go; 0: never.
    """

    attack_ms: float = FADE_MS
    release_ms: float = FADE_MS
    overlap_ms: float = 0.0
    rate: float = 1.0
    reverse: bool = False
    spread: float = 0.0
    streams: int = 1
    pitch_join: bool = False
    unit_ms: float = 0.0

    def valid_rate(self) -> float:
        """Corpus frames per frame."""
        rate = _within(self.rate, RATE_MIN, RATE_MAX, 1.0)
        return 1.0 if abs(rate - 1.0) < UNISON else rate

    def valid_spread(self) -> float:
        """From 0 to 1."""
        return _within(self.spread, 0.0, 1.0, 0.0)

    def valid_streams(self) -> int:
        """From 1 to 4."""
        return round(_within(self.streams, 1, STREAMS, 1))

    def attack_frames(self, sample_rate_hz: int) -> int:
        """Length of the fade in."""
        return max(_frames(self.attack_ms, FADE_MS, sample_rate_hz), GUARD_FRAMES)

    def release_frames(self, sample_rate_hz: int) -> int:
        """Length of the fade out."""
        return max(_frames(self.release_ms, FADE_MS, sample_rate_hz), GUARD_FRAMES)

    def overlap_frames(self, sample_rate_hz: int) -> int:
        """Frames at full level before the fade out."""
        return _frames(self.overlap_ms, 0.0, sample_rate_hz)

    def life_frames(self, sample_rate_hz: int) -> int:
        """Frames until a unit lets itself go; -1: it does not."""
        return _frames(self.unit_ms, 0.0, sample_rate_hz) or -1


def _frames(ms: float, default_ms: float, sample_rate_hz: int) -> int:
    return round(_within(ms, 0.0, LONGEST_MS, default_ms) * sample_rate_hz / 1000.0)


def _within(value: float, low: float, high: float, default: float) -> float:
    return default if math.isnan(value) else min(max(value, low), high)
