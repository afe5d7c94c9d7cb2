"""The codec a patch of kind `tokens` plays through, as a `training.codecs.codec.Codec`: its two ONNX models, run step by step.

So whoever has a patch can make datasets for it and judge it, without the folder its codec was trained in. It does not know voices.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime as ort

from patches.errors import MissingFileError, PatchError, UnknownPatchError, UnknownRoleError
from patches.library import find
from patches.limits import MANIFEST_NAME
from patches.manifest import Manifest, Model
from patches.reader import read_bytes, read_manifest
from training.codecs.codec import Codes, Sound
from training.codecs.errors import CodecError, DamagedCodecError, MissingCodecError, OtherCodecError
from training.codecs.spectral_codec import check_codes

__all__ = ["PatchCodec", "open_patch_codec", "stream_decode"]

SILENT = 3  # errors only
DTYPES = {"float32": np.float32, "int64": np.int64}


class PatchCodec:
    """See `training.codecs.codec.Codec`. `folder` and `manifest` are the patch, `decoder_steps` the codec frames per call of its decoder.

    Raises
    ------
    OtherCodecError
        The patch does not say what its codec is.
    DamagedCodecError
        The signature of its decoder is none of a decoder's.
    """

    def __init__(self, folder: Path, manifest: Manifest):
        self.folder = folder
        self.manifest = manifest
        self.kind = str(manifest.settings.get("codec", ""))
        self.identity = str(manifest.settings.get("codec_identity", ""))
        self.codebook_size = int(manifest.settings.get("codebook_size", 0))
        if not self.kind or not self.identity or self.codebook_size < 2:
            got = ", ".join(f"{name}={value}" for name, value in manifest.settings.items())
            raise OtherCodecError(
                "the patch does not say what its codec is", where=folder, got=got, allowed="codec, codec_identity, codebook_size"
            )
        self.licence = manifest.licence.weights
        self.sample_rate_hz = manifest.audio.sample_rate_hz
        self.lookahead_frames = manifest.audio.lookahead_frames
        self._decoder = manifest.model("decoder")
        shape = next((tensor.shape for tensor in self._decoder.inputs if tensor.name == "codes"), ())
        audio = next((tensor.shape for tensor in self._decoder.outputs if tensor.name == "audio"), ())
        self.decoder_steps = shape[2] if len(shape) == 3 else 1
        if len(shape) not in (2, 3) or audio != (1, manifest.audio.step_frames) or audio[1] % self.decoder_steps:
            got = f"codes {shape}, audio {audio}"
            allowed = f"codes (1, K) or (1, K, n), audio (1, {manifest.audio.step_frames}), a multiple of n"
            raise DamagedCodecError("no decoder of codes", where=folder / self._decoder.file, got=got, allowed=allowed)
        self.codebooks = shape[1]
        self.hop_frames = manifest.audio.step_frames // self.decoder_steps

    def encode(self, audio: Sound) -> Codes:
        """Return the codes of a sound, (T,) -> (K, ceil(T / hop)).

        Raises
        ------
        CodecError
            The patch has no encoder.
        DamagedCodecError
            Its file is not the one listed, or not a model that runs.
        """
        try:
            model = self.manifest.model("encoder")
        except UnknownRoleError as error:
            hint = "Name the codec folder it was exported from: --codec CODEC"
            raise CodecError("the patch has no encoder", where=self.folder, hint=hint) from error
        steps = -(-len(audio) // self.hop_frames)
        padded = np.zeros(steps * self.hop_frames, np.float32)
        padded[: len(audio)] = audio
        with _damage(self.folder / model.file):
            run = _Runner(model, read_bytes(self.folder, model))
            codes = [run({"audio": piece[None]})["codes"][0] for piece in padded.reshape(steps, self.hop_frames)]
            return np.stack(codes, axis=1).astype(np.int64) if codes else np.zeros((self.codebooks, 0), np.int64)

    def decode(self, codes: Codes, seed: int = 0) -> Sound:
        """Return the sound of codes, (k, S) -> (S * hop,); the noise follows from the seed.

        Raises
        ------
        CodesError
            This codec cannot have made them.
        DamagedCodecError
            The decoder's file is not the one listed, or not a model that runs.
        """
        codes = check_codes(codes, self.codebooks, self.codebook_size)
        with _damage(self.folder / self._decoder.file):
            return stream_decode(self._decoder, read_bytes(self.folder, self._decoder), codes, self.lookahead_frames, seed)

    def read(self, model: Model) -> bytes:
        """Return the bytes of one of the patch's models; raises DamagedCodecError."""
        with _damage(self.folder / model.file):
            return read_bytes(self.folder, model)


