"""Codes from `.dac` files, for a codec that can have made them: an unchunked file has them, a chunked one is decoded and encoded again."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.data_errors import TokenFileError

if TYPE_CHECKING:
    from training.codecs.codec import Codec

__all__ = ["read_token_file"]


def read_token_file(path: Path, codec: "Codec") -> NDArray[np.int64]:
    """Return the codes of a `.dac` file as one stream, (k <= K, S).

    Parameters
    ----------
    path : Path
    codec : Codec
        Of kind "dac".

    Raises
    ------
    TokenFileError
        This codec did not make them, or cannot make a stream of them.
    DacFileError
        The file is damaged, or holds what no such file has.
    """
    if codec.kind != "dac":
        hint = "Import the codec they were made with: python -m training codec-import; or decode them to sound"
        raise TokenFileError(
            "its codes are DAC's", where=path, got=f"a codec of kind {codec.kind!r}", allowed="--codec of kind 'dac'", hint=hint
        )
    # Local: torch takes seconds to import, and most folders have no such file.
    from training.codecs.dac_file import decode_dac, read_dac, stream_codes

    file = read_dac(path)
    if file.channels == 1 and not file.chunked:
        codes = stream_codes(file, path)
        _check(path, codes, round(file.original_length * codec.sample_rate_hz / file.sample_rate), codec)
        return codes
    # The decoder without padding that windows need is the model's own; a patch carries the one that streams.
    if not hasattr(codec, "model"):
        what = "in separate windows" if file.chunked else f"of {file.channels} channels"
        hint = "Use the codec folder that codec-import wrote, or make the file anew: mono, with a --win_duration over its length"
        raise TokenFileError(f"codes {what} need the whole codec", where=path, got="the codec of a patch", hint=hint)
    sound = decode_dac(codec, file, path)
    if sound.ndim == 2:
        sound = sound.mean(axis=1)
    if file.sample_rate != codec.sample_rate_hz:
        import soxr

        sound = soxr.resample(sound, file.sample_rate, codec.sample_rate_hz, quality="HQ")
    return codec.encode(np.ascontiguousarray(sound, np.float32))


def _check(path: Path, codes: NDArray[np.int64], frames: int, codec: "Codec") -> None:
    hint = "Name the codec they were made with: --codec"
    if len(codes) > codec.codebooks or int(codes.max()) >= codec.codebook_size:
        got = f"{len(codes)} codebooks, codes up to {codes.max()}"
        allowed = f"{codec.codebooks} codebooks of {codec.codebook_size}"
        raise TokenFileError("not made with this codec", where=path, got=got, allowed=allowed, hint=hint)
    needed = -(-frames // codec.hop_frames)
    if abs(needed - codes.shape[1]) > 1:
        got = f"{codes.shape[1]} steps"
        allowed = f"{needed}, for a sound of its length with {codec.hop_frames} frames per step at {codec.sample_rate_hz} Hz"
        raise TokenFileError("not made with this codec", where=path, got=got, allowed=allowed, hint=hint)
