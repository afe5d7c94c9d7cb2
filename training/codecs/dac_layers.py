"""The layers of the published decoder that streams: each takes the end of its last input as state and returns that of this one.

They do not know when a clip begins or ends: the mask says which of their inputs count. Weights are folded when a layer is made: length and
direction, the projection of the codebooks with the first convolution, and the frequency of every `Snake` that only a convolution feeds.
Everything runs as two-dimensional convolutions of height 1, which ONNX Runtime's blocked kernels take (190 against 160 Gflop/s on one core
here), transposed convolutions as plain ones with a channel per phase (up to 1.7 times as fast).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding, pad

from training.codecs.dac_model import KERNEL, DacModel, NormedConv, NormedTransposedConv, ResidualUnit, Snake

__all__ = ["AHEAD", "First", "Last", "Layer", "Unit", "Up"]

AHEAD = KERNEL // 2
# A frequency this small makes Snake an identity to float32's last digit, and can be divided by.
LEAST_ALPHA = 1e-6


class First(nn.Module):
    """Codes to the first convolution's output: codebooks, their projections and the convolution as one linear map of few channels."""

    def __init__(self, model: DacModel, conv: NormedConv, ahead: int, codebooks: int) -> None:
        super().__init__()
        config = model.config
        self.tail = AHEAD + ahead
        size = config.codebook_size + 1
        weight = _present(conv.weight(), ahead).double()  # (C, D, taps)
        tables, folded = [], []
        for quantizer in model.quantizer.quantizers[:codebooks]:
            # One more column that is 1 where there is a code, for the projection's bias; row 0 is no code.
            rows = torch.cat([quantizer.codebook.weight, torch.ones(config.codebook_size, 1)], dim=1)
            tables.append(torch.cat([torch.zeros(1, rows.shape[1]), rows]))
            project = torch.cat([quantizer.out_proj.weight()[:, :, 0], quantizer.out_proj.bias[:, None]], dim=1)  # (D, d + 1)
            folded.append(torch.einsum("cdt,dk->ckt", weight, project.double()).float())
        self.register_buffer("table", torch.cat(tables), persistent=False)
        self.register_buffer("offset", size * torch.arange(codebooks)[None, :, None], persistent=False)
        self.register_buffer("weight", torch.cat(folded, dim=1)[:, :, None], persistent=False)
        self.register_buffer("bias", conv.bias.detach().clone(), persistent=False)

    def forward(self, heard: Tensor) -> Tensor:
        """Return (1, C, 1, T) of codes + 1, (1, K, tail + T), 0 where there is none."""
        found = embedding(heard + self.offset, self.table)  # (1, K, tail + n, d + 1)
        return conv2d(found.transpose(2, 3).reshape(1, -1, 1, heard.shape[2]), self.weight, self.bias)


