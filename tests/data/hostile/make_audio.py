"""Makes the audio files that must be refused: `python tests/data/hostile/make_audio.py [FOLDER]`. The same bytes on every run."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE_HZ = 8000


def tone(frames: int, channels: int = 1) -> np.ndarray:
    """Return a plain tone, shape (frames, channels)."""
    sine = 0.5 * np.sin(2.0 * np.pi * 220.0 * np.arange(frames) / SAMPLE_RATE_HZ)
    return np.repeat(sine[:, None], channels, axis=1)


def wav(audio: np.ndarray, subtype: str = "PCM_16") -> bytes:
    """Return the bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, audio, SAMPLE_RATE_HZ, format="WAV", subtype=subtype)
    return file.getvalue()


def float_wav(audio: np.ndarray) -> bytes:
    """Return the bytes of a mono float WAV file without the PEAK chunk, which would hold the time of writing."""
    data = np.asarray(audio, dtype="<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, SAMPLE_RATE_HZ, 4 * SAMPLE_RATE_HZ, 4, 32)
    fact = struct.pack("<I", len(audio))
    body = b"WAVE"
    for name, content in ((b"fmt ", form), (b"fact", fact), (b"data", data)):
        body += name + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body


def make(folder: Path) -> None:
    """Write every file."""
    broken = tone(2000)[:, 0].astype(np.float32)
    broken[1000] = np.nan
    endless = tone(2000)[:, 0].astype(np.float32)
    endless[1500] = -np.inf
    whole = wav(tone(2000))
    flac = io.BytesIO()
    soundfile.write(flac, np.random.default_rng(1).uniform(-0.5, 0.5, 2000), SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    files = {
        "empty.wav": b"",
        "no_frames.wav": wav(tone(0)),
        "truncated.wav": whole[: len(whole) // 2],
        "header_only.wav": whole[:20],
        "truncated.flac": flac.getvalue()[: len(flac.getvalue()) // 2],
        "nan.wav": float_wav(broken),
        "infinity.wav": float_wav(endless),
        "text_as.wav": b"This is not a sound.\n",
        "too_short.wav": wav(tone(100)),
        "silent.wav": wav(np.zeros((2000, 1))),
        "six_channels.wav": wav(tone(500, 6)),
        "mixed/mono.wav": wav(tone(2000)),
        "mixed/stereo.wav": wav(tone(2000, 2)),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "audio")
