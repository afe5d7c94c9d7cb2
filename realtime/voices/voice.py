"""What a voice is, and the table of voices. It knows the manifest, not the stage."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from patches.manifest import Manifest
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.load_progress import Progress


@dataclass(frozen=True)
class UnitEvent:
    """One entry of a voice's log: from where in its corpus the frames of a hop came. One per hop and sounding stream, and one more for a
    unit that begins within a hop: from there on it takes the place of the stream's last entry.

    `frame` is the first output frame at the patch's rate, `unit` the corpus unit, `start` the first corpus frame played, `faded` is true
    when the hop began with a cross-fade from another place. `stream` tells simultaneous units apart. `file` is the name of the corpus
    file the unit was cut from (empty where the corpus does not know) and `source_start` the first frame of that file, at the patch's rate;
    `label` is what the corpus says about it. `frames` is how many frames the entry is about: the rest of its hop; 0 for the step of the
    manifest.
    """

    frame: int
    unit: int
    start: int
    faded: bool
    stream: int = 0
    file: str = ""
    source_start: int = 0
    label: str = ""
    frames: int = 0


OWN_CORPUS = "@patch"
"""Path of a `CorpusChoice` that means the patch's own corpus."""


@dataclass(frozen=True)
class CorpusChoice:
    """One corpus a voice plays: a folder made by `python -m training corpus`, or `OWN_CORPUS`.

    `weight` says how gladly its units are chosen (1 as is), `labels` which of them may be (none named: all).
    """

    path: str
    weight: float = 1.0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class VoiceOptions:
    """What a voice is made with besides its patch. No corpora: the patch's own. `prime` is a clip the sequencer hears first."""

    corpora: tuple[CorpusChoice, ...] = ()
    prime: Path | None = None


class Voice(Protocol):
    """One per kind of patch. Thread: the deck's, from `prepare` on; nothing here runs in the audio callback.

    A voice is deterministic: the same seed and the same controls give the same frames on every run.
    """

    step_frames: int
    """Frames made by one step, at the patch's rate: the step of the manifest, or a whole part of it, so that controls are heard sooner."""
    lookahead_frames: int
    """The model's own delay."""
    channels: int
    sample_rate_hz: int
    modes: tuple[str, ...]
    """Names of its modes, full quality first, each cheaper than the one before."""
    faults: int
    """Times the model said something that is no number and was put right."""
    log: Callable[[UnitEvent], None] | None
    """Called with every entry when set: proves where the sound came from. Not used while playing."""

    def prepare(self) -> None:
        """Load, bind and warm every kernel and session; afterwards a step allocates as little as it can."""

    def reset(self, seed: int) -> None:
        """Back to the state after `prepare` with this seed: reset == fresh."""

    def set_mode(self, mode: int) -> None:
        """Take mode number `mode` of `modes` from the next step on."""

    def step(self, controls: Floats, frozen: bool, out: Floats) -> None:
        """Make the next `step_frames` frames.

        Parameters
        ----------
        controls : float32 array, shape (n,)
            Control values in the order of the manifest, already smoothed.
        frozen : bool
            Hold the present state instead of moving on.
        out : float32 array, shape (step_frames, channels)
            Overwritten completely.
        """


class Listener(Voice, Protocol):
    """A voice that hears the live input. Any other voice has neither of these."""

    listens: bool
    """True. Read once, after `prepare`."""

    def listen(self, frames: Floats) -> None:
        """Take what came in since the last call; called before a step, not before every one.

        Parameters
        ----------
        frames : float32 array, shape (T,)
            Mono, at the patch's rate; any T but 0. Valid during the call.
        """


def listener(voice: Voice) -> Listener | None:
    """The voice as one that hears the live input; None where it does not."""
    return cast(Listener, voice) if getattr(voice, "listens", False) else None


class Reporter(Voice, Protocol):
    """A voice that says how far `prepare` is. Any other voice does not have this."""

    progress: Progress
    """Called from `prepare`, with stages from reading to warming up."""


def prepare(voice: Voice, progress: Progress) -> None:
    """Have a voice prepare itself, and say how far it is where it can; errors as `Voice.prepare`."""
    if hasattr(voice, "progress"):
        cast(Reporter, voice).progress = progress
    voice.prepare()


VOICES: dict[str, str] = {"mosaic": "realtime.voices.mosaic:Mosaic", "tokens": "realtime.voices.tokens:Tokens"}
"""Kind of patch -> where its voice is; imported when first used, so that a stage loads only the voices it plays."""


CORPUS_KINDS = frozenset({"mosaic"})
"""Kinds of patch whose voice takes `VoiceOptions`: it plays a corpus, and its sequencer can hear a prime."""


def make_voice(folder: Path, manifest: Manifest, options: VoiceOptions | None = None) -> Voice:
    """The voice that plays a patch, not yet prepared.

    Raises
    ------
    VoiceError — no voice plays this kind of patch, or it has no use for the options.
    """
    place = VOICES.get(manifest.kind)
    if place is None:
        raise VoiceError(
            f"patch {manifest.slug}: no voice plays this kind",
            got=manifest.kind,
            allowed=", ".join(VOICES),
            hint="a newer version of Starling may play it",
        )
    module, name = place.split(":")
    make: Callable[..., Voice] = getattr(import_module(module), name)
    if options is None or options == VoiceOptions():
        return make(folder, manifest)
    if manifest.kind not in CORPUS_KINDS:
        raise VoiceError(
            f"patch {manifest.slug}: its kind plays no corpus and hears no prime",
            got=manifest.kind,
            allowed=", ".join(sorted(CORPUS_KINDS)),
        )
    return make(folder, manifest, options)


def controls_at_once(voice: Voice) -> frozenset[str]:
    """Ids of the controls that are not smoothed for this voice, whatever its manifest says; none for a voice without `at_once`.

    They decide and are not heard themselves: a choice on the way to a new value would only come late.
    """
    at_once: frozenset[str] = getattr(voice, "at_once", frozenset())
    return at_once


def burst_steps(voice: Voice) -> int:
    """In how many steps a voice does its work once; 1 for a voice that does not say. One of them may take as long as all of them last."""
    steps: int = getattr(voice, "burst_steps", 1)
    return steps


def take_notes(voice: Voice) -> list[str]:
    """What the voice has to say since the last call, each thing once; nothing for a voice without `take_notes`."""
    notes: list[str] = voice.take_notes() if hasattr(voice, "take_notes") else []
    return notes
