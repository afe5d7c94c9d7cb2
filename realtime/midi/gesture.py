"""What fingers do on one port: notes, bends, pressure and slides of sixteen channels and of MPE zones. It knows messages, not ports."""

from collections.abc import Iterator
from typing import Final

from realtime.midi.event import ControlEvent, Event, Kind, NoteEvent, Source
from realtime.midi.message import Message
from realtime.midi.mpe import BEND_TOP, Zones, bend_raw, bend_share
from realtime.midi.parameters import TOP_7

UNKNOWN_RELEASE: Final = 64
"""Release velocity of a controller that ends notes with note-on 0 (MIDI 1.0: 64 where it is not sensed)."""


class Gestures:
    """Running state of a port's notes and bends.

    Parameters
    ----------
    port : str
        Name that its sources carry.

    Thread
    ------
    One: whoever reads the port.
    """

    def __init__(self, port: str) -> None:
        self._port = port
        self._zones = Zones()

    def note(self, message: Message, ns: int) -> Iterator[Event]:
        """Note on or off."""
        note, raw = message.data
        on = message.kind.name == "note_on" and raw > 0
        if message.kind.name == "note_on" and raw == 0:
            raw = UNKNOWN_RELEASE
        notes = self._zones[message.channel].notes
        if note in notes:
            notes.remove(note)
        if on:
            notes.append(note)
            if self._zones.master_of(message.channel) is not None:
                # A note that begins under the master's bent wheel begins bent.
                yield self._mpe_bend(message.channel, ns)
        yield self._note_event(message.channel, note, on, raw, ns)

    def _note_event(self, channel: int, note: int, on: bool, raw: int, ns: int) -> NoteEvent:
        master = self._zones.master_of(channel)
        source = self._source(master or channel, "note", note)
        member = channel if master is not None else 0
        return NoteEvent(source, on, raw / TOP_7, raw, ns, member=member)

    def _note_ends(self, channel: int, ns: int) -> list[NoteEvent]:
        return [self._note_event(channel, note, False, UNKNOWN_RELEASE, ns) for note in self._zones[channel].notes]

    def poly(self, message: Message, ns: int) -> Iterator[Event]:
        """Key pressure."""
        note, raw = message.data
        yield ControlEvent(self._source(message.channel, "poly", note), raw / TOP_7, raw, TOP_7, ns, note=note)

    def pressure(self, message: Message, ns: int) -> Iterator[Event]:
        """Channel pressure."""
        self._zones[message.channel].pressure = message.data[0]
        yield self._gesture(message.channel, "pressure", "mpe_pressure", message.data[0], ns)

    def _gesture(self, channel: int, plain: Kind, member: Kind, raw: int, ns: int, number: int = 0) -> ControlEvent:
        master = self._zones.master_of(channel)
        if master is None:
            return ControlEvent(self._source(channel, plain, number), raw / TOP_7, raw, TOP_7, ns)
        return ControlEvent(self._source(master, member), raw / TOP_7, raw, TOP_7, ns, note=self._zones.newest_note(channel))

    def bend(self, message: Message, ns: int) -> Iterator[Event]:
        """Pitch bend."""
        self._zones[message.channel].bend = bend_share(message.word)
        yield from self._bent(message.channel, ns)

    def _bent(self, channel: int, ns: int) -> Iterator[Event]:
        if self._zones.master_of(channel) is not None:
            yield self._mpe_bend(channel, ns)
            return
        state = self._zones[channel]
        source = self._source(channel, "bend")
        yield ControlEvent(source, 0.5 + 0.5 * state.bend, bend_raw(state.bend), BEND_TOP, ns)
        # The master's wheel bends every note of its zone.
        for member in self._zones.members(channel):
            if self._zones[member].notes:
                yield self._mpe_bend(member, ns)

    def _mpe_bend(self, member: int, ns: int) -> ControlEvent:
        channel = self._zones[member]
        share = self._zones.semitones(member) / channel.range_semitones if channel.range_semitones else 0.0
        source = self._source(self._zones.master_of(member) or member, "mpe_bend")
        value = 0.5 + 0.5 * min(max(share, -1.0), 1.0)
        return ControlEvent(source, value, bend_raw(channel.bend), BEND_TOP, ns, note=self._zones.newest_note(member))

    def rest(self, channel: int, ns: int) -> Iterator[Event]:
        """Reset all controllers: bend and pressure at rest."""
        state = self._zones[channel]
        bent, pressed = state.bend != 0.0, state.pressure > 0
        state.bend, state.pressure = 0.0, 0
        if bent:
            yield from self._bent(channel, ns)
        if pressed:
            yield self._gesture(channel, "pressure", "mpe_pressure", 0, ns)

    def slide(self, message: Message, ns: int) -> Iterator[Event]:
        """Control change 74."""
        controller, raw = message.data
        yield self._gesture(message.channel, "cc", "mpe_slide", raw, ns, number=controller)

    def set_zone(self, master: int, members: int, ns: int) -> list[Event]:
        """Give an MPE zone so many member channels, as RPN 6 does; returns the ends of notes that were down on channels it touches."""
        # Notes end under the names they began with.
        ends = {channel: self._note_ends(channel, ns) for channel in range(1, 17)}
        events: list[Event] = []
        for channel in self._zones.configure(master, members) or ():
            events.extend(ends[channel])
            self._zones.begin_anew(channel)
        return events

    def end_notes(self, ns: int) -> list[Event]:
        """Ends of all notes that are down: the port is gone."""
        events: list[Event] = []
        for channel in range(1, 17):
            events.extend(self._note_ends(channel, ns))
            self._zones[channel].notes.clear()
        return events

    def forget_notes(self, channel: int) -> None:
        """No note is down on this channel, or in the zone whose master it is."""
        for one in (channel, *self._zones.members(channel)):
            self._zones[one].notes.clear()

    def set_range(self, channel: int, semitones: float) -> None:
        """Bend range of a channel, or of all members of its zone: how much the master's bend is of theirs."""
        self._zones.set_range(channel, semitones)

    def _source(self, channel: int, kind: Kind, number: int = 0) -> Source:
        return Source(self._port, channel, kind, number)
