"""The live input: from the device's buffer into a ring that any number of readers follow. It knows the shared block, not who listens.

One writer, no tail: a reader keeps its own position and is told what it missed. Beside the input as the decks hear it (after gain and
feedback guard) stand the input as it came and the output of the same block, which is what the guard compares.
"""

import math

import numpy as np
from numba import njit

from realtime.kernels import layout as at
from realtime.kernels.atomics import fence_acquire, load_acquire, store_release
from realtime.kernels.deck_mixer import LOUDEST, SILENCE, ramp
from realtime.kernels.mixer import METER_S
from realtime.kernels.targets import take_cell
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

KEPT_FRAMES = at.INPUT_FRAMES - 2 * at.PIECE_FRAMES
"""Frames behind the head that are certainly whole: the writer is at most two pieces ahead of the head that is seen."""


@njit(f"void({WORDS}, {FLOATS}, float32[::1], float32[:, ::1])", cache=True, nogil=True)
def hear(words: Words, floats: Floats, source: Floats, out: Floats) -> None:
    """Append one block of input to the input ring; nothing where the stage has no input.

    Parameters
    ----------
    words, floats : the shared block
    source : float32 array, shape (T * channels,), linear amplitude
        Interleaved, of `W_INPUT_CHANNELS` channels, which are averaged. Any other length is silence.
    out : float32 array, shape (T, 2)
        The output of the same block. Any T.

    Raises
    ------
    Nothing: audio path.

    Thread
    ------
    Audio. No allocation, no lock, no interpreter.
    """
    channels = words[at.W_INPUT_CHANNELS]
    frames = out.shape[0]
    if channels <= 0:
        return
    sounds = source.shape[0] == frames * channels
    rate = float(words[at.W_SAMPLE_RATE_HZ])
    step = np.float32(1.0 / max(words[at.W_RAMP_FRAMES], 1))
    meter = np.float32(1.0 - math.exp(-1.0 / (METER_S * rate)))
    share = np.float32(1.0 / channels)
    take_cell(floats, at.F_INPUT_GAIN, at.F_MASTER_SEEN + 1, at.F_MASTER_SET + 1)
    gain_target = floats[at.F_MASTER_SET + 1]
    open_target = floats[at.F_INPUT_OPEN]
    gain = floats[at.F_INPUT_NOW]
    opened = floats[at.F_INPUT_OPEN_NOW]
    peak = floats[at.F_INPUT_PEAK]
    square = floats[at.F_INPUT_SQUARE]
    last = floats[at.F_INPUT_LAST]
    head = words[at.W_INPUT_HEAD]
    nonfinite = 0
    for i in range(frames):
        raw = np.float32(0.0)
        if sounds:
            finite = True
            for channel in range(channels):
                sample = source[i * channels + channel]
                finite = finite and abs(sample) < LOUDEST
                raw += sample
            raw *= share
            # A converter that breaks must not reach a model: the last good sample dies away instead.
            if not finite:
                nonfinite += 1
                raw = last * np.float32(0.99)
        last = raw
        gain = ramp(gain, gain_target, step)
        opened = ramp(opened, open_target, step)
        level = raw * gain
        # Metered before the guard: what comes in is seen also while nobody may hear it.
        peak = max(abs(level), peak * (np.float32(1.0) - meter))
        square += meter * (level * level - square)
        slot = (head + i) & at.INPUT_MASK
        floats[at.F_INPUT_HEARD + slot] = level * opened
        floats[at.F_INPUT_RAW + slot] = raw
        floats[at.F_INPUT_OUTPUT + slot] = np.float32(0.5) * (out[i, 0] + out[i, 1])
        if (i + 1) % at.PIECE_FRAMES == 0:
            # Piece by piece, so that a reader knows how far ahead of the head a block of any size can have written.
            store_release(words, at.W_INPUT_HEAD, head + i + 1)
    store_release(words, at.W_INPUT_HEAD, head + frames)
    floats[at.F_INPUT_NOW] = gain
    floats[at.F_INPUT_OPEN_NOW] = opened
    floats[at.F_INPUT_PEAK] = peak if peak > SILENCE else np.float32(0.0)
    floats[at.F_INPUT_SQUARE] = square if square > SILENCE else np.float32(0.0)
    floats[at.F_INPUT_LAST] = last if abs(last) > SILENCE else np.float32(0.0)
    words[at.W_INPUT_NONFINITE] += nonfinite


@njit(f"int64({WORDS})", cache=True, nogil=True)
def input_head(words: Words) -> int:
    """Frames of input since the stream opened; those before it can be copied. Any thread."""
    return load_acquire(words, at.W_INPUT_HEAD)


@njit(f"boolean({WORDS}, {FLOATS}, int64, int64, float32[::1])", cache=True, nogil=True)
def copy_input(words: Words, floats: Floats, channel: int, position: int, out: Floats) -> bool:
    """Copy frames `position` to `position` + T of one channel of the input ring, which end before its head.

    Parameters
    ----------
    words, floats : the shared block
    channel : int
        `F_INPUT_HEARD`, `F_INPUT_RAW` or `F_INPUT_OUTPUT`.
    position : int
        First frame, counted from the opening of the stream.
    out : float32 array, shape (T,)

    Returns
    -------
    bool
        False where the writer has come round in the meantime: what was copied may be torn and must not be used.

    Thread
    ------
    Any but the audio thread.
    """
    for i in range(out.shape[0]):
        out[i] = floats[channel + ((position + i) & at.INPUT_MASK)]
    fence_acquire()
    return load_acquire(words, at.W_INPUT_HEAD) - position <= KEPT_FRAMES
