"""The mixer: decks in, stereo out, one call per block. It knows the shared block and nothing else.

The sum of the decks (`realtime.kernels.deck_mixer`), the master gain, the fade of start and stop, the gate of a panic, the limiter, meters,
the tap and the frame clock. All state advances frame by frame and every gain moves along a ramp, so that a stream is the same whatever the
block sizes it is asked for in. What it heeds it has from `realtime.kernels.targets`: a value changes where a block begins, or at the frame
it is scheduled for.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.deck_mixer import mix_deck, mix_rings, ramp, rest_deck, settled, silent_stem
from realtime.kernels.limiter import RELEASE_S, follow, soft_gain
from realtime.kernels.schedule import admit, next_due
from realtime.kernels.targets import apply_due, look
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

METER_S = 0.3
"""Time constant of the meters: the integration of a VU meter."""
GATE_S = 0.008
"""A panic silences everything in this time, whatever else fades."""


@njit(f"void({WORDS}, {FLOATS}, float32[:, ::1], int64, int64, float32, float32, boolean)", cache=True, nogil=True)
def _finish(words: Words, floats: Floats, out: Floats, start: int, count: int, gain_step: float, meter: float, tapped: bool) -> None:
    """Master gain, start and stop fade, gate, limiter, meters and tap over `count` rows of `out` from `start`, in place."""
    rate = float(words[at.W_SAMPLE_RATE_HZ])
    release = np.float32(math.exp(-1.0 / (RELEASE_S * rate)))
    gate_step = np.float32(1.0 / (GATE_S * rate))
    gain_target = floats[at.F_MASTER_SET]
    run_target = np.float32(1.0) if words[at.W_RUN_SET] != 0 else np.float32(0.0)
    gate_target = np.float32(1.0) if words[at.W_GATE_SET] != 0 else np.float32(0.0)
    gain = floats[at.F_MASTER_NOW]
    run = floats[at.F_RUN_NOW]
    gate = floats[at.F_GATE_NOW]
    envelope = floats[at.F_ENVELOPE]
    left_peak = floats[at.F_MASTER_PEAK]
    right_peak = floats[at.F_MASTER_PEAK + 1]
    left_square = floats[at.F_MASTER_SQUARE]
    right_square = floats[at.F_MASTER_SQUARE + 1]
    limited = 0
    for i in range(start, start + count):
        gain = ramp(gain, gain_target, gain_step)
        run = ramp(run, run_target, gain_step * np.float32(0.25))
        gate = ramp(gate, gate_target, gate_step)
        left = out[i, 0] * gain * run * gate
        right = out[i, 1] * gain * run * gate
        envelope = follow(envelope, max(abs(left), abs(right)), release)
        reduction = soft_gain(envelope)
        if reduction < 1.0:
            limited += 1
            left *= reduction
            right *= reduction
        out[i, 0] = left
        out[i, 1] = right
        left_peak = max(abs(left), left_peak * (np.float32(1.0) - meter))
        right_peak = max(abs(right), right_peak * (np.float32(1.0) - meter))
        left_square += meter * (left * left - left_square)
        right_square += meter * (right * right - right_square)
    floats[at.F_MASTER_NOW] = gain
    floats[at.F_RUN_NOW] = run
    floats[at.F_GATE_NOW] = gate
    floats[at.F_ENVELOPE] = settled(envelope)
    floats[at.F_MASTER_PEAK] = settled(left_peak)
    floats[at.F_MASTER_PEAK + 1] = settled(right_peak)
    floats[at.F_MASTER_SQUARE] = settled(left_square)
    floats[at.F_MASTER_SQUARE + 1] = settled(right_square)
    words[at.W_LIMITED] += limited
    if tapped:
        head = words[at.W_TAP_HEAD]
        room = at.TAP_FRAMES - (head - load_acquire(words, at.W_TAP_TAIL))
        kept = min(count, max(room, 0))
        for i in range(kept):
            slot = at.F_TAP + 2 * ((head + i) & at.TAP_MASK)
            floats[slot] = out[start + i, 0]
            floats[slot + 1] = out[start + i, 1]
        words[at.W_TAP_DROPPED] += count - kept
        store_release(words, at.W_TAP_HEAD, head + kept)


@njit(f"boolean({WORDS}, {FLOATS})", cache=True, nogil=True)
def _any_solo(words: Words, floats: Floats) -> bool:
    """Whether a deck that something is loaded in is played solo."""
    for deck in range(at.MAX_DECKS):
        solo = floats[at.F_DECKS + deck * at.DECK_FLOATS + at.DF_SET + at.DF_SOLO] != 0.0
        if solo and words[at.W_DECKS + deck * at.DECK_WORDS + at.D_ACTIVE_SET] >= 0:
            return True
    return False


@njit(f"void({WORDS}, int64, int64)", cache=True, nogil=True)
def _place_taps(words: Words, clock: int, taps: int) -> None:
    """Say which frame of the clock stands at which place of every tap that is on, before anything is put there."""
    if taps & 1 == 1:
        words[at.W_TAP_OFFSET] = clock - words[at.W_TAP_HEAD]
    for deck in range(at.MAX_DECKS):
        if (taps >> (1 + deck)) & 1 == 1:
            base = at.W_DECKS + deck * at.DECK_WORDS
            words[base + at.D_STEM_OFFSET] = clock - words[base + at.D_STEM_HEAD]


@njit(f"void({WORDS}, {FLOATS}, float32[:, ::1])", cache=True, nogil=True)
def mix(words: Words, floats: Floats, out: Floats) -> None:
    """Make the next block.

    Parameters
    ----------
    words, floats : the shared block
    out : float32 array, shape (T, 2), linear amplitude
        Overwritten completely, whatever happens. Any T.

    Raises
    ------
    Nothing: audio path.

    Thread
    ------
    Audio. No allocation, no lock, no interpreter.
    """
    frames = out.shape[0]
    clock = words[at.W_CLOCK]
    rate = float(words[at.W_SAMPLE_RATE_HZ])
    gain_step = np.float32(1.0 / max(words[at.W_RAMP_FRAMES], 1))
    presence_step = np.float32(1.0 / max(words[at.W_FADE_FRAMES], 1))
    meter = np.float32(1.0 - math.exp(-1.0 / (METER_S * rate)))
    # Once for the whole block, so that taps that are turned on together begin together.
    taps = load_acquire(words, at.W_TAP_ON)
    _place_taps(words, clock, taps)
    start = 0
    while start < frames:
        frame = clock + start
        admit(words, floats, at.W_SCHEDULE, at.F_SCHEDULE, at.SCHEDULE_SLOTS, at.W_WAITING, at.F_WAITING)
        apply_due(words, floats, frame)
        if start == 0:
            # After what is late: a value that the host has set since is newer.
            look(words, floats, clock)
        count = min(frames - start, at.PIECE_FRAMES, next_due(words, at.W_WAITING) - frame)
        any_solo = _any_solo(words, floats)
        for i in range(start, start + count):
            out[i, 0] = 0.0
            out[i, 1] = 0.0
        for deck in range(at.MAX_DECKS):
            tapped = (taps >> (1 + deck)) & 1 == 1
            if mix_rings(words, floats, frame, deck, count, at.F_SCRATCH, presence_step):
                mix_deck(words, floats, deck, count, any_solo, gain_step, meter, out, start, tapped)
            else:
                rest_deck(floats, deck, count, any_solo, gain_step)
                if tapped:
                    silent_stem(words, floats, deck, count)
        _finish(words, floats, out, start, count, gain_step, meter, taps & 1 == 1)
        start += count
    words[at.W_BLOCK_FRAMES] = frames
    store_release(words, at.W_CLOCK, clock + frames)
