"""Spectrogram discriminators: an option for the last polish of a codec on a GPU. They know sounds only."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SpectrogramDiscriminators"]

WINDOWS = (256, 1024, 2048)
CHANNELS = 32


class SpectrogramDiscriminators(nn.Module):
    """One stack of two-dimensional convolutions per window, on real and imaginary parts.

    Source
    ------
    Kumar et al. 2023, High-fidelity audio compression with improved RVQGAN: multi-scale complex STFT discriminators, with the hinge loss.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stacks = nn.ModuleList()
        for window in WINDOWS:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)
            layers, channels = nn.ModuleList(), 2
            for stride in ((1, 1), (1, 2), (1, 2), (1, 2)):
                layers.append(nn.utils.parametrizations.weight_norm(nn.Conv2d(channels, CHANNELS, (3, 9), stride, (1, 4))))
                channels = CHANNELS
            layers.append(nn.utils.parametrizations.weight_norm(nn.Conv2d(channels, 1, 3, 1, 1)))
            self.stacks.append(layers)

    def forward(self, audio: Tensor) -> list[list[Tensor]]:
        """Return, per window, the outputs of every layer for sounds (B, T); the last is the verdict."""
        outputs = []
        for window, layers in zip(WINDOWS, self.stacks, strict=True):
            spectrum = torch.fft.rfft(audio.unfold(1, window, window // 4) * getattr(self, f"window_{window}"), norm="ortho")
            x, seen = torch.stack([spectrum.real, spectrum.imag], dim=1), []
            for layer in layers[:-1]:
                x = functional.leaky_relu(layer(x), 0.1)
                seen.append(x)
            outputs.append([*seen, layers[-1](x)])
        return outputs

    def loss(self, real: Tensor, made: Tensor) -> Tensor:
        """Return the hinge loss that teaches the discriminators to tell made sounds from real ones."""
        pairs = zip(self(real), self(made.detach()), strict=True)
        return sum(functional.relu(1.0 - a[-1]).mean() + functional.relu(1.0 + b[-1]).mean() for a, b in pairs) / len(WINDOWS)

    def adversarial(self, real: Tensor, made: Tensor) -> Tensor:
        """Return the loss that teaches a codec to pass for real: the verdict, and the distance in every layer."""
        with torch.no_grad():
            wanted = self(real)
        total = made.new_zeros(())
        for a, b in zip(wanted, self(made), strict=True):
            total = total - b[-1].mean()
            total = total + 2.0 * sum((x - y).abs().mean() for x, y in zip(a[:-1], b[:-1], strict=True)) / (len(a) - 1)
        return total / len(WINDOWS)
