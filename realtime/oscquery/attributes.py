"""What OSCQuery says of a node: one table of attributes, and a node described by it. It knows no socket.

Source: the OSCQuery proposal of Vidvox, https://github.com/Vidvox/OSCQueryProposal (names of attributes, units).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from realtime.control.address import Address, Argument, Value
from realtime.control.table import BY_PATH
from realtime.oscquery.nodes import Node

Read = Callable[[str], tuple[Value, ...] | None]
"""The present values at a path; None where there are none. In user units."""

READ, WRITE = 1, 2
"""Bits of ACCESS."""
UNITS: Mapping[str, str] = {
    "dB": "gain.db-raw",
    "Hz": "time.hz",
    "s": "time.second",
    "ms": "time.ms",
    "bpm": "time.bpm",
    "cents": "time.cents",
    "degrees": "angle.degree",
}
"""Our units by the proposal's names; others go out as they are."""


@dataclass(frozen=True)
class Attribute:
    """One attribute. `take` gives its value for a method, or None where it has none; it is given the address and its present values."""

    name: str
    meaning: str
    take: Callable[[Address, tuple[Value, ...] | None], Any]
    extension: bool = True
    """Whether HOST_INFO names it among the extensions: those every server must have are not."""


def _needed(address: Address) -> tuple[Argument, ...]:
    """The arguments that cannot be left out."""
    return tuple(argument for argument in address.arguments if not argument.optional)


def _tags(arguments: tuple[Argument, ...]) -> str:
    # A method that wants nothing is nil's: clients draw a button for it.
    return "".join(argument.tag for argument in arguments) or "N"


def _type(address: Address, values: tuple[Value, ...] | None) -> str:
    if address.kind == "query" and values:
        return "".join("s" if isinstance(value, str) else "i" if isinstance(value, int) else "f" for value in values)
    return _tags(_needed(address))


def _access(address: Address, values: tuple[Value, ...] | None) -> int:
    if address.kind == "value":
        return READ | WRITE
    # A query that has nothing to show without being asked is asked by a message.
    return READ if address.kind == "query" and values is not None else WRITE


def _value(address: Address, values: tuple[Value, ...] | None) -> list[Value] | None:
    return None if values is None or address.kind == "command" else [_plain(value) for value in values]


def _plain(value: Value) -> Value:
    # JSON has no words for what is not finite.
    return value if isinstance(value, str) or math.isfinite(value) else 0.0


def _ranges(arguments: tuple[Argument, ...]) -> list[dict[str, Any]] | None:
    ranges = [_range(argument) for argument in arguments]
    return ranges if any(ranges) else None


def _range(argument: Argument) -> dict[str, Any]:
    """MIN and MAX or VALS of one argument. Empty where all is allowed: clients look inside without asking whether there is something."""
    if argument.choices:
        return {"VALS": list(argument.choices)}
    if argument.tag == "s":
        return {}
    as_tagged = int if argument.tag == "i" else float
    bounds = {"MIN": argument.minimum, "MAX": argument.maximum}
    return {name: as_tagged(bound) for name, bound in bounds.items() if math.isfinite(bound)}


def _range_of(address: Address, values: tuple[Value, ...] | None) -> list[dict[str, Any]] | None:
    return _ranges(_needed(address))


def _clip_modes(address: Address, values: tuple[Value, ...] | None) -> list[str | None] | None:
    modes = [_clip_mode(argument) for argument in _needed(address)]
    return modes if any(modes) else None


def _clip_mode(argument: Argument) -> str | None:
    low, high = math.isfinite(argument.minimum), math.isfinite(argument.maximum)
    if argument.tag == "s" or not (low or high):
        return None
    return "both" if low and high else "low" if low else "high"


def _units(address: Address, values: tuple[Value, ...] | None) -> list[str | None] | None:
    units = [UNITS.get(argument.unit, argument.unit) or None for argument in _needed(address)]
    return units if any(units) else None


