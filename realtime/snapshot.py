"""What the engine shows: the second of its two doors. Plain data, taken from the shared block at the reader's own rate."""

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Snapshot:
    """The stage at one instant. `callback_share` is the longest callback over the block's time."""

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

    @property
    def underruns(self) -> int:
        """Underruns of all decks."""
        return sum(deck.underruns for deck in self.decks)
