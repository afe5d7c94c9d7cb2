"""The mixer: decks in, stereo out, one call per block. It knows the shared block and nothing else.

Per deck: cross-fade of its two rings, finite check, gain, pan, mute, solo. Then the sum, the master gain, the fade of start and stop, the
limiter, meters, the tap and the frame clock. All state advances frame by frame and every gain moves along a ramp, so that a stream is
the same whatever the block sizes it is asked for in.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.limiter import RELEASE_S, follow, soft_gain
from realtime.kernels.ring import read
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

METER_S = 0.3
"""Time constant of the meters: the integration of a VU meter."""
LOUDEST = 1e6
"""A sample at or above this (120 dB over full scale), or that is no number, is a model that has gone wrong; below it no gain overflows."""
SILENCE = 1e-12
"""State that has decayed below this is set to 0: numbers near the smallest ones cost processors a hundred times as long."""
_HALF_PI = math.pi / 2


@njit("float32(float32, float32, float32)", cache=True, nogil=True)
def ramp(now: float, target: float, step: float) -> float:
    """`now` moved towards `target` by at most `step`."""
    difference = target - now
    if difference > step:
        return now + step
    if difference < -step:
        return now - step
    return target


@njit("float32(float32)", cache=True, nogil=True)
def _settled(value: float) -> float:
    """`value`, or 0 when it has decayed to nothing."""
    return np.float32(0.0) if abs(value) < SILENCE else value


@njit(f"boolean({WORDS}, {FLOATS}, int64, int64, int64, float32)", cache=True, nogil=True)
def _mix_rings(words: Words, floats: Floats, deck: int, count: int, out: int, presence_step: float) -> bool:
    """Fill `count` frames at `out` with the cross-fade of a deck's two rings, counting what is missing; false if neither sounds."""
    base = at.W_DECKS + deck * at.DECK_WORDS
    state = at.F_DECKS + deck * at.DECK_FLOATS + at.DF_RINGS
    active = load_acquire(words, base + at.D_ACTIVE)
    lead = words[base + at.D_LEAD_FRAMES]
    scratch = at.F_SCRATCH + at.PIECE_FRAMES * at.CHANNELS
    sounds = False
    for index in range(at.RINGS):
        ring = base + at.D_RINGS + index * at.RING_WORDS
        ring_state = state + index * at.RING_FLOATS
        presence = floats[ring_state + at.RF_PRESENCE]
        target = np.float32(1.0) if index == active else np.float32(0.0)
        if presence == 0.0 and target == 0.0:
            continue
        if not sounds:
            sounds = True
            for i in range(2 * count):
                floats[out + i] = 0.0
        flowing = words[ring + at.R_FLOWING]
        missing = read(words, floats, ring, ring_state, ring_state + at.RF_DATA, lead, scratch, count)
        if index == active and words[ring + at.R_CONSUMED] == 1:
            words[base + at.D_MISSING_FRAMES] += missing
            if flowing == 1 and words[ring + at.R_FLOWING] == 0:
                words[base + at.D_UNDERRUNS] += 1
        for i in range(count):
            presence = ramp(presence, target, presence_step)
            # Equal power (the two presences add up to 1): cos and sin of the same angle.
            gain = np.float32(1.0) if presence == 1.0 else np.float32(math.sin(_HALF_PI * presence))
            floats[out + 2 * i] += floats[scratch + 2 * i] * gain
            floats[out + 2 * i + 1] += floats[scratch + 2 * i + 1] * gain
        floats[ring_state + at.RF_PRESENCE] = presence
    return sounds


@njit(f"void({FLOATS}, int64)", cache=True, nogil=True)
def _rest_deck(floats: Floats, deck: int) -> None:
    """Meters of a deck that does not sound. Its gains stay, to move by a ramp when it sounds again."""
    state = at.F_DECKS + deck * at.DECK_FLOATS
    for i in range(2):
        floats[state + at.DF_PEAK + i] = 0.0
        floats[state + at.DF_SQUARE + i] = 0.0
        floats[state + at.DF_LAST + i] = 0.0


