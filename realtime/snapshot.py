"""What the engine shows: the second of its two doors. Plain data, taken from the shared block at the reader's own rate."""

from dataclasses import dataclass, field

from patches.manifest import Manifest
from realtime.commands import AUDITION
from realtime.errors import UnknownDeckError
from realtime.voices.voice import VoiceOptions


@dataclass(frozen=True)
class DeckSnapshot:
    """One deck at one instant. Times in ms, levels in dBFS, `step_share` is mean step time over the time a step makes sound for."""

    number: int
    patch: str
    state: str
    error: str
    peak_db: tuple[float, float]
    rms_db: tuple[float, float]
    lead_frames: int
    fill_frames: int
    step_ms: float
    step_max_ms: float
    step_share: float
    underruns: int
    missing_frames: int
    late_steps: int
    faults: int
    restarts: int
    mode: str
    priority: str
    latency_ms: float
    pid: int
    note: str = ""
    """What the voice said lately: nothing is wrong, but the performer should know."""
    corpora: tuple[str, ...] = ()
    """Folders of the corpora that play; none: the patch's own."""
    manifest: Manifest | None = None
    """Of the patch that was last asked for; None in an empty deck."""
    values: tuple[float, ...] = ()
    """Its controls, in the manifest's order, as they were set."""
    stage: tuple[float, ...] = ()
    """The controls every deck has, in the order of `realtime.controls.DECK_CONTROLS`; gains in dB."""
    seed: int = 0
    folder: str = ""
    """Of the patch, where it is none of the library's."""
    options: VoiceOptions = field(default_factory=VoiceOptions)
    """Corpora and prime it was last asked to play with."""
    lead_asked: int | None = None
    """Lead somebody fixed; None: chosen from the step time."""
    mode_asked: int | None = None
    """Mode somebody pinned; None: left to the degrade ladder."""
    playing: int = 0
    """Number of the load that is heard (loads and changes of corpus are counted from 1); 0 none."""
    coming: tuple[int, ...] = ()
    """Numbers of the loads on their way."""
    mode_place: int = 0
    """Place of the mode among those of the voice: 0 is its best."""
    loading: str = ""
    """Slug of the patch on its way; empty: none is."""
    load_share: float = -1.0
    """How much of that is done, 0 to 1; -1: nothing is on its way."""
    load_text: str = ""
    """What is being done, in words."""
    modes: tuple[str, ...] = ()
    """Names of the modes of the voice that is heard, its best first."""
    underruns_before: int = 0
    """Of `underruns`, those before the deck was last loaded or reset, or counts were cleared."""

    @property
    def recent_underruns(self) -> int:
        """Underruns since then: what people are shown."""
        return self.underruns - self.underruns_before


@dataclass(frozen=True)
class Snapshot:
    """The stage at one instant. `callback_share` is the longest callback, since counts were cleared, over the block's time."""

    clock_frames: int
    sample_rate_hz: int
    block_frames: int
    device: str
    audio_priority: str
    peak_db: tuple[float, float]
    rms_db: tuple[float, float]
    callbacks: int
    callback_share: float
    device_xruns: int
    nonfinite: int
    limited_frames: int
    silent: bool
    spare_ready: bool
    decks: tuple[DeckSnapshot, ...]
    device_awaited: str = ""
    """A device that was lost, or `any device` where there was none at the start, which is played through when it is there; empty: none."""
    input_name: str = ""
    """Empty: the stage has no input."""
    input_peak_db: float = -120.0
    """Before the feedback guard: what comes in is seen also while it is muted."""
    input_rms_db: float = -120.0
    input_guarded: bool = False
    """The feedback guard has muted the input."""
    input_guards: int = 0
    """Times it has done so."""
    input_latency_ms: float = 0.0
    input_overflows: int = 0
    input_nonfinite: int = 0
    master: tuple[float, ...] = ()
    """The master's controls, in the order of `realtime.controls.MASTER_CONTROLS`; gains in dB."""
    panicked: bool = False
    """Silent by a panic, until it is taken back."""
    audition: DeckSnapshot | None = None
    """The hidden deck, which patches are tried in; it is none of `decks`. None: this stage has none."""
    device_latency_ms: float = 0.0
    """From a block that is made to its sound at the plug, as the device reports it."""
    xruns_before: int = 0
    """Of `device_xruns`, those before counts were cleared."""

    @property
    def recent_xruns(self) -> int:
        """Device xruns since then: what people are shown."""
        return self.device_xruns - self.xruns_before

    @property
    def underruns(self) -> int:
        """Underruns of all decks."""
        return sum(deck.underruns for deck in self.decks)

    def deck(self, number: int) -> DeckSnapshot:
        """A deck by its number from 0, or the hidden one by `AUDITION`.

        Raises
        ------
        UnknownDeckError — there is none.
        """
        found = self.audition if number == AUDITION else self.decks[number] if 0 <= number < len(self.decks) else None
        if found is None:
            raise UnknownDeckError("no deck has this number", got=str(number + 1), allowed=f"1 to {len(self.decks)}")
        return found
