"""Ableton Link as a clock to follow: tempo and beat shared with other programs in the local network.

It knows aalink, which need not be installed, and no control.
"""

import asyncio
import contextlib
import importlib
import threading
from collections.abc import Callable
from typing import Any

from realtime.control.transport import Transport, TransportError

POLL_S = 0.02
"""How often the session's beat is looked at; between two looks it is reckoned from the tempo."""
_START_LIMIT_S = 1.0
"""Whoever asks for Link waits at most this long for it to come up (10 ms as a rule) and to go."""


class LinkClock:
    """A peer of the Link session, that keeps a transport on its beat.

    Parameters
    ----------
    transport : Transport
    now : callable
        The frame that is heard now.

    Raises
    ------
    TransportError — aalink is not installed, or does not start.

    Thread
    ------
    Its own event loop in its own thread; `set_tempo`, `set_running` and `close` from any.
    """

    def __init__(self, transport: Transport, now: Callable[[], int]) -> None:
        try:
            self._link_class: Any = importlib.import_module("aalink").Link
        except ImportError:
            raise TransportError(
                "transport: Ableton Link is not installed", allowed="internal, midi", hint='pip install "starling-live[link]"'
            ) from None
        self._transport = transport
        self._now = now
        self._loop = asyncio.new_event_loop()
        self._link: Any = None
        self._why = ""
        self._ready = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._thread.start()
        self._ready.wait(_START_LIMIT_S)
        if self._link is None:
            raise TransportError("transport: Ableton Link does not start", got=self._why or "no answer", hint="is there a network?")

    @property
    def peers(self) -> int:
        """Other programs in the session."""
        return int(self._link.num_peers)

    def set_tempo(self, tempo_bpm: float) -> None:
        """Ask everybody for this tempo."""
        self._loop.call_soon_threadsafe(setattr, self._link, "tempo", tempo_bpm)

    def set_running(self, running: bool) -> None:
        """Start or stop here, and for everybody who shares start and stop. The beat of the session goes on meanwhile."""
        self._loop.call_soon_threadsafe(setattr, self._link, "playing", running)

    def close(self) -> None:
        """Leave the session."""
        self._done.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_START_LIMIT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._follow())
        finally:
            self._loop.close()

    async def _follow(self) -> None:
        # It takes the loop that runs; older versions want it named.
        try:
            link = self._link_class(self._transport.tempo_bpm)
        except TypeError:
            link = self._link_class(self._transport.tempo_bpm, self._loop)
        except Exception as error:  # noqa: BLE001 - what a network library raises when there is no network is not ours to know
            self._why = f"{type(error).__name__}: {error}"
            self._ready.set()
            return
        link.start_stop_sync_enabled = True
        link.playing = self._transport.running
        link.enabled = True
        self._link = link
        self._ready.set()
        try:
            while not self._done.is_set():
                # Peers agree on the place in a bar of so many beats, not on the number of the beat.
                link.quantum = float(max(self._transport.quantum_beats, 1))
                self._transport.follow("link", self._now(), float(link.beat), float(link.tempo), bool(link.playing))
                await asyncio.sleep(POLL_S)
        finally:
            with contextlib.suppress(Exception):
                link.enabled = False
