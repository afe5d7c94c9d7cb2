"""Where the beat is: tempo, run and bars on the frame clock. It knows frames and beats, no clock of a computer and no control.

Whoever leads (this clock itself, a MIDI clock, Ableton Link) is told apart by its name alone; a clock from outside says where the beat is
at a frame, and between two such words it is reckoned from the tempo.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from realtime.control.address import Address, Value
from realtime.control.outcome import Origin
from realtime.control.table import TEMPO_DEFAULT, TEMPO_MAX, TEMPO_MIN
from realtime.errors import UsageError

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

DEFAULT_QUANTUM_BEATS = 4
"""A bar of four: what most music that has a clock counts in."""
SOURCES = ("internal", "midi", "link")


class TransportError(UsageError):
    """The transport cannot do this with the clock it follows."""


class Leader(Protocol):
    """A clock shared with others that can also be told (Ableton Link)."""

    def set_tempo(self, tempo_bpm: float) -> None:
        """Ask everybody for this tempo."""

    def set_running(self, running: bool) -> None:
        """Ask everybody to start or stop."""

    def close(self) -> None:
        """Leave."""


@dataclass(frozen=True)
class Anchor:
    """The beat at one frame, and how it goes on from there."""

    frame: int
    beat: float
    tempo_bpm: float
    running: bool


class Transport:
    """Tempo and beat of the stage.

    Parameters
    ----------
    sample_rate_hz : int
    now : callable
        The frame that is heard now.
    moved : callable, optional
        Called after every change of tempo, run, source or quantum, and when the clock that is followed jumped; from the thread that
        changed it. It must not block.
    open_link : callable, optional
        Joins an Ableton Link session; raises a `StageError` where that cannot be.

    Thread
    ------
    Any. What is read is one frozen record, replaced whole.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        now: Callable[[], int],
        moved: Callable[[], None] = lambda: None,
        open_link: "Callable[[Transport], Leader] | None" = None,
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._now = now
        self._moved = moved
        self._open_link = open_link
        self._leader: Leader | None = None
        self._lock = threading.Lock()
        self._anchor = Anchor(0, 0.0, TEMPO_DEFAULT, False)
        self._source = SOURCES[0]
        self._quantum_beats = DEFAULT_QUANTUM_BEATS

    # --- where the beat is ----------------------------------------------------------------------------------------------------

    @property
    def tempo_bpm(self) -> float:
        """Quarter notes a minute."""
        return self._anchor.tempo_bpm

    @property
    def running(self) -> bool:
        """Whether the beat moves."""
        return self._anchor.running

    @property
    def source(self) -> str:
        """Whose clock it is: one of `SOURCES`."""
        return self._source

    @property
    def quantum_beats(self) -> int:
        """What scenes and automation begin on: multiples of this many beats; 0: at once."""
        return self._quantum_beats

    def beat_at(self, frame: int) -> float:
        """The beat at a frame; it stands still while the transport does."""
        anchor = self._anchor
        return anchor.beat + (frame - anchor.frame) / self._beat_frames(anchor) if anchor.running else anchor.beat

    def frame_of(self, beat: float) -> int | None:
        """The frame nearest to a beat, at the present tempo; None while the transport stands."""
        anchor = self._anchor
        return anchor.frame + round((beat - anchor.beat) * self._beat_frames(anchor)) if anchor.running else None

    def next_boundary(self, frame: int) -> float | None:
        """The first multiple of the quantum at or after a frame, in beats; None: there is nothing to wait for."""
        quantum, anchor = self._quantum_beats, self._anchor
        if not quantum or not anchor.running:
            return None
        # A beat lies between frames: the frame nearest to a boundary is on it.
        half_frame = 0.5 / self._beat_frames(anchor)
        return math.ceil((self.beat_at(frame) - half_frame) / quantum - 1e-9) * float(quantum)

    def _beat_frames(self, anchor: Anchor) -> float:
        return 60.0 * self.sample_rate_hz / anchor.tempo_bpm

    # --- what moves it --------------------------------------------------------------------------------------------------------

    def follow(self, source: str, frame: int, beat: float, tempo_bpm: float, running: bool) -> None:
        """Take over what a clock from outside says: the beat at a frame. It is ignored unless `source` is the one that is followed.

        A tempo out of range (0: not known yet) leaves the present one.
        """
        with self._lock:
            if source != self._source:
                return
            before = self._anchor
            tempo = tempo_bpm if TEMPO_MIN <= tempo_bpm <= TEMPO_MAX else before.tempo_bpm
            expected = self.beat_at(frame)
            self._anchor = Anchor(frame, beat, tempo, running)
        # A quarter of a beat off is a jump to another place, not a clock that breathes.
        if running != before.running or abs(beat - expected) > 0.25:
            self._moved()

    def set_tempo(self, tempo_bpm: float) -> None:
        """Set the tempo; the beat goes on from where it is.

        Raises
        ------
        TransportError — a MIDI clock leads.
        """
        self._refuse_follower("tempo")
        with self._lock:
            if self._leader is not None:
                self._leader.set_tempo(tempo_bpm)
            frame = self._now()
            self._anchor = Anchor(frame, self.beat_at(frame), tempo_bpm, self._anchor.running)
        self._moved()

    def set_running(self, running: bool) -> None:
        """Start on beat 0 now, or stop where it is. Starting what runs begins anew.

        Raises
        ------
        TransportError — a MIDI clock leads.
        """
        self._refuse_follower("run")
        with self._lock:
            frame = self._now()
            if self._leader is not None:
                # A session shared with others has one beat; it is not ours to begin anew.
                self._leader.set_running(running)
                beat = self.beat_at(frame)
            else:
                beat = 0.0 if running else self.beat_at(frame)
            self._anchor = Anchor(frame, beat, self._anchor.tempo_bpm, running)
        self._moved()

    def set_source(self, source: str) -> None:
        """Follow another clock; the beat goes on at the present tempo until that clock speaks.

        Raises
        ------
        TransportError, StageError — no such clock; Ableton Link is not installed or there is no network.
        """
        if source not in SOURCES:
            raise TransportError("transport: no such clock", got=source, allowed=", ".join(SOURCES))
        if source == self._source:
            return
        leader = None
        if source == "link":
            if self._open_link is None:
                raise TransportError("transport: this stage has no Ableton Link", allowed="internal, midi")
            leader = self._open_link(self)
        with self._lock:
            gone, self._leader, self._source = self._leader, leader, source
        if gone is not None:
            gone.close()
        self._moved()

    def set_quantum(self, beats: int) -> None:
        """What scenes and automation wait for."""
        self._quantum_beats = beats
        self._moved()

    def close(self) -> None:
        """Leave a session shared with others."""
        with self._lock:
            gone, self._leader, self._source = self._leader, None, SOURCES[0]
        if gone is not None:
            gone.close()

    def _refuse_follower(self, what: str) -> None:
        if self._source == "midi":
            raise TransportError(
                f"transport: {what} is the MIDI clock's", hint="set it on the clock, or set /transport/source internal first"
            )

    # --- rows of the table ----------------------------------------------------------------------------------------------------

    def serve(self, core: "ControlCore") -> None:
        """Answer the rows ``/transport/...``."""
        core.hold("/transport/tempo", lambda: self.tempo_bpm, lambda value: self.set_tempo(float(value)))
        core.hold("/transport/run", lambda: int(self.running), lambda value: self.set_running(bool(value)))
        core.hold("/transport/source", lambda: self.source, lambda value: self.set_source(str(value)))
        core.hold("/transport/quantum", lambda: self.quantum_beats, lambda value: self.set_quantum(int(value)))
        core.serve("/transport/beat", self._answer_beat, slow=False)

    def _answer_beat(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        """Beat, tempo, whether it runs."""
        return self.beat_at(self._now()), self.tempo_bpm, int(self.running)
