"""The tokens voice: a token model says the codes of the next codec frames, a decoder makes them sound.

It knows the models of one patch. One step is one call of the decoder and, unless frozen, one call of the token model per codec frame in it.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Manifest
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.load_progress import LoadStage, Progress, untold
from realtime.voices.token_decoder import TokenDecoder
from realtime.voices.token_models import MODES, TokenModel
from realtime.voices.token_primes import Primes, Start
from realtime.voices.voice import UnitEvent

AUTOMATIC = 0
"""Value of the control `prime` that leaves the choice to the voice."""
WARM_STEPS = 4


class Tokens:
    """Plays a patch of kind `tokens`; see `realtime.voices.voice.Voice` for the contract.

    Two streams of noise follow from the seed, one for the codes and one for the decoder, so that a deck that was frozen goes on with the
    codes it would have had.

    Parameters
    ----------
    folder : Path
    manifest : Manifest

    Raises
    ------
    VoiceError — the controls are not those of `docs/patch-format.md`.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.step_frames = manifest.audio.step_frames
        self.lookahead_frames = manifest.audio.lookahead_frames
        self.channels = manifest.audio.channels
        self.sample_rate_hz = manifest.audio.sample_rate_hz
        self.modes: tuple[str, ...] = tuple(name for role, name in MODES if any(m.role == role for m in manifest.models))
        """Complete after `prepare`: whether there is a shorter window is seen only inside the file."""
        self.log: Callable[[UnitEvent], None] | None = None
        """Never called: nothing here comes from a corpus."""
        self.progress: Progress = untold
        self._folder = folder
        self._manifest = manifest
        self.faults = 0
        settings, controls = manifest.settings, manifest.controls
        self._classes, parameters = int(settings["classes"]), int(settings["parameters"])
        ids = [c.id for c in controls]
        if len(ids) < self._classes + parameters or any(not i.startswith("class_") for i in ids[: self._classes]):
            raise VoiceError(
                f"patch {manifest.slug}: its controls do not fit its settings",
                got=", ".join(ids),
                allowed=f"{self._classes} of class_…, then {parameters} parameters",
            )
        self._conditions = self._classes + parameters
        self._order = {c.id: i for i, c in enumerate(controls) if i >= self._conditions}
        self._low = np.array([c.min for c in controls[self._classes : self._conditions]], np.float32)
        self._span = np.array([c.max - c.min for c in controls[self._classes : self._conditions]], np.float32)
        self._defaults = np.array([c.default for c in controls], np.float32)

    def prepare(self) -> None:
        """Open the models, hear every prime and warm every mode.

        Raises
        ------
        VoiceError — a model, or the file of primes, is not what the manifest says.
        PatchError — a file is missing or not the one the manifest names.
        """
        settings = self._manifest.settings
        model = self._model = TokenModel(self._folder, self._manifest)
        opened = len(model.modes)
        self.progress(LoadStage.READING, opened, opened + 1)
        self._decoder = TokenDecoder(self._folder, self._manifest, model.codebooks)
        self.progress(LoadStage.READING, opened + 1, opened + 1)
        self.modes = model.modes
        self._recent = np.zeros((int(settings["freeze_steps"]), model.codebooks), np.int64)
        heard = partial(self.progress, LoadStage.HEARING)
        self._primes = Primes(self._folder, self._manifest, model, self._decoder, len(self._recent), heard)
        books = range(1, model.codebooks + 1)
        self._warmth = np.array([float(settings.get(f"codebook_temperature_{book}", 1.0)) for book in books], np.float32)
        self._condition: Floats = model.inputs["condition"][0]
        self._mix = np.zeros(self._classes, np.float32)
        out = np.zeros((self.step_frames, 1), np.float32)
        warmed = (*range(len(self.modes)), 0)
        for count, mode in enumerate(warmed):
            self.progress(LoadStage.WARMING, count, len(warmed))
            self.set_mode(mode)
            self.reset(0)
            for frozen in (False,) * WARM_STEPS + (True, False):
                self.step(self._defaults, frozen, out)
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Back to the state after `prepare`; the first step chooses its prime, since it is the first to know the controls."""
        generator = np.random.PCG64(seed & 0xFFFF_FFFF_FFFF_FFFF)
        self._draws = np.random.Generator(generator)
        self._hiss = np.random.Generator(generator.jumped())
        self._fresh = True
        self._prime = AUTOMATIC
        self._mix.fill(0.0)
        self._mix[0] = 1.0
        given = np.maximum(self._defaults[: self._classes], 0.0)
        if given.sum() > 0.0:
            self._mix[:] = given / given.sum()

    def set_mode(self, mode: int) -> None:
        """Take mode number `mode` of `modes` from the next step on."""
        self._model.set_mode(mode)

    def step(self, controls: Floats, frozen: bool, out: Floats) -> None:
        """Make the next frames; see `Voice.step`."""
        self._follow(controls)
        prime = round(self._control(controls, "prime", AUTOMATIC))
        if self._fresh or prime != self._prime:
            self._prime = prime
            start = self._choose(prime)
            self._begin(start)
            if self._fresh:
                self._decoder.restore(start.decoder)
            # In mid-stream the decoder keeps its own state: it joins the old codes to the new without a click.
            self._fresh = False
        for column in self._decoder.columns:
            column[:] = self._looped() if frozen and self._heard else self._next()
        if not frozen:
            self._loop = 0
        if not self._decoder.step(self._hiss, out):
            self.faults += 1
            start = self._choose(self._prime)
            self._begin(start)
            self._decoder.restore(start.decoder)

    def _follow(self, controls: Floats) -> None:
        """Bring the controls into the inputs of the token model."""
        classes, inputs = self._classes, self._model.inputs
        given = controls[:classes]
        total = float(given.sum())
        if total > 0.0:
            np.divide(given, total, out=self._mix)
        condition = self._condition
        condition[:classes] = self._mix
        values = condition[classes:]
        np.subtract(controls[classes : self._conditions], self._low, out=values)
        np.divide(values, self._span, out=values)
        np.clip(values, 0.0, 1.0, out=values)
        np.multiply(self._warmth, max(self._control(controls, "temperature", 1.0), 0.0), out=inputs["temperature"][0])
        inputs["top_k"][0] = min(max(self._control(controls, "top_k", self._model.size), 1.0), float(self._model.size))
        inputs["top_p"][0] = min(max(self._control(controls, "top_p", 1.0), 0.0), 1.0)

    def _control(self, controls: Floats, control_id: str, default: float) -> float:
        place = self._order.get(control_id)
        return default if place is None else float(controls[place])

    def _choose(self, prime: int) -> Start:
        """The start a value of the control `prime` means under the present controls."""
        starts = self._primes.starts
        if prime == AUTOMATIC:
            return starts[self._primes.nearest(self._condition)]
        return starts[min(max(prime, 1), len(starts)) - 1]

    def _begin(self, start: Start) -> None:
        """Let the token model, and what freeze would loop, stand where the prime ends."""
        self._model.restore(start.tokens)
        self._heard = len(start.codes)
        self._recent[: self._heard] = start.codes
        self._newest = self._heard - 1
        self._loop = 0

    def _next(self) -> NDArray[np.int64]:
        """Codes of a new frame, shape (K,)."""
        inputs = self._model.inputs
        self._draws.random(out=inputs["noise"], dtype=np.float32)
        faults = self._model.faults
        if not self._model.step():
            self._begin(self._choose(self._prime))
        self.faults += self._model.faults - faults
        codes: NDArray[np.int64] = inputs["codes"][0]
        self._newest = (self._newest + 1) % len(self._recent)
        self._recent[self._newest] = codes
        self._heard = min(self._heard + 1, len(self._recent))
        return codes

    def _looped(self) -> NDArray[np.int64]:
        """Codes of the next frame of the loop: after the newest frame comes the oldest."""
        oldest = self._newest + 1 if self._heard == len(self._recent) else 0
        codes: NDArray[np.int64] = self._recent[(oldest + self._loop) % self._heard]
        self._loop = (self._loop + 1) % self._heard
        return codes
