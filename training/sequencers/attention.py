"""Attention, its layers, and the positional code, as the two transformer sequencers use them: norm after the sum, ReLU.

It knows neither descriptors nor heads of a sequencer.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MAX_POSITIONS", "Attention", "DecoderLayer", "EncoderLayer", "band", "positions"]

MAX_POSITIONS = 5000
BASE = 10_000.0


def positions(size: int) -> Tensor:
    """Return the positional code, float32 (5000, size): sine and cosine in turn.

    Source
    ------
    Vaswani et al. 2017, "Attention Is All You Need", section 3.5.
    """
    place = torch.arange(MAX_POSITIONS).unsqueeze(1)
    angle = place * torch.exp(torch.arange(0, size, 2) * (-math.log(BASE) / max(size, 1)))  # (5000, size / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def band(queries: int, keys: int, window: int, device: torch.device | None = None) -> Tensor:
    """Return which key each query sees, bool (queries, keys): the `window` keys up to its own. The last query is the last key."""
    index = torch.arange(keys, device=device)
    distance = index[keys - queries :].unsqueeze(1) - index.unsqueeze(0)
    return (distance >= 0) & (distance < window)


class Attention(nn.Module):
    """Multi-head attention with its keys and values apart, so that they can be kept.

    Parameters
    ----------
    width : int
    heads : int
        They divide the width.
    dropout : float
        Share of attention weights dropped in training.
    """

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        for layer in (self.query, self.key_value):
            nn.init.xavier_uniform_(layer.weight)
        for layer in (self.query, self.key_value, self.out):
            nn.init.zeros_(layer.bias)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of (B, S, width), the same shape each."""
        keys, values = self.key_value(x).chunk(2, dim=-1)
        return keys, values

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return what each of (B, S, width) gathers from (B, T, width) keys and values; `seen` is bool, broadcast to (B, heads, S, T)."""
        query, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query(x), keys, values))
        dropout = self.dropout if self.training else 0.0
        gathered = functional.scaled_dot_product_attention(query, keys, values, attn_mask=seen, dropout_p=dropout)
        return self.out(gathered.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """Attention and a feed-forward part, each added and then normed."""

    def __init__(self, width: int, heads: int, dim_feedforward: int, dropout: float):
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.feed = nn.Sequential(
            nn.Linear(width, dim_feedforward), nn.ReLU(), nn.Dropout(dropout), nn.Linear(dim_feedforward, width), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feed = nn.LayerNorm(width)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None = None) -> Tensor:
        """Return the layer's output for (B, S, width), which looks at these keys and values."""
        x = self.norm_attention(x + self.dropout(self.attention(x, keys, values, seen)))
        return self.norm_feed(x + self.feed(x))


class DecoderLayer(nn.Module):
    """An encoder layer over the frames to come, which then look at what the encoder made of the frames heard."""

    def __init__(self, width: int, heads: int, dim_feedforward: int, dropout: float):
        super().__init__()
        self.own = Attention(width, heads, dropout)
        self.norm_own = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.across = EncoderLayer(width, heads, dim_feedforward, dropout)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """Return the layer's output for (B, F, width) beside the encoder's (B, W, width)."""
        x = self.norm_own(x + self.dropout(self.own(x, *self.own.keys_values(x))))
        return self.across(x, *self.across.attention.keys_values(memory))
