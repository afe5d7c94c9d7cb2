"""A message that went by, in words for a screen. It knows OSC's values and MIDI's bytes, not who keeps or shows the words."""

import json
from typing import Final

from realtime.control.address import Value
from realtime.control.traffic import Passed
from realtime.midi.message import BY_NAME, MessageReader
from realtime.plain import plain

MOST_CHARACTERS: Final = 240
"""Longer ones are cut: an address and the reason of a refusal fit."""
_MOST_VALUES: Final = 32
_SYSEX: Final = BY_NAME["system_exclusive"]


def describe(passed: Passed) -> str:
    """Who and what: `127.0.0.1:57120  /deck/1/gain -3.0`. No character of it does anything to a terminal."""
    said = passed.said
    text = plain(f"{passed.who}  {_midi(said) if isinstance(said, bytes) else _osc(*said)}")
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _osc(path: str, values: tuple[Value, ...]) -> str:
    more = ["…"] if len(values) > _MOST_VALUES else []
    return " ".join((path, *map(_value, values[:_MOST_VALUES]), *more))


def _value(value: Value) -> str:
    """A value with its type to be seen: 1 is whole, 1.0 is not, "1" is a text."""
    if isinstance(value, str):
        return json.dumps(value[:MOST_CHARACTERS], ensure_ascii=False)
    if isinstance(value, float):
        # Seven digits are all that 32 bits have.
        short = f"{value:.7g}"
        return f"{short}.0" if short.lstrip("-").isdigit() else short
    return str(value)


def _midi(data: bytes) -> str:
    if data[:1] == bytes((_SYSEX.status,)):
        return f"system exclusive {data.hex(' ')}"
    found = MessageReader().take_packet(data)
    if not found:
        return f"no whole message: {data.hex(' ')}"
    said = []
    for message in found:
        channel = f"channel {message.channel} " if message.channel else ""
        said.append(" ".join((f"{channel}{message.kind.name.replace('_', ' ')}", *map(str, message.data))))
    return "; ".join(said)
