"""The token transformer: the codes of the step before go in with a condition, the distribution of the codes of this step comes out.

It knows no audio, no files and no optimiser. `TokenTransformer` runs whole sequences for training; `training.tokens_step.TokenStep` is the
same model as one explicit-state tick, the form that is exported and played.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.tokens_attention import Attention, band, rotation

__all__ = ["TokenTransformer", "TransformerSize"]

# Wide enough to bend a dozen controls, narrow enough that its map to every block's scales and shifts stays a tenth of the model.
CONDITION_WIDTH = 64
INITIAL_SPREAD = 0.02


@dataclass(frozen=True)
class TransformerSize:
    """What fixes every shape of a token transformer.

    Parameters
    ----------
    codebooks, codebook_size : int
        K and V of the codec.
    condition_size : int
        C: classes and parameters.
    width, layers, heads, feed_forward : int
        D, blocks, attention heads, and how many times D the feed-forward layer is wide.
    head_width : int
        Hidden units of each codebook's residual MLP.
    attention_window : int
        W: steps a query sees, its own among them.
    codebook_order : str
        ``ordered``: each codebook of a step sees those before it. ``independent``: none sees another.
    conditioning : str
        ``film``: the condition scales and shifts every block's norms. ``concat``: it stands beside the block's input.
    output : str
        ``tied``: a codebook's logits are products with its own embeddings. ``untied``: with a matrix of its own.
    dropout : float
        Acts in training mode only.
    """

    codebooks: int
    codebook_size: int
    condition_size: int
    width: int
    layers: int
    heads: int
    feed_forward: int
    head_width: int
    attention_window: int
    codebook_order: str = "ordered"
    conditioning: str = "film"
    output: str = "untied"
    dropout: float = 0.0


class Block(nn.Module):
    """One pre-norm block: attention, then a feed-forward layer, each beside a straight line."""

    def __init__(self, size: TransformerSize):
        super().__init__()
        width, hidden = size.width, size.feed_forward * size.width
        self.film = size.conditioning == "film"
        # Under FiLM the condition brings scale and shift.
        self.attention_norm = nn.LayerNorm(width, elementwise_affine=not self.film)
        self.feed_norm = nn.LayerNorm(width, elementwise_affine=not self.film)
        self.mix = None if self.film else nn.Linear(width + size.condition_size, width)
        self.attention = Attention(width, size.heads)
        self.widen = nn.Linear(width, hidden)
        self.narrow = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(size.dropout)

    def before_attention(self, x: Tensor, condition: Tensor, film: tuple[Tensor, ...]) -> Tensor:
        """Return the input of the attention; `condition` (..., C) and `film` (4 × (..., D)) belong to each step."""
        x = self.attention_norm(x)
        return x * film[0] + film[1] if self.film else self.mix(torch.cat([x, condition], -1))

    def feed(self, x: Tensor, film: tuple[Tensor, ...]) -> Tensor:
        """Return x with the feed-forward layer's part added."""
        inner = self.feed_norm(x)
        inner = inner * film[2] + film[3] if self.film else inner
        return x + self.dropout(self.narrow(functional.silu(self.widen(inner))))

    def forward(self, x: Tensor, condition: Tensor, film: tuple[Tensor, ...], cosine: Tensor, sine: Tensor, seen: Tensor) -> Tensor:
        """Return (B, S, D) from (B, S, D)."""
        x = x + self.dropout(self.attention(self.before_attention(x, condition, film), cosine, sine, seen))
        return self.feed(x, film)


class CodebookHead(nn.Module):
    """The logits of one codebook from the trunk and the codebooks before it: a residual MLP."""

    def __init__(self, size: TransformerSize, first: bool):
        super().__init__()
        width = size.width
        self.join = None if first or size.codebook_order == "independent" else nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, size.head_width)
        self.narrow = nn.Linear(size.head_width, width)
        self.last_norm = nn.LayerNorm(width)
        self.logits = None if size.output == "tied" else nn.Linear(width, size.codebook_size, bias=False)

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """Return logits (..., V) from the joined state (..., D); `table` (V, D) is the codebook's embedding."""
        x = self.last_norm(x + self.narrow(functional.silu(self.widen(self.norm(x)))))
        return functional.linear(x, table) if self.logits is None else self.logits(x)


