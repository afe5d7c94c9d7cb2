"""What a performer does to the selected control, by keys. It knows the session, and which controls a deck has."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from realtime.control.address import Argument, Value, take_argument
from realtime.screen.control_list import control_paths
from realtime.screen.link import Told

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

COARSE: Final = 0.05
FINE: Final = 0.005
"""Shares of a control's range that one press moves it by."""


def typed_value(text: str, argument: Argument) -> tuple[Value, bool]:
    """The value somebody typed, with or without its unit, and whether it had to be brought into range.

    Raises
    ------
    ValueError — no number, or not one of the choices; the message says what is allowed.
    """
    text = text.strip()
    if argument.tag == "s":
        return take_argument(argument, text)
    plain = text.removesuffix(argument.unit).strip().replace(",", ".").replace("−", "-")
    try:
        # A seed has more digits than a float.
        number = int(plain) if argument.tag == "i" and plain.lstrip("+-").isdecimal() else float(plain)
    except ValueError:
        raise ValueError(f"{argument.name}: got {text[:40]!r}; allowed: {argument.allowed}") from None
    return take_argument(argument, number)


def ask_value(app: "StarlingScreen", title: str, argument: Argument, text: str, then: Callable[[Value], None]) -> None:
    """Ask for an argument, with `text` offered; what it cannot be is said and asked for again, and `then` gets what it is."""

    def take(typed: str) -> None:
        try:
            value, clipped = typed_value(typed, argument)
        except ValueError as error:
            app.session.say(str(error), True)
            ask_value(app, title, argument, typed, then)
            return
        then(value)
        if clipped:
            app.session.say(f"{typed} is out of range; {shown_value(value)} was taken")

    app.prompt(f"{title}: {argument.allowed}", text, take)


def shown_value(value: Value) -> str:
    """A value as it is typed."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class ControlActions:
    """Does the actions of the group `control`.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: "StarlingScreen") -> None:
        self._app = app
        self._session = app.session

    def do_control_previous(self) -> None:
        """Select the control above."""
        self._go(-1)

    def do_control_next(self) -> None:
        """Select the control below."""
        self._go(1)

    def do_control_first(self) -> None:
        """Select the first control."""
        self._select(0)

    def do_control_last(self) -> None:
        """Select the last control."""
        self._select(-1)

    def do_control_less(self) -> None:
        """A step down."""
        self._session.turn(self._session.control, -COARSE)

    def do_control_more(self) -> None:
        """A step up."""
        self._session.turn(self._session.control, COARSE)

    def do_control_less_fine(self) -> None:
        """A small step down."""
        self._session.turn(self._session.control, -FINE)

    def do_control_more_fine(self) -> None:
        """A small step up."""
        self._session.turn(self._session.control, FINE)

    def do_control_minimum(self) -> None:
        """To the lowest value."""
        self._session.turn(self._session.control, -1.0)

    def do_control_maximum(self) -> None:
        """To the highest value."""
        self._session.turn(self._session.control, 1.0)

    def do_control_default(self) -> None:
        """To the value it begins with."""
        address = self._session.address(self._session.control)
        if address is not None and address.argument.default is not None:
            self._session.set(address.path, address.argument.default)

    def do_control_type(self) -> None:
        """Ask for the value."""
        path = self._session.control
        address, value = self._session.address(path), self._session.value(path)
        if address is not None and value is not None:
            ask_value(self._app, path, address.argument, shown_value(value), partial(self._session.set, path))

    def do_control_only(self) -> None:
        """The selected class at full, the deck's others at nothing."""
        path = self._session.control
        prefix = f"/deck/{self._session.deck}/class/"
        if not path.startswith(prefix):
            self._session.say("select a class first", True)
            return
        addresses = self._session.view.addresses
        classes = [one for one, address in addresses.items() if one.startswith(prefix) and address.argument.tag == "f"]
        self._session.set_all({one: _end(addresses[one].argument, one == path) for one in classes})

    def do_control_learn(self) -> None:
        """Have the next knob moved drive the control; again leaves it."""
        path = self._session.control
        if path and self._session.view.midi.learning == path:
            self._session.ask("/midi/learn/cancel")
        elif path:
            self._session.ask("/midi/learn", path, then=self._learned)
        else:
            self._session.say("select a control first", True)

    def _learned(self, told: Told) -> None:
        if told.state == "answer" and len(told.values) > 1:
            taken = ", ".join(map(str, told.values[3:]))
            picks = "; where its badge has an arrow, turn it that way until it picks the value up"
            self._session.say(f"{told.values[1]} drives {told.values[0]}" + (f"; taken away: {taken}" if taken else picks))
        elif told.state == "done":
            self._session.say("turn a knob now")

    def do_control_unlearn(self) -> None:
        """Take every knob off the control."""
        path = self._session.control
        if path:
            self._session.ask("/midi/unlearn", path)
        else:
            self._session.say("select a control first", True)

    def _paths(self) -> list[str]:
        return control_paths(self._session.view, self._session.deck)

    def _go(self, by: int) -> None:
        paths, path = self._paths(), self._session.control
        place = paths.index(path) + by if path in paths else 0
        self._select(max(0, min(place, len(paths) - 1)))

    def _select(self, place: int) -> None:
        paths = self._paths()
        if paths:
            self._app.select(self._session.deck, paths[place])


def _end(argument: Argument, highest: bool) -> float:
    return argument.maximum if highest else argument.minimum
