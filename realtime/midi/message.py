"""The MIDI protocol as tables, and bytes into messages. It knows no port and gives no message a meaning.

The tables are the only place where a status byte or a controller with a meaning of its own is written down: the reader, the decoder and the
list in `docs/midi.md` are derived from them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SYSEX_END: Final = 0xF7
REALTIME_FROM: Final = 0xF8


@dataclass(frozen=True)
class MessageKind:
    """One row: a status byte (of channel 1 for channel messages), its data bytes, and what becomes of it."""

    name: str
    status: int
    fields: tuple[str, ...]
    becomes: str
    """What the stage makes of it, in words."""

    @property
    def has_channel(self) -> bool:
        """Whether the low half of the status byte is a channel."""
        return self.status < 0xF0


MESSAGES: Final = (
    MessageKind("note_off", 0x80, ("note", "velocity"), "note up; ends what the note gates"),
    MessageKind("note_on", 0x90, ("note", "velocity"), "note down (velocity 0: up): class, gate, velocity to a control, or a command"),
    MessageKind("poly_pressure", 0xA0, ("note", "pressure"), "control `poly`, one per note"),
    MessageKind("control_change", 0xB0, ("controller", "value"), "see the controllers below"),
    MessageKind("program_change", 0xC0, ("program",), "patch or scene, with the last bank of its channel"),
    MessageKind("channel_pressure", 0xD0, ("pressure",), "control `pressure`; on a member channel of an MPE zone `mpe_pressure`"),
    MessageKind("pitch_bend", 0xE0, ("lsb", "msb"), "control `bend`, 14 bits; on a member channel of an MPE zone `mpe_bend`"),
    MessageKind("system_exclusive", 0xF0, (), "read to its end and left alone"),
    MessageKind("quarter_frame", 0xF1, ("part",), "left alone"),
    MessageKind("song_position", 0xF2, ("lsb", "msb"), "moves the clock, in sixteenth notes"),
    MessageKind("song_select", 0xF3, ("song",), "left alone"),
    MessageKind("tune_request", 0xF6, (), "left alone"),
    MessageKind("clock", 0xF8, (), "a tick, 24 a quarter note: tempo and beat"),
    MessageKind("start", 0xFA, (), "the clock begins at the first beat"),
    MessageKind("continue", 0xFB, (), "the clock goes on where it stood"),
    MessageKind("stop", 0xFC, (), "the clock stands"),
    MessageKind("active_sensing", 0xFE, (), "left alone"),
    MessageKind("reset", 0xFF, (), "left alone"),
)
BY_NAME: Final = MappingProxyType({kind.name: kind for kind in MESSAGES})
_BY_STATUS: Final = MappingProxyType(
    {kind.status | channel: kind for kind in MESSAGES for channel in (range(16) if kind.has_channel else range(1))}
)


@dataclass(frozen=True)
class ControllerRole:
    """Controllers of a control change that mean something by themselves. All others are control `cc`, and `cc14` in pairs."""

    name: str
    controllers: tuple[int, ...]
    becomes: str


CONTROLLERS: Final = (
    ControllerRole("bank", (0, 32), "bank of the next program change, MSB and LSB; also control `cc`"),
    ControllerRole("data_entry", (6, 38), "value of the NRPN or RPN selected, MSB and LSB in either order; none selected: a control `cc`"),
    ControllerRole("slide", (74,), "on a member channel of an MPE zone `mpe_slide`, elsewhere a control `cc`"),
    ControllerRole("data_step", (96, 97), "the NRPN or RPN selected, one step up or down; none selected: a control `cc`"),
    ControllerRole("select_nrpn", (98, 99), "selects an NRPN, LSB and MSB in either order; 127 and 127: none"),
    ControllerRole("select_rpn", (100, 101), "selects an RPN, LSB and MSB in either order; 127 and 127: none"),
    ControllerRole("all_sound_off", (120,), "panic"),
    ControllerRole("reset_controllers", (121,), "bend and pressure of the channel at rest, no parameter selected"),
    ControllerRole("all_notes_off", (123,), "panic"),
    ControllerRole("channel_mode", (122, 124, 125, 126, 127), "left alone"),
)
ROLE_OF: Final = MappingProxyType({number: role.name for role in CONTROLLERS for number in role.controllers})


@dataclass(frozen=True)
class RegisteredParameter:
    """A registered parameter (RPN) that means something by itself. All others are control `rpn`."""

    name: str
    number: int
    becomes: str


PARAMETERS: Final = (
    RegisteredParameter(
        "bend_range", 0, "semitones (MSB) and cents (LSB) that an MPE zone's fingers bend, or its master; elsewhere nothing"
    ),
    RegisteredParameter("mpe_zone", 6, "on channel 1 or 16: an MPE zone with so many member channels, 0: none"),
)
PARAMETER_NUMBER: Final = MappingProxyType({row.name: row.number for row in PARAMETERS})


@dataclass(frozen=True)
class Message:
    """One whole message. `channel` is 1 to 16, 0 where the kind has none. `data` are its data bytes, 0 to 127 each."""

    kind: MessageKind
    channel: int
    data: tuple[int, ...]

    @property
    def word(self) -> int:
        """Both data bytes of a bend or a song position as one number, 0 to 16 383."""
        return self.data[0] | self.data[1] << 7


class MessageReader:
    """Bytes into messages: running status, real-time bytes inside other messages, SysEx of any length, and garbage.

    Attributes
    ----------
    refused_bytes : int
        Bytes that belonged to no whole message.

    Notes
    -----
    A SysEx is counted, not kept, so that none is too long.

    Source
    ------
    MIDI 1.0 Detailed Specification 4.2, "Running status" and "System real time messages"; written anew.
    """

    def __init__(self) -> None:
        self.refused_bytes = 0
        self._kind: MessageKind | None = None
        self._channel = 0
        self._data: list[int] = []
        self._open = False
        self._in_sysex = False

    def feed(self, data: Iterable[int]) -> list[Message]:
        """Messages that end in these bytes of a stream, in order."""
        found: list[Message] = []
        for byte in data:
            if byte >= REALTIME_FROM:
                kind = _BY_STATUS.get(byte)
                if kind is None:
                    self.refused_bytes += 1
                else:
                    found.append(Message(kind, 0, ()))
            elif byte >= 0x80:
                self._begin(byte, found)
            elif self._in_sysex:
                continue
            elif self._kind is None:
                self.refused_bytes += 1
            else:
                self._open = True
                self._data.append(byte)
                self._end(found)
        return found

    def take_packet(self, data: Sequence[int]) -> list[Message]:
        """Messages of a packet of which a driver says that it holds whole messages: nothing runs on into the next but a SysEx."""
        found = self.feed(data)
        self._drop()
        return found

    def _begin(self, byte: int, found: list[Message]) -> None:
        if byte == SYSEX_END and self._in_sysex:
            self._in_sysex = False
            found.append(Message(BY_NAME["system_exclusive"], 0, ()))
            return
        if self._in_sysex:
            # Cut off by another message: what came of it is lost, the other message is not.
            self.refused_bytes += 1
        self._drop()
        self._in_sysex = byte == BY_NAME["system_exclusive"].status
        if self._in_sysex:
            return
        self._kind = _BY_STATUS.get(byte)
        if self._kind is None:
            self.refused_bytes += 1
            return
        self._channel = (byte & 0x0F) + 1 if self._kind.has_channel else 0
        self._open = True
        self._end(found)

    def _end(self, found: list[Message]) -> None:
        assert self._kind is not None
        if len(self._data) < len(self._kind.fields):
            return
        found.append(Message(self._kind, self._channel, tuple(self._data)))
        self._data.clear()
        self._open = False
        if not self._kind.has_channel:
            # Only channel messages run on.
            self._kind = None

    def _drop(self) -> None:
        if self._open:
            self.refused_bytes += len(self._data) + 1
        self._data.clear()
        self._open = False
        self._kind = None


def midi_table_markdown() -> str:
    """The tables above as Markdown, for `docs/midi.md`."""
    rows = ["| message | status | data | becomes |", "|---|---|---|---|"]
    for kind in MESSAGES:
        status = f"{kind.status:02X}–{kind.status | 15:02X}" if kind.has_channel else f"{kind.status:02X}"
        rows.append(f"| {kind.name.replace('_', ' ')} | `{status}` | {', '.join(kind.fields) or '–'} | {kind.becomes} |")
    rows += ["", "| controllers | meaning | becomes |", "|---|---|---|"]
    for role in CONTROLLERS:
        rows.append(f"| {', '.join(map(str, role.controllers))} | {role.name.replace('_', ' ')} | {role.becomes} |")
    rows.append("| all others | – | control `cc`; n and n + 32 (n below 32) sent together also `cc14` |")
    rows += ["", "| registered parameter | meaning | becomes |", "|---|---|---|"]
    for parameter in PARAMETERS:
        rows.append(f"| {parameter.number} | {parameter.name.replace('_', ' ')} | {parameter.becomes}; also control `rpn` |")
    rows.append("| all others | – | control `rpn`; parameters of the maker's own: control `nrpn` |")
    return "\n".join(rows) + "\n"