@njit(f"void({WORDS}, {FLOATS}, int64, int64, boolean, float32, float32, float32[:, ::1], int64)", cache=True, nogil=True)
def _mix_deck(
    words: Words,
    floats: Floats,
    deck: int,
    count: int,
    any_solo: bool,
    gain_step: float,
    meter: float,
    out: Floats,
    start: int,
) -> None:
    """Add `count` frames of the deck in scratch to `out` from row `start`: finite check, gain, pan, mute, solo, meters."""
    base = at.W_DECKS + deck * at.DECK_WORDS
    state = at.F_DECKS + deck * at.DECK_FLOATS
    gain = floats[state + at.DF_GAIN]
    if floats[state + at.DF_MUTE] != 0.0 or (any_solo and floats[state + at.DF_SOLO] == 0.0):
        gain = np.float32(0.0)
    # Equal-power pan, 0 dB in the centre: a stereo patch is balanced, a mono patch placed.
    angle = (floats[state + at.DF_PAN] + 1.0) * (math.pi / 4)
    left_target = np.float32(gain * min(1.0, math.sqrt(2.0) * math.cos(angle)))
    right_target = np.float32(gain * min(1.0, math.sqrt(2.0) * math.sin(angle)))
    left_gain = floats[state + at.DF_LEFT_NOW]
    right_gain = floats[state + at.DF_RIGHT_NOW]
    left_last = floats[state + at.DF_LAST]
    right_last = floats[state + at.DF_LAST + 1]
    left_peak = floats[state + at.DF_PEAK]
    right_peak = floats[state + at.DF_PEAK + 1]
    left_square = floats[state + at.DF_SQUARE]
    right_square = floats[state + at.DF_SQUARE + 1]
    nonfinite = 0
    for i in range(count):
        left = floats[at.F_SCRATCH + 2 * i]
        right = floats[at.F_SCRATCH + 2 * i + 1]
        # Before any clamp: a clamp turns NaN into full scale. The last good sample dies away instead.
        if not (abs(left) < LOUDEST and abs(right) < LOUDEST):
            nonfinite += 1
            left = left_last * np.float32(0.99)
            right = right_last * np.float32(0.99)
        left_last = left
        right_last = right
        left_gain = ramp(left_gain, left_target, gain_step)
        right_gain = ramp(right_gain, right_target, gain_step)
        left *= left_gain
        right *= right_gain
        out[start + i, 0] += left
        out[start + i, 1] += right
        left_peak = max(abs(left), left_peak * (np.float32(1.0) - meter))
        right_peak = max(abs(right), right_peak * (np.float32(1.0) - meter))
        left_square += meter * (left * left - left_square)
        right_square += meter * (right * right - right_square)
    floats[state + at.DF_LEFT_NOW] = left_gain
    floats[state + at.DF_RIGHT_NOW] = right_gain
    floats[state + at.DF_LAST] = _settled(left_last)
    floats[state + at.DF_LAST + 1] = _settled(right_last)
    floats[state + at.DF_PEAK] = _settled(left_peak)
    floats[state + at.DF_PEAK + 1] = _settled(right_peak)
    floats[state + at.DF_SQUARE] = _settled(left_square)
    floats[state + at.DF_SQUARE + 1] = _settled(right_square)
    words[base + at.D_NONFINITE] += nonfinite
    words[at.W_NONFINITE] += nonfinite


@njit(f"void({WORDS}, {FLOATS}, float32[:, ::1], int64, int64, float32, float32)", cache=True, nogil=True)
def _finish(words: Words, floats: Floats, out: Floats, start: int, count: int, gain_step: float, meter: float) -> None:
    """Master gain, start and stop fade, limiter, meters and tap over `count` rows of `out` from `start`, in place."""
    rate = float(words[at.W_SAMPLE_RATE_HZ])
    release = np.float32(math.exp(-1.0 / (RELEASE_S * rate)))
    gain_target = floats[at.F_MASTER_GAIN]
    run_target = np.float32(1.0) if words[at.W_RUN] != 0 else np.float32(0.0)
    gain = floats[at.F_MASTER_NOW]
    run = floats[at.F_RUN_NOW]
    envelope = floats[at.F_ENVELOPE]
    left_peak = floats[at.F_MASTER_PEAK]
    right_peak = floats[at.F_MASTER_PEAK + 1]
    left_square = floats[at.F_MASTER_SQUARE]
    right_square = floats[at.F_MASTER_SQUARE + 1]
    limited = 0
    for i in range(start, start + count):
        gain = ramp(gain, gain_target, gain_step)
        run = ramp(run, run_target, gain_step * np.float32(0.25))
        left = out[i, 0] * gain * run
        right = out[i, 1] * gain * run
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
    floats[at.F_ENVELOPE] = _settled(envelope)
    floats[at.F_MASTER_PEAK] = _settled(left_peak)
    floats[at.F_MASTER_PEAK + 1] = _settled(right_peak)
    floats[at.F_MASTER_SQUARE] = _settled(left_square)
    floats[at.F_MASTER_SQUARE + 1] = _settled(right_square)
    words[at.W_LIMITED] += limited
    if words[at.W_TAP_ON] != 0:
        head = words[at.W_TAP_HEAD]
        room = at.TAP_FRAMES - (head - load_acquire(words, at.W_TAP_TAIL))
        kept = min(count, max(room, 0))
        for i in range(kept):
            slot = at.F_TAP + 2 * ((head + i) & at.TAP_MASK)
            floats[slot] = out[start + i, 0]
            floats[slot + 1] = out[start + i, 1]
        words[at.W_TAP_DROPPED] += count - kept
        store_release(words, at.W_TAP_HEAD, head + kept)


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
    rate = float(words[at.W_SAMPLE_RATE_HZ])
    gain_step = np.float32(1.0 / max(words[at.W_RAMP_FRAMES], 1))
    presence_step = np.float32(1.0 / max(words[at.W_FADE_FRAMES], 1))
    meter = np.float32(1.0 - math.exp(-1.0 / (METER_S * rate)))
    any_solo = False
    for deck in range(at.MAX_DECKS):
        solo = floats[at.F_DECKS + deck * at.DECK_FLOATS + at.DF_SOLO] != 0.0
        if solo and words[at.W_DECKS + deck * at.DECK_WORDS + at.D_ACTIVE] >= 0:
            any_solo = True
    start = 0
    while start < frames:
        count = min(frames - start, at.PIECE_FRAMES)
        for i in range(start, start + count):
            out[i, 0] = 0.0
            out[i, 1] = 0.0
        for deck in range(at.MAX_DECKS):
            if _mix_rings(words, floats, deck, count, at.F_SCRATCH, presence_step):
                _mix_deck(words, floats, deck, count, any_solo, gain_step, meter, out, start)
            else:
                _rest_deck(floats, deck)
        _finish(words, floats, out, start, count, gain_step, meter)
        start += count
    words[at.W_BLOCK_FRAMES] = frames
    store_release(words, at.W_CLOCK, words[at.W_CLOCK] + frames)
