"""The Descript Audio Codec's architecture, module for module as published, so that its weight files load by their own names.

It does not know files, and it computes whole sounds only: `training.codecs.dac_stream` decodes step by step.

Source
------
Kumar et al. 2023, High-Fidelity Audio Compression with Improved RVQGAN; the layout of the weight files of descript-audio-codec 1.0.0.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv_transpose1d, embedding, normalize

__all__ = ["DILATIONS", "KERNEL", "DacConfig", "DacModel", "NormedConv", "NormedTransposedConv", "ResidualUnit", "Snake"]

KERNEL = 7
DILATIONS = (1, 3, 9)
# As the reference: keeps the reciprocal of a zero frequency finite.
ALPHA_FLOOR = 1e-9


@dataclass(frozen=True)
class DacConfig:
    """The sizes of one published codec.

    Attributes
    ----------
    encoder_dim, decoder_dim, latent_dim : int
        Channels of the first encoder layer, of the first decoder layer, and between them.
    encoder_rates, decoder_rates : tuple of int
        Strides; both products are the hop.
    n_codebooks, codebook_size, codebook_dim : int
    sample_rate : int
        Hz. Named as in the weight files.
    """

    encoder_dim: int
    encoder_rates: tuple[int, ...]
    latent_dim: int
    decoder_dim: int
    decoder_rates: tuple[int, ...]
    n_codebooks: int
    codebook_size: int
    codebook_dim: int
    sample_rate: int

    @property
    def hop_frames(self) -> int:
        """Frames per step."""
        return math.prod(self.decoder_rates)

    @property
    def encoder_reach_frames(self) -> int:
        """How far a code depends on sound before its step and after it."""
        reach, stride = KERNEL // 2, 1
        for rate in self.encoder_rates:
            reach += stride * (KERNEL // 2 * sum(DILATIONS) + 2 * rate)
            stride *= rate
        return reach + stride * 2

    @property
    def decoder_reach_frames(self) -> int:
        """How far a sound depends on codes before it and after it: the look-ahead of a decoder that streams."""
        reach, stride = KERNEL // 2 * self.hop_frames, self.hop_frames
        for rate in self.decoder_rates:
            stride //= rate
            reach += stride * (math.ceil(rate / 2) + KERNEL // 2 * sum(DILATIONS))
        return reach + KERNEL // 2


class Snake(nn.Module):
    """x + sin²(αx) / α, one α per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        """Return (B, C, T) of (B, C, T)."""
        return x + (self.alpha + ALPHA_FLOOR).reciprocal() * torch.sin(self.alpha * x).pow(2)


