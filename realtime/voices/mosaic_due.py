"""When a mosaic chooses a unit: at the pace of the density, where the sequencer leaps, and as soon as a control asks for something else.

It knows clocks and controls, not units. The corpus and the sequencer count in hops; the voice steps once or several times in each.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import GROUPS
from patches.manifest import Control
from patches.mosaic_controls import LABEL_PREFIX, WEIGHT_PREFIX
from realtime.kernels.views import Floats

STEP_FRAMES = 512
"""A voice whose hop is a multiple of this steps so often (11.6 ms at 44.1 kHz): a control is heard that soon, and not a hop late."""

LEAST_MOVE: dict[str, float] = {
    "loudness": 0.25,
    "brightness": 0.25,
    "noisiness": 0.25,
    "continuity": 0.1,
    "streams": 0.5,
    **{WEIGHT_PREFIX + group: 0.25 for group in GROUPS},
}
"""Control → how far it must be moved, in its own unit, for a choice to be due at once. They say *what* is asked for; those that are not
here say how it is chosen or played, and count from the next choice on."""
LEAST_LABEL_MOVE = 0.1
"""The same for a label's weight, which is at once also where it is turned to 0 or up from there."""

LEAP = 1.2
"""Mean square difference, in squared standard deviations, between prediction and natural continuation that makes a choice due at once:
two unrelated frames differ by 2, a prediction one step ahead by 0.15 to 0.5."""
LEAP_RATIO = 3.0
"""It must also be this many times the usual difference: in a corpus that cannot be predicted nothing is a leap."""
LEAP_MEMORY = 0.02


def steps_in_hop(hop_frames: int) -> int:
    """How often a voice steps in one hop: in steps of `STEP_FRAMES` where at least two of them make up a hop, else once."""
    steps, rest = divmod(hop_frames, STEP_FRAMES)
    return steps if steps > 1 and not rest else 1


class Due:
    """The clock of a mosaic's choices.

    Parameters
    ----------
    controls : sequence of Control
        The patch's, in the manifest's order.
    hops_hz : float
        Hops per second.
    steps : int
        Steps per hop.

    Thread
    ------
    The deck's. Owner: the voice. `step` once per step, `hop` once per hop in which a choice is possible.
    """

    def __init__(self, controls: Sequence[Control], hops_hz: float, steps: int) -> None:
        self._hops_hz = hops_hz
        self._steps = steps
        least = {control.id: LEAST_MOVE.get(control.id, 0.0) for control in controls}
        least |= {control_id: LEAST_LABEL_MOVE for control_id in least if control_id.startswith(LABEL_PREFIX)}
        watched = [(place, move, name.startswith(LABEL_PREFIX)) for place, (name, move) in enumerate(least.items()) if move > 0.0]
        self._places: NDArray[np.intp] = np.array([place for place, _, _ in watched], np.intp)
        self._least = np.array([move for _, move, _ in watched], np.float32)
        self._is_label = np.array([label for _, _, label in watched], np.bool_)
        self._answered = np.zeros(len(watched), np.float32)
        self.reset()

    def reset(self) -> None:
        """Nothing was chosen, and no control was seen: a choice is due."""
        self._fresh = True
        self._rest_steps = 0
        self._asked = 0
        self._waited_hops = 0
        self._factor = 0.0
        self._usually_apart = LEAP / LEAP_RATIO

    def step(self, controls: Floats, streams: int) -> None:
        """Look at the controls of this step, shape (n,): what was moved since they were last answered asks every stream for a choice.

        They are answered at most once per hop, so that a knob that is being turned makes no more choices than the highest density does.
        """
        self._rest_steps -= 1
        if self._rest_steps > 0:
            return
        now = controls[self._places]
        if self._fresh:
            self._fresh = False
        elif (np.abs(now - self._answered) > self._least).any() or ((now > 0.0) != (self._answered > 0.0))[self._is_label].any():
            self._asked = streams
            self._rest_steps = self._steps
        else:
            return
        self._answered[:] = now

    @property
    def asked(self) -> bool:
        """Whether a stream has not yet chosen under controls that were moved."""
        return self._asked > 0

    def forget_asked(self) -> None:
        """Let what was asked be: it counts from the next choice on."""
        self._asked = 0

    def hop(self) -> None:
        """Count one hop."""
        self._waited_hops += 1

    def has_waited(self, density_hz: float) -> bool:
        """Tell whether it is time, at so many choices per second."""
        return self._waited_hops >= max(1, round(self._hops_hz / max(density_hz, 1e-3) * self._factor))

    def chosen(self, temperature: float, random: np.random.Generator) -> None:
        """Begin to wait for the next choice, more or less long with the temperature, so that no pulse appears."""
        spread = min(temperature, 1.0) * 0.5
        self._factor = 1.0 + spread * (2.0 * random.random() - 1.0)
        self._waited_hops = 0
        self._asked = max(self._asked - 1, 0)

    def leaps(self, apart: float) -> bool:
        """Tell whether the sequencer asks for something quite else than what would come naturally.

        Parameters
        ----------
        apart : float
            Mean square difference of the two, in squared standard deviations.
        """
        leaps = apart > max(LEAP, LEAP_RATIO * self._usually_apart)
        self._usually_apart += LEAP_MEMORY * (apart - self._usually_apart)
        return leaps
