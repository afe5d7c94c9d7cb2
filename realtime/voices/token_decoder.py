"""The codec decoder of a tokens patch, one call per step. It knows codes in and frames out, not where the codes come from."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Manifest, Model
from patches.reader import read_bytes
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.session import StatefulSession


class TokenDecoder:
    """Decodes the codes of one patch.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
        Of kind `tokens`.
    codebooks : int
        Of the token model, which must be the decoder's.

    Raises
    ------
    VoiceError — its tensors do not fit the token model or the manifest's audio.
    PatchError — a file is missing or not the one the manifest names.

    Thread
    ------
    The deck's.
    """

    def __init__(self, folder: Path, manifest: Manifest, codebooks: int) -> None:
        model = manifest.model("decoder")
        self._check(model, manifest, codebooks)
        threads = int(manifest.settings.get("threads", 1))
        self._session = StatefulSession(model, read_bytes(folder, model), threads)
        codes = self._session.inputs["codes"]
        self.columns: tuple[NDArray[np.int64], ...] = tuple(codes.reshape(codebooks, -1).T)
        """One view per codec frame of a step, shape (K,): write the codes here."""
        self._audio = self._session.outputs["audio"]
        self._noise = self._session.inputs.get("noise")
        self.step_frames = manifest.audio.step_frames
        self._finite = np.zeros(self._audio.shape, np.bool_)

    def _check(self, model: Model, manifest: Manifest, codebooks: int) -> None:
        inputs = {t.name: (t.dtype, t.shape) for t in model.inputs}
        outputs = {t.name: (t.dtype, t.shape) for t in model.outputs}
        dtype, shape = inputs.get("codes", ("none", ()))
        if dtype != "int64" or len(shape) not in (2, 3) or shape[:2] != (1, codebooks):
            raise VoiceError(
                f"{model.file}: input codes does not fit the token model",
                got=f"{dtype} {shape}",
                allowed=f"int64 (1, {codebooks}) or (1, {codebooks}, n)",
            )
        wanted = ("float32", (1, manifest.audio.step_frames))
        if outputs.get("audio") != wanted or manifest.audio.channels != 1:
            raise VoiceError(
                f"{model.file}: output audio is not what the manifest's audio says",
                got=f"{outputs.get('audio')}, {manifest.audio.channels} channels",
                allowed=f"{wanted}, 1 channel",
            )
        frames = shape[2] if len(shape) == 3 else 1
        if manifest.audio.step_frames % frames:
            raise VoiceError(
                f"{model.file}: a step is no whole number of hops", got=f"{frames} codec frames", allowed="a divisor of step_frames"
            )
        free = sorted(inputs.keys() - {"codes", "noise"} - set(model.feedback.values()))
        if free or inputs.get("noise", wanted)[0] != "float32":
            raise VoiceError(
                f"{model.file}: inputs nobody fills", got=", ".join(free) or "noise", allowed="codes, float32 noise and fed-back state"
            )

    @property
    def frames_per_step(self) -> int:
        """Codec frames in one call."""
        return len(self.columns)

    def step(self, random: np.random.Generator, out: Floats) -> bool:
        """Decode the codes in `columns` into `out`, shape (step_frames, 1).

        Returns
        -------
        bool
            False if a sample was no finite number: `out` is silent then, and the state is not to be trusted.
        """
        if self._noise is not None:
            random.standard_normal(out=self._noise, dtype=np.float32)
        self._session.step()
        np.isfinite(self._audio, out=self._finite)
        if not self._finite.all():
            out.fill(0.0)
            return False
        out[:, 0] = self._audio[0]
        return True

    def reset(self) -> None:
        """Back to the state before the first step."""
        self._session.reset()

    def save(self) -> tuple[NDArray[Any], ...]:
        """Return a copy of the state."""
        return self._session.save()

    def restore(self, state: tuple[NDArray[Any], ...]) -> None:
        """Go on from a saved state."""
        self._session.restore(state)
