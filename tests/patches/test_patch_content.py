"""The short checks: FLAC, safetensors, TorchScript."""

import io
import struct
import zipfile
from types import ModuleType

import numpy as np
import pytest
import soundfile

from patches.content import CHECKS, FlacInfo, check_content, flac_info
from patches.errors import ArchiveBombError, CorruptAudioError, CorruptModelError
from patches.limits import DATA_EXTENSIONS, MODEL_EXTENSIONS


def test_every_extension_has_its_check() -> None:
    assert set(CHECKS) == {*MODEL_EXTENSIONS.values(), *DATA_EXTENSIONS}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [8000, 44100, 192000])
def test_flac_as_libsndfile_writes_it(rate_hz: int, channels: int) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros((5000, channels), np.int16), rate_hz, format="FLAC", subtype="PCM_16")
    assert flac_info(stream.getvalue(), file="x") == FlacInfo(rate_hz, channels, 16, 5000)


@pytest.mark.parametrize(("subtype", "channels", "frames"), [("PCM_24", 1, 10), ("PCM_16", 3, 10)])
def test_flac_of_another_form(subtype: str, channels: int, frames: int) -> None:
    stream = io.BytesIO()
    soundfile.write(stream, np.zeros((frames, channels), np.int32), 44100, format="FLAC", subtype=subtype)
    with pytest.raises(CorruptAudioError, match=f"{channels} channels, {frames} frames"):
        flac_info(stream.getvalue(), file="x")


def test_flac_of_unknown_length(make: ModuleType) -> None:
    with pytest.raises(CorruptAudioError, match="16 bits, 1 channels, 0 frames"):
        flac_info(make.flac(frames=0), file="x")


def test_flac_bound(make: ModuleType) -> None:
    assert flac_info(make.flac(frames=1 << 28), file="x").frames == 1 << 28
    with pytest.raises(ArchiveBombError):
        flac_info(make.flac(frames=(1 << 28) + 1), file="x")


@pytest.mark.parametrize("data", [b"", b"fLaC", b"ID3" + bytes(60), b"fLaC\x04\x00\x00\x22" + bytes(60), b"RIFF" + bytes(60)])
def test_no_flac(data: bytes) -> None:
    with pytest.raises(CorruptAudioError):
        check_content(data, "x.flac", file="x.flac")


def test_safetensors() -> None:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    good = struct.pack("<Q", len(header)) + header + bytes(4)
    check_content(good, "x.safetensors", file="x")
    for bad in (b"", good[:20], struct.pack("<Q", 1 << 60) + header, struct.pack("<Q", len(header)) + b"[" + header[1:]):
        with pytest.raises(CorruptModelError, match="no safetensors header"):
            check_content(bad, "x.safetensors", file="x")


def test_torchscript() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("sequencer/version", "3\n")
    check_content(stream.getvalue(), "x.ts", file="x")
    for bad in (b"", b"\x80\x02", stream.getvalue()[:-22]):
        with pytest.raises(CorruptModelError, match="no zip archive"):
            check_content(bad, "x.ts", file="x")
