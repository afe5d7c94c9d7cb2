"""Draw the spectrogram of an audio file: python scripts/spectrogram.py IN.wav OUT.png."""

import sys

import matplotlib as mpl
import numpy as np
import soundfile

mpl.use("Agg")
import matplotlib.pyplot as plt

WINDOW_FRAMES = 2_048
HOP_FRAMES = 512
FLOOR_DB = -110.0


def main(source: str, target: str) -> None:
    """Read `source`, write a PNG to `target`."""
    sound, rate = soundfile.read(source, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(mono, WINDOW_FRAMES)[::HOP_FRAMES] * np.hanning(WINDOW_FRAMES)
    level = 20 * np.log10(np.abs(np.fft.rfft(windows, axis=1)) / (WINDOW_FRAMES / 4) + 1e-9)
    figure, axes = plt.subplots(figsize=(12, 4), dpi=90)
    extent = (0.0, len(mono) / rate, 0.0, rate / 2000)
    picture = axes.imshow(level.T, origin="lower", aspect="auto", extent=extent, vmin=FLOOR_DB, vmax=-20, cmap="magma")
    axes.set(xlabel="time, s", ylabel="frequency, kHz", ylim=(0, 16))
    figure.colorbar(picture, label="dBFS")
    figure.tight_layout()
    figure.savefig(target)


if __name__ == "__main__":
    main(*sys.argv[1:3])
