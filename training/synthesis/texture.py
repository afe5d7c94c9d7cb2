"""What a texture is: a name, parameters in 0..1, and a function that makes its sound; it does not know any particular one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synthesis.signals import finish, seconds_to_frames

__all__ = ["VERSION", "Parameter", "Texture"]

# Raised when any texture changes by ear or by a bit: it is written beside every set of clips, so that two sets can be told apart.
VERSION = 1

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Parameter:
    """One named quantity of a texture, from 0 to 1.

    Attributes
    ----------
    name : str
    summary : str
        What 0 and 1 sound like.
    """

    name: str
    summary: str


@dataclass(frozen=True)
class Texture:
    """A sound that goes on, made by rule.

    Attributes
    ----------
    name : str
    code : int
        Goes into the seed in place of the name. Never changes and is never used twice.
    summary : str
    parameters : tuple of Parameter
    level_dbfs : function from the parameters to the RMS level
    make : function (generator, frames, parameters) -> float32 array, shape (frames,), at any level
    """

    name: str
    code: int
    summary: str
    parameters: tuple[Parameter, ...]
    level_dbfs: Callable[..., float]
    make: Callable[..., Array]

    def render(self, levels: Mapping[str, float], *, seconds: float, seed: int, clip: int) -> Array:
        """Make one clip.

        Parameters
        ----------
        levels : mapping from each parameter's name to 0..1
        seconds : float
        seed, clip : int, 0 and up
            Together with `code` they are the seed of all randomness in the clip.

        Returns
        -------
        float32 array, shape (T,), mono at 44.1 kHz

        Raises
        ------
        ValueError
            If a parameter is missing, unknown or out of range.
        """
        wanted = {parameter.name for parameter in self.parameters}
        if set(levels) != wanted or not all(0.0 <= level <= 1.0 for level in levels.values()):
            raise ValueError(f"{self.name} takes {sorted(wanted)}, each in 0..1; got {dict(levels)}")
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, self.code, clip])))
        return finish(self.make(rng, seconds_to_frames(seconds), **levels), self.level_dbfs(**levels))