class _Normed(nn.Module):
    """A kernel kept as direction and length, as the weight files do."""

    def __init__(self, shape: tuple[int, int, int], channels_out: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.weight_g = nn.Parameter(torch.ones(shape[0], 1, 1))
        self.weight_v = nn.Parameter(torch.randn(shape) / math.sqrt(shape[1] * shape[2]))

    def weight(self) -> Tensor:
        """Return the kernel."""
        return self.weight_v * (self.weight_g / torch.linalg.vector_norm(self.weight_v, dim=(1, 2), keepdim=True))


class NormedConv(_Normed):
    """A convolution; `padded` False leaves out the zeros around its input."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> None:
        super().__init__((channels_out, channels_in, kernel), channels_out)
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        """Return (B, C', T') of (B, C, T)."""
        return conv1d(x, self.weight(), self.bias, self.stride, self.padding if padded else 0, self.dilation)


class NormedTransposedConv(_Normed):
    """A transposed convolution with a kernel of two strides; `padded` False keeps what the padding cuts off."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__((channels_in, channels_out, 2 * stride), channels_out)
        self.stride, self.padding = stride, math.ceil(stride / 2)

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        """Return (B, C', T * stride) of (B, C, T)."""
        return conv_transpose1d(x, self.weight(), self.bias, self.stride, self.padding if padded else 0)


class Chain(nn.Sequential):
    """Layers one after the other, all padded or all not."""

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        for layer in self:
            x = layer(x, padded)
        return x


class ResidualUnit(nn.Module):
    """A dilated convolution and a pointwise one beside an identity that is cut to the same middle."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        dilated = NormedConv(channels, channels, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation)
        self.block = Chain(Snake(channels), dilated, Snake(channels), NormedConv(channels, channels, 1))

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        """Return (B, C, T) of (B, C, T), fewer frames where not padded."""
        y = self.block(x, padded)
        cut = (x.shape[-1] - y.shape[-1]) // 2
        return y + x[..., cut : x.shape[-1] - cut]


class _Block(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = Chain(*layers)

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        return self.block(x, padded)


class Encoder(nn.Module):
    """Sound (B, 1, T) to latents (B, D, S)."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        channels = config.encoder_dim
        layers: list[nn.Module] = [NormedConv(1, channels, KERNEL, padding=KERNEL // 2)]
        for rate in config.encoder_rates:
            units = [ResidualUnit(channels, dilation) for dilation in DILATIONS]
            down = NormedConv(channels, 2 * channels, 2 * rate, stride=rate, padding=math.ceil(rate / 2))
            layers.append(_Block(*units, Snake(channels), down))
            channels *= 2
        layers += [Snake(channels), NormedConv(channels, config.latent_dim, 3, padding=1)]
        self.block = Chain(*layers)

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        return self.block(x, padded)


class Quantizer(nn.Module):
    """One codebook, looked up by direction."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        self.in_proj = NormedConv(config.latent_dim, config.codebook_dim, 1)
        self.out_proj = NormedConv(config.codebook_dim, config.latent_dim, 1)
        self.codebook = nn.Embedding(config.codebook_size, config.codebook_dim)

    def nearest(self, residual: Tensor) -> Tensor:
        """Return the codes (B, S) nearest in direction to a residual (B, D, S)."""
        asked = normalize(self.in_proj(residual).transpose(1, 2), dim=-1)  # (B, S, d)
        return (asked @ normalize(self.codebook.weight).t()).argmax(dim=-1)

    def latent(self, codes: Tensor) -> Tensor:
        """Return what codes (B, S) add to the latent (B, D, S); nothing where a code is -1."""
        found = self.out_proj(embedding(codes.clamp(min=0), self.codebook.weight).transpose(1, 2))
        return found * (codes >= 0)[:, None]


class ResidualQuantizer(nn.Module):
    """Codebooks in a row, each for what the ones before it left over."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        self.quantizers = nn.ModuleList(Quantizer(config) for _ in range(config.n_codebooks))

    def forward(self, latent: Tensor, codebooks: int | None = None) -> Tensor:
        """Return codes (B, K, S) of a latent (B, D, S)."""
        codes = []
        for quantizer in self.quantizers[:codebooks]:
            codes.append(quantizer.nearest(latent))
            latent = latent - quantizer.latent(codes[-1])
        return torch.stack(codes, dim=1)

    def latent(self, codes: Tensor) -> Tensor:
        """Return the latent (B, D, S) of codes (B, k, S), k at most the number of codebooks."""
        return torch.stack([self.quantizers[k].latent(codes[:, k]) for k in range(codes.shape[1])]).sum(dim=0)


class Decoder(nn.Module):
    """Latents (B, D, S) to sound (B, 1, T)."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        channels = config.decoder_dim
        layers: list[nn.Module] = [NormedConv(config.latent_dim, channels, KERNEL, padding=KERNEL // 2)]
        for rate in config.decoder_rates:
            half = channels // 2
            units = [ResidualUnit(half, dilation) for dilation in DILATIONS]
            layers.append(_Block(Snake(channels), NormedTransposedConv(channels, half, rate), *units))
            channels = half
        layers += [Snake(channels), NormedConv(channels, 1, KERNEL, padding=KERNEL // 2)]
        self.model = Chain(*layers)

    def forward(self, x: Tensor, padded: bool = True) -> Tensor:
        return torch.tanh(self.model(x, padded))


class DacModel(nn.Module):
    """Encoder, quantizer and decoder of one published codec."""

    def __init__(self, config: DacConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = ResidualQuantizer(config)
        self.decoder = Decoder(config)

    def encode(self, sound: Tensor, codebooks: int | None = None) -> Tensor:
        """Return codes (B, K, S) of a sound (B, 1, T), T a multiple of the hop."""
        return self.quantizer(self.encoder(sound), codebooks)

    def decode(self, codes: Tensor, padded: bool = True) -> Tensor:
        """Return the sound (B, 1, T) of codes (B, k, S); -1 is no code.

        With an odd rate the padded sound is a few frames shorter than S hops, as in the reference.
        """
        return self.decoder(self.quantizer.latent(codes), padded)
