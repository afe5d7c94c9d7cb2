"""Every key of a mapping file: literal tables. They know names, kinds and ranges of values, not what they do.

The reader, the writer and the page `docs/midi.md` are derived from them.
"""

import math
from dataclasses import dataclass
from typing import Any

from realtime.midi.mapping import DEFAULT_STEP
from realtime.midi.programs import MAX_BANK, MAX_PROGRAM
from realtime.midi.source_pattern import CHANNELS
from realtime.midi.zones import MASTERS, MAX_MEMBERS


@dataclass(frozen=True)
class Field:
    """One key of a table.

    `kinds` are the types of TOML it may have, `least` and `most` bound a number, `default` is what a missing key means.
    """

    name: str
    kinds: tuple[type, ...]
    summary: str
    default: Any = None
    least: float = -math.inf
    most: float = math.inf
    required: bool = False


_NUMBER = (int, float)
FILE_FIELDS: tuple[Field, ...] = (
    Field("takeover", (str,), "what a control does that does not stand where its value stands: off, pickup, scale", "pickup"),
    Field("feedback", (str,), "what is sent back to controllers: none, show, move", "show"),
    Field("binding", (list,), "tables: one control, one address", ()),
    Field("program", (list,), "tables: one program change, one command", ()),
    Field("zone", (list,), "tables: one MPE zone of a controller that does not announce it", ()),
)
BINDING_FIELDS: tuple[Field, ...] = (
    Field("source", (str,), "kind of control and number, or range of numbers", required=True),
    Field("channel", (int,), "1 to 16; none: any", None, 1, CHANNELS),
    Field("port", (str,), "a piece of the port's name, `*` for any text; none: any", ""),
    Field("address", (str,), "what it moves; `@N` in the last place is the Nth the patch has", required=True),
    Field("action", (str,), "what it does there", "follow"),
    Field("minimum", _NUMBER, "value at the low end, in units of the address; none: the address's own"),
    Field("maximum", _NUMBER, "value at the high end; none: the address's own"),
    Field("curve", (str,), "linear or exponential; none: the address's own"),
    Field("invert", (bool,), "turns the control around", False),
    Field("mode", (str,), "absolute, or what sort of encoder it is", "absolute"),
    Field("step", _NUMBER, "share of the range per step of an encoder", DEFAULT_STEP),
    Field("arguments", (list,), "arguments of the command", ()),
    Field("takeover", (str,), "off, pickup or scale; none: the mapping's"),
    Field("feedback", (str,), "none, show or move; none: the mapping's, but notes none"),
)
PROGRAM_FIELDS: tuple[Field, ...] = (
    Field("program", (int,), "0 to 127, as it is sent; controllers often print one more", None, 0, MAX_PROGRAM, required=True),
    Field("bank", (int,), "0 to 16383: MSB · 128 + LSB; none: any", None, 0, MAX_BANK),
    Field("channel", (int,), "1 to 16; none: any", None, 1, CHANNELS),
    Field("port", (str,), "a piece of the port's name; none: any", ""),
    Field("address", (str,), "the command it asks for", required=True),
    Field("arguments", (list,), "arguments of the command", ()),
)
ZONE_FIELDS: tuple[Field, ...] = (
    Field("port", (str,), "a piece of the port's name, `*` for any text; none: any", ""),
    Field("master", (int,), "channel of the zone's master: 1 or 16", MASTERS[0], MASTERS[0], MASTERS[-1]),
    Field("members", (int,), "1 to 15 channels", MAX_MEMBERS, 1, MAX_MEMBERS),
)
