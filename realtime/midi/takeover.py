"""Soft takeover: when a control that does not stand where its value stands may move it. It knows places from 0 to 1, no MIDI.

A knob keeps its place when a patch, a scene or another hand changes the value under it. Moving it must not make the value jump.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

TakeoverMode = Literal["off", "pickup", "scale"]
TAKEOVERS: dict[TakeoverMode, str] = {
    "off": "the value jumps to the control",
    "pickup": "the control does nothing until it reaches or passes the value, then the value follows it",
    "scale": "the value moves at once, in proportion: both reach either end together, and from there they agree",
}

NEAR_STEPS = 1.5
"""A control this many of its own steps from the value has reached it: a 7-bit knob cannot come nearer than half a step."""
NEAR = 0.004
"""Nearer than this is no jump that could be heard: half a step of a 7-bit knob."""
SAME = 0.002
"""A value that differs by less from what was set was not changed by anybody else, but rounded on its way (float32, dB and back)."""


class Takeover:
    """One control over one value. All numbers are shares of the range that the control spans, 0 to 1.

    It knows whether the value still is what the control made it by looking at the value, so it survives whatever changes values: a patch, a
    scene, a morph, another controller.

    Thread
    ------
    Any one at a time.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._left: float | None = None
        self._stands = 0.0

    def present(self, stands: float) -> float:
        """The value as finely as it was set, where nobody changed it since; `stands` is where it is read now."""
        return self._left if self._left is not None and abs(stands - self._stands) <= SAME else stands

    def holds(self, stands: float) -> bool:
        """Whether the value still is what this control made it."""
        return self._left is not None and abs(stands - self._stands) <= SAME

    def take(self, mode: TakeoverMode, place: float, stands: float, top: int) -> float | None:
        """Where the value shall go, or None while it stays.

        Parameters
        ----------
        place : float, 0 to 1
            Where the control is now.
        stands : float, 0 to 1
            Where the value is now.
        top : int
            Steps of the control between its ends.
        """
        last, self._last = self._last, place
        if mode == "off":
            return place
        near = _near(place, stands, top)
        if mode == "pickup":
            passed = last is not None and (last - stands) * (place - stands) <= 0.0
            return place if near or passed or self.holds(stands) else None
        if place in (0.0, 1.0):
            return place
        if last is None:
            return place if near else None
        start = self.present(stands)
        if place > last:
            return min(start + (place - last) * (1.0 - start) / (1.0 - last), 1.0)
        if place < last:
            return max(start - (last - place) * start / last, 0.0)
        return None

    def saw(self, place: float) -> None:
        """Note where the control is, where that asks for nothing."""
        self._last = place

    def moved(self, places: Sequence[float], stands: float, top: int) -> bool:
        """Note a movement that changed nothing, place by place; whether it reached or passed the value, which the control holds then."""
        reached = any(_near(place, stands, top) for place in places)
        reached = reached or any((before - stands) * (after - stands) <= 0.0 for before, after in pairwise(places))
        self._last = places[-1]
        if reached:
            self.left_at(stands, stands)
        return reached

    def left_at(self, share: float, stands: float) -> None:
        """Note that the control put the value at `share`; `stands` is where that is read, after rounding."""
        self._left, self._stands = share, stands


def _near(place: float, stands: float, top: int) -> bool:
    return abs(place - stands) <= max(NEAR_STEPS / top, NEAR)
