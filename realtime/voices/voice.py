"""What a voice is, and the table of voices. It knows the manifest, not the stage."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from patches.manifest import Manifest
from realtime.errors import VoiceError
from realtime.kernels.views import Floats


@dataclass(frozen=True)
class UnitEvent:
    """One entry of a voice's log: from where in its corpus the frames of a step came.

    `frame` is the first output frame at the patch's rate, `unit` the corpus unit, `start` the first corpus frame played, `faded` is true
    when the step began with a cross-fade from another place.
    """

    frame: int
    unit: int
    start: int
    faded: bool


class Voice(Protocol):
    """One per kind of patch. Thread: the deck's, from `prepare` on; nothing here runs in the audio callback.

    A voice is deterministic: the same seed and the same controls give the same frames on every run.
    """

    step_frames: int
    """Frames made by one step, at the patch's rate."""
    lookahead_frames: int
    """The model's own delay."""
    channels: int
    sample_rate_hz: int
    modes: tuple[str, ...]
    """Names of its modes, full quality first, each cheaper than the one before."""
    faults: int
    """Times the model said something that is no number and was put right."""
    log: Callable[[UnitEvent], None] | None
    """Called for each step when set: proves where the sound came from. Not used while playing."""

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


VOICES: dict[str, str] = {"mosaic": "realtime.voices.mosaic:Mosaic", "tokens": "realtime.voices.tokens:Tokens"}
"""Kind of patch -> where its voice is; imported when first used, so that a stage loads only the voices it plays."""


def make_voice(folder: Path, manifest: Manifest) -> Voice:
    """The voice that plays a patch, not yet prepared.

    Raises
    ------
    VoiceError — no voice plays this kind of patch.
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
    voice: Voice = getattr(import_module(module), name)(folder, manifest)
    return voice
