"""One control over time as breakpoints: what it is at any time, and which values are due at which frames. It knows no file and no stage."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from realtime.errors import UsageError

Shape = Literal["linear", "step", "exponential"]
SHAPES: tuple[Shape, ...] = ("linear", "step", "exponential")
GRID_FRAMES = 256
"""A moving control of the mixer gets a value this often, counted from the start: a quarter of the mixer's own ramp."""
STEP_GRID_FRAMES = 512
"""A moving control of a patch: the shortest step of a bundled one. It takes one value a step, and more would only fill its queue."""


class AutomationError(UsageError):
    """An automation file cannot be read, written or played."""


class Point(NamedTuple):
    """A value at a time. `shape` is the way from here to the next point. Two points of one time are a jump."""

    time: float
    value: float
    shape: Shape = "linear"


class Timeline(Protocol):
    """Where times of a lane lie on the frame clock."""

    @property
    def start_frame(self) -> int:
        """Frame of time 0; the grid is counted from here."""

    def frame_at(self, time: float) -> int:
        """First frame at or after a time."""

    def time_at(self, frame: int) -> float:
        """Time of a frame."""


@dataclass(frozen=True)
class Even:
    """Times are seconds, or beats of one tempo, from a frame on; `unit_frames` is how many frames one lasts."""

    start_frame: int
    unit_frames: float

    def frame_at(self, time: float) -> int:
        """First frame at or after a time; a time that is a frame but for its rounding is that frame."""
        return self.start_frame + math.ceil(time * self.unit_frames - 1e-6)

    def time_at(self, frame: int) -> float:
        """Time of a frame."""
        return (frame - self.start_frame) / self.unit_frames


@dataclass(frozen=True)
class Lane:
    """Breakpoints of one address, times not falling.

    Before its first point a lane says nothing: the control stays as it is. After its last it stays there.
    """

    address: str
    points: tuple[Point, ...]

    @property
    def end(self) -> float:
        """Time of the last point."""
        return self.points[-1].time

    def at(self, time: float) -> float | None:
        """Value at a time; at a jump the later one; None before the first point."""
        index = bisect_right(self.points, time, key=lambda point: point.time) - 1
        return None if index < 0 else self.between(index, time)

    def between(self, index: int, time: float) -> float:
        """Value at a time that lies after point `index` and not after the next."""
        here = self.points[index]
        if index + 1 == len(self.points) or here.shape == "step" or time <= here.time:
            return here.value
        there = self.points[index + 1]
        if time >= there.time:
            return there.value
        share = (time - here.time) / (there.time - here.time)
        if here.shape == "exponential":
            # Over the logarithms, so that no ratio of two allowed values is too large for a float.
            logarithm = (1.0 - share) * math.log(abs(here.value)) + share * math.log(abs(there.value))
            return math.copysign(math.exp(logarithm), here.value)
        return here.value + (there.value - here.value) * share

    def moves(self, index: int) -> bool:
        """Whether the value changes on the way from point `index` to the next."""
        if index < 0 or index + 1 >= len(self.points) or self.points[index].shape == "step":
            return False
        return self.points[index].value != self.points[index + 1].value


class LaneCursor:
    """Goes along a lane, window by window: which value is due at which frame.

    At a breakpoint its own value at its own frame, between breakpoints that differ a value on every `grid_frames`. It is the same whatever
    the windows.
    """

    def __init__(self, lane: Lane, timeline: Timeline, grid_frames: int = GRID_FRAMES) -> None:
        self.lane = lane
        self._grid_frames = grid_frames
        self._timeline = timeline
        self._next = 0
        self._last: float | None = None

    def again(self, timeline: Timeline) -> None:
        """Begin at the first point again, along another timeline."""
        self._timeline = timeline
        self._next = 0
        self._last = None

    def until(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """Frames and values due from frame `start` to before `end`, in order; windows follow each other.

        What is overdue is due at `start`.
        """
        points, timeline = self.lane.points, self._timeline
        frame = start
        while True:
            at_point = max(timeline.frame_at(points[self._next].time), frame) if self._next < len(points) else end
            on_grid = self._grid(frame) if self.lane.moves(self._next - 1) else end
            due = min(at_point, on_grid)
            if due >= end:
                return
            if at_point == due:
                # Of points within one frame, the last counts.
                while self._next < len(points) and timeline.frame_at(points[self._next].time) <= due:
                    self._next += 1
                value = points[self._next - 1].value
            else:
                value = self.lane.between(self._next - 1, timeline.time_at(due))
            if value != self._last:
                self._last = value
                yield due, value
            frame = due + 1

    def _grid(self, frame: int) -> int:
        """The first frame of the grid at or after a frame."""
        origin = self._timeline.start_frame
        return origin - (origin - frame) // self._grid_frames * self._grid_frames
