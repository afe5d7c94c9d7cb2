"""Relative encoders, pairs of controllers, and parameters behind data entry. It knows numbers and times, not ports."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Literal

from realtime.midi.message import ROLE_OF

RelativeMode = Literal["twos_complement", "binary_offset", "sign_magnitude"]
TOP_7: Final = 127
TOP_14: Final = 16_383
PAIR_WINDOW_NS: Final = 10_000_000
"""Halves of one value come this close together: on a DIN cable a message takes 1 ms, and others may stand between them."""
QUIET_NS: Final = 30_000_000
"""After this long without either half the next half is the first of a pair, so that it tells the order. Longer than the 23 ms that the
halves can be apart when a JACK block of 1 024 frames ends between them."""
PARAMETERS_KEPT: Final = 256
"""Parameters of a channel whose halves are remembered, so that garbage cannot fill the memory."""
NULL: Final = (TOP_7, TOP_7)


def relative_step(raw: int, mode: RelativeMode) -> int:
    """Steps that a relative encoder turned, by the value of its control change: -64 to 64."""
    if mode == "twos_complement":
        return raw - 128 if raw >= 64 else raw
    if mode == "binary_offset":
        return raw - 64
    return 64 - raw if raw >= 64 else raw


@dataclass(frozen=True)
class Reading:
    """A value that is whole: `raw` of 0 to `top`."""

    raw: int
    top: int

    @property
    def value(self) -> float:
        """Share of the range, exact at both ends."""
        return self.raw / self.top


class PairReader:
    """Two 7-bit halves into one value that never jumps, whichever half comes first.

    A half waits for the other one up to `PAIR_WINDOW_NS`. The order is learned from every pair that comes after a pause. A first half alone
    (MSB: the LSB is 0; LSB: a fine step) is told when the window is over; where the order is known, a second half alone is told at once.

    Parameters
    ----------
    alone : bool
        Whether an MSB that never had an LSB is a value by itself (of 0 to 127): right for data entry, not for a controller that is told
        by itself anyway.
    """

    def __init__(self, alone: bool) -> None:
        self._alone = alone
        self._msb: int | None = None
        self._lsb = 0
        self._msb_first: bool | None = None
        self._held: tuple[bool, int, int] | None = None
        self._last_ns = -QUIET_NS
        self._single = False

    @property
    def waits(self) -> bool:
        """Whether a half waits for the other."""
        return self._held is not None

    def feed(self, is_msb: bool, half: int, ns: int) -> list[Reading]:
        """Take a half; returns the values that are whole now."""
        found = self.due(ns)
        fresh = ns - self._last_ns >= QUIET_NS
        self._last_ns = ns
        if self._held is not None:
            held_msb, held_half, _ = self._held
            if held_msb != is_msb:
                self._held = None
                self._msb_first, self._single = held_msb, False
                self._msb, self._lsb = (half, held_half) if is_msb else (held_half, half)
                return [*found, self._whole()]
            found += self._release()
        if self._single and is_msb:
            self._msb = half
            return [*found, Reading(half, TOP_7)]
        if self._msb_first is not None and not fresh and is_msb != self._msb_first:
            if is_msb:
                self._msb = half
            else:
                self._lsb = half
            return [*found, self._whole()]
        self._held = (is_msb, half, ns)
        return found

    def due(self, ns: int) -> list[Reading]:
        """The value of a half that waited long enough."""
        if self._held is None or ns - self._held[2] < PAIR_WINDOW_NS:
            return []
        return self._release()

    def flush(self) -> list[Reading]:
        """The value of a half that waits: nothing more will come."""
        return self._release() if self._held is not None else []

    def _release(self) -> list[Reading]:
        assert self._held is not None
        is_msb, half, _ = self._held
        self._held = None
        if not is_msb:
            self._lsb = half
            return [self._whole()] if self._msb_first is not None else []
        self._msb = half
        if self._msb_first is None:
            # No LSB has ever stood beside an MSB here.
            self._single = self._alone
            return [Reading(half, TOP_7)] if self._alone else []
        if self._msb_first:
            # An MSB takes the LSB back to 0 (MIDI 1.0, control change). Where the LSB goes first, the last one is this one's.
            self._lsb = 0
        return [self._whole()]

    def _whole(self) -> Reading:
        return Reading((self._msb or 0) << 7 | self._lsb, TOP_14)


ParameterKind = Literal["nrpn", "rpn"]


@dataclass(frozen=True)
class ParameterChange:
    """A parameter has a value, or goes a step. Exactly one of `reading` and `step` is there."""

    kind: ParameterKind
    number: int
    reading: Reading | None = None
    step: int | None = None


class ParameterReader:
    """NRPN and RPN of one channel: selection (in either order, 127 and 127 is none), data entry, increment and decrement."""

    def __init__(self) -> None:
        self._halves: dict[ParameterKind, dict[bool, int]] = {"nrpn": {}, "rpn": {}}
        self._kind: ParameterKind | None = None
        self._pairs: OrderedDict[tuple[ParameterKind, int], PairReader] = OrderedDict()

    @property
    def selected(self) -> tuple[ParameterKind, int] | None:
        """The parameter that data entry sets; None: none."""
        if self._kind is None:
            return None
        halves = self._halves[self._kind]
        if len(halves) < 2 or (halves[True], halves[False]) == NULL:
            return None
        return self._kind, halves[True] << 7 | halves[False]

    @property
    def waits(self) -> bool:
        """Whether a half of the parameter selected waits for the other."""
        pair = self._pairs.get(self.selected) if self.selected else None
        return pair is not None and pair.waits

    def deselect(self) -> list[ParameterChange]:
        """Select none; returns what waited."""
        found = self._flush()
        self._kind = None
        return found

    def feed(self, controller: int, value: int, ns: int) -> list[ParameterChange] | None:
        """Take a control change; returns the changes that are whole now, None if the controller does not belong to a parameter."""
        role = ROLE_OF.get(controller)
        if role in ("select_nrpn", "select_rpn"):
            found = self._flush()
            self._kind = "nrpn" if role == "select_nrpn" else "rpn"
            self._halves[self._kind][controller % 2 == 1] = value
            return found
        selected = self.selected
        if selected is None or role not in ("data_entry", "data_step"):
            return None
        kind, number = selected
        if role == "data_step":
            return [*self._flush(), ParameterChange(kind, number, step=1 if controller == 96 else -1)]
        pair = self._pairs.setdefault(selected, PairReader(alone=True))
        self._pairs.move_to_end(selected)
        while len(self._pairs) > PARAMETERS_KEPT:
            self._pairs.popitem(last=False)
        return [ParameterChange(kind, number, reading) for reading in pair.feed(controller == 6, value, ns)]

    def due(self, ns: int) -> list[ParameterChange]:
        """What waited long enough."""
        selected = self.selected
        if selected is None or selected not in self._pairs:
            return []
        return [ParameterChange(*selected, reading) for reading in self._pairs[selected].due(ns)]

    def _flush(self) -> list[ParameterChange]:
        selected = self.selected
        if selected is None or selected not in self._pairs:
            return []
        return [ParameterChange(*selected, reading) for reading in self._pairs[selected].flush()]
