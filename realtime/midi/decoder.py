"""What one port says, as events: running state of sixteen channels. It knows no port library and no address of the stage."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from realtime.midi.clock import ClockFollower
from realtime.midi.event import ControlEvent, Event, Kind, PanicEvent, ProgramEvent, Source
from realtime.midi.gesture import Gestures
from realtime.midi.message import PARAMETER_NUMBER, ROLE_OF, Message, MessageReader
from realtime.midi.parameters import TOP_7, PairReader, ParameterChange, ParameterReader, Reading

PAIRS: Final = 32
"""Controllers below have their LSB so many above."""
DATA_MSB: Final = 6
DATA_UP: Final = 96


Key = TypeVar("Key")


class PortDecoder:
    """Bytes of one port into events.

    Parameters
    ----------
    port : str
        Name that its sources carry.

    Attributes
    ----------
    reader : MessageReader
        Counts the bytes that were refused.

    Thread
    ------
    One: whoever reads the port.
    """

    def __init__(self, port: str) -> None:
        self.port = port
        self.reader = MessageReader()
        self._gestures = Gestures(port)
        self._parameters = {channel: ParameterReader() for channel in range(1, 17)}
        self._pairs: dict[tuple[int, int], PairReader] = {}
        self._waiting_pairs: set[tuple[int, int]] = set()
        self._waiting_parameters: set[int] = set()
        self._banks = {channel: [0, 0] for channel in range(1, 17)}
        self._clock = ClockFollower(Source(port, 0, "clock"))
        self._range_halves = {channel: [0, 0] for channel in range(1, 17)}
        self._take: dict[str, Callable[[Message, int], Iterator[Event]]] = {
            "note_off": self._gestures.note,
            "note_on": self._gestures.note,
            "poly_pressure": self._gestures.poly,
            "control_change": self._control,
            "program_change": self._program,
            "channel_pressure": self._gestures.pressure,
            "pitch_bend": self._gestures.bend,
            "song_position": lambda message, ns: iter((self._clock.position(message.word, ns),)),
            "clock": lambda message, ns: iter((self._clock.tick(ns),)),
            "start": lambda message, ns: iter((self._clock.start(ns),)),
            "continue": lambda message, ns: iter((self._clock.go_on(ns),)),
            "stop": lambda message, ns: iter((self._clock.stop(ns),)),
        }

    def packet(self, data: Sequence[int], ns: int) -> list[Event]:
        """Events of a packet that holds whole messages, after what waited long enough."""
        events = self.due(ns)
        for message in self.reader.take_packet(data):
            take = self._take.get(message.kind.name)
            if take is not None:
                events.extend(take(message, ns))
        return events

    def due(self, ns: int) -> list[Event]:
        """Events of halves that waited long enough for the other; call again within some ten milliseconds while `waits`."""
        events: list[Event] = []
        for channel, number in sorted(self._waiting_pairs):
            events.extend(self._pair_events(channel, number, self._pairs[channel, number].due(ns), ns))
        for channel in sorted(self._waiting_parameters):
            events.extend(self._parameter_events(channel, self._parameters[channel].due(ns), ns))
        return events

    @property
    def waits(self) -> bool:
        """Whether a half waits for the other."""
        return bool(self._waiting_pairs or self._waiting_parameters)

    def unplugged(self, ns: int) -> list[Event]:
        """The port is gone: every note that was down is up."""
        return self._gestures.end_notes(ns)

    def set_zone(self, master: int, members: int, ns: int) -> list[Event]:
        """Give an MPE zone so many member channels, as RPN 6 does; returns the ends of notes that were down on channels it touches."""
        return self._gestures.set_zone(master, members, ns)

    def _source(self, channel: int, kind: Kind, number: int = 0) -> Source:
        return Source(self.port, channel, kind, number)

    def _program(self, message: Message, ns: int) -> Iterator[Event]:
        msb, lsb = self._banks[message.channel]
        yield ProgramEvent(self._source(message.channel, "program"), msb << 7 | lsb, message.data[0], ns)

    def _control(self, message: Message, ns: int) -> Iterator[Event]:
        channel, (controller, raw) = message.channel, message.data
        role = ROLE_OF.get(controller)
        if role in ("all_sound_off", "all_notes_off"):
            self._gestures.forget_notes(channel)
            yield PanicEvent(self._source(channel, "panic"), "all_sound_off" if role == "all_sound_off" else "all_notes_off", ns)
        elif role == "reset_controllers":
            yield from self._parameter_events(channel, self._parameters[channel].deselect(), ns)
            yield from self._gestures.rest(channel, ns)
        elif role == "channel_mode":
            return
        elif role == "slide":
            yield from self._gestures.slide(message, ns)
        else:
            yield from self._parameter_or_plain(channel, controller, raw, ns)

    def _parameter_or_plain(self, channel: int, controller: int, raw: int, ns: int) -> Iterator[Event]:
        changes = self._parameters[channel].feed(controller, raw, ns)
        if changes is not None:
            if ROLE_OF[controller] in ("data_entry", "data_step"):
                yield from self._registered(channel, controller, raw, ns)
            yield from self._parameter_events(channel, changes, ns)
            return
        if ROLE_OF.get(controller) == "bank":
            self._banks[channel][controller // PAIRS] = raw
        yield ControlEvent(self._source(channel, "cc", controller), raw / TOP_7, raw, TOP_7, ns)
        if controller < 2 * PAIRS:
            number = controller % PAIRS
            pair = self._pairs.setdefault((channel, number), PairReader(alone=False))
            yield from self._pair_events(channel, number, pair.feed(controller < PAIRS, raw, ns), ns)

    def _registered(self, channel: int, controller: int, raw: int, ns: int) -> Iterator[Event]:
        # At once, not when both halves are there: a bend may follow directly.
        selected = self._parameters[channel].selected
        if selected == ("rpn", PARAMETER_NUMBER["bend_range"]):
            halves = self._range_halves[channel]
            if ROLE_OF[controller] == "data_entry":
                halves[0 if controller == DATA_MSB else 1] = raw
            else:
                cents = halves[0] * 100 + halves[1] + (1 if controller == DATA_UP else -1)
                halves[:] = divmod(min(max(cents, 0), TOP_7 * 100), 100)
            self._gestures.set_range(channel, halves[0] + halves[1] / 100)
        elif selected == ("rpn", PARAMETER_NUMBER["mpe_zone"]) and controller == DATA_MSB:
            yield from self._gestures.set_zone(channel, raw, ns)

    def _parameter_events(self, channel: int, changes: Sequence[ParameterChange], ns: int) -> Iterator[Event]:
        for change in changes:
            source = self._source(channel, change.kind, change.number)
            if change.reading is None:
                yield ControlEvent(source, None, 0, TOP_7, ns, step=change.step)
            else:
                yield ControlEvent(source, change.reading.value, change.reading.raw, change.reading.top, ns)
        self._wait(self._waiting_parameters, channel, self._parameters[channel].waits)

    def _pair_events(self, channel: int, number: int, readings: Sequence[Reading], ns: int) -> Iterator[Event]:
        for reading in readings:
            yield ControlEvent(self._source(channel, "cc14", number), reading.value, reading.raw, reading.top, ns)
        self._wait(self._waiting_pairs, (channel, number), self._pairs[channel, number].waits)

    @staticmethod
    def _wait(waiting: set[Key], key: Key, waits: bool) -> None:
        if waits:
            waiting.add(key)
        else:
            waiting.discard(key)
