"""librosa, compiled by one process at a time. It knows nothing of sound: whoever needs librosa imports it from here.

librosa keeps what Numba makes of its generalised ufuncs in Numba's cache. When two processes make them at the same time, each overwrites
half of what the other wrote, and from then on every process that loads them jumps to an address that is not there (seen with Numba 0.68:
two trainings started together on a fresh machine). So the first use in a process is behind a lock: the first makes, the others load.
"""

import contextlib
import os

import librosa
import numpy as np
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

__all__ = ["librosa"]

LOCK = "librosa.lock"
# Longer than it takes to compile on the slowest machine; then the risk is smaller than the wait.
WAIT_S = 120.0
RATE_HZ = 44_100


def _use_once() -> None:
    """Touch every part of librosa that the studio uses and that is compiled."""
    noise = np.random.default_rng(0).standard_normal(8192)
    librosa.yin(noise, fmin=80, fmax=10_000, sr=RATE_HZ)
    magnitude = np.abs(librosa.stft(noise))
    librosa.feature.mfcc(S=librosa.power_to_db(librosa.filters.mel(sr=RATE_HZ, n_fft=2048) @ magnitude**2), n_mfcc=13)
    librosa.onset.onset_detect(y=noise, sr=RATE_HZ)
    librosa.util.frame(noise, frame_length=2048, hop_length=1024)


def _load() -> None:
    with contextlib.ExitStack() as stack:
        # A cache that cannot be written is nobody's to spoil.
        with contextlib.suppress(OSError, Timeout):
            folder = user_cache_path("starling")
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(os.fspath(folder / LOCK), timeout=WAIT_S)
            lock.acquire()
            stack.callback(lock.release)
        _use_once()


_load()
