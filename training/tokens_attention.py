"""Attention of a token transformer: banded over whole sequences, rolling over a cache in a step, and the rotation that both share.

It does not know tokens. Each query sees exactly `window` keys, its own among them, so a cache of `window` keys repeats the training
computation exactly, layer by layer, however long the stream.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Attention", "band", "frequencies", "partners", "rotation", "rotation_at"]

ROPE_BASE = 10_000.0


def rotation(positions: Tensor, head_size: int) -> tuple[Tensor, Tensor]:
    """Return the cosine and the signed sine that rotate queries and keys at these positions.

    Parameters
    ----------
    positions : int64, shape (S,)
    head_size : int
        Of an odd one the last element is not rotated.

    Returns
    -------
    cosine, sine : float32, shape (S, head_size)
        The sine is negative in its first half, so that ``x * cosine + swapped(x) * sine`` is the rotation; `partners` says what is swapped.

    Source
    ------
    Su et al. 2021, RoFormer, eq. 34; pairs are (i, i + head_size // 2), both in one head.
    """
    return rotation_at(positions, frequencies(head_size))


def frequencies(head_size: int) -> Tensor:
    """Return the angle per step of each element, float64 (head_size,); the first of a pair turns backwards."""
    half = head_size // 2
    turn = ROPE_BASE ** (-torch.arange(half, dtype=torch.float64) / half)
    return torch.cat([-turn, turn, turn.new_zeros(head_size - 2 * half)])


def partners(head_size: int) -> Tensor:
    """Return where each element's partner stands, int64 (head_size,)."""
    half = head_size // 2
    index = torch.arange(head_size)
    return torch.cat([index[half : 2 * half], index[:half], index[2 * half :]])


def rotation_at(positions: Tensor, frequency: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and signed sine as `rotation`, from given frequencies."""
    # Float32 holds an angle of a million radians only to a sixteenth; a stream runs for hours. So it is reduced in float64.
    angle = torch.fmod(positions.double().unsqueeze(-1) * frequency, 2.0 * math.pi).float()  # (S, head_size)
    return angle.cos(), angle.sin()


def band(steps: int, window: int, device: torch.device | None = None) -> Tensor:
    """Return which key (column) each query (row) sees: itself and the `window` - 1 before it. Boolean, (S, S)."""
    index = torch.arange(steps, device=device)
    distance = index.unsqueeze(1) - index.unsqueeze(0)
    return (distance >= 0) & (distance < window)


class Attention(nn.Module):
    """Multi-head attention with one projection, a rotation per head, and a band.

    Parameters
    ----------
    width : int
    heads : int
        They divide the width.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.head_size = width // heads
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, seen: Tensor) -> Tensor:
        """Return what each step gathers from those it sees.

        Parameters
        ----------
        x : (B, S, D)
        cosine, sine : (S, head size)
        seen : bool, (S, S)

        Returns
        -------
        (B, S, D)
        """
        batch, steps, width = x.shape
        query, key, value = self.project(x).view(batch, steps, 3, self.heads, self.head_size).permute(2, 0, 3, 1, 4)  # (B, H, S, dh) each
        query, key = _rotate(query, cosine, sine), _rotate(key, cosine, sine)
        # On a CPU the backward of this in bfloat16 takes three times as long as in float32.
        with torch.autocast(x.device.type, enabled=False):
            kind = value.dtype if value.is_cuda else torch.float32
            gathered = functional.scaled_dot_product_attention(query.to(kind), key.to(kind), value.to(kind), attn_mask=seen)
        return self.out(gathered.transpose(1, 2).reshape(batch, steps, width))

    def step(
        self, x: Tensor, cosine: Tensor, sine: Tensor, swap: Tensor, slot: Tensor, unseen: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what one step gathers, and the caches with the step in them.

        Parameters
        ----------
        x : (1, D)
        cosine, sine : (1, head size)
        swap : int64, (head size,)
            Where each element's partner stands.
        slot : int64, (1,)
            The step's place in the caches.
        unseen : (1, 1, 1, W)
            0 where the cache holds a step, far below any score where it holds nothing yet.
        keys, values : (1, H, W, head size)
            Nothing reads them but the writing of the step, so its output may be the same memory.

        Returns
        -------
        gathered (1, D), next keys, next values
        """
        both, value = self.project(x).view(1, 3 * self.heads, 1, self.head_size).split([2 * self.heads, self.heads], dim=1)
        both = both * cosine + both.index_select(3, swap) * sine  # (1, 2H, 1, dh)
        query, key = both.split(self.heads, dim=1)  # (1, H, 1, dh) each
        keys, values = write_step(keys, slot, key), write_step(values, slot, value)
        score = query @ keys.transpose(2, 3) * self.head_size**-0.5 + unseen  # (1, H, 1, W)
        gathered = score.softmax(-1) @ values  # (1, H, 1, dh)
        return self.out(gathered.view(1, -1)), keys, values


def write_step(cache: Tensor, slot: Tensor, step: Tensor) -> Tensor:
    """Return a cache (1, H, W, dh) with one step (1, H, 1, dh) at a slot."""
    heads = cache.shape[1]
    first, head = torch.zeros(1, heads, 1, dtype=torch.int64), torch.arange(heads).view(1, heads, 1)
    # As whole rows by three indices, which becomes one ScatterND; by elements it takes four times as long.
    return cache.index_put((first, head, slot.view(1, 1, 1).expand(1, heads, 1)), step)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate (..., S, head size)."""
    half = x.shape[-1] // 2
    return x * cosine + torch.cat([x[..., half : 2 * half], x[..., :half], x[..., 2 * half :]], -1) * sine
