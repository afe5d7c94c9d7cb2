"""The moment that something waits for which is to begin on a bar. It knows the beat, not what begins."""

from realtime.control.transport import Transport

LATE_S = 0.25
"""A boundary found further back than this was not passed but jumped over."""


class Downbeat:
    """The moment something quantised begins: the next multiple of the quantum, or at once where no clock runs.

    While it waits it follows a tempo that changes, a song that jumps and a clock that stops (then it is now). Once it is past it stays.

    Parameters
    ----------
    transport : Transport
    frame : int
        Not before this one.

    Thread
    ------
    The conductor's.
    """

    def __init__(self, transport: Transport, frame: int) -> None:
        self._transport = transport
        self._late = round(LATE_S * transport.sample_rate_hz)
        self._beat = transport.next_boundary(frame)
        self._frame = frame if self._beat is None else None

    @property
    def beat(self) -> float | None:
        """The beat it falls on; None where no clock runs."""
        return self._beat

    def frame(self, now: int) -> int:
        """The frame it falls on, as far as is known `now`."""
        if self._beat is None or self._frame is not None:
            assert self._frame is not None  # without a beat there is a frame from the beginning
            return self._frame
        coming = self._transport.next_boundary(now)
        at = self._transport.frame_of(self._beat)
        if coming is None or at is None:
            self._beat, self._frame = None, now
            return now
        if coming < self._beat:
            # The song went back: an earlier boundary comes first.
            self._beat = coming
            back = self._transport.frame_of(coming)
            at = now if back is None else back
        if at < now - self._late:
            self._beat, self._frame = self._transport.beat_at(now), now
            return now
        if at <= now:
            self._frame = at
        return at
