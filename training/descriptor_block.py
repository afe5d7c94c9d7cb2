"""The columns of description that need no neighbours, for one block of sound, by librosa.

It does not know streams, specs of columns or files: whole windows of samples in, one row of every static descriptor per window out.
What needs the row before (onset strength) is given the last row of the block before.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import (
    BRIGHTNESS_FLOOR_HZ,
    CLASSIC,
    FLOOR_POWER,
    LOUDNESS_FLOOR_DBFS,
    MEL_BANDS,
    MFCC_COUNT,
    OTHERS,
    PERIOD_ERROR,
    VOICED_ABOVE_RMS,
    VOICED_BELOW,
    WINDOW_FRAMES,
    f0_range_hz,
)
from training.one_librosa import librosa

__all__ = ["Analyser", "Measured", "onset_strength", "repetition"]

# Keeps the logarithm of digital silence finite; far under any floor.
TINY = 1e-12

Array = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Measured(NamedTuple):
    """What is known of windows without their neighbours: static (N, 20) as in `STATIC`, attributes (N, 3), f0_hz (N,), all float32."""

    static: Array
    attributes: Array
    f0_hz: Array


@dataclass(frozen=True, eq=False)
class Analyser:
    """Windows of sound to static descriptors at one rate and hop.

    All is computed in float64: in float32 the mel bands between the harmonics of a clean tone would hold rounding noise, which no two
    FFTs agree about.

    Parameters
    ----------
    sample_rate_hz, hop_frames : int
    """

    sample_rate_hz: int
    hop_frames: int

    def __post_init__(self) -> None:
        mel_basis = librosa.filters.mel(sr=self.sample_rate_hz, n_fft=WINDOW_FRAMES, n_mels=MEL_BANDS).astype(np.float64)
        object.__setattr__(self, "_mel_basis", mel_basis)
        object.__setattr__(self, "_frequencies_hz", librosa.fft_frequencies(sr=self.sample_rate_hz, n_fft=WINDOW_FRAMES))

    def measure(self, audio: Array, log_mel_before: Doubles | None) -> tuple[Measured, Doubles]:
        """Describe every window of a block.

        Parameters
        ----------
        audio : float32 array, shape ((N - 1) * hop + 2048,)
            Window i begins at sample i * hop.
        log_mel_before : float64 array, shape (128,), optional
            Of the window before the first; None where there is none, and then the first row has onset strength 0.

        Returns
        -------
        Measured, float64 array of shape (128,)
            And the log-mel spectrum of the last window.

        Source
        ------
        librosa 0.11: mfcc, spectral_centroid, spectral_flatness, spectral_rolloff, rms, yin and onset_strength with their defaults, save
        that the limit of 80 dB under a file's maximum is left out.
        """
        samples = np.asarray(audio, dtype=np.float64)
        spectrum = librosa.stft(samples, n_fft=WINDOW_FRAMES, hop_length=self.hop_frames, window="hann", center=False)
        magnitude = np.abs(spectrum)  # (1025, N)
        log_mel = librosa.power_to_db(self._mel_basis @ np.square(magnitude), amin=FLOOR_POWER, top_db=None)  # (128, N)
        f0_hz, heard_hz = self._pitch(samples)
        rms = librosa.feature.rms(y=samples, frame_length=WINDOW_FRAMES, hop_length=self.hop_frames, center=False, dtype=np.float64)[0]
        cent_hz = librosa.feature.spectral_centroid(S=magnitude, freq=self._frequencies_hz)[0]
        flat = librosa.feature.spectral_flatness(S=magnitude)[0]
        noisiness = librosa.feature.spectral_flatness(S=magnitude, amin=FLOOR_POWER)[0]
        rolloff_hz = librosa.feature.spectral_rolloff(S=magnitude, freq=self._frequencies_hz)[0]
        loudness = np.maximum(20.0 * np.log10(np.maximum(rms, TINY)), LOUDNESS_FLOOR_DBFS)
        classic = {"cent": cent_hz, "flat": flat, "rolloff": rolloff_hz, "rms": rms, "f0": f0_hz}
        others = {"loudness": loudness, "onset": onset_strength(log_mel, log_mel_before)}
        mfcc = librosa.feature.mfcc(S=log_mel, n_mfcc=MFCC_COUNT)  # (13, N)
        static = np.stack([*mfcc, *(classic[name] for name in CLASSIC), *(others[name] for name in OTHERS)], axis=1)  # (N, 20)
        attributes = np.stack(
            [
                loudness,
                np.log2(np.maximum(cent_hz, BRIGHTNESS_FLOOR_HZ)),
                np.minimum(10.0 * np.log10(noisiness), 0.0),  # rounding puts a perfectly flat spectrum a little over 0
            ],
            axis=1,
        )  # (N, 3)
        heard_hz = np.where(rms >= VOICED_ABOVE_RMS, heard_hz, 0.0)
        return Measured(static.astype(np.float32), attributes.astype(np.float32), heard_hz.astype(np.float32)), log_mel[:, -1]

    def _pitch(self, samples: Doubles) -> tuple[Doubles, Doubles]:
        """Return the plain YIN fundamental of each window, (N,), and the one at which it repeats, 0 where it does not."""
        least_hz, greatest_hz = f0_range_hz(self.sample_rate_hz)
        f0_hz = librosa.yin(
            samples,
            fmin=least_hz,
            fmax=greatest_hz,
            sr=self.sample_rate_hz,
            frame_length=WINDOW_FRAMES,
            hop_length=self.hop_frames,
            center=False,
        )
        windows = librosa.util.frame(samples, frame_length=WINDOW_FRAMES, hop_length=self.hop_frames).T  # (N, 2048)
        period = np.rint(self.sample_rate_hz / f0_hz).astype(np.int64)
        repeat, aperiodicity = repetition(windows, period)
        return f0_hz, np.where(aperiodicity < VOICED_BELOW, self.sample_rate_hz / repeat, 0.0)


def onset_strength(log_mel: Doubles, before: Doubles | None) -> Doubles:
    """Return by how many dB each frame's mel bands rose since the frame before, on average.

    Parameters
    ----------
    log_mel : float64 array, shape (128, N), dB
    before : float64 array, shape (128,), optional
        The frame before the first.

    Returns
    -------
    float64 array, shape (N,)
        That of ``librosa.onset.onset_strength(S=log_mel, lag=1, center=False)`` over the whole sound, in which the first frame has 0: no
        local maximum filter, no shift by half a window, nothing relative to the file.
    """
    first = log_mel[:, 0] if before is None else before
    return librosa.onset.onset_strength(S=np.concatenate([first[:, None], log_mel], axis=1), lag=1, center=False)[1:]


def repetition(windows: Doubles, period: NDArray[np.int64]) -> tuple[Doubles, Doubles]:
    """Return after how many samples each window repeats best, near a first guess, and which share of its power does not.

    Parameters
    ----------
    windows : float64 array, shape (N, W)
    period : int64 array, shape (N,), samples, 2 to W / 2
        The guess. Looked at is what lies within 3 % and a sample of it.

    Returns
    -------
    float64 array, shape (N,)
        Samples, between whole ones by a parabola.
    float64 array, shape (N,)
        0 for a perfect period, 1 for noise; 1 for digital silence.

    Source
    ------
    The cumulative-mean-normalised difference of de Cheveigné and Kawahara, JASA 111(4), 2002, eq. 8, of the differences per sample.
    librosa's own counts the samples that have no partner one period later as differences, which makes low tones look noisy and up to
    1.3 % too high.
    """
    width = windows.shape[1]
    first = np.maximum(2, np.floor(period * (1.0 - PERIOD_ERROR))).astype(np.int64)
    last = np.maximum(2, np.ceil(period * (1.0 + PERIOD_ERROR))).astype(np.int64)
    longest = int(last.max(initial=1)) + 1
    spectrum = np.fft.rfft(windows, n=2 * width, axis=1)
    overlap = np.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), n=2 * width, axis=1)[:, 1 : longest + 1]  # (N, L)
    energy = np.square(windows)
    head = np.cumsum(energy[:, :longest], axis=1)
    tail = np.cumsum(energy[:, : -longest - 1 : -1], axis=1)
    lags = np.arange(1, longest + 1)
    difference = np.maximum(2.0 * (energy.sum(axis=1, keepdims=True) - overlap) - head - tail, 0.0) / (width - lags)  # (N, L)
    near = (lags >= first[:, None]) & (lags <= last[:, None])
    best = np.argmin(np.where(near, difference, np.inf), axis=1)  # the lag is one more
    row = np.arange(len(windows))
    before, at, after = (difference[row, best + step] for step in (-1, 0, 1))
    curve, slope = after + before - 2.0 * at, (after - before) / 2.0
    shift = np.where(np.abs(slope) < curve, -slope / np.where(curve > 0.0, curve, 1.0), 0.0)
    mean = np.cumsum(difference, axis=1)[row, best] / lags[best]
    return lags[best] + shift, np.where(mean > 0.0, at / np.where(mean > 0.0, mean, 1.0), 1.0)
