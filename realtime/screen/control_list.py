"""The controls of a deck in the order a performer reads them, and their values as text. It draws nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from realtime.attach.view import StageView
from realtime.control.address import Address, Argument, Value, to_share, to_value
from realtime.screen.session import Session

Group = Literal["stage", "classes", "params"]
GROUPS: dict[Group, str] = {"stage": "level", "classes": "classes", "params": "parameters"}
"""Groups in order, and their headings."""
SILENCE = "-inf"


@dataclass(frozen=True)
class Control:
    """One control, as it is listed."""

    path: str
    label: str
    argument: Argument
    group: Group

    def text(self, value: Value) -> str:
        """A value with its unit."""
        return value_text(self.path, value, self.argument)

    @property
    def widest(self) -> int:
        """Characters of its longest value."""
        argument = self.argument
        if argument.tag == "s":
            return max((len(choice) for choice in argument.choices), default=8)
        return max(len(self.text(value)) for value in (argument.minimum, argument.maximum, to_value(0.4321, argument)))

    @property
    def origin(self) -> float:
        """Share of the range that its bar begins at: zero where zero is inside, otherwise the lowest value."""
        argument = self.argument
        if argument.tag == "s" or not argument.minimum < 0.0 < argument.maximum or argument.unit == "dB":
            return 0.0
        return to_share(0.0, argument)


def controls(addresses: Mapping[str, Address], deck: int, labels: Mapping[str, str]) -> list[Control]:
    """The controls of a deck: gain and pan, classes, then parameters. What is there under a second name is listed once.

    Parameters
    ----------
    addresses : mapping
        The namespace.
    deck : int
        From 1.
    labels : mapping
        Address -> what a person calls it.
    """
    prefix = f"/deck/{deck}/"
    found: dict[Group, list[Control]] = {group: [] for group in GROUPS}
    for path, address in addresses.items():
        group = _group(path.removeprefix(prefix)) if path.startswith(prefix) and address.kind == "value" else None
        if group is not None:
            label = labels.get(path) or path.rpartition("/")[2].replace("_", " ")
            found[group].append(Control(path, label, address.argument, group))
    # A class is a parameter too: both addresses have its one argument.
    doubles = {control.argument.name for control in found["classes"]}
    found["params"] = [control for control in found["params"] if control.argument.name not in doubles]
    return [control for group in GROUPS for control in found[group]]


def control_paths(view: StageView, deck: int) -> list[str]:
    """Addresses of a deck's controls, in the order in which they are listed.

    Parameters
    ----------
    view : StageView
    deck : int
        From 1; a deck that is not there has none.
    """
    return [control.path for control in controls(view.addresses, deck, {})]


def _group(name: str) -> Group | None:
    """Group of what stands after `/deck/N/`; None for letters of the head and for short names of parameters."""
    kind, _, rest = name.partition("/")
    if rest:
        return "classes" if kind == "class" else "params" if kind == "param" else None
    return "stage" if name in ("gain", "pan") else None


def value_text(path: str, value: Value, argument: Argument) -> str:
    """A value with its unit, as precise as its range asks for."""
    if isinstance(value, str):
        return value
    unit = f" {argument.unit}" if argument.unit else ""
    if argument.tag == "i":
        return f"{value:.0f}{unit}"
    if argument.unit == "dB":
        return f"{SILENCE}{unit}" if value <= argument.minimum else f"{value:+.1f}{unit}"
    if path.endswith("/pan"):
        return "centre" if abs(value) < 0.005 else f"{'left' if value < 0.0 else 'right'} {abs(value):.2f}"
    if argument.curve == "exponential":
        digits = 0 if abs(value) >= 100.0 else 1 if abs(value) >= 10.0 else 2
    else:
        span = argument.maximum - argument.minimum
        digits = 2 if span <= 10.0 else 1 if span <= 100.0 else 0
    sign = "+" if argument.minimum < 0.0 else ""
    return f"{value:{sign}.{digits}f}{unit}"


def value_at(share: float, argument: Argument) -> Value:
    """The value at a share of an argument's way, of the kind that the argument wants."""
    share = min(max(share, 0.0), 1.0)
    if argument.choices:
        return argument.choices[min(int(share * len(argument.choices)), len(argument.choices) - 1)]
    value = to_value(share, argument)
    return int(value) if argument.tag == "i" else value


def next_choice(argument: Argument, value: Value) -> str:
    """The choice after this one of an argument that has choices; the first after what is none of them."""
    place = argument.choices.index(str(value)) + 1 if value in argument.choices else 0
    return argument.choices[place % len(argument.choices)]


def share_of(value: Value, argument: Argument) -> float:
    """Where a value stands on its argument's way, 0 to 1. A text that is no choice stands at the beginning."""
    if argument.choices:
        last = len(argument.choices) - 1
        return argument.choices.index(str(value)) / last if last and value in argument.choices else 0.0
    return 0.0 if isinstance(value, str) else to_share(float(value), argument)


def keep_selected(session: Session, deck: int, listed: list[Control]) -> str:
    """The selected control of a deck; its first where none is, or where the one there was is gone. Empty: it has none."""
    chosen = session.selected.get(deck, "")
    if not any(control.path == chosen for control in listed):
        chosen = listed[0].path if listed else ""
        session.selected[deck] = chosen
    return chosen
