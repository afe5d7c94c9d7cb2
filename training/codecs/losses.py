"""How far two sounds are apart, on log-magnitude spectra, and the energy distance that makes noise stay noise.

It knows sound only, no codec.
"""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.one_librosa import librosa

__all__ = ["MEL_SCALES", "SpectralFeatures", "energy_distance", "level_distance", "log_mel_distance", "roughness_distance"]

# Window in frames and mel bands; the hop is a quarter of the window. The published DAC uses the same convention (unnormalised periodic
# Hann window, Slaney's mel filters, magnitudes clamped at 1e-5).
MEL_SCALES = ((64, 10), (256, 40), (1024, 80), (2048, 160))
# Bands are wide at the top, where a steady tone among noise hides in its band's mean: single bins do not let it.
LINEAR_WINDOWS = (512, 2048)
LINEAR_WEIGHT = 0.5
CLAMP = 1e-5
LEVEL_SCALE = 1  # 256 frames and 40 bands
ROUGHNESS_WINDOW = 2048
ROUGHNESS_BINS = 25
LINEAR_CLAMP = 1e-3


class SpectralFeatures(nn.Module):
    """log10 magnitudes of a sound in mel bands, and in single bins.

    Parameters
    ----------
    sample_rate_hz : int
    linear : bool
        Whether single bins are wanted too.
    """

    def __init__(self, sample_rate_hz: int, *, linear: bool = True):
        super().__init__()
        self.linear = linear
        for window, bands in MEL_SCALES:
            filters = _mel_filters(sample_rate_hz, window, bands)
            self.register_buffer(f"mel_{window}", torch.from_numpy(filters).T.contiguous(), persistent=False)
        for window in {*LINEAR_WINDOWS, *(window for window, _ in MEL_SCALES)}:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)

    def forward(self, audio: Tensor) -> list[tuple[float, Tensor]]:
        """Return weight and features (B, frames, bands) of each scale of sounds (B, T)."""
        features = []
        magnitudes = {window: self._magnitude(audio, window) for window, _ in MEL_SCALES}
        for window, _ in MEL_SCALES:
            mel = magnitudes[window] @ getattr(self, f"mel_{window}")
            features.append((1.0, torch.log10(mel.clamp(min=CLAMP))))
        if self.linear:
            for window in LINEAR_WINDOWS:
                magnitude = magnitudes[window] if window in magnitudes else self._magnitude(audio, window)
                features.append((LINEAR_WEIGHT, torch.log10(magnitude.clamp(min=LINEAR_CLAMP))))
        return features

    def _magnitude(self, audio: Tensor, window: int) -> Tensor:
        frames = audio.unfold(1, window, window // 4) * getattr(self, f"window_{window}")
        spectrum = torch.fft.rfft(frames)
        # The gradient of |z| at zero is no number.
        return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-12)


def _mel_filters(sample_rate_hz: int, window: int, bands: int) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        # At short windows the lowest bands are narrower than a bin and stay empty: the convention has them, and they say nothing.
        warnings.filterwarnings("ignore", message="Empty filters detected", category=UserWarning)
        return librosa.filters.mel(sr=sample_rate_hz, n_fft=window, n_mels=bands)


def distance(a: list[tuple[float, Tensor]], b: list[tuple[float, Tensor]]) -> Tensor:
    """Return the weighted mean over scales of the mean absolute difference."""
    return sum(weight * (x - y).abs().mean() for (weight, x), (_, y) in zip(a, b, strict=True)) / len(MEL_SCALES)


def log_mel_distance(a: list[tuple[float, Tensor]], b: list[tuple[float, Tensor]]) -> Tensor:
    """Return the mean over the mel scales of |Δ log10 mel|."""
    count = len(MEL_SCALES)
    return distance(a[:count], b[:count])


def energy_distance(real: list, first: list, second: list, repulsion: float) -> Tensor:
    """Return d(x, y1) + d(x, y2) - repulsion · d(y1, y2) over two, for two decodings with independent noise.

    At a repulsion of 1 it is smallest where the decodings are distributed as the sounds they stand for; at 0 it asks for their median, and
    the median of noise is a bundle of tones.

    Source
    ------
    Gritsenko et al. 2020, A spectral energy distance for parallel speech synthesis.
    """
    return 0.5 * (distance(real, first) + distance(real, second) - repulsion * distance(first, second))


def level_distance(real: list[tuple[float, Tensor]], made: list[tuple[float, Tensor]]) -> Tensor:
    """Return by how much the power of whole sounds is off, as |Δ log10 magnitude|: its mean over bands, and over all bands together.

    A distance of logarithms is content with the level most of the time; the power of crackles and strokes is in the few moments between.
    """
    powers = [torch.pow(10.0, 2.0 * features[LEVEL_SCALE][1]).mean(1) for features in (real, made)]  # (B, bands)
    bands = torch.log10(powers[0]) - torch.log10(powers[1])
    total = torch.log10(powers[0].sum(1)) - torch.log10(powers[1].sum(1))
    return 0.25 * (bands.abs().mean() + total.abs().mean())


def roughness_distance(real: Tensor, made: Tensor) -> Tensor:
    """Return by how many dB the long-term spectra differ in how rough they are: steady tones stand out of noise, noise of no tone.

    Roughness is the spread of the average spectrum of a sound (B, T) about its own running mean over `ROUGHNESS_BINS` bins.
    """
    return (_roughness_db(made) - _roughness_db(real)).abs().mean()


def _roughness_db(audio: Tensor) -> Tensor:
    window = torch.hann_window(ROUGHNESS_WINDOW, device=audio.device)
    frames = audio.unfold(1, ROUGHNESS_WINDOW, ROUGHNESS_WINDOW // 4) * window
    spectrum = torch.fft.rfft(frames)
    power = (spectrum.real.square() + spectrum.imag.square()).mean(1)  # (B, bins)
    level = 10.0 * torch.log10(power + 1e-7)[:, None]
    smooth = torch.nn.functional.avg_pool1d(level, ROUGHNESS_BINS, stride=1)
    edge = ROUGHNESS_BINS // 2
    return (level[:, :, edge:-edge] - smooth).square().mean((1, 2)).sqrt()
