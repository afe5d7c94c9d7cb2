"""What a screen sees of the stage: plain records, as they come over the local socket. They know no engine and no screen."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from realtime.control.address import Address, Value

SILENT_DB = -120.0
QUIET = (SILENT_DB, SILENT_DB)


@dataclass(frozen=True)
class DeckView:
    """One deck. Levels in dBFS, times in ms; `step_share` is mean step time over the time a step makes sound for."""

    number: int
    """From 1, as in addresses."""
    patch: str = ""
    """Slug; empty: the deck is."""
    name: str = ""
    """Of the patch, for people."""
    kind: str = ""
    state: str = "empty"
    """`empty`, `loading`, `playing`, `frozen`, `restarting` (recovers from a crash), `failed`."""
    error: str = ""
    note: str = ""
    peak_db: tuple[float, float] = QUIET
    rms_db: tuple[float, float] = QUIET
    lead_ms: float = 0.0
    lead_frames: int = 0
    lead_fixed: bool = False
    """Somebody fixed the lead; otherwise it is chosen from the step time."""
    fill_ms: float = 0.0
    step_ms: float = 0.0
    step_max_ms: float = 0.0
    step_share: float = 0.0
    underruns: int = 0
    """Since it was loaded or reset, or counts were cleared."""
    late_steps: int = 0
    faults: int = 0
    restarts: int = 0
    mode: str = ""
    """Name of the mode of the voice."""
    modes: tuple[str, ...] = ()
    """Names of all its modes, the best first."""
    mode_asked: int = -1
    """Place of the mode that somebody pinned; -1: the machine chooses."""
    degraded: bool = False
    """It plays a cheaper mode than its best."""
    latency_ms: float = 0.0
    """Control to sound, as the deck measures it."""
    pid: int = 0
    seed: int = 0
    corpora: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Address -> what a person calls it, of every control of the patch."""
    loading: str = ""
    """Slug of the patch on its way, also while another plays on; empty: none is."""
    load_share: float = -1.0
    """How much of that is done, 0 to 1; -1: nothing is on its way."""
    load_text: str = ""
    """What is being done, in words: `measuring 30 of 48`."""


@dataclass(frozen=True)
class LineView:
    """One line of the event log. `time_s` is wall-clock time (Unix), `channel` says where it happened (`osc`, `midi`, `record`, ...)."""

    number: int
    time_s: float
    channel: str
    text: str
    count: int = 1


@dataclass(frozen=True)
class MidiView:
    """Controllers. `bindings` are (source, address, address or why it sleeps), `waiting` (source, address, way from -1 to 1)."""

    ports: tuple[str, ...] = ()
    bindings: tuple[tuple[str, str, str], ...] = ()
    waiting: tuple[tuple[str, str, float], ...] = ()
    learning: str = ""
    """Address that waits for a control to be moved."""
    last: tuple[str, str] = ("", "")
    """Port and message that came last."""
    messages: int = 0
    """Messages that came, since the start: what grows is active."""
    ways: tuple[str, ...] = ()
    """What each of `bindings` does to its address and over which range, in words: `follow 0 to 1`."""
    on: bool = True
    """False: MIDI was not asked for."""
    backend: str = ""
    """MIDI system in use; empty: none now."""


@dataclass(frozen=True)
class OscView:
    """OSC and OSCQuery. Without a port they are off."""

    host: str = ""
    port: int = 0
    query_port: int = 0
    packets: int = 0
    """That came, since the start."""
    sent: int = 0


@dataclass(frozen=True)
class RecordView:
    """The recorder."""

    recording: bool = False
    path: str = ""
    seconds: float = 0.0
    size_bytes: int = 0
    lost_frames: int = 0
    clipped: int = 0
    waiting_s: float = 0.0
    preroll_s: float = 0.0
    problem: str = ""
    folder: str = ""
    """Where takes go that are asked for without a path, in full."""
    room_s: float = -1.0
    """How long a take the disk has room for, at least; -1: not known."""
    last: str = ""
    """The last take that was completed, or the last pre-roll; empty: none was."""
    last_s: float = 0.0
    """Its length."""


