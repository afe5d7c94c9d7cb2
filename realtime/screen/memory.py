"""What meters and counters remember between two looks: held peaks, clips, and whether a count grew a short while ago."""

from typing import Final

HOLD_S: Final = 1.5
FALL_DB_PER_S: Final = 20.0 / 1.7
"""How fast a held peak comes down after `HOLD_S`: the return time of IEC 60268-10, type I."""
FRESH_S: Final = 5.0
"""How long what happened once is shown as happening: long enough to look up from an instrument."""


class PeakHold:
    """The greatest level of the last while, and whether it was too much.

    Parameters
    ----------
    clip_db : float, dBFS
        What counts as clipped.
    """

    def __init__(self, clip_db: float = 0.0) -> None:
        self.held_db = -120.0
        self.clipped = False
        self._clip_db = clip_db
        self._held_s = self._clipped_s = self._heard_s = 0.0

    def hear(self, level_db: float, now_s: float) -> None:
        """Take a peak level, in dBFS, at a time that does not go back."""
        passed_s, self._heard_s = now_s - self._heard_s, now_s
        if level_db >= self.held_db:
            self.held_db, self._held_s = level_db, now_s
        elif now_s - self._held_s > HOLD_S:
            self.held_db = max(level_db, self.held_db - FALL_DB_PER_S * passed_s)
        if level_db >= self._clip_db:
            self.clipped, self._clipped_s = True, now_s
        elif self.clipped and now_s - self._clipped_s > FRESH_S:
            self.clipped = False

    @property
    def said(self) -> str:
        """The held level as text, in dBFS; what no meter shows is -inf."""
        return f"{self.held_db:.1f}" if self.held_db > -60.0 else "-inf"

    def forget_clip(self) -> None:
        """Somebody has seen it."""
        self.clipped = False


class Holds:
    """What the meters of left and right remember.

    Parameters
    ----------
    clip_db : float, dBFS
        What counts as clipped.
    """

    def __init__(self, clip_db: float = 0.0) -> None:
        self.sides = (PeakHold(clip_db), PeakHold(clip_db))
        self.drops = Growth()
        """When underruns were counted."""

    @property
    def clipped(self) -> bool:
        """One of its sides clipped a short while ago."""
        return any(side.clipped for side in self.sides)

    def hear(self, peak_db: tuple[float, float], now_s: float) -> None:
        """Take the peaks of both sides."""
        for side, level_db in zip(self.sides, peak_db, strict=True):
            side.hear(level_db, now_s)

    def forget_clip(self) -> None:
        """Somebody has seen it."""
        for side in self.sides:
            side.forget_clip()


class Growth:
    """A count, and whether it grew a short while ago."""

    def __init__(self) -> None:
        self._count: int | None = None
        self._grew_s = -1e9

    def fresh(self, count: int, now_s: float, lasts_s: float = FRESH_S) -> bool:
        """Take the count; whether it grew within the last `lasts_s`. What was counted before the first look is old."""
        if self._count is not None and count > self._count:
            self._grew_s = now_s
        self._count = count
        return now_s - self._grew_s < lasts_s