@contextmanager
def _damage(where: Path) -> Iterator[None]:
    """Say what goes wrong with a patch's model as DamagedCodecError."""
    try:
        yield
    except Exception as error:  # ONNX Runtime raises a class of its own per failure, with no common base
        ours = isinstance(error, PatchError) or type(error).__module__.startswith("onnxruntime")
        # What a model gives that has another signature than it says.
        if not ours and not isinstance(error, (KeyError, ValueError, RuntimeError)):
            raise
        got = " ".join(str(error).split())[:200]
        raise DamagedCodecError("the model of the patch cannot be used", where=where, got=got, hint="Copy the patch again") from error


def stream_decode(model: Model, content: bytes, codes: Codes, lookahead_frames: int, seed: int = 0) -> Sound:
    """Return what a decoder that streams makes of codes, in time with the sound they were made from.

    Parameters
    ----------
    model : Model
        The decoder's entry in a manifest.
    content : bytes
        The decoder.
    codes : int64 array, shape (k, S)
    lookahead_frames : int
        How late it is.
    seed : int
        Of its noise, where it has any.

    Returns
    -------
    float32 array, shape (S * hop,)
    """
    run = _Runner(model, content)
    shape = run.shapes["codes"]
    per_call = shape[2] if len(shape) == 3 else 1
    call_frames = next(tensor.shape[-1] for tensor in model.outputs if tensor.name == "audio")
    hop_frames = call_frames // per_call
    steps = codes.shape[1]
    calls = -(-(steps * hop_frames + lookahead_frames) // call_frames)
    # What comes after the end is nothing, and says nothing.
    padded = np.full((shape[1], calls * per_call), -1, np.int64)
    padded[: len(codes), :steps] = codes
    random = np.random.Generator(np.random.PCG64(seed))
    sounds = []
    for call in range(calls):
        inputs = {"codes": padded[:, call * per_call : (call + 1) * per_call].reshape(shape)}
        if "noise" in run.shapes:
            inputs["noise"] = random.standard_normal(run.shapes["noise"], dtype=np.float32)
        sounds.append(run(inputs)["audio"][0])
    return np.concatenate(sounds)[lookahead_frames : lookahead_frames + steps * hop_frames]


class _Runner:
    """One model with its state, fed back after every call."""

    def __init__(self, model: Model, content: bytes):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = SILENT
        self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._feedback = dict(model.feedback)
        self._outputs = [tensor.name for tensor in model.outputs]
        self.shapes = {tensor.name: tensor.shape for tensor in model.inputs}
        kept = set(self._feedback.values())
        self._state = {tensor.name: np.zeros(tensor.shape, DTYPES[tensor.dtype]) for tensor in model.inputs if tensor.name in kept}

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        results = dict(zip(self._outputs, self._session.run(self._outputs, self._state | inputs), strict=True))
        self._state = {target: results[source] for source, target in self._feedback.items()}
        return results


def open_patch_codec(where: str | Path) -> PatchCodec:
    """Open the codec of a patch: its folder, or its slug.

    Raises
    ------
    MissingCodecError
        There is no such patch, and no codec folder either.
    OtherCodecError
        The patch plays without a codec, or does not say which it is.
    DamagedCodecError
        There is a patch, but its manifest is none.
    """
    folder = Path(where)
    try:
        # os.path and not Path.is_file, which on Python 3.11 raises for a name that is too long.
        if not os.path.isfile(folder / MANIFEST_NAME):  # noqa: PTH113
            folder = find(str(where))
        manifest = read_manifest(folder)
    except (UnknownPatchError, MissingFileError) as error:
        hint = "Give a codec folder, a patch folder or the slug of a patch of kind tokens"
        raise MissingCodecError("no codec there", where=where, got=str(error), hint=hint) from error
    except PatchError as error:
        raise DamagedCodecError("the patch cannot be read", where=folder, got=str(error)) from error
    if manifest.kind != "tokens":
        raise OtherCodecError("the patch has no codec", where=folder, got=f"kind {manifest.kind}", allowed="kind tokens")
    return PatchCodec(folder, manifest)
