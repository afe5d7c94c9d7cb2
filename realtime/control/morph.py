"""The way from what is to a scene, little by little. It knows scenes and controls, no clock and no sound.

While a morph goes on, each control is set about a hundred times a second, and the mixer's and the patch's own smoothing joins the steps. A
control that stands where the morph did not put it was moved by somebody: it is theirs until the morph is over.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from realtime.control.address import Address, Argument, to_share, to_value
from realtime.control.outcome import Origin
from realtime.control.scene import Message, Scene
from realtime.controls import SILENCE_DB, decibels, linear_gain

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

SWITCHES = frozenset({"mute", "solo", "freeze"})
"""Controls of every deck that are on or off: they flip in the middle."""
REMEMBERED = 256
"""Values of a control that may be on their way behind a patch that loads: over two seconds of them."""
_SAME_SHARE = 1e-6
"""Values this near are one: controls are float32 on their way."""

Way = Callable[[float], float]
"""A control's value at a share of the morph, 0 to 1."""


def way(row: str, argument: Argument, start: float, end: float) -> Way:
    """How a control gets from one value to another.

    Gains keep their power: the squares of the amplitudes move as cos² and sin², so the sum of two decks that change places stays level.
    Switches and whole numbers flip in the middle. All others move evenly along their own curve.

    Parameters
    ----------
    row : str
        Row of the table.
    argument : Argument
    start, end : float, user units
    """
    if argument.tag == "i" or row.rpartition("/")[2] in SWITCHES:
        return lambda share: start if share < 0.5 else end
    if argument.unit == "dB":
        return lambda share: min(max(_gain(start, end, share), argument.minimum), argument.maximum)
    low, high = to_share(start, argument), to_share(end, argument)
    return lambda share: start if share <= 0.0 else end if share >= 1.0 else to_value(low + (high - low) * share, argument)


def _gain(start_db: float, end_db: float, share: float) -> float:
    if share <= 0.0 or share >= 1.0:
        return start_db if share <= 0.0 else end_db
    angle = share * math.pi / 2.0
    amplitude = math.hypot(linear_gain(start_db) * math.cos(angle), linear_gain(end_db) * math.sin(angle))
    return max(decibels(amplitude), SILENCE_DB)


@dataclass
class _Move:
    """One control on its way. `put` are the shares of its range it was at lately, the latest first."""

    argument: Argument
    way: Way
    put: deque[float]
    last: float

    def is_here(self, value: float) -> bool:
        """Whether the control stands where it was put, if not by the last value then by one before it."""
        share = to_share(value, self.argument)
        return any(abs(share - put) <= _SAME_SHARE for put in self.put)


class Morph:
    """One way from what is to a scene.

    Thread: the conductor's.
    """

    def __init__(self, core: "ControlCore", scene: Scene, seconds: float, start_frame: int, origin: Origin) -> None:
        self._core = core
        self.scene = scene
        self._frames = max(1, round(seconds * core.sample_rate_hz))
        self._start = start_frame
        self._origin = origin
        self._moves: dict[str, _Move] = {}
        self._flipped = False
        snapshot = core.stage.snapshot()
        # A deck that changes its patch does so in the middle; until then only what every deck has can move.
        # Another seed of the same patch would begin it anew, and is left to a recall.
        self._late = [number for number, (deck, now) in enumerate(zip(scene.decks, snapshot.decks, strict=False)) if not deck.plays(now)]
        staying = {message[0] for number in self._late for message in scene.decks[number].patch_values(number)}
        addresses = core.addresses()
        for path, (value,) in scene.values():
            address = addresses.get(path)
            now = core.read(path)
            if address is not None and path not in staying and now is not None and now != (value,):
                self._add(address, float(now[0]), float(value))

    def _add(self, address: Address, start: float, end: float) -> None:
        argument = address.argument
        end = min(max(end, argument.minimum), argument.maximum)
        put = deque([to_share(start, argument)], maxlen=REMEMBERED)
        self._moves[address.path] = _Move(argument, way(address.row, argument, start, end), put, start)

    @property
    def moving(self) -> int:
        """Controls that move."""
        return len(self._moves)

    def share(self, frame: int) -> float:
        """How far it is at a frame, 0 to 1."""
        return min(max((frame - self._start) / self._frames, 0.0), 1.0)

    def step(self, frame: int) -> bool:
        """Put every control where it is at a frame; returns whether the morph goes on."""
        share = self.share(frame)
        if share >= 0.5 and not self._flipped:
            self._flipped = True
            for message in self._changes():
                self._core.request(*message, self._origin)
        # All are looked at before any is set: to set one makes the core look at the whole stage again.
        here = {path: self._core.read(path) for path in self._moves}
        for path, now in here.items():
            # It has gone with its patch, or somebody has it in hand.
            if now is None or not self._moves[path].is_here(float(now[0])):
                del self._moves[path]
        for path, move in self._moves.items():
            value = move.way(share)
            if value != move.last:
                move.last = value
                move.put.appendleft(to_share(value, move.argument))
                self._core.request(path, (value,), self._origin)
        return share < 1.0

    def _changes(self) -> list[Message]:
        snapshot = self._core.stage.snapshot()
        return [
            message
            for number in self._late
            for message in (*self.scene.decks[number].changes(snapshot.decks[number]), *self.scene.decks[number].patch_values(number))
        ]
