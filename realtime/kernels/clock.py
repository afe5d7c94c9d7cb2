"""The monotonic clock and a sleep, callable from compiled code without the interpreter. They know nothing of audio.

The functions of the operating system are named symbols, not ctypes pointers, because Numba cannot keep a kernel that holds a pointer in
its cache on disk.
"""

import sys

import numpy as np
from numba import njit, types

from realtime.kernels.atomics import address_of
from realtime.kernels.views import Words

_MONOTONIC_CLOCK = 6 if sys.platform == "darwin" else 1

if sys.platform == "win32":  # not tested on hardware: milliseconds are all the pacing of the null device needs
    _tick_count = types.ExternalFunction("GetTickCount64", types.uint64())
    _sleep_ms = types.ExternalFunction("Sleep", types.void(types.uint32))

    @njit("int64(int64[::1])", cache=True, nogil=True)
    def now_ns(scratch: Words) -> int:
        """Monotonic time in ns."""
        return np.int64(_tick_count()) * 1_000_000

    @njit("void(int64)", cache=True, nogil=True)
    def sleep_us(duration_us: int) -> None:
        """Sleep at least `duration_us` microseconds."""
        _sleep_ms(np.uint32(max(1, duration_us // 1000)))

    @njit("int64()", cache=True, nogil=True)
    def thread_id() -> int:
        """No thread id that another thread could raise the priority of."""
        return np.int64(0)

else:
    _clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))
    _usleep = types.ExternalFunction("usleep", types.int32(types.uint32))

    @njit("int64(int64[::1])", cache=True, nogil=True)
    def now_ns(scratch: Words) -> int:
        """Monotonic time in ns, the clock of ``time.monotonic_ns``.

        Parameters
        ----------
        scratch : int64 array, shape (2,)
            Overwritten with seconds and nanoseconds.

        Thread
        ------
        Any. Allocates nothing.
        """
        _clock_gettime(np.int32(_MONOTONIC_CLOCK), address_of(scratch))
        return scratch[0] * 1_000_000_000 + scratch[1]

    @njit("void(int64)", cache=True, nogil=True)
    def sleep_us(duration_us: int) -> None:
        """Sleep at least `duration_us` microseconds (at most a second at a time)."""
        _usleep(np.uint32(min(max(duration_us, 0), 999_999)))

    if sys.platform == "linux":
        _gettid = types.ExternalFunction("gettid", types.int32())

        @njit("int64()", cache=True, nogil=True)
        def thread_id() -> int:
            """The kernel's id of the calling thread, so that the host can ask for its priority."""
            return np.int64(_gettid())

    else:

        @njit("int64()", cache=True, nogil=True)
        def thread_id() -> int:
            """No thread id that another thread could raise the priority of."""
            return np.int64(0)