def _overloads(address: Address, values: tuple[Value, ...] | None) -> list[dict[str, Any]] | None:
    """The longer forms: with the first optional argument, with the first two, and so on."""
    least = len(_needed(address))
    longer = []
    for number in range(least + 1, len(address.arguments) + 1):
        arguments = address.arguments[:number]
        ranges = _ranges(arguments)
        longer.append({"TYPE": _tags(arguments)} | ({"RANGE": ranges} if ranges else {}))
    return longer or None


def _description(address: Address, values: tuple[Value, ...] | None) -> str:
    row = BY_PATH.get(address.row)
    answer = f"; answers {row.answer}" if row is not None and row.answer else ""
    last = address.arguments[-1] if address.arguments else None
    more = f"; {last.name} may be given more than once" if last is not None and last.many else ""
    return address.summary + answer + more


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("TYPE", "OSC type tags of the arguments that are needed; `N` for none; of a query its answer's", _type, extension=False),
    Attribute("ACCESS", "1 can be read, 2 can be set, 3 both; a container has 0", _access),
    Attribute("VALUE", "present values, in the units of UNIT", _value),
    Attribute("RANGE", "for each argument MIN and MAX, or VALS where only some texts are allowed", _range_of),
    Attribute("CLIPMODE", "`both`: a value out of range is clipped (and reported)", _clip_modes),
    Attribute("UNIT", "for each argument its unit, by the proposal's name where it has one (`gain.db-raw`)", _units),
    Attribute("OVERLOADS", "TYPE and RANGE of the longer forms, with arguments that may be left out", _overloads),
    Attribute(
        "CRITICAL", "true for commands: better sent over the WebSocket than over UDP", lambda address, _: address.kind == "command" or None
    ),
    Attribute("TAGS", "`value`, `command` or `query`", lambda address, _: [address.kind]),
    Attribute("DESCRIPTION", "what it does, in words", _description),
)
BY_NAME: Mapping[str, Attribute] = {attribute.name: attribute for attribute in ATTRIBUTES}
STRUCTURE = ("FULL_PATH", "CONTENTS")
"""The attributes that are the tree itself."""
MESSAGES = ("LISTEN", "PATH_CHANGED")
"""What goes over the WebSocket, as HOST_INFO names it."""


def extensions() -> dict[str, bool]:
    """What HOST_INFO says of the optional parts."""
    return {attribute.name: True for attribute in ATTRIBUTES if attribute.extension} | dict.fromkeys(MESSAGES, True)


def describe(node: Node, read: Read) -> dict[str, Any]:
    """A node and all under it, as JSON."""
    described: dict[str, Any] = {"FULL_PATH": node.path}
    if node.address is None:
        described["ACCESS"] = 0
    else:
        values = _values(node.address, read)
        for attribute in ATTRIBUTES:
            found = attribute.take(node.address, values)
            if found is not None:
                described[attribute.name] = found
    if node.children or node.address is None:
        described["CONTENTS"] = {name: describe(child, read) for name, child in node.children.items()}
    return described


def attribute_of(node: Node, name: str, read: Read) -> Any:
    """One attribute of a node; None where the node has none.

    Raises
    ------
    KeyError — there is no such attribute.
    """
    if name == "FULL_PATH":
        return node.path
    if name == "CONTENTS":
        return {name: describe(child, read) for name, child in node.children.items()} if node.children or node.address is None else None
    attribute = BY_NAME[name]
    if node.address is None:
        return 0 if name == "ACCESS" else None
    return attribute.take(node.address, _values(node.address, read))


def _values(address: Address, read: Read) -> tuple[Value, ...] | None:
    return None if address.kind == "command" else read(address.path)


def attribute_table_markdown() -> str:
    """The table of the attributes for docs/osc.md."""
    rows = [
        ("FULL_PATH", "the address"),
        ("CONTENTS", "nodes under this one, by name"),
        *((each.name, each.meaning) for each in ATTRIBUTES),
    ]
    return "\n".join(["| attribute | meaning |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in rows)]) + "\n"
