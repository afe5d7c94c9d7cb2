"""Recorder, automation and clock."""

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual.binding import BindingType

from realtime.attach.view import AutomationView, RecordView, StageView, TransportView
from realtime.screen.actions import Where
from realtime.screen.amounts import about, length, size
from realtime.screen.control_actions import shown_value
from realtime.screen.control_list import next_choice
from realtime.screen.lines import Line, Lines, Piece, chip
from realtime.screen.link import Told
from realtime.screen.list_panel import ListPanel
from realtime.screen.panel import bindings

NAMES: Final = 12
"""Columns of what stands before each line."""
SHORT_ROOM_S: Final = 600.0
"""With less room than this the disk is no matter for after the concert."""
AUTOMATION_NAME: Final = "automation.toml"
TEMPO, SOURCE, QUANTUM, RUN = "/transport/tempo", "/transport/source", "/transport/quantum", "/transport/run"
SOURCES: Final = {"internal": "own clock", "midi": "MIDI clock", "link": "Ableton Link"}


class TakesPanel(ListPanel):
    """Takes, automation files and the clock.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "takes"
    HEAD: ClassVar[int] = 0
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("takes")]

    def __init__(self) -> None:
        super().__init__()
        self._file = str(Path.cwd() / AUTOMATION_NAME)

    # --- what is to be seen ---------------------------------------------------------------------------------------------------

    def _facts(self, view: StageView) -> Hashable:
        record, clock = view.record, view.transport
        # What is shown of it, not what it is: a take grows with every look.
        return (
            record.recording, record.path, int(record.seconds), size(record.size_bytes), record.lost_frames, record.clipped,
            round(record.waiting_s), round(record.preroll_s), record.problem, record.folder, about(record.room_s), record.last,
            record.last_s, view.automation, _beat(clock), clock.tempo_bpm, clock.running, clock.source, clock.quantum_beats,
        )  # fmt: skip

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        return [*self._take(view.record, width), (), *self._automation(view.automation, width), (), *self._clock(view.transport, width)]

    def _take(self, record: RecordView, width: int) -> Iterator[Line]:
        if record.recording:
            state = Piece(f"● recording {length(record.seconds)}", "error", "", True)
            yield (*_name("Take"), state, Piece(f" · {size(record.size_bytes)}"))
            yield from _wrapped("", record.path, width)
            yield (*_name(), *_counts(record))
            if round(record.waiting_s):
                yield (*_name(), Piece(f"▼ the disk is {record.waiting_s:.0f} s behind", "warning", "", True))
            yield (*_name(), *self.offer("record.toggle", "ends the take"))
        else:
            yield (*_name("Take"), Piece("■ not recording", "dim"))
            yield (*_name(), *self.offer("record.toggle", "begins a take"))
            yield (*_name(), *self.offer("takes.stems", "with a file for each deck"))
        if record.problem:
            yield from _wrapped("", f"✖ {record.problem}", width, "error")
        yield (*_name("Before now"), Piece(f"{about(record.preroll_s)} are kept: "), *self.offer("record.preroll", "saves them"))
        if record.last:
            yield (*_name("Last take"), Piece(f"{length(record.last_s)}   "), *self.offer("takes.copy", "copies its path"))
            yield from _wrapped("", record.last, width)
        yield from _wrapped("Folder", record.folder, width)
        if record.room_s >= 0.0:
            short = record.room_s < SHORT_ROOM_S
            text = f"{'▼ ' if short else ''}room for {about(record.room_s)} at least"
            yield (*_name("Disk"), Piece(text, "warning" if short else "foreground", "", short))

    def _automation(self, automation: AutomationView, width: int) -> Iterator[Line]:
        idle = not (automation.playing or automation.recording)
        if automation.playing:
            yield (*_name("Automation"), Piece(f"▶ playing {automation.playing}", "success"))
        if automation.recording:
            name = "" if automation.playing else "Automation"
            points = f" · {automation.points} points"
            yield (*_name(name), Piece(f"● recording {automation.recording}", "error", "", True), Piece(points))
        if idle:
            yield (*_name("Automation"), Piece("■ nothing plays", "dim"))
        yield (*_name(), *self.offer("takes.play", "plays a breakpoint file"))
        if not automation.recording:
            yield (*_name(), *self.offer("takes.record", "records every control that moves"))
        if not idle:
            yield (*_name(), *self.offer("takes.stop", "ends it" + (" and writes the file" if automation.recording else "")))

    def _clock(self, clock: TransportView, width: int) -> Iterator[Line]:
        state = Piece(f"▶ runs, {_beat(clock)}", "success") if clock.running else Piece("■ stands", "dim")
        yield (*_name("Clock"), state)
        yield (*_name(), *self.offer("takes.clock", "stops it" if clock.running else "starts it on beat 1"))
        tempo = f" {clock.tempo_bpm:.1f} bpm "
        yield (*_name("Tempo"), chip(tempo, TEMPO), Piece("  "), *self.offer("takes.tempo", "types it"))
        bar = f" {clock.quantum_beats} beats " if clock.quantum_beats else " none: nothing waits "
        yield (*_name("Bar"), chip(bar, QUANTUM), Piece("  "), *self.offer("takes.bar", "types it"))
        source = f" {SOURCES.get(clock.source, clock.source)} "
        yield (*_name("Beat from"), chip(source, SOURCE), Piece("  "), *self.offer("takes.source", "takes the next"))

    # --- what is done ---------------------------------------------------------------------------------------------------------

    def do_takes_play(self) -> None:
        """Ask which, and play a breakpoint file."""
        self._ask_file("Play the breakpoint file", "/automation/play")

    def do_takes_record(self) -> None:
        """Ask where to, and record every control that moves. A name that is taken gets a number."""
        self._ask_file("Record automation into", "/automation/record")

    def do_takes_stop(self) -> None:
        """End playing, or end and write the recording."""
        self.session.ask("/automation/stop", then=self._stopped)

    def do_takes_stems(self) -> None:
        """Begin a take with a file for each deck."""
        self.session.ask("/record/start", "", 1)

    def do_takes_clock(self) -> None:
        """Start or stop the clock."""
        self.session.set(RUN, 0 if self.session.view.transport.running else 1)

    def do_takes_tempo(self) -> None:
        """Ask for the tempo."""
        tempo = shown_value(self.session.view.transport.tempo_bpm)
        self.ask_number(TEMPO, 0, tempo, lambda value: self.session.set(TEMPO, value))

    def do_takes_bar(self) -> None:
        """Ask for the beats of a bar."""
        beats = shown_value(self.session.view.transport.quantum_beats)
        self.ask_number(QUANTUM, 0, beats, lambda value: self.session.set(QUANTUM, int(value)))

    def do_takes_source(self) -> None:
        """Take the next clock."""
        address = self.session.address(SOURCE)
        if address is not None and address.argument.choices:
            self.session.set(SOURCE, next_choice(address.argument, self.session.view.transport.source))

    def do_takes_copy(self) -> None:
        """Put the path of the last take, or of the one that runs, on the clipboard."""
        record = self.session.view.record
        path = record.path or record.last
        if path:
            self.app.copy_to_clipboard(path)
            self.session.say(f"copied: {path}")
        else:
            self.session.say(f"there is no take yet; {self.stage_app.keys_shown('record.toggle')} begins one", error=True)

    def on_lines_turned(self, event: Lines.Turned) -> None:
        """The wheel on a number moves it by one, on a choice to the next."""
        event.stop()
        address = self.session.address(event.path)
        if address is not None:
            argument = address.argument
            # A little of a choice is the next one.
            self.session.turn(event.path, event.steps / (100.0 if argument.choices else argument.maximum - argument.minimum))

    def _press(self, does: str, *, primary: bool) -> None:
        """A press on a value is the action that sets it."""
        self.stage_app.perform({TEMPO: "takes.tempo", QUANTUM: "takes.bar", SOURCE: "takes.source"}[does])

    def _ask_file(self, title: str, path: str) -> None:
        def ask(file: str) -> None:
            self._file = file
            self.session.ask(path, file)

        self.stage_app.ask_path(title, self._file, ask)

    def _stopped(self, told: Told) -> None:
        if told.state == "done" and told.values:
            self._file = str(told.values[0])
            self.session.say(f"automation written: {self._file}")


def _beat(clock: TransportView) -> str:
    """Bar and beat, both from 1, as musicians count."""
    beat = int(clock.beat)
    return f"bar {beat // clock.quantum_beats + 1}, beat {beat % clock.quantum_beats + 1}" if clock.quantum_beats else f"beat {beat + 1}"


def _counts(record: RecordView) -> Iterator[Piece]:
    for text, count in (("clipped", record.clipped), ("frames lost", record.lost_frames)):
        yield Piece(f"{'▼ ' if count else ''}{count} {text}   ", "warning" if count else "dim", "", bool(count))


def _name(name: str = "") -> Line:
    return (Piece(f" {name:<{NAMES - 1}}", "dim"),)


def _wrapped(name: str, text: str, width: int, ink: str = "foreground") -> Iterator[Line]:
    """A text in full, on as many lines as it needs."""
    room = max(width - NAMES, 8)
    for start in range(0, len(text), room):
        yield (*_name("" if start else name), Piece(text[start : start + room], ink))
