"""Everything around the engine, built, started and ended together: control core, recorder, scenes, automation, clock, OSC and MIDI.

It knows the parts, not what they do. A part that cannot start is left out and said so: the sound goes on.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from realtime.control.audition import Audition
from realtime.control.automation import AutomationPlayer
from realtime.control.core import ControlCore
from realtime.control.deck_commands import DeckCommands
from realtime.control.event_log import EventLog
from realtime.control.link import LinkClock
from realtime.control.outcome import Origin, Outcome
from realtime.control.scene_mover import SceneMover
from realtime.control.scene_store import SceneStore
from realtime.control.tap_tempo import TapTempo
from realtime.control.traffic import Traffic
from realtime.control.transport import Transport
from realtime.corpus_job import CorpusJob
from realtime.corpus_job import serve as serve_corpora
from realtime.engine import Engine
from realtime.errors import StageError
from realtime.frame_clock import FrameClock
from realtime.midi.event import ClockEvent, Event
from realtime.midi.mapper import MidiMapper
from realtime.midi.ports import MidiPorts
from realtime.midi.service import serve_midi
from realtime.osc.server import OscServer
from realtime.oscquery.server import OscQueryServer
from realtime.performance_file import write_performance
from realtime.rack_rows import RackRows
from realtime.recording.recorder import Recorder
from realtime.recording.rows import serve as serve_recorder
from realtime.show_settings import ShowSettings, TransportSettings
from realtime.step_times import StepTimeWatch


class _Part(Protocol):
    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""


class Show:
    """An engine within reach.

    Parameters
    ----------
    engine : Engine
        Started; stays the caller's.
    settings : ShowSettings

    Thread
    ------
    `start` and `close` from one; `core` from any.
    """

    def __init__(self, engine: Engine, settings: ShowSettings) -> None:
        self.log = EventLog()
        self.traffic = Traffic()
        self.settings = settings
        """What it was started with."""
        self._clock = FrameClock(engine.block)
        self._running = ExitStack()
        core = self.core = ControlCore(engine, self._clock, self.log)
        DeckCommands(core)
        Audition(core)
        decks = len(engine.snapshot().decks)
        self.recorder = Recorder(
            engine.block,
            decks,
            self.log,
            settings.record.folder,
            stems=settings.record.stems,
            deck_name=lambda deck: engine.snapshot().decks[deck].patch,
            journal=engine.journal,
            performance=lambda path, start, end: write_performance(path, engine.journal, start, end, decks),
        )
        serve_recorder(core, self.recorder)
        self.transport = Transport(core.sample_rate_hz, core.frame_now, core.wake, lambda transport: LinkClock(transport, core.frame_now))
        self.transport.serve(core)
        TapTempo(self.transport).serve(core)
        self.scenes = SceneStore(engine.snapshot)
        self.scenes.serve(core)
        self.scenes.take(settings.scenes)
        self.mover = SceneMover(core, self.scenes, self.transport)
        self.mover.serve()
        self.automation = AutomationPlayer(core, self.transport, Path(), core.hands)
        self.automation.serve()
        midi = settings.midi
        self.ports = MidiPorts(self.log, self._hear, midi.backend, midi.ports, lambda port: self.mapper.plugged(port), self.traffic)
        self.mapper = MidiMapper(
            core,
            self.log,
            send=self.ports.send,
            ports=lambda: self.ports.ports,
            mapping=midi.mapping,
            set_zones=self.ports.set_zones,
        )
        serve_midi(core, self.mapper)
        self.osc = OscServer(core, settings.osc.host, settings.osc.port, self.log, traffic=self.traffic)
        self.query: OscQueryServer | None = None
        """While it listens."""
        self.corpora = CorpusJob(self.log)
        serve_corpora(core, self.corpora)
        self._step_times = StepTimeWatch(engine.snapshot, self.log)
        self.racks = RackRows(self, engine)

    def start(self) -> None:
        """Start every part that is wanted and can be; what cannot is said in the log."""
        self.recorder.start()
        self._running.callback(self.recorder.close)
        self.core.start()
        self._running.callback(self.core.close)
        self._running.callback(self.transport.close)
        self._running.callback(self.corpora.close)
        self._step_times.start()
        self._running.callback(self._step_times.close)
        self._running.callback(self._end_automation)
        self.set_transport(self.settings.transport)
        osc = self.settings.osc
        if osc.on and self._begin("osc", "OSC", self.osc):
            query = OscQueryServer(self.core, self.osc.port, osc.host, osc.query_port, self.log, self.osc.receiver, self.traffic)
            found = self._begin("osc", "OSCQuery", query)
            self.query = query if found else None
            self.log.say("osc", f"OSC on {osc.host}:{self.osc.port}" + (f", OSCQuery on http://{osc.host}:{query.port}" if found else ""))
        if self.settings.midi.on and self._begin("midi", "MIDI", self.ports):
            self._begin("midi", "MIDI", self.mapper)

    def close(self) -> None:
        """End every part, in the order opposite to their start. Before the engine's block goes."""
        self._running.close()

    def ask(self, path: str, *arguments: float | int | str) -> None:
        """Ask for something on behalf of the command line; what goes wrong is said in the log."""
        self.core.request(path, arguments, Origin("command line", tell=self._heard))

    def ask_when_heard(self, loads: Mapping[int, int], path: str, *arguments: float | int | str) -> None:
        """The same once these loads, by deck, are heard or have failed."""
        for deck, number in loads.items():
            self.core.pending.expect(number, deck, lambda why: None)
        self.core.sync(lambda: self.ask(path, *arguments))

    def _end_automation(self) -> None:
        """Write what is being recorded of the controls."""
        try:
            written = self.automation.recorder.stop()
        except StageError as error:
            self.log.say("automation", str(error))
            return
        if written is not None:
            self.log.say("automation", f"automation recorded: {written}")

    def _heard(self, outcome: Outcome) -> None:
        if outcome.state == "failed":
            self.log.say("command line", f"{outcome.path}: {outcome.why}")

    def _begin(self, channel: str, name: str, part: _Part) -> bool:
        try:
            part.start()
        except (StageError, OSError) as error:
            self.log.say(channel, f"{name} is off: {error}")
            return False
        self._running.callback(part.close)
        return True

    def _hear(self, event: Event) -> None:
        """Give an event of a controller to whom it is for. Thread: midi."""
        if isinstance(event, ClockEvent):
            frame = self._clock.at_monotonic_ns(event.ns)
            self.transport.follow("midi", frame, event.beat, event.tempo_bpm, event.running)
        else:
            self.mapper.handle(event)

    def set_transport(self, wanted: TransportSettings) -> None:
        """Set the clock; what it refuses is said in the log. One that runs as is wanted is not begun anew."""
        transport = self.transport
        puts: list[Callable[[], None]] = [
            # A clock that is followed has a tempo of its own.
            lambda: transport.set_source("internal") if transport.source == "midi" else None,
            lambda: transport.set_tempo(wanted.tempo_bpm),
            lambda: transport.set_quantum(wanted.quantum_beats),
            lambda: transport.set_source(wanted.source),
        ]
        if wanted.source != "midi" and transport.running != wanted.run:
            puts.append(lambda: transport.set_running(wanted.run))
        for put in puts:
            try:
                put()
            except StageError as error:
                self.log.say("transport", str(error))