@dataclass(frozen=True)
class TransportView:
    """The clock."""

    beat: float = 0.0
    tempo_bpm: float = 120.0
    running: bool = False
    source: str = "internal"
    quantum_beats: int = 4


@dataclass(frozen=True)
class AutomationView:
    """Breakpoint automation: names of the files that play and are being recorded; empty: none."""

    playing: str = ""
    recording: str = ""
    points: int = 0
    """Breakpoints recorded so far."""


@dataclass(frozen=True)
class JobView:
    """Long work on the stage's side: a corpus being made. `share` from 0 to 1, -1 where nobody knows."""

    name: str = ""
    share: float = -1.0
    text: str = ""
    state: str = ""
    """Empty: there was none yet; `running`, `done`, `failed`, `cancelled`."""


@dataclass(frozen=True)
class SceneView:
    """The scenes there are, the one recalled last, and whether a morph is on its way (0 to 1; -1: none)."""

    names: tuple[str, ...] = ()
    last: str = ""
    morph: float = -1.0
    saved: bool = True
    """The rack file has them all."""
    goal: str = ""
    """The scene that a morph goes to."""
    waiting: str = ""
    """The scene that waits for its bar."""


@dataclass(frozen=True)
class SoundView:
    """The newest second of the master while it is wanted, mono, 16 bit: bytes of little-endian int16, and the stream frame after the last.

    What is new since the view before is `end` minus its `end`.
    """

    frames: bytes = b""
    end: int = 0


@dataclass(frozen=True)
class PatchView:
    """One patch of the library."""

    slug: str
    name: str = ""
    kind: str = ""
    licence: str = ""
    size_bytes: int = 0
    step_ms: float = 0.0
    here: bool = False
    """The step time was measured on this machine; otherwise where the patch was made."""
    classes: tuple[str, ...] = ()
    summary: str = ""
    folder: str = ""
    error: str = ""


@dataclass(frozen=True)
class StageView:
    """The stage at one instant, whole."""

    sample_rate_hz: int = 44_100
    block_frames: int = 0
    device: str = ""
    device_awaited: str = ""
    """A device that was lost, or `any device` where there was none at the start, which is played through when it is there; empty: none."""
    notice: str = ""
    """What the engine has to say about the device: why it plays to `null`."""
    clock_frames: int = 0
    audio_priority: str = ""
    peak_db: tuple[float, float] = QUIET
    rms_db: tuple[float, float] = QUIET
    callback_share: float = 0.0
    """The longest callback over the block's time, since counts were cleared, as device xruns are."""
    device_xruns: int = 0
    device_latency_ms: float = 0.0
    limited_frames: int = 0
    """Frames the limiter worked on, since the start: what grows is being limited now."""
    nonfinite: int = 0
    silent: bool = False
    panicked: bool = False
    input_name: str = ""
    input_peak_db: float = SILENT_DB
    input_guarded: bool = False
    decks: tuple[DeckView, ...] = ()
    audition: DeckView | None = None
    """The hidden deck that patches are tried in."""
    edition: int = 0
    """Another number whenever `addresses` is another mapping."""
    addresses: Mapping[str, Address] = field(default_factory=dict)
    """Every address there is now. The same object until `edition` changes."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """Present value of every address of kind `value`."""
    lines: tuple[LineView, ...] = ()
    """The event log, oldest first, as far as it is kept."""
    traffic: tuple[LineView, ...] = ()
    """Messages that went by while they were wanted, oldest first, the newest of them. Numbers between theirs are of those left out."""
    rack: str = ""
    """The rack file that was loaded or saved last, in full; empty: none was."""
    scenes: SceneView = SceneView()
    midi: MidiView = MidiView()
    osc: OscView = OscView()
    record: RecordView = RecordView()
    transport: TransportView = TransportView()
    automation: AutomationView = AutomationView()
    job: JobView = JobView()
    sound: SoundView = SoundView()
    pid: int = 0
    """Process of the stage."""
    version: str = ""
    started_s: float = 0.0
    """When the stage was started (Unix)."""
