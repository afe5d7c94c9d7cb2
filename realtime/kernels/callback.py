"""The audio callback as machine code: what PortAudio calls, and the loop that paces it where there is no sound hardware.

It knows PortAudio's C signature and the mixer. The callback never takes the interpreter's lock, allocates, waits, logs or raises; a status
flag of the device is counted, not handled.
"""

import numpy as np
from numba import carray, cfunc, njit, types

from realtime.kernels import layout as at
from realtime.kernels.atomics import address_of, as_float_pointer, as_word_pointer, load_acquire
from realtime.kernels.clock import now_ns, sleep_us, thread_id
from realtime.kernels.input import hear
from realtime.kernels.mixer import mix
from realtime.kernels.stage_clock import place_clock
from realtime.kernels.views import FLOATS, WORDS, Floats, Words

_INPUT_OVERFLOW = 0x2  # paInputOverflow, portaudio.h
_OUTPUT_UNDERFLOW = 0x4  # paOutputUnderflow
_CONTINUE = 0  # paContinue
_LATE_PERIODS = 8


class Line:
    """What a stream hands to every call of `stream_callback`: where the shared block is, and whether the stream may mix.

    A stream that has stopped calling cannot always be closed, and may call again at any time: cut off, it gets silence and touches nothing.
    One that begins can show first that it calls.

    Parameters
    ----------
    block_address : int

    Thread
    ------
    Control. It has to live as long as its stream.
    """

    def __init__(self, block_address: int) -> None:
        self._words = np.array([block_address, 1, 0, 0], np.int64)

    @property
    def address(self) -> int:
        """The callback's user data."""
        return int(self._words.ctypes.data)

    def cut(self) -> None:
        """Let it mix no more, from its next call on."""
        self._words[1] = 0

    def join(self) -> None:
        """Let it mix, from its next call on."""
        self._words[1] = 1

    @property
    def idle_calls(self) -> int:
        """Calls while it was cut off."""
        return int(self._words[2])

    @property
    def idle_frames(self) -> int:
        """The longest block that was asked for meanwhile."""
        return int(self._words[3])


@njit(f"void({WORDS}, {FLOATS}, float32[::1], float32[:, ::1])", cache=True, nogil=True)
def timed_mix(words: Words, floats: Floats, source: Floats, out: Floats) -> None:
    """Make the next block, take the input that came with it (`source`, interleaved; empty: none), note how long it took. Audio thread."""
    clock = words[at.W_NOW : at.W_NOW + 2]
    started = now_ns(clock)
    if words[at.W_THREAD_ID] == 0:
        words[at.W_THREAD_ID] = thread_id()
    place_clock(words, started, out.shape[0])
    mix(words, floats, out)
    hear(words, floats, source, out)
    duration = now_ns(clock) - started
    words[at.W_TIMINGS + words[at.W_CALLBACKS] % at.TIMINGS] = duration
    words[at.W_CALLBACK_MAX_NS] = max(words[at.W_CALLBACK_MAX_NS], duration)
    words[at.W_CALLBACKS] += 1


_SIGNATURE = types.int32(
    types.CPointer(types.float32),
    types.CPointer(types.float32),
    types.ulong,
    types.voidptr,
    types.ulong,
    types.CPointer(types.int64),
)


@cfunc(_SIGNATURE, cache=True)
def stream_callback(source, output, frames, time_info, flags, line):  # type: ignore[no-untyped-def]
    """PaStreamCallback: `output` is float32 interleaved stereo of `frames`, `line` the address of a `Line`.

    `source` is float32 interleaved of as many channels as the block says the input has, or NULL.
    """
    place = carray(line, 4, np.int64)
    if load_acquire(place, 1) == 0:
        place[3] = max(place[3], np.int64(frames))
        place[2] += 1
        carray(output, np.intp(frames) * at.CHANNELS, np.float32)[:] = np.float32(0.0)
        return _CONTINUE
    block = as_word_pointer(place[0])
    words = carray(block, at.BLOCK_BYTES // 8, np.int64)
    floats = carray(as_float_pointer(block), at.BLOCK_BYTES // 4, np.float32)
    out = carray(output, (np.intp(frames), at.CHANNELS), np.float32)
    if flags & _OUTPUT_UNDERFLOW:
        words[at.W_DEVICE_XRUNS] += 1
    if flags & _INPUT_OVERFLOW:
        words[at.W_INPUT_OVERFLOWS] += 1
    heard = carray(source, (np.intp(frames) * words[at.W_INPUT_CHANNELS],), np.float32)
    timed_mix(words, floats, heard if address_of(heard) != 0 else heard[:0], out)
    return _CONTINUE


@njit(f"void({WORDS}, {FLOATS}, float32[:, ::1], int64[::1], int64[::1])", cache=True, nogil=True)
def pace(words: Words, floats: Floats, out: Floats, stop: Words, scratch: Words) -> None:
    """Ask for blocks at the rate a device would, until `stop[0]` is not 0.

    Parameters
    ----------
    words, floats : the shared block
    out : float32 array, shape (T, 2)
        The block, overwritten and thrown away.
    stop : int64 array, shape (1,)
    scratch : int64 array, shape (2,)

    Thread
    ------
    Audio, of the device `null`: the whole loop runs without the interpreter's lock.
    """
    frames = out.shape[0]
    rate = words[at.W_SAMPLE_RATE_HZ]
    silence = np.ravel(out)[:0]
    started = now_ns(scratch)
    blocks = 0
    while load_acquire(stop, 0) == 0:
        timed_mix(words, floats, silence, out)
        blocks += 1
        due = started + blocks * frames * 1_000_000_000 // rate
        left = due - now_ns(scratch)
        while left > 0 and load_acquire(stop, 0) == 0:
            sleep_us(left // 1000)
            left = due - now_ns(scratch)
        if -left > _LATE_PERIODS * frames * 1_000_000_000 // rate:
            # The machine slept: go on from now, as a device would, instead of racing to catch up.
            words[at.W_DEVICE_XRUNS] += 1
            started = now_ns(scratch)
            blocks = 0
