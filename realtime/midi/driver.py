"""python-rtmidi behind a small door, for the MIDI process alone. It knows ports by their raw names, not what they say.

The stage itself never loads python-rtmidi. When a JACK server ends, its client library prints into the terminal, answers with ports that
are gone, blocks for good in `send_message` once a buffer is full, and crashes when a client is closed (python-rtmidi 1.5.8): a process of
its own can be given up instead.
"""

import contextlib
import importlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from realtime.midi.port_name import AUTO, BACKENDS, CLIENT, Backend

QUEUE_MESSAGES: Final = 8_192
"""Messages that the library keeps between two looks; a look comes every millisecond."""


class DriverError(Exception):
    """The MIDI system cannot be had now."""


class NoLibraryError(Exception):
    """python-rtmidi is not there."""


class InputPort(Protocol):
    """An open input."""

    def get_message(self) -> tuple[list[int], float] | None:
        """Next message and seconds since the one before; None: none."""


class OutputPort(Protocol):
    """An open output."""

    def send_message(self, message: list[int]) -> None:
        """Send one message."""


class Driver(Protocol):
    """A MIDI system."""

    backend: Backend

    def inputs(self) -> list[str]:
        """Raw names of ports that can be listened to."""

    def outputs(self) -> list[str]:
        """Raw names of ports that can be sent to."""

    def open_input(self, raw: str) -> InputPort | None:
        """Listen; None: it is gone."""

    def open_output(self, raw: str) -> OutputPort | None:
        """Send to; None: it is gone."""

    def virtual_ports(self) -> tuple[InputPort, OutputPort] | None:
        """Ports of the stage itself, for other programs; None: this system has no such thing."""

    def close(self, port: InputPort | OutputPort) -> None:
        """Close one."""

    def is_alive(self) -> bool:
        """Whether the system is still the one that the ports were opened on. Expensive: ask when something looks wrong."""


def open_driver(backend: str) -> "RtMidiDriver":
    """The system of this name, or with `auto` the first that can be had.

    Raises
    ------
    NoLibraryError — python-rtmidi is missing or cannot be loaded.
    DriverError — the system is not there now.
    """
    try:
        library = importlib.import_module("rtmidi")
    except ImportError as error:
        raise NoLibraryError(f"MIDI needs python-rtmidi: {error}") from None
    compiled = library.get_compiled_api()
    rows = [row for row in BACKENDS.values() if getattr(library, row.api) in compiled]
    wanted = [row for row in rows if backend in (AUTO, row.name)]
    if not wanted:
        raise NoLibraryError(f"this python-rtmidi has no {backend}; it has {', '.join(row.name for row in rows) or 'none'}")
    why = ""
    for row in wanted:
        try:
            return RtMidiDriver(library, row)
        except library.RtMidiError as error:
            why = str(error)
    raise DriverError(f"no MIDI system ({', '.join(row.name for row in wanted)}): {why}")


class RtMidiDriver:
    """The real one."""

    def __init__(self, library: Any, backend: Backend) -> None:
        self._library = library
        self._api = getattr(library, backend.api)
        self.backend = backend
        self._in = self._input(CLIENT)
        self._out = library.MidiOut(self._api, name=f"{CLIENT}-feedback")
        self._has_virtual = False

    def inputs(self) -> list[str]:
        """See `Driver`."""
        return self._names(self._in.get_ports)

    def outputs(self) -> list[str]:
        """See `Driver`."""
        return self._names(self._out.get_ports)

    def open_input(self, raw: str) -> InputPort | None:
        """See `Driver`."""
        port: InputPort | None = self._open(self._input(f"{CLIENT}-in"), raw)
        return port

    def open_output(self, raw: str) -> OutputPort | None:
        """See `Driver`."""
        port: OutputPort | None = self._open(self._library.MidiOut(self._api, name=f"{CLIENT}-out"), raw)
        return port

    def virtual_ports(self) -> tuple[InputPort, OutputPort] | None:
        """See `Driver`."""
        try:
            self._in.open_virtual_port("midi_in")
            self._out.open_virtual_port("midi_out")
        except (self._library.RtMidiError, NotImplementedError):
            return None
        self._has_virtual = True
        return self._in, self._out

    def close(self, port: Any) -> None:
        """See `Driver`."""
        with contextlib.suppress(self._library.RtMidiError):
            port.close_port()
        port.delete()

    def is_alive(self) -> bool:
        """See `Driver`. A new client sees the server that is there now; the old ones may still see the one that is gone."""
        try:
            trial = self._input(f"{CLIENT}-check")
        except self._library.RtMidiError:
            return False
        if self._has_virtual and not any(name.startswith(f"{CLIENT}-feedback") for name in self._names(trial.get_ports)):
            return False
        trial.delete()
        return True

    def _input(self, name: str) -> Any:
        port = self._library.MidiIn(self._api, name=name, queue_size_limit=QUEUE_MESSAGES)
        port.ignore_types(sysex=False, timing=False, active_sense=True)
        return port

    def _open(self, port: Any, raw: str) -> Any:
        try:
            port.open_port(self._names(port.get_ports).index(raw), "midi")
        except (ValueError, self._library.RtMidiError):
            port.delete()
            return None
        return port

    def _names(self, get_ports: Callable[[], list[str]]) -> list[str]:
        try:
            return list(get_ports())
        except self._library.RtMidiError:
            return []
