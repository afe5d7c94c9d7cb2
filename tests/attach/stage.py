"""A whole stage for tests of the control socket: the real engine on the device `null`, the real show, the real server."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from realtime.attach.client import SocketLink
from realtime.attach.endpoint import VERSION, Endpoint, read_endpoint
from realtime.attach.messages import TO_SCREEN, Lines, Message, read_message, write_message
from realtime.attach.server import AttachServer
from realtime.attach.viewer import Viewer
from realtime.engine import Engine
from realtime.screen.link import Told
from realtime.show import Show
from realtime.show_settings import MidiSettings, OscSettings, RecordSettings, ShowSettings

LIMIT_S = 30.0


class Stage:
    """A show that screens can be attached to."""

    def __init__(self, engine: Engine, folder: Path, settings: ShowSettings | None = None) -> None:
        self.engine = engine
        self.folder = folder
        self.show = Show(engine, settings or quiet_settings(folder))
        self.server = AttachServer(Viewer(self.show, engine), self.show.core, self.show.log)

    def __enter__(self) -> "Stage":
        self.folder.mkdir(exist_ok=True)
        self.show.start()
        self.server.start(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close()
        self.show.close()

    @property
    def endpoint(self) -> Endpoint:
        return read_endpoint(self.folder)

    def said(self) -> list[str]:
        return [line.text for line in self.show.log.lines()]

    def link(self) -> SocketLink:
        return SocketLink(self.folder)

    @contextmanager
    def raw(self, *, hello: bool = False) -> Iterator["Raw"]:
        """A connection that says what it is told to, byte by byte."""
        with Raw(self.endpoint) as raw:
            if hello:
                raw.hello()
            yield raw

    def is_well(self) -> None:
        """Somebody new gets in, sees frames go on and is answered."""
        with self.link() as link:
            frames = link.look().clock_frames
            until(lambda: link.look().clock_frames > frames)
            assert ask(link, "/status").state == "answer"


class Raw:
    """A socket connected to a stage."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.socket = socket.create_connection(("127.0.0.1", endpoint.port), LIMIT_S)
        self._lines = Lines(1 << 24)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def hello(self) -> None:
        self.say("hello", VERSION, self.endpoint.token)
        assert self.hear()[0] == "welcome"

    def say(self, name: str, *arguments: Any) -> None:
        self.socket.sendall(write_message(name, *arguments))

    def hear(self) -> Message:
        """The next message. EOFError: the other end has closed."""
        while (line := self._lines.next()) is None:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._lines.feed(data)
        return read_message(line, TO_SCREEN)

    def is_closed(self) -> bool:
        """Wait until the other end has closed, whatever it says before."""
        try:
            while True:
                self.hear()
        except (EOFError, ConnectionError):
            return True
        except TimeoutError:
            return False


def quiet_settings(folder: Path) -> ShowSettings:
    """No OSC, no MIDI, takes in the folder."""
    return ShowSettings(OscSettings(on=False), MidiSettings(on=False), RecordSettings(folder / "takes"))


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def ask(link: SocketLink, path: str, *arguments: float | int | str) -> Told:
    """Ask and wait for the first answer."""
    told: list[Told] = []
    link.ask(path, *arguments, then=told.append)
    until(lambda: told)
    return told[0]
