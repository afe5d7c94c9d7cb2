"""How far ahead a deck keeps. It knows step times and blocks, nothing else.

Lead is the price of safety and the main part of latency, so it is chosen from what was measured and shown.
"""

import math

import numpy as np

from realtime.kernels.views import Floats

SCHEDULING_S = 0.012
"""What the system may make a deck wait for a core: three of the 4 ms slices of a busy general-purpose kernel."""
STEP_MARGIN = 1.5
"""The slowest of a few dozen measured steps is not the slowest of an evening."""
LOOP_S = 0.003
"""A deck looks at its ring at least this often."""
ALWAYS_WAITED_PERCENTILE = 10.0
"""A step that waits for something of its own, such as a graphics card, waits every time; for a core it waits now and then."""
ROUND_FRAMES = 64
MIN_LEAD_FRAMES = 256


def least_lead(block_frames: int, sample_rate_hz: int) -> int:
    """Lead in frames below which every block would run dry: one block and one turn of the deck's loop."""
    return block_frames + math.ceil(LOOP_S * sample_rate_hz)


def slow_step_ms(elapsed_ms: Floats, worked_ms: Floats) -> float:
    """What a slow step takes by itself: the 99th percentile of its work, and what every step waits for.

    Without the waits for a core: `choose_lead` has room for those, and the ones of the moment in which a patch is loaded say nothing about
    the evening, at whose other end the lead would still be as long.

    Parameters
    ----------
    elapsed_ms, worked_ms : arrays, shape (N,)
        Of each measured step: how long it took, and how long this process was at work meanwhile.
    """
    always_ms = max(float(np.percentile(elapsed_ms - worked_ms, ALWAYS_WAITED_PERCENTILE)), 0.0)
    # Several threads work longer than they take.
    return min(float(np.percentile(worked_ms, 99)) + always_ms, float(np.percentile(elapsed_ms, 99)))


def choose_lead(step_ms_p99: float, block_frames: int, sample_rate_hz: int) -> int:
    """Lead in frames for a patch whose steps take `step_ms_p99` here, under blocks of `block_frames`.

    Enough for one block, one slow step and one wait for a core, rounded up.
    """
    seconds = STEP_MARGIN * step_ms_p99 / 1000.0 + SCHEDULING_S
    frames = block_frames + math.ceil(seconds * sample_rate_hz)
    return max(MIN_LEAD_FRAMES, math.ceil(frames / ROUND_FRAMES) * ROUND_FRAMES)
