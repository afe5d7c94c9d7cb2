"""The addresses that are OSC's own, as one literal table: what only makes sense to somebody who sends packets. It knows no handler.

What is about the stage is in `realtime.control.table`.
"""

from dataclasses import dataclass
from typing import Literal

from realtime.control.address import Argument

CLIENTS = 32
"""Clients that are told of changes at the same time."""
_ID_MAX = 2**31 - 1


@dataclass(frozen=True)
class OwnAddress:
    """One row. `in` is sent to us, `out` is sent by us. `reply` is what answers it."""

    path: str
    direction: Literal["in", "out"]
    arguments: tuple[Argument, ...]
    summary: str
    reply: str = ""


_TABLE: tuple[OwnAddress, ...] = (
    OwnAddress(
        "/notify",
        "in",
        (Argument("on", "i", 0, 1), Argument("number", "i", 0, CLIENTS - 1, optional=True)),
        "1: tell me of every change from now on, all present values first; 0: no more. A number asks for that place",
        "/done /notify number i, places i",
    ),
    OwnAddress(
        "/reply",
        "in",
        (Argument("port", "i", 0, 65535),),
        "send what is for me to this port of mine: I send from one and hear on another, as Max and many tablets do; 0: where I send from",
        "/done /reply port i",
    ),
    OwnAddress(
        "/sync",
        "in",
        (Argument("id", "i", -_ID_MAX - 1, _ID_MAX),),
        "answer when everything that was asked for before is done",
        "/synced id i",
    ),
    OwnAddress("/q/all", "in", (), "send every value, in bundles", "each value by its own address, then /done /q/all count i"),
    OwnAddress(
        "/q/{address}",
        "in",
        (),
        "send one value, or with a pattern several: /q/deck/1/gain, /q/deck/*/gain; a query's answer as well: /q/status",
        "each value by its own address",
    ),
    OwnAddress(
        "/done",
        "out",
        (Argument("address", "s"), Argument("value", "s", optional=True, many=True)),
        "a command is done; what follows is what it answers with",
    ),
    OwnAddress("/fail", "out", (Argument("address", "s"), Argument("why", "s")), "what was asked for at this address was refused, and why"),
    OwnAddress(
        "/clipped",
        "out",
        (Argument("address", "s"), Argument("asked", "f"), Argument("set", "f")),
        "a value was out of range: what was asked for, and the nearest that was set",
    ),
    OwnAddress("/synced", "out", (Argument("id", "i", -_ID_MAX - 1, _ID_MAX),), "answers /sync"),
)

QUERY_PREFIX = "/q/"
BY_PATH: dict[str, OwnAddress] = {row.path: row for row in _TABLE}
REPLIES = frozenset(row.path for row in _TABLE if row.direction == "out")
"""Never answered when they come in: two programs that refuse each other's refusals would never end."""


def own_addresses() -> tuple[OwnAddress, ...]:
    """The table."""
    return _TABLE
