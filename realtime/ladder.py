"""The degrade ladder: when a deck is too slow it takes a cheaper mode of its voice before it drops out. It knows numbers only.

Mode 0 is full quality. Going down is quick, coming back slow, and slower each time it failed: hysteresis, so that it does not hunt.
"""

from dataclasses import dataclass

WINDOW_STEPS = 32
LATE_TO_DEGRADE = 3
"""Late steps in a window that make the deck step down: one is an accident of the machine."""
CALM_SHARE = 0.35
"""A deck comes back up when its steps take less than this share of their budget on average."""
CALM_STEPS = 512
"""For this many steps (6 s of 512-frame steps at 44.1 kHz), doubled after each failed return."""
MAX_CALM_STEPS = 16_384


@dataclass
class Ladder:
    """Chooses the mode from how long steps take.

    Parameters
    ----------
    modes : int
        Number of modes the voice offers, at least 1.

    Thread
    ------
    The deck's.
    """

    modes: int
    mode: int = 0
    pinned: int | None = None
    _window: int = 0
    _late: int = 0
    _calm: int = 0
    _calm_needed: int = CALM_STEPS
    _since_return: int = MAX_CALM_STEPS

    def observe(self, step_share: float, late: bool) -> int:
        """Take note of one step and return the mode for the next.

        Parameters
        ----------
        step_share : float
            Time the step took over the time it makes sound for.
        late : bool
            The step ended after its frames were needed, or too close to it.
        """
        if self.pinned is not None:
            self.mode = min(self.pinned, self.modes - 1)
            return self.mode
        self._window += 1
        self._late += late
        self._since_return += 1
        self._calm = self._calm + 1 if step_share < CALM_SHARE and not late else 0
        if self._late >= LATE_TO_DEGRADE and self.mode < self.modes - 1:
            if self._since_return < MAX_CALM_STEPS and self.mode == 0:
                self._calm_needed = min(2 * self._calm_needed, MAX_CALM_STEPS)
            self.mode += 1
            self._restart()
        elif self._calm >= self._calm_needed and self.mode > 0:
            self.mode -= 1
            self._since_return = 0
            self._restart()
        elif self._window >= WINDOW_STEPS:
            self._window = 0
            self._late = 0
        return self.mode

    def _restart(self) -> None:
        self._window = 0
        self._late = 0
        self._calm = 0