class Layer(nn.Module):
    """A `Snake` whose frequency is folded into the convolution after it: (ax) + sin²(ax), the convolution divided by a."""

    def __init__(self, snake: Snake, channels: int, tail: int, advance: int) -> None:
        super().__init__()
        self.channels, self.tail, self.advance = channels, tail, advance
        self.register_buffer("alpha", _frequency(snake), persistent=False)  # (1, C, 1, 1)

    def activated(self, x: Tensor, state: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the input with its past, the scaled activation of it, and the next state."""
        past = torch.cat([state, x], dim=3)
        angle = past * (self.alpha * mask)
        return past, _wave(angle), past[:, :, :, self.advance : self.advance + self.tail]


class Up(Layer):
    """Snake and transposed convolution: (1, C, 1, T) to (1, C / 2, 1, T * rate)."""

    def __init__(self, snake: Snake, up: NormedTransposedConv, waits: bool, advance: int) -> None:
        weight = up.weight()  # (C, C', 2 rate)
        super().__init__(snake, weight.shape[0], 1, advance)
        rate, cut = up.stride, up.padding
        # Output q of a block of `rate` hears the newest input by tap q and the one before it by tap q + rate.
        newest, before = weight[:, :, :rate], weight[:, :, rate:]
        if not waits:
            # Shifted by what waiting costs; the last outputs would hear the next input, and hear the newest in its stead.
            ahead = torch.cat([torch.zeros_like(weight[:, :, : rate - cut]), weight[:, :, :cut]], dim=2)
            newest = weight[:, :, cut : cut + rate] + ahead
            before = pad(weight[:, :, cut + rate :], (0, cut))
        both = torch.stack([before, newest], dim=3) / self.alpha.reshape(-1, 1, 1, 1)  # (C, C', rate, 2)
        self.rate, self.halved = rate, weight.shape[1]
        self.register_buffer("weight", both.permute(1, 2, 0, 3).reshape(-1, weight.shape[0], 1, 2).contiguous(), persistent=False)
        self.register_buffer("bias", up.bias.detach().repeat_interleave(rate), persistent=False)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (1, C / 2, 1, T * rate) of (1, C, 1, T), and the next state."""
        _, wave, state = self.activated(x, state, mask)
        y = conv2d(wave, self.weight, self.bias)  # (1, C' rate, 1, T)
        y = y.reshape(1, self.halved, self.rate, x.shape[3]).transpose(2, 3)
        return y.reshape(1, self.halved, 1, x.shape[3] * self.rate), state


class Unit(Layer):
    """Residual unit: (1, C, 1, T) to the same, `delay` frames of its rate late."""

    def __init__(self, unit: ResidualUnit, ahead: int, advance: int) -> None:
        snake, dilated, second, point = unit.block
        super().__init__(snake, dilated.bias.shape[0], (AHEAD + ahead) * dilated.dilation, advance)
        self.dilation, self.delay = dilated.dilation, ahead * dilated.dilation
        inner = _frequency(second)  # (1, C, 1, 1)
        weight = _present(dilated.weight(), ahead)[:, :, None]
        self.register_buffer("weight", (weight / self.alpha * inner.reshape(-1, 1, 1, 1)).contiguous(), persistent=False)
        self.register_buffer("bias", dilated.bias * inner.reshape(-1), persistent=False)
        self.register_buffer("point", point.weight()[:, :, None] / inner, persistent=False)
        self.register_buffer("point_bias", point.bias.detach().clone(), persistent=False)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (1, C, 1, T) of (1, C, 1, T), and the next state."""
        past, wave, state = self.activated(x, state, mask)
        y = conv2d(_wave(conv2d(wave, self.weight, self.bias, dilation=(1, self.dilation))), self.point, self.point_bias)
        here = AHEAD * self.dilation
        return past[:, :, :, here : here + x.shape[3]] + y, state


class Last(Layer):
    """Snake and the convolution to one channel."""

    def __init__(self, snake: Snake, conv: NormedConv, ahead: int, advance: int) -> None:
        super().__init__(snake, snake.alpha.shape[1], AHEAD + ahead, advance)
        self.register_buffer("weight", (_present(conv.weight(), ahead)[:, :, None] / self.alpha).contiguous(), persistent=False)
        self.register_buffer("bias", conv.bias.detach().clone(), persistent=False)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return (1, 1, 1, T) of (1, C, 1, T), and the next state."""
        _, wave, state = self.activated(x, state, mask)
        return conv2d(wave, self.weight, self.bias), state


def _wave(angle: Tensor) -> Tensor:
    sine = torch.sin(angle)
    return angle + sine * sine


def _frequency(snake: Snake) -> Tensor:
    """Return Snake's frequencies (1, C, 1, 1), none so small that it cannot be divided by."""
    alpha = snake.alpha.detach()[..., None]
    return torch.where(alpha.abs() < LEAST_ALPHA, torch.full_like(alpha, LEAST_ALPHA), alpha)


def _present(weight: Tensor, ahead: int) -> Tensor:
    """Return a kernel (..., 7) that keeps `ahead` taps of the future and lets the newest input stand for the rest."""
    kept = weight[..., : AHEAD + 1 + ahead].clone()
    kept[..., -1] += weight[..., AHEAD + 1 + ahead :].sum(dim=-1)
    return kept
