"""Whether a patch stays what it is over half an hour: level, colour, silence and the memory of the process that plays it."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from training.evaluation.spectrum import mel_bands, nearest_power_of_two, power_spectra, to_db

__all__ = ["drift_scores", "memory_scores"]

BANDS = 64
# Long enough that gusts and passing bees are averaged out, and only what stays is a drift.
LONG_S = 300.0
FEWEST_WINDOWS = 3
# A page cache of its own, a table grown once: what a process may still take after its first quarter. A leak takes on and on.
FLAT_MIB = 16.0
SETTLED_SHARE = 0.25
# Two minutes at two samples a second: before that a process still starts.
FEWEST_SAMPLES = 240


def drift_scores(file: Path, skip_s: float = 1.0) -> dict[str, Any]:
    """Compare every stretch of a long render with the first.

    Parameters
    ----------
    file : Path
        A WAV file; read second by second, as it may be larger than memory.
    skip_s : float
        Left out at the beginning.

    Returns
    -------
    dict
        ``drift_db``: the greatest difference in level from the first stretch; ``spectral_drift_db``: the greatest mean difference over
        mel bands, level apart; ``drift``: the levels behind them. Stretches are five minutes, or a third of what there is.
    """
    with soundfile.SoundFile(file) as sound:
        rate = sound.samplerate
        window = nearest_power_of_two(0.0464 * rate)
        filters = mel_bands(rate, window, BANDS, 30.0, min(16_000.0, 0.45 * rate))
        sound.seek(round(skip_s * rate))
        powers, mels, silent = [], [], 0
        while len(block := sound.read(rate, dtype="float32", always_2d=True)) == rate:
            mono = np.mean(block, axis=1)
            powers.append(float(np.mean(np.square(mono, dtype=np.float64))))
            mels.append(np.mean(power_spectra(mono, window, window) @ filters.T, axis=0))
            silent += powers[-1] < 1e-10
    count = max(FEWEST_WINDOWS, round(len(powers) / LONG_S))
    stretches = [rows for rows in np.array_split(np.arange(len(powers)), count) if len(rows)]
    level = [float(to_db(np.mean(np.array(powers)[rows]))) for rows in stretches]
    colour = [to_db(np.mean(np.array(mels)[rows], axis=0)) for rows in stretches]
    colour = [bands - np.mean(bands) for bands in colour]
    return {
        "drift_db": max(abs(value - level[0]) for value in level),
        "spectral_drift_db": max(float(np.mean(np.abs(bands - colour[0]))) for bands in colour),
        "drift": {
            "seconds": float(len(powers)),
            "stretch_seconds": len(powers) / len(stretches),
            "level_db": level,
            "level_db_by_minute": [float(to_db(np.mean(powers[start : start + 60]))) for start in range(0, len(powers), 60)],
            "silent_seconds": int(silent),
        },
    }


def memory_scores(resident_mib: list[float]) -> dict[str, Any]:
    """Tell from samples of a process's resident memory, twice a second, whether it grows after its first quarter."""
    if len(resident_mib) < FEWEST_SAMPLES:
        return {"memory_flat": None, "memory_mib": None}
    settled = resident_mib[int(SETTLED_SHARE * len(resident_mib)) :]
    growth = settled[-1] - settled[0]
    return {
        "memory_flat": bool(growth <= FLAT_MIB),
        "memory_mib": {"settled": settled[0], "end": settled[-1], "growth": growth, "highest": max(resident_mib)},
    }
