"""A deck in the mixer: its two rings, its gains, its meters and its stem. It knows one deck, not the sum of them.

Two rings cross-fade into one sound; samples that are no numbers are replaced before anything is done with them; gain, pan, mute and solo
are one gain for each channel, which always moves along a ramp. All state advances frame by frame.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import load_acquire, store_release
from realtime.kernels.ring import read
from realtime.kernels.targets import journal
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

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
def settled(value: float) -> float:
    """`value`, or 0 when it has decayed to nothing."""
    return np.float32(0.0) if abs(value) < SILENCE else value


@njit(f"void({WORDS}, {FLOATS}, int64, int64, int64, boolean, int64, int64)", cache=True, nogil=True)
def _note_flow(words: Words, floats: Floats, frame: int, deck: int, index: int, flowed: bool, count: int, missing: int) -> None:
    """Tell the journal at which frames of the last `count` a ring began to flow and ran dry; `flowed` is whether it did before."""
    flows = words[at.W_DECKS + deck * at.DECK_WORDS + at.D_RINGS + index * at.RING_WORDS + at.R_FLOWING] == 1
    if not flowed and (flows or missing < count):
        journal(words, floats, frame, at.J_FLOW, deck, index, np.float32(1.0))
    if not flows and (flowed or missing < count):
        journal(words, floats, frame + count - missing, at.J_DRY, deck, index, np.float32(0.0))


@njit(f"boolean({WORDS}, {FLOATS}, int64, int64, int64, int64, float32)", cache=True, nogil=True)
def mix_rings(words: Words, floats: Floats, frame: int, deck: int, count: int, out: int, presence_step: float) -> bool:
    """Fill `count` frames at `out` with the cross-fade of a deck's two rings, counting what is missing; false if neither sounds."""
    base = at.W_DECKS + deck * at.DECK_WORDS
    state = at.F_DECKS + deck * at.DECK_FLOATS + at.DF_RINGS
    active = words[base + at.D_ACTIVE_SET]
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
        _note_flow(words, floats, frame, deck, index, flowing == 1, count, missing)
        for i in range(count):
            presence = ramp(presence, target, presence_step)
            # Equal power (the two presences add up to 1): cos and sin of the same angle.
            gain = np.float32(1.0) if presence == 1.0 else np.float32(math.sin(_HALF_PI * presence))
            floats[out + 2 * i] += floats[scratch + 2 * i] * gain
            floats[out + 2 * i + 1] += floats[scratch + 2 * i + 1] * gain
        floats[ring_state + at.RF_PRESENCE] = presence
    return sounds


@njit(f"float32({FLOATS}, int64, int64, boolean)", cache=True, nogil=True)
def _channel_target(floats: Floats, deck: int, channel: int, any_solo: bool) -> float:
    """Gain that a channel (0 left, 1 right) of a deck moves to: gain, pan, mute and solo in one."""
    values = at.F_DECKS + deck * at.DECK_FLOATS + at.DF_SET
    gain = floats[values + at.DF_GAIN]
    if floats[values + at.DF_MUTE] != 0.0 or (any_solo and floats[values + at.DF_SOLO] == 0.0):
        gain = np.float32(0.0)
    # Equal-power pan, 0 dB in the centre: a stereo patch is balanced, a mono patch placed.
    angle = (floats[values + at.DF_PAN] + 1.0) * (math.pi / 4)
    side = math.cos(angle) if channel == 0 else math.sin(angle)
    return np.float32(gain * min(1.0, math.sqrt(2.0) * side))


@njit(f"void({FLOATS}, int64, int64, boolean, float32)", cache=True, nogil=True)
def rest_deck(floats: Floats, deck: int, count: int, any_solo: bool, gain_step: float) -> None:
    """A deck that does not sound: its meters fall at once, its gains go on moving, so that they do not depend on when it fell silent."""
    state = at.F_DECKS + deck * at.DECK_FLOATS
    for channel in range(at.CHANNELS):
        gain = floats[state + at.DF_LEFT_NOW + channel]
        target = _channel_target(floats, deck, channel, any_solo)
        for _ in range(count):
            if gain == target:
                break
            gain = ramp(gain, target, gain_step)
        floats[state + at.DF_LEFT_NOW + channel] = gain
    for i in range(2):
        floats[state + at.DF_PEAK + i] = 0.0
        floats[state + at.DF_SQUARE + i] = 0.0
        floats[state + at.DF_LAST + i] = 0.0


