"""A spectrogram as a PNG picture, made with the standard library and numpy: a report needs no plotting package for it."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from training.evaluation.spectrum import mel_bands, power_spectra, to_db

__all__ = ["RANGE_DB", "png", "spectrogram_png"]

HEIGHT, WIDTH = 160, 360
WINDOW_FRAMES = 2048
RANGE_DB = (-110.0, -35.0)
# Black, violet, red, orange, pale yellow: brightness rises all the way, so it reads in grey as well.
STOPS = np.array([[0, 0, 4], [60, 15, 110], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]], dtype=np.float64)


def spectrogram_png(audio: NDArray[np.float32], sample_rate_hz: int) -> bytes:
    """Return a mel spectrogram, low at the bottom, on a fixed scale of levels, so that pictures can be compared.

    Parameters
    ----------
    audio : float32 array, shape (T,)
    sample_rate_hz : int
    """
    power = power_spectra(audio, WINDOW_FRAMES, max(1, len(audio) // WIDTH))[:WIDTH]
    level = to_db(power @ mel_bands(sample_rate_hz, WINDOW_FRAMES, HEIGHT).T)
    low, high = RANGE_DB
    return png(np.clip((level.T[::-1] - low) / (high - low), 0.0, 1.0))


def png(picture: NDArray[np.float64]) -> bytes:
    """Return an image file of 256 colours for values 0..1, shape (height, width), top row first.

    Source
    ------
    ISO/IEC 15948, colour type 3.
    """
    height, width = picture.shape
    place = np.linspace(0.0, len(STOPS) - 1.0, 256)
    palette = np.stack([np.interp(place, np.arange(len(STOPS)), STOPS[:, channel]) for channel in range(3)], axis=1)
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with its filter, 0
    rows[:, 1:] = np.round(picture * 255.0)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", header),
            (b"PLTE", np.round(palette).astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
