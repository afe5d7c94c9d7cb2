"""MIDI ports as the stage sees them: names that stay, events, and a way back to each controller. It knows no mapping.

The ports themselves are in a process of their own (`wire.py`): what a MIDI library does when its server dies cannot reach the sound or the
screen.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.errors import OptionError
from realtime.midi.clock import ClockChoice
from realtime.midi.decoder import PortDecoder
from realtime.midi.event import ClockEvent, Event
from realtime.midi.frames import Frame, FrameKind
from realtime.midi.message import BY_NAME
from realtime.midi.port_name import AUTO, BACKENDS
from realtime.midi.wire_process import CHANNEL, WireProcess

NOTED_BYTES: Final = 32
"""Of a message that somebody may look at: a SysEx can have thousands."""
_PULSES: Final = frozenset(bytes((BY_NAME[name].status,)) for name in ("clock", "active_sensing"))
"""What comes by itself many times a second, as long as a controller is there, is nothing to look at."""


@dataclass(frozen=True)
class ZoneSetting:
    """An MPE zone that a controller has from the start: many announce theirs only when they are switched on."""

    port: str
    """Name of a port, or a pattern of names (* and ?), in any case."""
    master: int
    """1 or 16."""
    members: int
    """1 to 15 channels."""


class MidiPorts:
    """Opens ports by name, whenever they come, and tells what comes in.

    Parameters
    ----------
    log : EventLog
    listen : callable
        Hears every event, in the order of its port, on the thread `midi`. What it raises is said in the log.
    backend : str, optional
        A name of `BACKENDS`, or `auto`.
    patterns : sequence of str, optional
        Inputs to open: names with * and ?, or parts of names, in any case. None: every port that looks like a controller. Beside them there
        is always the stage's own port `Starling`, for other programs, where the MIDI system has such a thing.
    plugged : callable, optional
        Hears the name of a port that can be sent to from now on, on the thread `midi`, so that it can be shown the present values. It may
        have been gone for less than a look of whoever asks for `ports`.
    traffic : Traffic, optional
        Is told of every message.

    Raises
    ------
    OptionError — no such backend.

    Thread
    ------
    `start`, `close`: control. `send`, `set_zones` and the properties: any. Events: `midi`.
    """

    def __init__(
        self,
        log: EventLog,
        listen: Callable[[Event], None],
        backend: str = AUTO,
        patterns: Sequence[str] = (),
        plugged: Callable[[str], None] | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        if backend != AUTO and backend not in BACKENDS:
            raise OptionError("MIDI system", got=backend, allowed=", ".join((AUTO, *BACKENDS)))
        self._log = log
        self._listen = listen
        self._plugged = plugged
        self._traffic = traffic or Traffic()
        self._decoders: dict[int, PortDecoder] = {}
        self._outputs: frozenset[str] = frozenset()
        self._zones: tuple[ZoneSetting, ...] = ()
        self._zones_used: tuple[ZoneSetting, ...] = ()
        self._clock = ClockChoice()
        self._refused_bytes = 0
        self.messages = 0
        """Packets of controllers since the start."""
        self._backend = ""
        self._said = ""
        self._wire = WireProcess(log, [backend, *patterns], self.take, self._lose_all)
        self._take: Final[dict[FrameKind, Callable[[Frame], None]]] = {
            FrameKind.MESSAGE: self._message,
            FrameKind.QUIET: lambda frame: self._tell(event for decoder in self._decoders.values() for event in decoder.due(frame.ns)),
            FrameKind.OPENED: self._opened,
            FrameKind.GONE: lambda frame: self._lose(frame.port, frame.ns),
            FrameKind.OUTPUTS: lambda frame: self._take_outputs(frozenset(frame.text.splitlines())),
            FrameKind.BACKEND: self._take_backend,
            FrameKind.SAID: self._say,
        }

    @property
    def ports(self) -> Mapping[str, bool]:
        """Names of the inputs that are open now, and whether each can be sent to."""
        return MappingProxyType({decoder.port: decoder.port in self._outputs for decoder in list(self._decoders.values())})

    @property
    def backend(self) -> str:
        """The MIDI system in use; empty: none now."""
        return self._backend

    @property
    def process_id(self) -> int:
        """The MIDI process; 0: none now."""
        return self._wire.process_id

    @property
    def refused_bytes(self) -> int:
        """Bytes that belonged to no whole message."""
        return self._refused_bytes + sum(decoder.reader.refused_bytes for decoder in list(self._decoders.values()))

    def start(self) -> None:
        """Begin; ports are there a moment later. Nothing that is missing is an error: it is said, and waited for."""
        self._wire.start()

    def close(self) -> None:
        """End; no event is told after it."""
        self._wire.close()

    def send(self, port: str, message: bytes) -> bool:
        """Send a message to the controller whose input has this name.

        Returns
        -------
        bool
            False: it is not there or cannot be sent to. True is no promise: a controller may leave at any moment.
        """
        sent = port in self._outputs and self._wire.send(Frame(FrameKind.SEND, data=port.encode() + b"\0" + message))
        if sent:
            self._traffic.note("midi out", port, (message[:NOTED_BYTES],))
        return sent

    def set_zones(self, zones: Iterable[ZoneSetting]) -> None:
        """MPE zones of ports that are there and of those that will come; a zone that a controller announces itself is newer."""
        self._zones = tuple(zones)

    def take(self, frame: Frame) -> None:
        """Take a frame of the MIDI process. Called by its thread; a test may stand in for it."""
        if self._zones is not self._zones_used:
            self._zones_used = self._zones
            for decoder in self._decoders.values():
                self._give_zones(decoder, frame.ns)
        take = self._take.get(frame.kind)
        if take is not None:
            take(frame)

    def _message(self, frame: Frame) -> None:
        decoder = self._decoders.get(frame.port)
        if decoder is not None:
            self.messages += 1
            if frame.data not in _PULSES:
                self._traffic.note("midi in", decoder.port, (frame.data[:NOTED_BYTES],))
            self._tell(decoder.packet(frame.data, frame.ns))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, ClockEvent) and not self._clock.admits(event):
                continue
            try:
                self._listen(event)
            except Exception as error:  # noqa: BLE001 - a listener's fault must not end the wires
                self._log.say(CHANNEL, f"what came from {event.source.port} could not be used: {error!r}")

    def _say(self, frame: Frame) -> None:
        """Pass on what the MIDI process has to say. It tries again and again, which is no news until something else happens."""
        if frame.text != self._said:
            self._said = frame.text
            self._log.say(CHANNEL, frame.text)

    def _opened(self, frame: Frame) -> None:
        self._decoders[frame.port] = decoder = PortDecoder(frame.text)
        self._give_zones(decoder, frame.ns)
        self._log.say(CHANNEL, f"{frame.text} is here")

    def _give_zones(self, decoder: PortDecoder, ns: int) -> None:
        for zone in self._zones_used:
            if fnmatchcase(decoder.port.lower(), zone.port.lower()):
                self._tell(decoder.set_zone(zone.master, zone.members, ns))

    def _lose(self, port: int, ns: int) -> None:
        decoder = self._decoders.pop(port, None)
        if decoder is None:
            return
        self._refused_bytes += decoder.reader.refused_bytes
        self._outputs -= {decoder.port}
        self._log.say(CHANNEL, f"{decoder.port} is gone; it is opened again when it comes back")
        self._tell(decoder.unplugged(ns))

    def _lose_all(self) -> None:
        for port in list(self._decoders):
            self._lose(port, time.monotonic_ns())
        self._backend = ""

    def _take_outputs(self, outputs: frozenset[str]) -> None:
        new = sorted(outputs - self._outputs)
        self._outputs = outputs
        for port in new:
            if self._plugged is not None:
                try:
                    self._plugged(port)
                except Exception as error:  # noqa: BLE001 - a listener's fault must not end the wires
                    self._log.say(CHANNEL, f"{port} could not be shown the present values: {error!r}")

    def _take_backend(self, frame: Frame) -> None:
        self._backend = frame.text
