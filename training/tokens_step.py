"""One tick of a token transformer with all its state outside: what is exported and played.

It knows neither files nor runtimes. The caches roll: a step writes its key and value over the oldest, and reads only what it wrote into.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.tokens_attention import frequencies, partners, rotation_at
from training.tokens_model import TokenTransformer

__all__ = ["GREEDY_BELOW", "TokenStep", "draw", "sampling"]

# Below this temperature the likeliest code is taken.
GREEDY_BELOW = 1e-4
# Noise is kept under 1 by more than the rounding of a product, so that a draw ends within what is kept.
MAX_NOISE = 1.0 - 1e-6
# Added to the score of a slot that holds nothing: finite, as infinity minus itself is not a number, and far under any score.
UNSEEN = -1e9
NOT_SAMPLED = -1

Shapes = dict[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class Sampling:
    """How the codes of one step are drawn: `sampling` makes it once for all codebooks.

    Parameters
    ----------
    noise, temperature : float32, K of shape (1, 1)
        Noise under 1; temperature above 0.
    greedy : bool, K of shape (1, 1)
    limited : bool, shape (1, 1)
        Whether anything is left out at all.
    ordered : int
        How many of the likeliest codes are put in order.
    let_in : bool, shape (ordered,), or None
        Which of those top-k lets in; None: all.
    top_p : float32, shape (1,), above 0
    """

    noise: tuple[Tensor, ...]
    temperature: tuple[Tensor, ...]
    greedy: tuple[Tensor, ...]
    limited: Tensor
    ordered: int
    let_in: Tensor | None
    top_p: Tensor


def sampling(noise: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor, size: int, *, order_all: bool = False) -> Sampling:
    """Return how to draw from `size` codes; arguments as the inputs of `TokenStep`."""
    limited = (top_k < size) | (top_p < 1.0)
    most = top_k.clamp(1.0, float(size)).floor()
    if order_all:
        ordered, let_in = size, torch.arange(size) < most
    else:
        # Ordering a thousand codes takes a tenth of a step: no more are ordered than can be drawn, and one where nothing is left out.
        ordered, let_in = torch.where(limited, most, 1.0).to(torch.int64).item(), None
        torch._check(ordered >= 1)
        torch._check(ordered <= size)
    return Sampling(
        noise.clamp(max=MAX_NOISE).split(1, dim=1),
        temperature.clamp(min=GREEDY_BELOW).split(1, dim=1),
        (temperature < GREEDY_BELOW).split(1, dim=1),
        limited.unsqueeze(0),
        ordered,
        let_in,
        top_p.clamp(min=GREEDY_BELOW),
    )


def draw(logits: Tensor, how: Sampling, book: int) -> Tensor:
    """Draw one code from logits (1, V) by inverting the distribution, code after code, at a noise from outside; (1, 1) int64.

    Codes as likely as the last that is let through are let through with it.

    Source
    ------
    Top-p (nucleus) sampling: Holtzman et al. 2020. As is usual, temperature acts first, then k, then p.
    """
    probability = (logits / how.temperature[book]).softmax(-1)
    ordered = probability.topk(how.ordered, dim=-1).values  # (1, k), likeliest first
    if how.let_in is not None:
        ordered = ordered * how.let_in
    reached = ordered.cumsum(-1)
    inside = reached - ordered < how.top_p * reached[:, -1:]
    if how.let_in is not None:
        inside = inside & how.let_in
    least = torch.where(inside, ordered, 1.0).amin(-1, keepdim=True)
    least = torch.where(how.limited, least, 0.0)
    least = torch.where(how.greedy[book], ordered[:, :1], least)  # (1, 1)
    reached = torch.where(probability >= least, probability, 0.0).cumsum(-1)
    return (reached <= how.noise[book] * reached[:, -1:]).sum(-1, keepdim=True)


class TokenStep(nn.Module):
    """A token transformer as one tick: inputs and outputs in the order of `inputs` and `outputs`.

    Parameters
    ----------
    model : TokenTransformer
    codebooks : int, optional
        How many codebooks are sampled, first ones first; the others come out as -1. By default all.
    window : int, optional
        Steps in the caches; fewer than the model's attention window make it forget sooner. By default the model's.
    judged : bool
        Adds an input `forced` int64 (1, K), codes to be taken instead of drawn where not -1, and an output `logits` float32 (1, K, V):
        to measure likelihoods with.
    order_all : bool
        Order all codes at every step: the same codes, in more time, for a tracer that cannot follow how many are needed.
    """

    def __init__(
        self,
        model: TokenTransformer,
        *,
        codebooks: int | None = None,
        window: int | None = None,
        judged: bool = False,
        order_all: bool = False,
    ):
        super().__init__()
        size = model.size
        self.model = model
        self.sampled = size.codebooks if codebooks is None else codebooks
        self.window = size.attention_window if window is None else window
        self.judged = judged
        self.order_all = order_all
        self.head_size = size.width // size.heads
        self.frequency: Tensor
        self.partners: Tensor
        self.register_buffer("frequency", frequencies(self.head_size), persistent=False)
        self.register_buffer("partners", partners(self.head_size), persistent=False)

    @property
    def caches(self) -> tuple[str, ...]:
        """Names of the caches, in order."""
        return tuple(f"{kind}_{layer}" for layer in range(self.model.size.layers) for kind in ("keys", "values"))

    @property
    def inputs(self) -> Shapes:
        """Name, dtype and shape of every input, in order."""
        size = self.model.size
        books = (1, size.codebooks)
        shapes: Shapes = {
            "codes": ("int64", books),
            "condition": ("float32", (1, size.condition_size)),
            "noise": ("float32", books),
            "temperature": ("float32", books),
            "top_k": ("float32", (1,)),
            "top_p": ("float32", (1,)),
            "position": ("int64", (1,)),
        }
        if self.judged:
            shapes["forced"] = ("int64", books)
        return shapes | {name: ("float32", (1, size.heads, self.window, self.head_size)) for name in self.caches}

    @property
    def outputs(self) -> Shapes:
        """Name, dtype and shape of every output, in order."""
        inputs, size = self.inputs, self.model.size
        shapes = {f"next_{name}": inputs[name] for name in ("codes", "position")}
        if self.judged:
            shapes["logits"] = ("float32", (1, size.codebooks, size.codebook_size))
        return shapes | {f"next_{name}": inputs[name] for name in self.caches}

    @property
    def feedback(self) -> dict[str, str]:
        """Output -> the input that gets it in the next step."""
        return {f"next_{name}": name for name in ("codes", "position", *self.caches)}

    def fresh(self) -> tuple[Tensor, ...]:
        """Return inputs of a stream that has heard nothing: no codes, temperature 1, nothing left out, in order."""
        values = {name: torch.zeros(shape, dtype=getattr(torch, dtype)) for name, (dtype, shape) in self.inputs.items()}
        for name in ("codes", "forced"):
            if name in values:
                values[name].fill_(NOT_SAMPLED)
        for name, value in (("temperature", 1.0), ("top_k", float(self.model.size.codebook_size)), ("top_p", 1.0)):
            values[name].fill_(value)
        return tuple(values.values())

    def forward(
        self,
        codes: Tensor,
        condition: Tensor,
        noise: Tensor,
        temperature: Tensor,
        top_k: Tensor,
        top_p: Tensor,
        position: Tensor,
        *rest: Tensor,
    ) -> tuple[Tensor, ...]:
        """Make one step: everything in the order of `inputs`, the outcome in the order of `outputs`."""
        forced, caches = (rest[0], rest[1:]) if self.judged else (None, rest)
        state, caches = self.trunk(codes, condition, position, caches)
        drawn, logits = self.sample(state, noise, temperature, top_k, top_p, forced)
        # No code is under 0, so this adds 1; but it waits for the codes, and so for all that reads the position: both may be one memory.
        head = (drawn, position + (drawn[:, 0].clamp(max=0) + 1))
        return (*head, logits, *caches) if self.judged else (*head, *caches)

    def trunk(self, codes: Tensor, condition: Tensor, position: Tensor, caches: tuple[Tensor, ...]) -> tuple[Tensor, list[Tensor]]:
        """Return the trunk's state (1, D) of one step, and the caches with the step in them."""
        model = self.model
        window = caches[0].shape[2]
        cosine, sine = rotation_at(position, self.frequency)  # (1, dh) each
        slots = torch.arange(window, device=position.device)
        unseen = torch.where(slots > position, UNSEEN, 0.0).view(1, 1, 1, -1)
        # By a tensor, as the exporter cannot divide by a dimension that is free.
        slot = position % (slots[-1:] + 1)
        film = model.film(condition)
        x = model.embed(codes)  # (1, D)
        written: list[Tensor] = []
        for index, block in enumerate(model.blocks):
            parts = model.film_of(film, index)
            inner = block.before_attention(x, condition, parts)
            keys, values = caches[2 * index : 2 * index + 2]
            gathered, keys, values = block.attention.step(inner, cosine, sine, self.partners, slot, unseen, keys, values)
            x = block.feed(x + gathered, parts)
            written += [keys, values]
        return model.last(x, film), written

    def sample(
        self, state: Tensor, noise: Tensor, temperature: Tensor, top_k: Tensor, top_p: Tensor, forced: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the codes (1, K) drawn one after another, and the logits (1, K, V) they were drawn from."""
        model, drawn, seen = self.model, [], []
        how = sampling(noise, temperature, top_k, top_p, model.size.codebook_size, order_all=self.order_all)
        code = torch.zeros(1, 1, dtype=torch.int64)
        for book in range(self.sampled):
            state = model.join(state, book, code[:, 0])
            logits = model.heads[book](state, model.table(book))  # (1, V)
            code = draw(logits, how, book)
            if forced is not None:
                told = forced[:, book : book + 1]
                code = torch.where(told >= 0, told, code)
            drawn.append(code)
            seen.append(logits)
        # A light step knows nothing of the codebooks it leaves out: every code of theirs is as likely.
        drawn += [torch.full_like(code, NOT_SAMPLED)] * (model.size.codebooks - self.sampled)
        seen += [torch.zeros_like(seen[0])] * (model.size.codebooks - self.sampled)
        return torch.cat(drawn, 1), torch.stack(seen, 1)
