"""How a show is heard, reached, kept and timed: sound, OSC, MIDI, recording, scenes. Plain data; it opens nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from realtime.control.scene import Scene
from realtime.control.table import TEMPO_DEFAULT
from realtime.midi.mapping import Mapping

LEAST_BLOCK_FRAMES: Final = 16
"""That a device is asked for."""


@dataclass(frozen=True)
class OscSettings:
    """Where OSC and OSCQuery listen. Not beyond this machine unless a host says so: packets have no password."""

    on: bool = True
    host: str = "127.0.0.1"
    port: int = 9000
    query_port: int = 9001


@dataclass(frozen=True)
class MidiSettings:
    """Which controllers are heard. No `ports`: all that look like controllers; no `mapping`: the ready one."""

    on: bool = True
    backend: str = "auto"
    ports: tuple[str, ...] = ()
    mapping: Mapping | None = None


@dataclass(frozen=True)
class RecordSettings:
    """Where takes go (None: the user's music folder) and whether decks are recorded each for itself as well."""

    folder: Path | None = None
    stems: bool = False


@dataclass(frozen=True)
class TransportSettings:
    """The clock a show begins with."""

    tempo_bpm: float = TEMPO_DEFAULT
    quantum_beats: int = 4
    source: str = "internal"
    run: bool = False


@dataclass(frozen=True)
class SoundSettings:
    """What the engine is started with. None: the device's own, or chosen."""

    device: str | None = None
    """Output, by name or number, or as a snapshot has it."""
    sample_rate_hz: int | None = None
    block_frames: int | None = None
    lead_frames: int | None = None
    """Of decks that name none."""
    input: str | None = None
    """The device that is listened to; None: none."""


@dataclass(frozen=True)
class ShowSettings:
    """All of it."""

    osc: OscSettings = field(default_factory=OscSettings)
    midi: MidiSettings = field(default_factory=MidiSettings)
    record: RecordSettings = field(default_factory=RecordSettings)
    transport: TransportSettings = field(default_factory=TransportSettings)
    scenes: tuple[Scene, ...] = ()
    sound: SoundSettings = field(default_factory=SoundSettings)
