"""Checks what is inside a listed file, by its extension.

Does not know roles or the manifest. Nothing is decoded: structure and bounds only,
so that no decoder meets bytes that were not looked at first.

Source: RFC 9639 (FLAC); safetensors README "Format".
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from patches.errors import ArchiveBombError, CorruptAudioError, CorruptModelError
from patches.limits import MAX_FILE_BYTES, MIB
from patches.npz_scan import scan_npz
from patches.onnx_scan import scan_onnx

FLAC_HEADER_BYTES = 42
"""Marker (4), block header (4) and STREAMINFO (34), which always comes first."""
FLAC_BITS = 16
MAX_SAFETENSORS_HEADER_BYTES = 100 * MIB
"""The format's own limit is 100 MB; the header must fit its file anyway."""


@dataclass(frozen=True, slots=True)
class FlacInfo:
    """What a FLAC file says about itself: rate in Hz, channels, bits per sample and frames."""

    sample_rate_hz: int
    channels: int
    bits: int
    frames: int


def flac_info(data: bytes, *, file: str) -> FlacInfo:
    """Return what a FLAC file says about itself, having checked that a stage can play it.

    Raises
    ------
    CorruptAudioError
        No FLAC, of unknown length or none, or not 16 bits in one or two channels.
    ArchiveBombError
        Unpacks to more than `MAX_FILE_BYTES`: constant sound packs without limit.
    """
    if len(data) < FLAC_HEADER_BYTES or data[:4] != b"fLaC" or data[4] & 0x7F != 0 or data[5:8] != b"\x00\x00\x22":
        raise CorruptAudioError(file=file, got="no FLAC header", allowed="a FLAC file", hint="copy or export it again")
    packed = int.from_bytes(data[18:26], "big")  # rate 20 bits, channels − 1: 3, bits − 1: 5, frames: 36
    info = FlacInfo(packed >> 44, (packed >> 41 & 0x7) + 1, (packed >> 36 & 0x1F) + 1, packed & (1 << 36) - 1)
    if info.bits != FLAC_BITS or info.channels > 2 or info.frames == 0:
        got = f"{info.bits} bits, {info.channels} channels, {info.frames} frames"
        raise CorruptAudioError(file=file, got=got, allowed=f"{FLAC_BITS} bits, 1 or 2 channels, at least 1 frame")
    unpacked_bytes = info.frames * info.channels * FLAC_BITS // 8
    if unpacked_bytes > MAX_FILE_BYTES:
        raise ArchiveBombError(file=file, got=f"{unpacked_bytes} bytes unpacked", allowed=f"{MAX_FILE_BYTES}")
    return info


def _check_flac(data: bytes, *, file: str) -> None:
    """Refuse a file that is not playable FLAC."""
    flac_info(data, file=file)


def _check_safetensors(data: bytes, *, file: str) -> None:
    """Refuse a file whose header is not a JSON object within the file."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or not 2 <= length <= min(len(data) - 8, MAX_SAFETENSORS_HEADER_BYTES) or data[8:9] != b"{":
        raise CorruptModelError(file=file, got="no safetensors header", allowed="a safetensors file", hint="copy or export it again")


def _check_torchscript(data: bytes, *, file: str) -> None:
    """Refuse a file that is not a zip. Its inside is code, for other programs: no part of Starling's stage opens it."""
    if data[:4] != b"PK\x03\x04" or b"PK\x05\x06" not in data[-65_557:]:
        raise CorruptModelError(file=file, got="no zip archive", allowed="a TorchScript file", hint="copy or export it again")


CHECKS: dict[str, Callable[..., None]] = {
    ".onnx": scan_onnx,
    ".ts": _check_torchscript,
    ".npz": scan_npz,
    ".flac": _check_flac,
    ".safetensors": _check_safetensors,
}
"""Extension -> its check."""


def check_content(data: bytes, name: str, *, file: str) -> None:
    """Refuse the bytes of a listed file if they are not what its extension promises.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name in the manifest, with one of the extensions in `CHECKS`.
    file : str
        Its path, for the message.

    Raises
    ------
    ContentError
        The subclass says which.

    Thread
    ------
    Any but audio.
    """
    CHECKS[PurePath(name).suffix](data, file=file)