@njit(f"int64({WORDS}, int64, int64)", cache=True, nogil=True)
def _stem_room(words: Words, base: int, count: int) -> int:
    """Of `count` frames, those that the stem of the deck at `base` has room for; the others are counted."""
    room = at.STEM_FRAMES - (words[base + at.D_STEM_HEAD] - load_acquire(words, base + at.D_STEM_TAIL))
    kept = min(count, max(room, 0))
    words[base + at.D_STEM_DROPPED] += count - kept
    return kept


@njit(f"void({WORDS}, {FLOATS}, int64, int64)", cache=True, nogil=True)
def silent_stem(words: Words, floats: Floats, deck: int, count: int) -> None:
    """Put `count` frames of silence in a deck's stem: all taps count the same frames."""
    base = at.W_DECKS + deck * at.DECK_WORDS
    head = words[base + at.D_STEM_HEAD]
    kept = _stem_room(words, base, count)
    for i in range(kept):
        slot = at.F_STEMS + deck * at.STEM_FRAMES * at.CHANNELS + 2 * ((head + i) & at.STEM_MASK)
        floats[slot] = 0.0
        floats[slot + 1] = 0.0
    store_release(words, base + at.D_STEM_HEAD, head + kept)


@njit(f"void({WORDS}, {FLOATS}, int64, int64, boolean, float32, float32, float32[:, ::1], int64, boolean)", cache=True, nogil=True)
def mix_deck(
    words: Words,
    floats: Floats,
    deck: int,
    count: int,
    any_solo: bool,
    gain_step: float,
    meter: float,
    out: Floats,
    start: int,
    tapped: bool,
) -> None:
    """Add `count` frames of the deck in scratch to `out` from row `start`: finite check, gain, pan, mute, solo, meters, stem."""
    base = at.W_DECKS + deck * at.DECK_WORDS
    state = at.F_DECKS + deck * at.DECK_FLOATS
    left_target = _channel_target(floats, deck, 0, any_solo)
    right_target = _channel_target(floats, deck, 1, any_solo)
    left_gain = floats[state + at.DF_LEFT_NOW]
    right_gain = floats[state + at.DF_RIGHT_NOW]
    left_last = floats[state + at.DF_LAST]
    right_last = floats[state + at.DF_LAST + 1]
    left_peak = floats[state + at.DF_PEAK]
    right_peak = floats[state + at.DF_PEAK + 1]
    left_square = floats[state + at.DF_SQUARE]
    right_square = floats[state + at.DF_SQUARE + 1]
    nonfinite = 0
    head = words[base + at.D_STEM_HEAD]
    kept = _stem_room(words, base, count) if tapped else 0
    stem = at.F_STEMS + deck * at.STEM_FRAMES * at.CHANNELS
    for i in range(count):
        left = floats[at.F_SCRATCH + 2 * i]
        right = floats[at.F_SCRATCH + 2 * i + 1]
        # Before any clamp: a clamp turns NaN into full scale. The last good sample dies away instead.
        if not (abs(left) < LOUDEST and abs(right) < LOUDEST):
            nonfinite += 1
            left = settled(left_last * np.float32(0.99))
            right = settled(right_last * np.float32(0.99))
        left_last = left
        right_last = right
        left_gain = ramp(left_gain, left_target, gain_step)
        right_gain = ramp(right_gain, right_target, gain_step)
        left *= left_gain
        right *= right_gain
        out[start + i, 0] += left
        out[start + i, 1] += right
        if i < kept:
            slot = stem + 2 * ((head + i) & at.STEM_MASK)
            floats[slot] = left
            floats[slot + 1] = right
        left_peak = max(abs(left), left_peak * (np.float32(1.0) - meter))
        right_peak = max(abs(right), right_peak * (np.float32(1.0) - meter))
        left_square += meter * (left * left - left_square)
        right_square += meter * (right * right - right_square)
    floats[state + at.DF_LEFT_NOW] = left_gain
    floats[state + at.DF_RIGHT_NOW] = right_gain
    floats[state + at.DF_LAST] = left_last
    floats[state + at.DF_LAST + 1] = right_last
    floats[state + at.DF_PEAK] = settled(left_peak)
    floats[state + at.DF_PEAK + 1] = settled(right_peak)
    floats[state + at.DF_SQUARE] = settled(left_square)
    floats[state + at.DF_SQUARE + 1] = settled(right_square)
    words[base + at.D_NONFINITE] += nonfinite
    words[at.W_NONFINITE] += nonfinite
    if tapped:
        store_release(words, base + at.D_STEM_HEAD, head + kept)
