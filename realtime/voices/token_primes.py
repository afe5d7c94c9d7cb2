"""The contexts a token stream can start from: read, heard once by the models, and kept as states. It knows no controls."""

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Manifest
from patches.reader import read_bytes
from realtime.errors import VoiceError
from realtime.kernels.views import Floats
from realtime.voices.token_decoder import TokenDecoder
from realtime.voices.token_models import NO_CODE, TokenModel, TokenState

MAX_PRIMES = 64
DECODED_STEPS = 24
"""Codec frames of a prime that the decoder hears, which is the dear part: the Descript codec, for one, reaches back 10."""
PRIMING_SEED = 0
"""Of the decoder's noise while it hears a prime: a prime is the same whatever the stream's seed."""


@dataclass(frozen=True)
class Start:
    """Where a stream can begin: the models' states, and the codes of the last frames heard, shape (frames, K)."""

    tokens: TokenState
    decoder: tuple[NDArray[Any], ...]
    codes: NDArray[np.int64]


class Primes:
    """All starts of a patch; without a file of primes the only one is silence.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
    model : TokenModel
    decoder : TokenDecoder
        Both are run through every prime here, and left in the state after the last.
    kept_frames : int
        How many of the last codes a start keeps.
    heard : callable
        Told how many primes are heard, of how many.

    Raises
    ------
    VoiceError — the file is not what `docs/patch-format.md` says, or does not fit the models.
    PatchError — the file is not the one the manifest names.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        model: TokenModel,
        decoder: TokenDecoder,
        kept_frames: int,
        heard: Callable[[int, int], None],
    ) -> None:
        model.reset()
        decoder.reset()
        width = model.inputs["condition"].shape[1]
        entry = next((d for d in manifest.data if d.role == "primes"), None)
        if entry is None:
            nothing = np.zeros((0, model.codebooks), np.int64)
            self.starts: tuple[Start, ...] = (Start(model.save(), decoder.save(), nothing),)
            self._conditions = np.zeros((1, width), np.float32)
        else:
            steps = int(manifest.settings["context_steps"])
            codes, self._conditions = _read(entry.file, read_bytes(folder, entry), model, width, steps)
            starts: list[Start] = []
            for said, condition in zip(codes, self._conditions, strict=True):
                heard(len(starts), len(codes))
                starts.append(_hear(model, decoder, said, condition, kept_frames))
            self.starts = tuple(starts)
        # A wrong class is further away than any parameters can be.
        classes = int(manifest.settings["classes"])
        self._weights = np.ones(width, np.float32)
        self._weights[:classes] = 1.0 + width - classes

    def nearest(self, condition: Floats) -> int:
        """Index of the prime whose condition is nearest; what a prime's condition leaves open counts for nothing."""
        apart = np.nan_to_num((self._conditions - condition) ** 2, nan=0.0) * self._weights
        return int(apart.sum(axis=1).argmin())


def _read(name: str, content: bytes, model: TokenModel, width: int, steps: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Codes (P, K, N) and conditions (P, C), checked."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            codes, condition = archive["codes"], archive["condition"]
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise VoiceError(f"{name}: not readable as primes", got=str(error), allowed="arrays codes and condition") from None
    if codes.dtype.kind not in "iu" or codes.ndim != 3 or codes.shape[1:] != (model.codebooks, steps) or 0 in codes.shape:
        raise VoiceError(
            f"{name}: array codes does not fit the patch",
            got=f"{codes.dtype} {codes.shape}",
            allowed=f"integers (P, {model.codebooks}, {steps}): codebooks of the step, settings.context_steps",
        )
    if condition.dtype.kind != "f" or condition.shape != (len(codes), width) or len(codes) > MAX_PRIMES:
        raise VoiceError(
            f"{name}: array condition does not fit the patch",
            got=f"{condition.dtype} {condition.shape}",
            allowed=f"float ({len(codes)}, {width}), at most {MAX_PRIMES} primes",
        )
    if codes.min() < NO_CODE or codes.max() >= model.size:
        raise VoiceError(f"{name}: what is no code", got=f"{codes.min()} to {codes.max()}", allowed=f"{NO_CODE} to {model.size - 1}")
    if np.isinf(condition).any():
        raise VoiceError(f"{name}: a condition that is infinite", got=f"prime {int(np.isinf(condition).any(axis=1).argmax()) + 1}")
    return codes.astype(np.int64), condition.astype(np.float32)


def _hear(model: TokenModel, decoder: TokenDecoder, codes: NDArray[np.int64], condition: Floats, kept_frames: int) -> Start:
    """Run both models through one prime, codes (K, N)."""
    model.reset()
    decoder.reset()
    # A value left open is one that the model learned to ignore.
    model.inputs["condition"][0] = np.nan_to_num(condition, nan=0.5)
    model.inputs["noise"].fill(0.0)
    model.inputs["temperature"].fill(0.0)
    for said in codes.T:
        model.hear(said)
    random = np.random.Generator(np.random.PCG64(PRIMING_SEED))
    frames = decoder.frames_per_step
    calls = min(codes.shape[1], DECODED_STEPS) // frames
    unheard = np.zeros((decoder.step_frames, 1), np.float32)
    for said in np.split(codes[:, codes.shape[1] - calls * frames :], calls, axis=1) if calls else ():
        for column, frame in zip(decoder.columns, said.T, strict=True):
            column[:] = frame
        decoder.step(random, unheard)
    return Start(model.save(), decoder.save(), np.ascontiguousarray(codes.T[-kept_frames:]))
