"""Bars: meters with peak hold and clip, faders, sliders. They know levels and shares, nothing of what has them."""

from functools import lru_cache
from typing import Final

from rich.segment import Segment

from realtime.screen.sheet import Row
from realtime.screen.themes import Inks

EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
SOLID: Final = "▇"
"""Cell of a bar: an eighth is left free, so that bars below each other stay apart."""
RISING: Final = " ▁▂▃▄▅▆▇█"
HANDLE: Final = "●"
MID_DB: Final = -12.0
"""From here a meter is in its middle zone: where loud passages are meant to be."""
HIGH_DB: Final = -3.0
"""From here the limiter works: its knee is at -3.1 dBFS (`realtime.kernels.limiter`)."""
METER_SIDE: Final = 7
"""Cells beside a meter."""
_SCALE: Final = ((-60.0, 2.5), (-50.0, 7.5), (-40.0, 15.0), (-30.0, 30.0), (-20.0, 50.0), (0.0, 100.0))


def level_share(level_db: float) -> float:
    """Where a level stands on a meter, 0 to 1.

    Source
    ------
    Scale of IEC 60268-18 in per cent, from -60 dBFS on, where a meter of a few dozen cells begins.
    """
    low_db, low = _SCALE[0]
    begin, end = low, _SCALE[-1][1]
    for high_db, high in _SCALE[1:]:
        if level_db < high_db:
            at = low + (high - low) * (max(level_db, low_db) - low_db) / (high_db - low_db)
            return (at - begin) / (end - begin)
        low_db, low = high_db, high
    return 1.0


def held_level(held: str, clipped: bool, inks: Inks, ground: str = "background") -> Row:
    """What stands beside a meter, `METER_SIDE` cells: the held peak in dBFS, or the word CLIP."""
    if clipped:
        return [Segment(" ", inks("dim", ground)), Segment(" CLIP ", inks("meter-high", ground, bold=True, reverse=True))]
    return [Segment(held.rjust(METER_SIDE - 1) + " ", inks("foreground", ground, bold=True))]


def bar_text(width: int, eighths: int, solid: str = SOLID) -> str:
    """A bar of so many eighths of a cell, at most `width` cells."""
    full, part = divmod(max(0, min(eighths, width * 8)), 8)
    return solid * full + (EIGHTHS[part] if part else "")


def cell(share: float, width: int) -> int:
    """The cell of a bar that a share of its way is at."""
    return min(max(int(share * (width - 1) + 0.5), 0), width - 1)


def meter_cells(rms_db: float, peak_db: float, held_db: float, width: int) -> tuple[int, int, int]:
    """A meter in steps: eighths of a cell to the mean level, cells to the peak, and the cell of the held peak (-1: none)."""
    held = level_share(held_db)
    return (
        int(level_share(rms_db) * width * 8.0),
        round(level_share(peak_db) * width),
        min(int(held * width), width - 1) if held > 0.0 else -1,
    )


@lru_cache(256)
def _zone_cells(width: int) -> tuple[int, int]:
    return int(level_share(MID_DB) * width), int(level_share(HIGH_DB) * width)


@lru_cache(4096)
def meter(width: int, cells: tuple[int, int, int], inks: Inks, ground: str = "background", solid: str = SOLID, thin: str = "━") -> Row:
    """A meter: a solid bar to the mean level, a thin one to the peak, and a mark at the held peak."""
    eighths, peak, held = cells
    bar = bar_text(width, eighths, solid)
    lit = max(len(bar), min(peak, width))
    text = bar + thin * (lit - len(bar)) + "─" * (width - lit)
    mid, high = _zone_cells(width)
    low_ink, mid_ink, high_ink, track = (inks(name, ground) for name in ("meter-low", "meter-mid", "meter-high", "track"))
    row = _zones(text, (min(mid, lit), low_ink), (min(high, lit), mid_ink), (lit, high_ink), (max(held, lit), track))
    if held >= lit:
        row.append(Segment("┃", high_ink if held >= high else mid_ink if held >= mid else low_ink))
    at = sum(len(segment.text) for segment in row)
    if at < width:
        row.append(Segment(text[at:], track))
    return row


def _zones(text: str, *zones: tuple[int, object]) -> Row:
    row, at = [], 0
    for end, ink in zones:
        if end > at:
            row.append(Segment(text[at:end], ink))  # type: ignore[arg-type]
            at = end
    return row


@lru_cache(4096)
def fader(width: int, eighths: int, ink: str, inks: Inks, ground: str = "background") -> Row:
    """How much of something there is: a bar from the left, `eighths` of a cell long."""
    bar = bar_text(width, eighths)
    rest = "·" * (width - len(bar))
    row = [Segment(bar, inks(ink, ground))] if bar else []
    return [*row, Segment(rest, inks("track", ground))] if rest else row


@lru_cache(4096)
def slider(width: int, at: int, origin: int, ink: str, inks: Inks, ground: str = "background") -> Row:
    """Where something stands: a line from the cell `origin` to a handle at the cell `at`."""
    low, high = min(at, origin), max(at, origin)
    track, line = inks("track", ground), inks(ink, ground)
    pieces = (("─" * low, track), ("━" * (at - low), line), (HANDLE, line), ("━" * (high - at), line), ("─" * (width - 1 - high), track))
    return [Segment(text, style) for text, style in pieces if text]


def tiny(level_db: float) -> str:
    """A meter of one cell."""
    return RISING[min(8, int(level_share(level_db) * 8.0 + 0.999))]
