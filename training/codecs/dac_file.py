"""`.dac` files as the reference implementation writes them: read without unpickling, written, and decoded to its loudness.

There are two flavours. *Unchunked*: one stream of codes, 86 steps per second at 44.1 kHz. *Chunked*: windows that were encoded each for
itself, overlapping and without padding; their codes are no stream, and are decoded window by window with the convolutions' padding off.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch

from training.codecs.codec import Codes, Sound
from training.codecs.dac import DacCodec
from training.codecs.dac_errors import ChunkedDacFileError, DacFileError, DamagedDacFileError, OtherDacFileError, UnsafeDacFileError
from training.codecs.dac_pickle import ForeignObjectError, read_plain_pickle
from training.codecs.loudness import integrated_loudness_db
from training.run_folder import write_whole

__all__ = ["VERSION", "DacFile", "decode_dac", "read_dac", "stream_codes", "write_dac"]

VERSION = "1.0.0"
# How numpy.save begins a file with one object in it.
MAGIC, HEADER = b"\x93NUMPY\x01\x00", b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
LARGEST_BYTES = 256 * 2**20
MOST_CHANNELS, MOST_CODEBOOKS, MOST_STEPS = 16, 64, 10_000_000
RATES_HZ = (1000, 384_000)
LOUDEST_DB = 40.0
FIELDS = ("input_db", "original_length", "sample_rate", "chunk_length", "channels", "padding", "dac_version")


@dataclass(frozen=True)
class DacFile:
    """What a `.dac` file holds.

    Attributes
    ----------
    codes : int64 array, shape (channels, K, S)
    input_db : float
        Integrated loudness of the sound it was made from, LUFS.
    original_length : int
        Frames of that sound, at `sample_rate` Hz.
    chunk_length : int
        Steps per window; all of them where the file is not chunked.
    padding : bool
        False where the file is chunked.
    version : str
    """

    codes: Codes
    input_db: float
    original_length: int
    sample_rate: int
    chunk_length: int
    channels: int
    padding: bool
    version: str = VERSION

    @property
    def chunked(self) -> bool:
        """Whether the codes are those of separate windows."""
        return not self.padding


def read_dac(path: Path) -> DacFile:
    """Return what a `.dac` file holds, every field checked; nothing in it is run.

    Raises
    ------
    DamagedDacFileError
        Not this layout, cut short, or a field out of range.
    UnsafeDacFileError
        It holds an object that the layout has not.
    """
    # os.path and not Path.is_file, which on Python 3.11 raises for a name that is too long.
    if not os.path.isfile(path):  # noqa: PTH113
        raise DamagedDacFileError("no such file", where=path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise DamagedDacFileError("cannot be read", where=path, got=error.strerror) from error
    if len(content) > LARGEST_BYTES:
        raise DamagedDacFileError("larger than any .dac file", where=path, allowed=f"{LARGEST_BYTES} bytes")
    length = int.from_bytes(content[8:10], "little")
    if content[:8] != MAGIC or content[10 : 10 + length].strip() != HEADER:
        raise DamagedDacFileError("not a .dac file", where=path, got=repr(content[:8]), allowed="one dictionary, as numpy.save writes it")
    try:
        value = read_plain_pickle(content[10 + length :])
    except ForeignObjectError as error:
        hint = "Nothing of it was run. Make the file anew"
        raise UnsafeDacFileError("it holds what no .dac file has", where=path, got=str(error), hint=hint) from error
    except ValueError as error:
        raise DamagedDacFileError("the file is damaged", where=path, got=str(error)[:120]) from error
    return _checked(value, path)


def write_dac(path: Path, file: DacFile) -> None:
    """Write a `.dac` file that the reference reads, whole or not at all; raises OutputFailedError."""
    metadata = {
        "input_db": np.array([file.input_db], np.float32),
        "original_length": int(file.original_length),
        "sample_rate": int(file.sample_rate),
        "chunk_length": int(file.chunk_length),
        "channels": int(file.channels),
        "padding": bool(file.padding),
        "dac_version": file.version,
    }
    value: Any = {"codes": np.ascontiguousarray(file.codes, dtype=np.uint16), "metadata": metadata}
    content = io.BytesIO()
    np.save(content, value)
    write_whole(path, content.getvalue())


def stream_codes(file: DacFile, where: Path | str = ".dac file") -> Codes:
    """Return the codes (K, S) of a mono file as one stream.

    Raises
    ------
    ChunkedDacFileError
        They are those of separate windows.
    DacFileError
        The file has more than one channel.
    """
    if file.chunked:
        seconds = f"windows of {file.chunk_length} steps"
        hint = "Decode it and encode the sound again, or make it anew with a longer --win_duration"
        raise ChunkedDacFileError("its codes are no stream: each window stands for itself", where=where, got=seconds, hint=hint)
    if file.channels != 1:
        raise DacFileError("it has more than one channel", where=where, got=file.channels, allowed=1)
    return file.codes[0]


def decode_dac(codec: DacCodec, file: DacFile, where: Path | str = ".dac file") -> Sound:
    """Return the sound of a `.dac` file at its own rate and length, each channel brought to `input_db`.

    Returns
    -------
    float32 array, shape (T,) for one channel, (T, C) for more

    Raises
    ------
    OtherDacFileError
        The codes are not such that this codec can have made them.
    """
    _, books, steps = file.codes.shape
    if books > codec.codebooks or file.codes.max() >= codec.codebook_size:
        got = f"{books} codebooks, codes up to {file.codes.max()}"
        allowed = f"{codec.codebooks} codebooks of {codec.codebook_size}"
        raise OtherDacFileError("not made with this codec", where=where, got=got, allowed=allowed)
    hop = codec.hop_frames
    needed = -(-round(file.original_length * codec.sample_rate_hz / file.sample_rate) // hop)
    if not file.chunked and abs(needed - steps) > 1:
        got = f"{steps} steps for {file.original_length} frames at {file.sample_rate} Hz"
        raise OtherDacFileError(
            "not made with this codec", where=where, got=got, allowed=f"{needed} steps of {hop} at {codec.sample_rate_hz} Hz"
        )
    channels = []
    for codes in file.codes:
        sound = _windows(codec, codes, file.chunk_length) if file.chunked else codec.decode(codes)
        # The whole sound is levelled once, before it is cut: by windows it would pump.
        gain_db = file.input_db - integrated_loudness_db(sound, codec.sample_rate_hz)
        sound = (sound * 10.0 ** (gain_db / 20.0)).astype(np.float32)
        if file.sample_rate != codec.sample_rate_hz:
            sound = soxr.resample(sound, codec.sample_rate_hz, file.sample_rate, quality="VHQ")
        fitted = np.zeros(file.original_length, np.float32)
        fitted[: len(sound)] = sound[: file.original_length]
        channels.append(fitted)
    return channels[0] if len(channels) == 1 else np.stack(channels, axis=1)


def _windows(codec: DacCodec, codes: Codes, length: int) -> Sound:
    """Decode windows one after the other, without padding: what one lacks at its ends, its neighbours' overlap has."""
    with torch.no_grad():
        pieces = [
            codec.model.decode(torch.from_numpy(codes[None, :, at : at + length]), padded=False)[0, 0]
            for at in range(0, codes.shape[1], length)
        ]
    return torch.cat(pieces).numpy()


