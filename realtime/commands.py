"""What can be asked of the engine: the first of its two doors. Each is plain data; it knows no thread and no process.

Decks are numbered from 0 here and from 1 where a person reads or types them.
"""

from dataclasses import dataclass
from typing import Final

from realtime.voices.voice import CorpusChoice

AUDITION: Final = -1
"""In place of a deck's number: the hidden deck, which patches are tried in."""


@dataclass(frozen=True)
class Load:
    """Play a patch in a deck: cross-fades from what sounds there."""

    deck: int
    patch: str
    """Slug or folder."""
    seed: int | None = None
    """None keeps the deck's seed."""
    controls: tuple[tuple[str, float], ...] = ()
    """Values that are not the defaults, by id."""
    corpora: tuple[CorpusChoice, ...] = ()
    """What a mosaic plays; none: the patch's own corpus."""
    prime: str | None = None
    """A sound file that the sequencer of a mosaic hears before it predicts; None: the patch's own prime."""
    mode: int | None = None
    """As in `SetMode`."""


@dataclass(frozen=True)
class SetCorpora:
    """Play other corpora with the same patch and the same values: cross-fades as a load does. None: the patch's own corpus."""

    deck: int
    corpora: tuple[CorpusChoice, ...]


@dataclass(frozen=True)
class Unload:
    """Fade a deck out and free it."""

    deck: int


@dataclass(frozen=True)
class CancelLoad:
    """Leave what a deck loads and does not sound yet; what sounds there goes on."""

    deck: int


@dataclass(frozen=True)
class SetControl:
    """Set a control of a deck (its own or its patch's), or of the master where `deck` is None."""

    deck: int | None
    control: str
    value: float


@dataclass(frozen=True)
class ScheduleControl:
    """Set a control so that the change sounds at a frame of the stage clock: exactly for a gain, with the step that begins there or is the
    first after it for a patch's own. What comes too late for that is done as soon as it can be.

    Whoever schedules a control says when its frame has come, by `SettleControl`.
    """

    frame: int
    deck: int | None
    control: str
    value: float


@dataclass(frozen=True)
class SettleControl:
    """Note that a scheduled value is the present one: it shows, and what is loaded again begins with it. The sound does not change."""

    deck: int | None
    control: str
    value: float


@dataclass(frozen=True)
class Panic:
    """Fade everything out at once and let the voices begin anew; `on` false opens the sound again."""

    on: bool = True


@dataclass(frozen=True)
class Reset:
    """Start a deck's voice anew with its seed, or with another."""

    deck: int
    seed: int | None = None


@dataclass(frozen=True)
class SetLead:
    """Frames a deck keeps ahead of the device; None chooses from the measured step time."""

    deck: int
    frames: int | None


@dataclass(frozen=True)
class SetMode:
    """Pin a voice's mode; None leaves it to the degrade ladder."""

    deck: int
    mode: int | None


@dataclass(frozen=True)
class ClearCounts:
    """Count what people are shown of drop-outs from now on: underruns, device xruns, the longest callback."""


Command = (
    Load | SetCorpora | Unload | CancelLoad | SetControl | ScheduleControl | SettleControl | Panic | Reset | SetLead | SetMode | ClearCounts
)
