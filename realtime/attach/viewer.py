"""Collects what a screen sees from every part of a show, and says what of it is new to one screen. It knows parts, no socket."""

import base64
import os
import time
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from realtime.attach import show_views
from realtime.attach.deck_views import DeckViews
from realtime.attach.news import APART
from realtime.attach.records import difference, to_table
from realtime.attach.show_views import MidiViews
from realtime.attach.traffic_words import describe
from realtime.attach.view import LineView, StageView
from realtime.control.event_log import LogLine
from realtime.engine import Engine
from realtime.kernels.views import Floats
from realtime.show import Show

SOUND_S: Final = 1.0
"""The sound a screen gets that has not looked for long: what it keeps."""
FRESH_S: Final = 0.02
"""What was seen so lately is seen by the next screen too."""
MOST_MESSAGES: Final = 40
"""More a look, 800 a second, nobody reads."""
PARTS_S: Final = 0.1
_FULL_SCALE: Final = 32_767.0


@dataclass
class Seen:
    """What one screen has been told, so that it is told only what is new."""

    view: StageView = field(default_factory=StageView)
    edition: int = 0
    values: int = 0
    line: int = 0
    passed: int = 0
    """Number of the last message it was sent."""
    sound: int = -1
    """The frame after the last one it was sent; -1: none of late."""


class Viewer:
    """Looks at the stage for screens.

    Parameters
    ----------
    show : Show
        Any time between its making and its end.
    engine : Engine

    Thread
    ------
    One: that of the server.
    """

    def __init__(self, show: Show, engine: Engine) -> None:
        self._show = show
        self._engine = engine
        self._core = show.core
        self._decks = DeckViews()
        self._midi = MidiViews(show)
        self._started_s = time.time()
        # The log counts from the start of the machine. A wall clock that is set anew later does not move what was said.
        self._since_s = self._started_s - time.monotonic()
        self._version = str((self._core.read("/version") or ("", ""))[-1])
        self._view, self._looked_s = StageView(), -FRESH_S
        self._around: dict[str, Any] = {}
        self._parts_s = -PARTS_S
        self._addresses: tuple[int, list[dict[str, Any]]] = (0, [])

    def look(self, seen: Seen, *, sound: bool, traffic: bool) -> dict[str, Any]:
        """What is new to a screen, as `realtime.attach.news` takes it; `seen` has seen it afterwards.

        Parameters
        ----------
        seen : Seen
        sound : bool
            Whether the newest frames of the master shall be among it.
        traffic : bool
            Whether the messages that went by shall be, up to `MOST_MESSAGES`.

        Raises
        ------
        EngineError — the engine has been closed.
        """
        news: dict[str, Any] = {}
        view = self._recent()
        changed = difference(seen.view, view, APART)
        if changed:
            news["stage"], seen.view = changed, view
        # Before the addresses: those may only be newer than their number, and come again then.
        edition = self._core.edition
        if edition != seen.edition:
            news["edition"], news["addresses"], seen.edition = edition, self._address_tables(edition), edition
        seen.values, values = self._core.changes(seen.values)
        if values:
            news["values"] = {path: value[0] for path, value in values.items()}
        lines = self._show.log.lines(seen.line)
        if lines:
            news["lines"], seen.line = [self._line(line) for line in lines], lines[-1].number
        passed = self._show.traffic.since(seen.passed, MOST_MESSAGES) if traffic else []
        if passed:
            news["traffic"] = [to_table(LineView(n, self._of_day(one.time_s), one.channel, describe(one))) for n, one in passed]
            seen.passed = passed[-1][0]
        if not sound:
            seen.sound = -1
        elif (heard := self._sound(seen, view.sample_rate_hz)) is not None:
            news["sound"] = heard
        return news

    def _recent(self) -> StageView:
        """The stage now, looked at once for all screens that ask at about the same time."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= FRESH_S:
            self._view, self._looked_s = self.stage(), now_s
        return self._view

    def stage(self) -> StageView:
        """The stage now, without what has a cursor: addresses, values, lines and sound."""
        show, now = self._show, self._core.recent()
        rate = now.sample_rate_hz
        return StageView(
            sample_rate_hz=rate,
            block_frames=now.block_frames,
            device=now.device,
            device_awaited=now.device_awaited,
            notice=self._engine.notice,
            clock_frames=now.clock_frames,
            audio_priority=now.audio_priority,
            peak_db=(round(now.peak_db[0], 1), round(now.peak_db[1], 1)),
            rms_db=(round(now.rms_db[0], 1), round(now.rms_db[1], 1)),
            callback_share=round(now.callback_share, 3),
            device_xruns=now.recent_xruns,
            device_latency_ms=round(now.device_latency_ms, 1),
            limited_frames=now.limited_frames,
            nonfinite=now.nonfinite,
            silent=now.silent,
            panicked=now.panicked,
            input_name=now.input_name,
            input_peak_db=round(now.input_peak_db, 1),
            input_guarded=now.input_guarded,
            decks=tuple(self._decks.view(deck, rate) for deck in now.decks),
            audition=self._decks.view(now.audition, rate) if now.audition is not None else None,
            rack=str(show.racks.file or ""),
            transport=show_views.transport(show),
            **self._parts(),
            pid=os.getpid(),
            version=self._version,
            started_s=self._started_s,
        )

    def _parts(self) -> dict[str, Any]:
        """What is around the decks, looked at less often: nothing of it moves like a meter."""
        show, now_s = self._show, time.monotonic()
        if now_s - self._parts_s >= PARTS_S:
            self._parts_s = now_s
            self._around = {
                "scenes": show_views.scenes(show),
                "midi": self._midi.view(),
                "osc": show_views.osc(show),
                "record": show_views.record(show),
                "automation": show_views.automation(show),
                "job": show_views.job(show),
            }
        return self._around

    def _address_tables(self, edition: int) -> list[dict[str, Any]]:
        """Every address there is, made once for all screens."""
        if self._addresses[0] != edition:
            self._addresses = edition, [to_table(address) for address in self._core.addresses().values()]
        return self._addresses[1]

    def _line(self, line: LogLine) -> dict[str, Any]:
        return to_table(LineView(line.number, self._of_day(line.time_s), line.channel, line.text, line.count))

    def _of_day(self, time_s: float) -> float:
        """A time of the log as Unix time."""
        return round(time_s + self._since_s, 3)

    def _sound(self, seen: Seen, sample_rate_hz: int) -> tuple[int, str] | None:
        """The newest frames of the master since it was sent any: the frame after the last one, base64 of int16; None: there are none."""
        frames, end = self._show.recorder.heard(seen.sound, round(SOUND_S * sample_rate_hz))
        if not len(frames):
            return None
        seen.sound = end
        return end, base64.b64encode(_mono(frames).tobytes()).decode("ascii")


def _mono(frames: Floats) -> NDArray[np.int16]:
    """Both channels together, as little-endian int16; what is above full scale is cut."""
    mixed = np.nan_to_num(frames.mean(axis=1)).clip(-1.0, 1.0)
    made: NDArray[np.int16] = (mixed * _FULL_SCALE).astype("<i2")
    return made
