"""The parts of a show around the decks, as a screen sees them. It knows a show, nobody who sends what is seen."""

from realtime.attach.view import AutomationView, JobView, MidiView, OscView, RecordView, SceneView, TransportView
from realtime.midi.service import describe
from realtime.midi.source_pattern import exactly
from realtime.show import Show

ASLEEP = "asleep: no patch that is loaded has it"


def scenes(show: Show) -> SceneView:
    """The scenes, and what goes to one."""
    store, mover = show.scenes, show.mover
    return SceneView(store.names, store.last, round(mover.share, 2), store.saved, mover.goal, mover.waiting)


def osc(show: Show) -> OscView:
    """Where OSC and OSCQuery listen, and what came."""
    if not show.osc.is_open:
        return OscView()
    counts = show.osc.snapshot()
    return OscView(show.osc.host, show.osc.port, show.query.port if show.query is not None else 0, counts.received, counts.sent)


def record(show: Show) -> RecordView:
    """The take that runs, and the one before."""
    now = show.recorder.snapshot()
    return RecordView(
        recording=now.recording,
        path=now.path,
        seconds=round(now.seconds, 1),
        size_bytes=now.size_bytes,
        lost_frames=now.lost_frames,
        clipped=now.clipped,
        waiting_s=round(now.waiting_s, 1),
        preroll_s=round(now.preroll_s, 1),
        problem=now.problem,
        folder=str(show.recorder.folder.absolute()),
        room_s=round(now.room_s),
        last=now.last,
        last_s=round(now.last_s, 1),
    )


def transport(show: Show) -> TransportView:
    """The clock."""
    clock = show.transport
    return TransportView(round(clock.beat_at(show.core.frame_now()), 2), clock.tempo_bpm, clock.running, clock.source, clock.quantum_beats)


def automation(show: Show) -> AutomationView:
    """What plays and what is being recorded of the controls."""
    recorder = show.automation.recorder
    return AutomationView(show.automation.playing, recorder.name, recorder.points)


def job(show: Show) -> JobView:
    """The corpus that is being made, or was made last."""
    now = show.corpora.snapshot()
    return JobView(now.name, round(now.share, 3), now.text, "" if now.state == "idle" else now.state)


class MidiViews:
    """Controllers and their mapping; the words for a mapping are made once.

    Thread
    ------
    One.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._edition = (0, 0)
        self._bindings: tuple[tuple[str, str, str], ...] = ()
        self._ways: tuple[str, ...] = ()

    def view(self) -> MidiView:
        """Everything."""
        ports, mapper = self._show.ports, self._show.mapper
        self._look()
        last = mapper.last
        return MidiView(
            on=self._show.settings.midi.on,
            backend=ports.backend,
            ports=tuple(ports.ports),
            bindings=self._bindings,
            waiting=tuple((exactly(source).where, path, round(way, 2)) for source, path, way in mapper.waiting()),
            learning=mapper.learning,
            last=(last.source.port, describe(last)) if last is not None else ("", ""),
            messages=ports.messages,
            ways=self._ways,
        )

    def _look(self) -> None:
        """Put the mapping into words again, if it is another or means something else."""
        core, mapper = self._show.core, self._show.mapper
        # Before what they number: that may only be newer, and is looked at again then.
        edition = core.edition, mapper.assignments.edition
        if edition == self._edition:
            return
        self._edition = edition
        addresses = core.addresses()
        found = [(binding, path, addresses.get(path)) for binding, path in mapper.table()]
        self._bindings = tuple((binding.source.where, binding.address, path or ASLEEP) for binding, path, _ in found)
        self._ways = tuple(
            binding.way(address.argument if address is not None and address.kind == "value" else None) for binding, _, address in found
        )
