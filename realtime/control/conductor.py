"""The thread that does things at their time on the stage clock. It knows frames and tickers, not what is done."""

import heapq
import threading
from collections.abc import Callable
from itertools import count
from typing import Protocol

AHEAD_S = 0.12
"""A scheduled change is handed over this long before it sounds: longer than any usual lead and any usual wait for a core."""
LOOK_S = 0.05
"""It looks round at least this often."""
MOST_WAITING = 8192
STUMBLE_LIMIT = 3


class Clock(Protocol):
    """The stage clock as it can be asked from any thread."""

    def now(self) -> int:
        """Frames since the stream opened."""

    def at_unix_s(self, unix_s: float) -> int:
        """The frame that sounds at a wall-clock time."""


class Ticker(Protocol):
    """Something that goes on in time."""

    def tick(self, frame: int) -> int | None:
        """Do what is due at `frame`; returns the frame it wants to be called at next, None: not until it is woken."""


class Conductor:
    """Calls what is due.

    Parameters
    ----------
    clock : Clock
    sample_rate_hz : int
    complain : callable
        Told what a ticker or a job did wrong.

    Thread
    ------
    Its own; `at`, `add`, `wake` and `clear` from any. A ticker is never called by two threads at a time.
    """

    def __init__(self, clock: Clock, sample_rate_hz: int, complain: Callable[[str], None]) -> None:
        self._clock = clock
        self._rate = sample_rate_hz
        self._complain = complain
        self._changed = threading.Condition()
        self._order = count()
        self._due: list[tuple[int, int, Callable[[], None], bool]] = []
        self._tickers: dict[Ticker, int | None] = {}
        self._woken = False
        self._stop = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Jobs that wait for their time."""
        return len(self._due)

    def at(self, frame: int, job: Callable[[], None], *, sure: bool = False) -> bool:
        """Have a job done at a frame, late ones at once, those of one frame in order; False where too many wait.

        One that is `sure` ends what is begun already: there is always room for it, and `clear` leaves it.
        """
        with self._changed:
            if len(self._due) >= MOST_WAITING and not sure:
                return False
            heapq.heappush(self._due, (frame, next(self._order), job, sure))
            self._changed.notify()
            return True

    def add(self, ticker: Ticker) -> None:
        """Call a ticker from now on."""
        with self._changed:
            self._tickers[ticker] = 0
            self._changed.notify()

    def wake(self) -> None:
        """Call every ticker soon."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def clear(self) -> None:
        """Forget every job that waits, but those that are sure."""
        with self._changed:
            self._due = [entry for entry in self._due if entry[3]]
            heapq.heapify(self._due)

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name="conductor", daemon=True)
        self._thread.start()

    def close(self, limit_s: float) -> None:
        """End; what waits is not done."""
        with self._changed:
            self._stop = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(limit_s)

    def _work(self) -> None:
        while not self._stop:
            next_frame = self.turn()
            with self._changed:
                if self._woken or self._stop:
                    continue
                wait_s = LOOK_S if next_frame is None else (next_frame - self._clock.now()) / self._rate
                if self._due:
                    wait_s = min(wait_s, (self._due[0][0] - self._clock.now()) / self._rate)
                if wait_s > 0.0:
                    self._changed.wait(min(wait_s, LOOK_S))

    def turn(self) -> int | None:
        """Do what is due now; returns the frame of what comes next, None for nothing."""
        frame = self._clock.now()
        while True:
            with self._changed:
                if not self._due or self._due[0][0] > frame:
                    break
                job = heapq.heappop(self._due)[2]
            self._do(job)
        with self._changed:
            woken, self._woken = self._woken, False
            tickers = [t for t, due in self._tickers.items() if woken or (due is not None and due <= frame)]
        for ticker in tickers:
            self._tickers[ticker] = self._call(ticker, frame)
        with self._changed:
            frames = [due for due in self._tickers.values() if due is not None]
            if self._due:
                frames.append(self._due[0][0])
        return min(frames, default=None)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - as for a ticker
            self._complain(f"something scheduled went wrong: {type(error).__name__}: {error}")

    def _call(self, ticker: Ticker, frame: int) -> int | None:
        try:
            return ticker.tick(frame)
        except Exception as error:  # noqa: BLE001 - one thing that goes wrong must not stop all others that go on in time
            self._complain(f"{type(ticker).__name__} stumbled: {type(error).__name__}: {error}")
            return frame + self._rate
