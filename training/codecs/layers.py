"""Causal layers whose past is an argument: a chunk and the state it leaves is all there is, so chunks equal the whole by construction.

They know neither spectra nor codes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ConvNeXtBlock", "overlap_add"]

LAYER_SCALE = 0.1


class ConvNeXtBlock(nn.Module):
    """Depth-wise causal convolution in time, then a two-layer perceptron per step, added to the input.

    Parameters
    ----------
    size : int
        Channels.
    kernel : int
        Steps the convolution sees, its own included.
    expansion : int
        Width of the perceptron over `size`.

    Source
    ------
    Liu et al. 2022, A ConvNet for the 2020s; in one dimension as in Siuzdak 2023, Vocos.
    """

    def __init__(self, size: int, kernel: int, expansion: int):
        super().__init__()
        self.past = kernel - 1
        self.depthwise = nn.Conv1d(size, size, kernel, groups=size)
        self.norm = nn.LayerNorm(size)
        self.widen = nn.Linear(size, expansion * size)
        self.narrow = nn.Linear(expansion * size, size)
        self.scale = nn.Parameter(torch.full((size,), LAYER_SCALE))

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Run a chunk.

        Parameters
        ----------
        x : Tensor, shape (B, S, size)
        state : Tensor, shape (B, kernel - 1, size)
            The inputs before the chunk; zeros at the start of a stream.

        Returns
        -------
        Tensor, shape (B, S, size), and the state for the next chunk
        """
        seen = torch.cat([state, x], dim=1)
        y = self.depthwise(seen.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(functional.gelu(self.widen(self.norm(y))))
        return x + self.scale * y, seen[:, -self.past :]


def overlap_add(frames: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
    """Add frames that overlap each other.

    Parameters
    ----------
    frames : Tensor, shape (B, F, R, hop)
        F frames of R hops each; every frame starts one hop after the one before it.
    tail : Tensor, shape (B, R - 1, hop)
        What earlier frames still have to say.

    Returns
    -------
    Tensor, shape (B, F, hop), and the tail for the next chunk
    """
    count, hops = frames.shape[1], frames.shape[2]
    total = functional.pad(tail, (0, 0, 0, count))
    for hop in range(hops):
        total = total + functional.pad(frames[:, :, hop], (0, 0, hop, hops - 1 - hop))
    return total[:, :count], total[:, count:]
