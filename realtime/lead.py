"""How far ahead a deck keeps. It knows step times and blocks, nothing else.

Lead is the price of safety and the main part of latency, so it is chosen from what was measured and shown.
"""

import math

SCHEDULING_S = 0.012
"""What the system may make a deck wait for a core: three of the 4 ms slices of a busy general-purpose kernel."""
STEP_MARGIN = 1.5
"""The slowest of a few dozen measured steps is not the slowest of an evening."""
LOOP_S = 0.003
"""A deck looks at its ring at least this often."""
ROUND_FRAMES = 64
MIN_LEAD_FRAMES = 256


def least_lead(block_frames: int, sample_rate_hz: int) -> int:
    """Lead in frames below which every block would run dry: one block and one turn of the deck's loop."""
    return block_frames + math.ceil(LOOP_S * sample_rate_hz)


def choose_lead(step_ms_p99: float, block_frames: int, sample_rate_hz: int) -> int:
    """Lead in frames for a patch whose steps take `step_ms_p99` here, under blocks of `block_frames`.

    Enough for one block, one slow step and one wait for a core, rounded up.
    """
    seconds = STEP_MARGIN * step_ms_p99 / 1000.0 + SCHEDULING_S
    frames = block_frames + math.ceil(seconds * sample_rate_hz)
    return max(MIN_LEAD_FRAMES, math.ceil(frames / ROUND_FRAMES) * ROUND_FRAMES)