def _checked(value: Any, path: Path) -> DacFile:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or set(value) != {"codes", "metadata"} or set(metadata) != set(FIELDS):
        got = ", ".join(sorted(map(str, metadata))) if isinstance(metadata, dict) else type(value).__name__
        raise DamagedDacFileError(
            "its fields are not those of a .dac file", where=path, got=got[:160], allowed=f"codes, {', '.join(FIELDS)}"
        )
    if metadata["dac_version"] != VERSION:
        raise DamagedDacFileError("another version", where=path, got=_said(metadata["dac_version"]), allowed=VERSION)
    codes = value["codes"]
    if not isinstance(codes, np.ndarray) or codes.ndim != 3 or codes.dtype.kind not in "ui":
        raise DamagedDacFileError("codes is not an array of whole numbers with three axes", where=path, got=_said(codes))
    for size, most, what in zip(codes.shape, (MOST_CHANNELS, MOST_CODEBOOKS, MOST_STEPS), ("channels", "codebooks", "steps"), strict=True):
        if not 1 <= size <= most:
            raise DamagedDacFileError(f"codes has an impossible number of {what}", where=path, got=size, allowed=f"1 to {most}")
    if codes.min() < 0:
        raise DamagedDacFileError("a code is negative", where=path, got=int(codes.min()))
    channels, _, steps = codes.shape
    limits = {
        "channels": (channels, channels),
        "chunk_length": (1, steps),
        "sample_rate": RATES_HZ,
        "original_length": (1, 2**40),
    }
    for name, (least, most) in limits.items():
        found = metadata[name]
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise DamagedDacFileError(f"{name} is out of range", where=path, got=_said(found), allowed=f"{least} to {most}")
    padding, length = metadata["padding"], metadata["chunk_length"]
    if not isinstance(padding, bool):
        raise DamagedDacFileError("padding is not yes or no", where=path, got=_said(padding))
    if padding and length != steps:
        raise DamagedDacFileError("windows with padding", where=path, got=f"chunk_length {length} of {steps} steps", allowed=steps)
    if steps % length:
        raise DamagedDacFileError("the last window is cut short", where=path, got=f"{steps} steps", allowed=f"a multiple of {length}")
    # A sound is never longer than its codes: 4096 frames per step at 384 kHz is far over every published hop.
    if metadata["original_length"] > steps * 2**16:
        got = metadata["original_length"]
        raise DamagedDacFileError("original_length is longer than its codes", where=path, got=got, allowed=f"1 to {steps * 2**16}")
    level = metadata["input_db"]
    if not isinstance(level, np.ndarray) or level.dtype.kind != "f" or level.shape != (1,) or not -np.inf < level[0] <= LOUDEST_DB:
        raise DamagedDacFileError("input_db is not one loudness", where=path, got=_said(level), allowed=f"up to {LOUDEST_DB:g}")
    return DacFile(
        codes.astype(np.int64), float(level[0]), metadata["original_length"], metadata["sample_rate"], length, channels, padding, VERSION
    )


def _said(value: Any) -> str:
    """Return a value in few words, without walking what it holds."""
    if isinstance(value, np.ndarray):
        return f"shape {value.shape} of {value.dtype}"
    return repr(value)[:60] if isinstance(value, bool | int | float | str | None) else type(value).__name__
