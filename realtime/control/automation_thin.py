"""A stream of values of one control made into few breakpoints that sound the same. It knows numbers and times, not where they come from."""

from realtime.control.address import Argument, to_share
from realtime.control.lane import Point, Shape

TOLERANCE_SHARE = 0.001
"""A breakpoint is left out where the line without it is nearer to the value than this share of the range: 0.07 dB of a gain, an eighth of a
MIDI step."""
HOLD_S = 0.06
"""A value that stood longer than this stood still; a shorter wait is a movement that was sent in pieces (30 times a second and more)."""
TICK_S = 1e-4
"""Least time between two values."""
JUMP_SHARE = 0.1
"""A change as large as this at once is a jump, not a movement."""


class Thinner:
    """Breakpoints of one control, as its values come.

    A movement is joined by lines of the control's own curve (what a fader feels as even), a rest and a jump are kept as they are.

    Parameters
    ----------
    argument : Argument
    moves : bool
        False for a switch: it only jumps.

    Thread
    ------
    Any one.

    Source
    ------
    The swinging door: E. H. Bristol, "Swinging door trending", 1990; here with the last value inside the door, so that no value between two
    breakpoints is further from their line than the tolerance.
    """

    def __init__(self, argument: Argument, moves: bool) -> None:
        self._argument = argument
        self._moves = moves and argument.tag == "f"
        self._shape: Shape = "exponential" if argument.curve == "exponential" and argument.minimum > 0.0 else "linear"
        self._points: list[Point] = []
        self._last: tuple[float, float] | None = None
        self._low = self._high = 0.0

    def __len__(self) -> int:
        return len(self._points) + 1

    def add(self, time: float, value: float) -> None:
        """The control is set to a value at a time; times do not fall, and of two that are the same the second is a tick later."""
        last = self._last
        if last is None:
            self._begin(time, value)
            return
        if value == last[1]:
            return
        time = max(time, last[0] + TICK_S)
        share, before = self._share(value), self._share(last[1])
        if not self._moves or time - last[0] > HOLD_S or abs(share - before) > JUMP_SHARE:
            self._keep(last, "step")
            self._begin(time, value)
            return
        start = self._points[-1]
        if start.time < last[0]:
            slope = (share - self._share(start.value)) / (time - start.time)
            if not self._low <= slope <= self._high:
                self._keep(last, self._shape)
        self._narrow(time, share)
        self._last = (time, value)

    def points(self) -> tuple[Point, ...]:
        """All breakpoints so far, the last value among them."""
        assert self._last is not None  # a lane is made when its first value comes
        if self._points[-1].time == self._last[0]:
            return tuple(self._points)
        return (*self._points, Point(*self._last, self._shape))

    def _begin(self, time: float, value: float) -> None:
        """A new movement, or a value that stands, begins here."""
        self._points.append(Point(time, value, self._shape))
        self._last = (time, value)
        self._low, self._high = -float("inf"), float("inf")

    def _keep(self, last: tuple[float, float], shape: Shape) -> None:
        """Make the last value a breakpoint, from which it goes on with a shape."""
        if self._points[-1].time == last[0]:
            self._points[-1] = self._points[-1]._replace(shape=shape)
        else:
            self._points.append(Point(*last, shape))
        self._low, self._high = -float("inf"), float("inf")

    def _narrow(self, time: float, share: float) -> None:
        """Keep the door no wider than what passes this value within the tolerance."""
        start = self._points[-1]
        since, from_share = time - start.time, self._share(start.value)
        self._low = max(self._low, (share - TOLERANCE_SHARE - from_share) / since)
        self._high = min(self._high, (share + TOLERANCE_SHARE - from_share) / since)

    def _share(self, value: float) -> float:
        return to_share(value, self._argument)
