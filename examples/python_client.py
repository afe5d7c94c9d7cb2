"""Starling from Python, with nothing but python-osc (`pip install python-osc`).

Start Starling first, in another terminal: ``python -m realtime textures field``. Then ``python examples/python_client.py`` plays some
twelve seconds on it, or import `Starling` and play by hand.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterator

from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket, ParseError
from pythonosc.udp_client import SimpleUDPClient

Value = float | int | str
ANSWER_S = 5.0
"""A question is answered at once, or nobody listens."""
DONE_S = 60.0
"""A command may have to wait: for a patch that loads, for a disk."""
LISTEN_S = 0.1


class StarlingError(Exception):
    """Something was refused, or nobody answers."""


class Starling:
    """One socket that asks and hears the answers.

    Parameters
    ----------
    host : str
    port : int
        What ``--osc-port`` says, 9000 without.
    tell : callable
        Told of everything that comes back.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 9000, tell: Callable[[str], None] = print) -> None:
        self._client = SimpleUDPClient(host, port)
        self._tell = tell
        self._numbers = itertools.count(1)
        self.values: dict[str, tuple[Value, ...]] = {}
        """What every control is, by its address, as far as it was told."""

    def __enter__(self) -> "Starling":
        # From now on every change is told, whoever made it.
        self.send("/notify", 1)
        return self

    def __exit__(self, *_: object) -> None:
        self.send("/notify", 0)
        self._client.close()

    def send(self, address: str, *values: Value) -> None:
        """Send one message; who wants to know what came of it calls `done`, or `sync` later."""
        self._client.send_message(address, values)

    def later(self, seconds: float, *messages: tuple[str, Value]) -> None:
        """Have several values set at one moment, some time ahead, exact to the sample."""
        bundle = OscBundleBuilder(time.time() + seconds)
        for address, value in messages:
            message = OscMessageBuilder(address)
            message.add_arg(value)
            bundle.add_content(message.build())
        self._client.send(bundle.build())

    def done(self, address: str, *values: Value) -> tuple[Value, ...]:
        """Send a command and wait until it is done; a load is done when the patch sounds.

        Raises
        ------
        StarlingError — it was refused, or nobody answers.
        """
        self.send(address, *values)
        return self._wait(address, "/done", address, DONE_S)[1:]

    def ask(self, address: str) -> tuple[Value, ...]:
        """The value of an address, or the answer of a query.

        Raises
        ------
        StarlingError — it was refused, or nobody answers.
        """
        self.send(f"/q{address}")
        return self._wait(address, address, None, ANSWER_S)

    def sync(self) -> None:
        """Wait until everything that was asked for is done.

        Raises
        ------
        StarlingError — nobody answers.
        """
        number = next(self._numbers)
        self.send("/sync", number)
        self._wait("/sync", "/synced", number, DONE_S)

    def listen(self, seconds: float) -> None:
        """Hear what comes for a while."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            for _ in self._receive():
                pass

    def _wait(self, asked: str, answer: str, first: Value | None, limit_s: float) -> tuple[Value, ...]:
        """The values of an answer: the first of them is `first`, unless that is None."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            for address, values in self._receive():
                if address == "/fail" and values[0] in (asked, f"/q{asked}"):
                    raise StarlingError(f"{values[0]}: {values[1]}")
                if address in (answer, f"{answer}.reply") and (first is None or values[0] == first):
                    return values
        raise StarlingError(f"{asked}: no answer; is `python -m realtime` running, and is this its port?")

    def _receive(self) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """Messages that came, one packet or bundle at a time."""
        try:
            packet = self._client.receive(LISTEN_S)
            messages = [timed.message for timed in OscPacket(packet).messages] if packet else []
        except (OSError, ParseError):
            # Nobody listens there (yet), or it is not for us.
            time.sleep(LISTEN_S)
            return
        for message in messages:
            values = tuple(message.params)
            if message.address in ("/done", "/fail", "/clipped"):
                self._tell(f"{message.address[1:]}: {' '.join(map(str, values))}")
            else:
                self.values[message.address] = values
            yield message.address, values


def perform(starling: Starling, tell: Callable[[str], None] = print) -> None:
    """Some twelve seconds on deck 1."""
    tell(f"this is {' '.join(map(str, starling.ask('/version')))}")
    starling.done("/panic", 0)
    starling.done("/deck/1/load", "textures", 7)
    tell("wind")
    starling.send("/deck/1/class/*", 0)
    starling.send("/deck/1/class/wind", 1)
    starling.send("/deck/1/gain", -6)
    starling.sync()
    starling.done("/scene/save", "calm")
    starling.listen(2)

    tell("rain")
    starling.send("/deck/1/class/wind", 0)
    starling.send("/deck/1/class/rain", 1)
    starling.send("/deck/1/param/density", 0.9)
    starling.listen(2)
    tell(f"deck 1 stands at {starling.ask('/deck/1/gain')[0]:.1f} dB")

    tell("four beats on the frame clock")
    for beat in range(4):
        starling.later(0.2, ("/deck/1/gain", -60.0 if beat % 2 else 0.0))
        starling.listen(0.5)
    starling.done("/scene/recall", "calm")
    starling.listen(2)

    # Out of range: it is clipped, and that is said. Of no use: it is refused, and that is said too.
    starling.send("/deck/1/pan", 3)
    try:
        starling.done("/deck/1/load", "no such patch")
    except StarlingError as error:
        tell(f"as expected, {error}")
    tell("panic")
    starling.done("/panic")
    starling.listen(1)
    starling.done("/panic", 0)
    starling.done("/scene/recall", "calm")
    starling.send("/deck/1/pan", 0)
    starling.listen(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Play twelve seconds on a running Starling.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    arguments = parser.parse_args()
    with Starling(arguments.host, arguments.port) as live:
        perform(live)