class TokenTransformer(nn.Module):
    """Codes and conditions of whole sequences in, the distribution of every step's codes out.

    Parameters
    ----------
    size : TransformerSize
    """

    def __init__(self, size: TransformerSize):
        super().__init__()
        self.size = size
        # One table of all codebooks, one after another: a step looks everything up at once.
        self.embedding = nn.Embedding(size.codebooks * size.codebook_size, size.width)
        self.first_row: Tensor
        self.register_buffer("first_row", torch.arange(size.codebooks) * size.codebook_size, persistent=False)
        self.dropout = nn.Dropout(size.dropout)
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.norm = nn.LayerNorm(size.width, elementwise_affine=size.conditioning != "film")
        self.heads = nn.ModuleList(CodebookHead(size, first=index == 0) for index in range(size.codebooks))
        self.condition = None
        if size.conditioning == "film":
            self.condition = nn.Sequential(
                nn.Linear(size.condition_size, CONDITION_WIDTH),
                nn.SiLU(),
                nn.Linear(CONDITION_WIDTH, CONDITION_WIDTH),
                nn.SiLU(),
                nn.Linear(CONDITION_WIDTH, (4 * size.layers + 2) * size.width),
            )
        self._start()

    def _start(self) -> None:
        """Draw the first weights: small everywhere, smaller where branches add up, and no condition at all."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INITIAL_SPREAD)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for block in self.blocks:
            for last in (block.attention.out, block.narrow):
                nn.init.normal_(last.weight, std=INITIAL_SPREAD / (2 * self.size.layers) ** 0.5)
        if self.condition is not None:
            # The condition's own layers see few and large inputs: the usual start keeps them alive.
            for layer in (self.condition[0], self.condition[2]):
                layer.reset_parameters()
            last = self.condition[4]
            nn.init.zeros_(last.weight)
            # Scales and shifts take turns.
            last.bias.data.view(-1, 2, self.size.width)[:, 0] = 1.0

    @property
    def parameter_count(self) -> int:
        """Numbers learned."""
        return sum(parameter.numel() for parameter in self.parameters())

    def embed(self, codes: Tensor) -> Tensor:
        """Return the sum (..., D) of the embeddings of codes (..., K); -1 is nothing."""
        heard = (codes >= 0).unsqueeze(-1)
        return (self.embedding(codes.clamp(min=0) + self.first_row) * heard).sum(-2)

    def table(self, book: int) -> Tensor:
        """Return the embeddings (V, D) of one codebook."""
        size = self.size.codebook_size
        return self.embedding.weight[book * size : (book + 1) * size]

    def film(self, condition: Tensor) -> tuple[Tensor, ...]:
        """Return every scale and shift of conditions (..., C): four a block, then two for the last norm; nothing where it is not used."""
        if self.condition is None:
            return ()
        return self.condition(condition).split(self.size.width, dim=-1)

    def film_of(self, film: tuple[Tensor, ...], block: int) -> tuple[Tensor, ...]:
        """Return the four tensors of one block, or nothing."""
        return film[4 * block : 4 * block + 4]

    def last(self, x: Tensor, film: tuple[Tensor, ...]) -> Tensor:
        """Return the trunk's outcome (..., D) from the last block's."""
        x = self.norm(x)
        return x * film[-2] + film[-1] if film else x

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        """Return the trunk's state for each step.

        Parameters
        ----------
        codes : int64, shape (B, S, K)
            Codes of the step before each step; -1 where there is none.
        condition : float32, shape (B, S, C)
            Of the step to be made, not of the one before.

        Returns
        -------
        float32, shape (B, S, D)
        """
        steps = codes.shape[1]
        # Made on the CPU: angles are float64, which not every accelerator has.
        cosine, sine = (part.to(codes.device) for part in rotation(torch.arange(steps), self.size.width // self.size.heads))
        seen = band(steps, self.size.attention_window, codes.device)
        film = self.film(condition)
        x = self.dropout(self.embed(codes))  # (B, S, D)
        for index, block in enumerate(self.blocks):
            x = block(x, condition, self.film_of(film, index), cosine, sine, seen)
        return self.last(x, film)

    def join(self, state: Tensor, book: int, code: Tensor) -> Tensor:
        """Return the state (..., D) that codebook `book` sees: with the code (...) of the codebook before it in it, if they are ordered."""
        head = self.heads[book]
        return state if head.join is None else state + head.join(self.embedding(code + (book - 1) * self.size.codebook_size))

    def logits(self, state: Tensor, codes: Tensor) -> list[Tensor]:
        """Return the logits of every codebook, told the true codes before it in its step.

        Parameters
        ----------
        state : float32, shape (..., D)
        codes : int64, shape (..., K)
            Of the steps predicted.

        Returns
        -------
        list of K float32, shape (..., V)
        """
        found = []
        for book, head in enumerate(self.heads):
            state = self.join(state, book, codes[..., book - 1])
            found.append(head(state, self.table(book)))
        return found

    def losses(self, codes: Tensor, condition: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy of each codebook, nats per token, (K,).

        Parameters
        ----------
        codes, condition
            As in `forward`.
        target : int64, shape (B, S, K)
            Codes to be predicted.
        """
        state = self(codes, condition).flatten(0, 1)  # (B S, D)
        target = target.flatten(0, 1)
        # One codebook after another, so that only one is held as probabilities at a time.
        return torch.stack(
            [functional.cross_entropy(found.float(), target[:, book]) for book, found in enumerate(self.logits(state, target))]
        )
