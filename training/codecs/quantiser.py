"""Residual vector quantisation: each codebook says what the ones before it left over. It does not know what the vectors mean."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Quantised", "ResidualQuantiser"]

from typing import NamedTuple

USE_MEMORY = 0.98
# A code used less than this share of its fair share is put where the data is.
DEAD_SHARE = 0.1


class Quantised(NamedTuple):
    """What became of the vectors: (B, S, size) with the gradient passed straight through, codes (B, K, S), and the two losses."""

    vectors: Tensor
    codes: Tensor
    commitment: Tensor
    codebook: Tensor


class Codebook(nn.Module):
    """One look-up: the code whose direction is nearest, in few dimensions.

    Source
    ------
    Yu et al. 2021, Vector-quantized image modeling with improved VQGAN: factorised, L2-normalised codes.
    """

    def __init__(self, size: int, entries: int, code_size: int):
        super().__init__()
        self.inwards = nn.Linear(size, code_size)
        self.vectors = nn.Parameter(torch.randn(entries, code_size))
        self.outwards = nn.Linear(code_size, size)
        self.register_buffer("use", torch.ones(entries))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Return the code of each vector, (..., code_size) -> (...) int64."""
        return (functional.normalize(vectors, dim=-1) @ functional.normalize(self.vectors, dim=-1).T).argmax(-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the vectors that codes stand for, (...) -> (..., size)."""
        return self.outwards(functional.embedding(codes, self.vectors))

    @torch.no_grad()
    def revive(self, vectors: Tensor, codes: Tensor) -> int:
        """Count the use of every code, and move the dead ones onto vectors of this batch; returns how many were moved.

        Parameters
        ----------
        vectors : Tensor, shape (N, code_size)
        codes : Tensor, shape (N,)
        """
        share = torch.bincount(codes, minlength=len(self.use)).to(self.use) * (len(self.use) / len(codes))
        self.use.lerp_(share, 1.0 - USE_MEMORY)
        dead = (self.use < DEAD_SHARE).nonzero().squeeze(1)
        if len(dead):
            chosen = vectors[torch.randint(len(vectors), (len(dead),), device=vectors.device)]
            self.vectors[dead] = chosen + 0.01 * chosen.std() * torch.randn_like(chosen)
            # A fresh code gets time to be found before it is judged.
            self.use[dead] = 0.5
        return len(dead)


class ResidualQuantiser(nn.Module):
    """`codebooks` look-ups one after the other.

    Parameters
    ----------
    size : int
        Of the vectors.
    codebooks, entries, code_size : int
        Look-ups, codes in each, dimensions a code is looked up in.
    """

    def __init__(self, size: int, codebooks: int, entries: int, code_size: int):
        super().__init__()
        self.codebooks = nn.ModuleList(Codebook(size, entries, code_size) for _ in range(codebooks))

    def forward(self, vectors: Tensor, used: Tensor | None = None) -> Quantised:
        """Quantise for training.

        Parameters
        ----------
        vectors : Tensor, shape (B, S, size)
        used : Tensor, shape (B,), optional
            How many codebooks each example may use; all by default. Learning to do with fewer is what lets a stage leave some out.
        """
        residual, total = vectors, torch.zeros_like(vectors)
        codes, commitment, codebook_loss = [], vectors.new_zeros(()), vectors.new_zeros(())
        for index, codebook in enumerate(self.codebooks):
            inner = codebook.inwards(residual)
            found = codebook.nearest(inner)
            chosen = functional.embedding(found, codebook.vectors)
            commitment = commitment + functional.mse_loss(inner, chosen.detach())
            codebook_loss = codebook_loss + functional.mse_loss(chosen, inner.detach())
            if self.training:
                codebook.revive(inner.detach().flatten(0, 1), found.flatten())
            out = codebook.outwards(inner + (chosen - inner).detach())
            residual = residual - out
            if used is not None:
                out = out * (index < used).to(out)[:, None, None]
            total = total + out
            codes.append(found)
        return Quantised(total, torch.stack(codes, dim=1), commitment, codebook_loss)

    def encode(self, vectors: Tensor) -> Tensor:
        """Return the codes of vectors, (B, S, size) -> (B, K, S) int64."""
        residual, codes = vectors, []
        for codebook in self.codebooks:
            found = codebook.nearest(codebook.inwards(residual))
            residual = residual - codebook.decode(found)
            codes.append(found)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the vectors that codes stand for, (B, k, S) -> (B, S, size); fewer codebooks and codes of -1 add nothing."""
        total = None
        for codebook, part in zip(self.codebooks, codes.unbind(1), strict=False):
            said = codebook.decode(part.clamp(min=0)) * (part >= 0).to(codebook.vectors)[..., None]
            total = said if total is None else total + said
        return total
