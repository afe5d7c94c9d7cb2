"""What a codec is, the folder one is kept in, and how any of them is opened. It does not know what a code means.

::

    CODEC/meta.json                 format, kind "codec", codec, config, licence, checkpoint_sha256; what else its maker wrote
    CODEC/checkpoint.safetensors    weights
"""

import hashlib
import json
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from training.codecs.errors import DamagedCodecError, MissingCodecError, OtherCodecError
from training.run_folder import META, WEIGHTS, write_values, write_weights

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CODECS", "Codec", "open_codec", "read_codec_meta", "read_codec_weights", "write_codec"]

FORMAT = 1
KIND = "codec"
CODECS: dict[str, str] = {"spectral": "training.codecs.spectral_codec:load_spectral", "dac": "training.codecs.dac:load_dac"}
"""Codec -> where its loader is: ``load(folder, meta) -> Codec``. Imported when first used."""

Sound = NDArray[np.float32]
Codes = NDArray[np.int64]


class Codec(Protocol):
    """Sound to codes and back, offline.

    Attributes
    ----------
    kind : str
        "spectral" or "dac".
    identity : str
        SHA-256 of the weights that make codes: equal identities make equal codes.
    licence : str
        Of the weights.
    sample_rate_hz, hop_frames, codebooks, codebook_size : int
    lookahead_frames : int
        How many frames a decoder that streams is late.
    """

    kind: str
    identity: str
    licence: str
    sample_rate_hz: int
    hop_frames: int
    codebooks: int
    codebook_size: int
    lookahead_frames: int

    def encode(self, audio: Sound) -> Codes:
        """Return the codes of a sound, (T,) -> (K, ceil(T / hop))."""

    def decode(self, codes: Codes, seed: int = 0) -> Sound:
        """Return the sound of codes, (k <= K, S) -> (S * hop,), in time with the sound they were made from.

        The same seed gives the same sound.
        """


def open_codec(where: str | Path) -> Codec:
    """Open a codec folder, or the codec that a patch of kind `tokens` plays through.

    Parameters
    ----------
    where : str or Path
        A folder that ``python -m training codec`` or ``codec-import`` wrote, a patch folder, or the slug of a patch.

    Raises
    ------
    MissingCodecError
        There is no codec.
    DamagedCodecError
        Its files contradict themselves or each other.
    """
    folder = Path(where)
    if _is_file(folder / META):
        meta = read_codec_meta(folder)
        module, name = CODECS[meta["codec"]].split(":")
        return getattr(import_module(module), name)(folder, meta)
    from training.codecs.patch_codec import open_patch_codec

    return open_patch_codec(where)


def read_codec_meta(folder: Path) -> dict[str, Any]:
    """Return what a codec folder says about itself.

    Raises
    ------
    MissingCodecError
        It holds no codec.
    OtherCodecError
        It holds something else, or a codec this version does not know.
    DamagedCodecError
        `meta.json` is not what a training or an import writes.
    """
    file = folder / META
    if not _is_file(file):
        hint = "Make one: python -m training codec --audio DIR --out CODEC"
        raise MissingCodecError("no codec there", where=folder, got="no meta.json", hint=hint)
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DamagedCodecError("cannot be read", where=file, got=error.strerror) from error
    except (ValueError, RecursionError) as error:
        raise DamagedCodecError("not JSON", where=file, got=str(error)) from error
    if not isinstance(meta, dict) or meta.get("kind") != KIND:
        got = meta.get("kind") if isinstance(meta, dict) else type(meta).__name__
        raise OtherCodecError("not a codec", where=file, got=repr(got), allowed=repr(KIND))
    # A list or an object cannot be looked up.
    if meta.get("format") != FORMAT or not isinstance(meta.get("codec"), str) or meta["codec"] not in CODECS:
        got = f"format {meta.get('format')}, codec {meta.get('codec')!r}"
        raise OtherCodecError("a codec this version does not know", where=file, got=got, allowed=f"format {FORMAT}, {', '.join(CODECS)}")
    if not isinstance(meta.get("config"), dict) or not isinstance(meta.get("checkpoint_sha256"), str):
        raise DamagedCodecError("config or checkpoint_sha256 is missing", where=file)
    if not isinstance(meta.get("licence"), str):
        raise DamagedCodecError("licence is missing", where=file)
    return meta


def read_codec_weights(folder: Path, meta: dict[str, Any]) -> "dict[str, Tensor]":
    """Return the weights a codec folder keeps, which must be those its `meta.json` names; raises DamagedCodecError, MissingCodecError."""
    import safetensors
    import safetensors.torch

    file = folder / WEIGHTS
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise MissingCodecError("the codec has no weights", where=file) from error
    except OSError as error:
        raise DamagedCodecError("cannot be read", where=file, got=error.strerror) from error
    if hashlib.sha256(content).hexdigest() != meta["checkpoint_sha256"]:
        raise DamagedCodecError("not the weights that meta.json describes", where=file, hint="Make the codec again, or restore the file")
    try:
        return safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise DamagedCodecError("not a safetensors file", where=file, got=str(error)) from error


def write_codec(folder: Path, meta: dict[str, Any], weights: "dict[str, Tensor]") -> dict[str, Any]:
    """Write a codec folder's two files, each whole or not at all, and return the meta as written; raises OutputFailedError.

    Parameters
    ----------
    folder : Path
        Must exist.
    meta : dict
        With `codec`, `config` and `licence`; format, kind and the hash are filled in.
    weights : dict of str to Tensor
    """
    meta = meta | {"format": FORMAT, "kind": KIND, "checkpoint_sha256": write_weights(folder, weights)}
    write_values(folder, meta)
    return meta


def _is_file(path: Path) -> bool:
    # os.path and not Path.is_file, which on Python 3.11 raises for a name that is too long.
    return os.path.isfile(path)  # noqa: PTH113


def fit_weights(folder: Path, weights: "dict[str, Tensor]", load: Any) -> None:
    """Load weights strictly; raises DamagedCodecError where names or shapes do not fit."""
    try:
        load(weights)
    except RuntimeError as error:
        got = " ".join(str(error).split())[:200]
        raise DamagedCodecError("the weights do not fit the config", where=folder / WEIGHTS, got=got) from error
