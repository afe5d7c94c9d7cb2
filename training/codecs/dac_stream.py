"""The published decoder step by step: the same numbers as the whole-sound decoder, late by its look-ahead, all state explicit.

It does not know ONNX, nor weight files. Every convolution keeps the end of its input for the next call; a convolution that needs input
from the future answers late instead, and the identity beside it is delayed alike. Delays add up, counted at each layer's own rate.

Where a decoder of whole sounds pads with zeros, this one must have zeros too, or the first and last steps differ. Which steps carry codes
is remembered with the codes, and every layer's input outside of them is set to zero. So the initial state is zeros, a step of only -1 is
silence, and a clip ends exactly when as many empty steps follow as the look-ahead is long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from training.codecs.dac_layers import AHEAD, First, Last, Unit, Up
from training.codecs.dac_model import DILATIONS, DacConfig, DacModel

__all__ = ["STEPS", "DacStream", "Lookahead", "full_lookahead", "guess_for", "shorter_lookahead", "stream_lookahead_frames"]

STEPS = (1, 2, 4, 8)
# State of the codes; zero means none, so that zeros are the state before the beginning.
CODES_STATE = "codes"


@dataclass(frozen=True)
class Lookahead:
    """How much future each layer waits for.

    Attributes
    ----------
    first, last : int, 0..3
        Taps after the present one that the first and the last convolution keep.
    phases : tuple of bool, one per rate
        Whether the transposed convolution waits for its next input.
    units : tuple of tuples of int, 0..3, per rate and dilation
        Taps after the present one that the dilated convolutions keep.
    """

    first: int
    last: int
    phases: tuple[bool, ...]
    units: tuple[tuple[int, ...], ...]


def full_lookahead(model: DacModel) -> Lookahead:
    """Return the look-ahead with which the stream is exact."""
    rates = len(model.config.decoder_rates)
    return Lookahead(AHEAD, AHEAD, (True,) * rates, ((AHEAD,) * 3,) * rates)


def shorter_lookahead(model: DacModel, frames: int) -> Lookahead:
    """Return the look-ahead of at most so many frames that gives up as few taps as possible: those that cost most delay go first.

    What is given up hears the newest input instead of the future one.
    """
    rates = model.config.decoder_rates
    stride = model.config.hop_frames
    # (frames it costs, which tap of its layer, layer); nearer taps of a layer come before farther ones.
    costs: list[tuple[int, int, tuple[int, int]]] = [(stride, tap, (-1, 0)) for tap in range(AHEAD)]
    costs += [(1, tap, (len(rates), 0)) for tap in range(AHEAD)]
    for level, rate in enumerate(rates):
        stride //= rate
        costs.append((stride * -(-rate // 2), 0, (level, 0)))
        costs += [(stride * 3**unit, tap, (level, 1 + unit)) for unit in range(3) for tap in range(AHEAD)]
    kept = dict.fromkeys((layer for _, _, layer in costs), 0)
    for cost, tap, layer in sorted(costs):
        if cost <= frames and kept[layer] == tap:
            kept[layer] += 1
            frames -= cost
    levels = range(len(rates))
    units = tuple(tuple(kept[level, 1 + unit] for unit in range(3)) for level in levels)
    return Lookahead(kept[-1, 0], kept[len(rates), 0], tuple(bool(kept[level, 0]) for level in levels), units)


def stream_lookahead_frames(config: DacConfig, held: int = 0, held_levels: int = 1) -> int:
    """Return the look-ahead of a stream that gives up no taps and guesses so far, see `DacStream`."""
    delay, span, further = AHEAD, 1, held
    for level, rate in enumerate(config.decoder_rates):
        delay, span = delay * rate + -(-rate // 2) + AHEAD * sum(DILATIONS), span * rate
        if level == held_levels - 1:
            delay, further = delay - min(delay, held * span), 0
    return delay + AHEAD - min(delay + AHEAD, further * span)


def guess_for(config: DacConfig, frames: int) -> tuple[int, int]:
    """Return `held` and `held_levels` with the least work that wait for at most so many frames."""
    for levels in range(1, len(config.decoder_rates) + 2):
        for held in range(-(-config.decoder_reach_frames // config.hop_frames) + 1):
            if stream_lookahead_frames(config, held, levels) <= frames:
                return held, levels
    raise ValueError(f"no look-ahead of {frames} frames")


class DacStream(nn.Module):
    """The decoder of a published codec, `steps` codec steps per call.

    Parameters
    ----------
    model : DacModel
    steps : int
        Codec steps per call; `STEPS` are those that are exported.
    lookahead : Lookahead, optional
        Shorter than exact; `full_lookahead` by default.
    codebooks : int, optional
        How many are spoken, from the first; all by default.
    held : int, 0..look-ahead in steps
        Shorter by guessing: each call goes this many steps further, in which the newest codes go on, hands out what they let it finish, and
        forgets them. Closer to exact than giving up taps.
    held_levels : int, 1..rates + 1
        How many levels, from the first, go further. The first wait longest and work least: at 44.1 kHz the first level has nine tenths of
        the look-ahead and a sixth of the work. The others keep what they were given as if it had come true.

    Attributes
    ----------
    lookahead_frames : int
        How many frames the sound comes after its codes, the step's own frames apart: output frame t of the stream is frame
        t - lookahead_frames of the clip.
    """

    def __init__(
        self,
        model: DacModel,
        steps: int = 1,
        lookahead: Lookahead | None = None,
        *,
        codebooks: int | None = None,
        held: int = 0,
        held_levels: int = 1,
    ) -> None:
        super().__init__()
        ahead = lookahead or full_lookahead(model)
        config = self.config = model.config
        self.steps, self.held = steps, held
        self.codebooks = config.n_codebooks if codebooks is None else codebooks
        first, *blocks, snake, last = model.decoder.model
        with torch.no_grad():
            self.first = First(model, first, ahead.first, self.codebooks)
            span, delay, lost = 1, ahead.first, 0
            levels, masks, further = [], [], held
            # Where the guess is handed on: after which level, its first frame, one after its last.
            self.handed = (held_levels - 1, 0, steps * config.hop_frames)
            for level, (block, rate, phase, units) in enumerate(zip(blocks, config.decoder_rates, ahead.phases, ahead.units, strict=True)):
                start, up, *residual = block.block
                masks.append((span, delay, 1, lost, steps + further))
                delay = delay * rate + (up.padding if phase else 0)
                span, lost = span * rate, lost * rate + rate % 2
                layers: list[nn.Module] = [Up(start, up, phase, steps * masks[-1][0])]
                for unit, taps in zip(residual, units, strict=True):
                    layers.append(Unit(unit, taps, steps * span))
                    masks.append((span, delay, layers[-1].tail, lost, steps + further))
                    delay += layers[-1].delay
                levels.append(nn.ModuleList(layers))
                if level == held_levels - 1:
                    ready, further = min(delay, held * span), 0
                    self.handed = (level, ready, ready + steps * span)
                    delay -= ready
            self.levels = nn.ModuleList(levels)
            self.last = Last(snake, last, ahead.last, steps * span)
            masks += [(span, delay, self.last.tail, lost, steps + further), (span, delay + ahead.last, 0, lost, steps + further)]
            delay += ahead.last
            ready = min(delay, further * span)
            self.heard_from, self.lookahead_frames = ready, delay - ready
        # How many steps back any layer's input still belongs to.
        self.history = max(self.first.tail, *(-(-(delay + tail) // span) for span, delay, tail, _, _ in masks))
        for index, mask in enumerate(masks):
            self._add_mask(index, *mask)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name of each state -> its shape; all float32 but `codes`, which is int64."""
        shapes = {CODES_STATE: (1, self.codebooks, self.history)}
        for name, layer in self._layers():
            shapes[name] = (1, layer.channels, 1, layer.tail)
        return shapes

    @property
    def codes_shape(self) -> tuple[int, ...]:
        """Shape of the codes of one call."""
        return (1, self.codebooks) if self.steps == 1 else (1, self.codebooks, self.steps)

    @property
    def multiplications(self) -> int:
        """Multiplications of all convolutions in one call."""
        total, span, steps = self.first.weight.numel() * (self.steps + self.held), 1, self.steps + self.held
        for level, (up, *units) in enumerate(self.levels):
            total += up.weight.numel() * steps * span
            span *= up.rate
            total += sum(unit.weight.numel() + unit.point.numel() for unit in units) * steps * span
            if level == self.handed[0]:
                steps = self.steps
        return total + self.last.weight.numel() * steps * span

    def initial_state(self) -> tuple[Tensor, ...]:
        """Return the state before the beginning."""
        shapes = self.state_shapes
        return tuple(torch.zeros(shape, dtype=torch.int64 if name == CODES_STATE else torch.float32) for name, shape in shapes.items())

    def forward(self, codes: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return the sound (1, steps * hop) and the next states, in the order of `state_shapes`."""
        state = dict(zip(self.state_shapes, states, strict=True))
        following = {}
        heard = torch.cat([state[CODES_STATE], codes.reshape(1, self.codebooks, self.steps) + 1], dim=2)  # (1, K, history + n)
        following[CODES_STATE] = heard[:, :, self.steps :]
        if self.held:
            heard = torch.cat([heard, heard[:, :, -1:].expand(-1, -1, self.held)], dim=2)
        carries = (heard > 0).any(dim=1).to(torch.float32)  # (1, history + n + held)
        x = self.first(heard[:, :, self.history - self.first.tail :])
        handed_after, begin, end = self.handed
        index = 0
        for level, layers in enumerate([*self.levels, [self.last]]):
            for name, layer in zip(_names(level, layers), layers, strict=True):
                x, following[name] = layer(x, state[name], self._mask(index, carries))
                index += 1
            if level == handed_after and level < len(self.levels):
                x = x[:, :, :, begin:end]
        sound = torch.tanh(x[:, 0, 0]) * self._mask(index, carries)[:, 0, 0]
        return sound[:, self.heard_from : self.heard_from + self.steps * self.config.hop_frames], *(following[name] for name in state)

    def _layers(self) -> Iterator[tuple[str, "Up | Unit | Last"]]:
        for level, layers in enumerate([*self.levels, [self.last]]):
            yield from zip(_names(level, layers), layers, strict=True)

    def _add_mask(self, index: int, span: int, delay: int, tail: int, lost: int, steps: int) -> None:
        """Note which step each input of a layer belongs to.

        An odd rate loses a frame at the end of a clip for every clip frame of its input: the reference's own arithmetic, kept.
        """
        time = torch.arange(-tail, steps * span) - delay
        self.register_buffer(f"mask_{index}", torch.div(time, span, rounding_mode="floor") + self.history, persistent=False)
        if lost:
            self.register_buffer(f"end_{index}", torch.div(time + lost, span, rounding_mode="floor") + self.history, persistent=False)

    def _mask(self, index: int, carries: Tensor) -> Tensor:
        mask = torch.index_select(carries, 1, getattr(self, f"mask_{index}"))
        if hasattr(self, f"end_{index}"):
            mask = mask * torch.index_select(pad(carries, (0, 1)), 1, getattr(self, f"end_{index}"))
        return mask[:, None, None]  # (1, 1, 1, tail + T)


def _names(level: int, layers: Sequence[nn.Module]) -> list[str]:
    """Return the names of a level's states; the last convolution is a level of its own."""
    return ["last"] if len(layers) == 1 else [f"level_{level}_up", *(f"level_{level}_unit_{unit}" for unit in range(1, len(layers)))]
