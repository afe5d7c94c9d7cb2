"""Colours for levels: lightness rises evenly from the background of the theme to its foreground, so that no colour is needed to read them.

It knows colours and what a terminal makes of them, no widget.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

LEVELS: Final = 16
"""Steps of 5 dB at a range of 80: finer ones could not be told apart, and cost bytes."""
CELL: Final = "▀"
# Björn Ottosson, "A perceptual color space for image processing", 2020: linear RGB to LMS, and its cube root to Oklab.
_LMS: Final = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
)
_LAB: Final = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]
)


class LevelColours:
    """The `LEVELS` colours of one theme, and every cell that two of them can make.

    Parameters
    ----------
    stops : sequence of (red, green, blue), 0..255
        Of silence, of levels between and of the loudest. Of those between, hue and chroma count, not lightness.
    system : ColorSystem
        What the terminal can show.

    Attributes
    ----------
    colours : list of ColorTriplet
        By level.
    segments : list of Segment
        The cell of an upper and a lower level, at upper * LEVELS + lower.
    codes : list of str
        The same as the terminal takes it; further on, each LEVELS² later: where only the lower level differs from the cell before, where
        only the upper one does, where none does.

    Thread
    ------
    The screen's.
    """

    def __init__(self, stops: Sequence[tuple[int, int, int]], system: ColorSystem) -> None:
        self.colours = blend(stops, LEVELS)
        inks = [Color.from_triplet(colour) for colour in self.colours]
        self.segments = [Segment(CELL, Style.from_color(upper, lower)) for upper in inks for lower in inks]
        fore = [";".join(ink.downgrade(system).get_ansi_codes(True)) for ink in inks]
        back = [";".join(ink.downgrade(system).get_ansi_codes(False)) for ink in inks]
        self.codes = [
            *(f"\x1b[{upper};{lower}m{CELL}" for upper in fore for lower in back),
            *(f"\x1b[{lower}m{CELL}" for _ in fore for lower in back),
            *(f"\x1b[{upper}m{CELL}" for upper in fore for _ in back),
            *(CELL for _ in fore for _ in back),
        ]


def blend(stops: Sequence[tuple[int, int, int]], count: int) -> list[ColorTriplet]:
    """`count` colours through `stops`, of evenly rising (or falling) lightness."""
    lab = _to_lab(np.array(stops, float) / 255)
    places = np.linspace(0, len(stops) - 1, count)
    made = np.stack([np.interp(places, np.arange(len(stops)), lab[:, i]) for i in range(3)], 1)
    made[:, 0] = np.linspace(lab[0, 0], lab[-1, 0], count)
    return [ColorTriplet(*(int(part) for part in colour)) for colour in np.rint(255 * _from_lab(made))]


def lightness(colour: tuple[int, int, int]) -> float:
    """How light a colour looks, from 0 (black) to 1 (white)."""
    return float(_to_lab(np.array([colour]) / 255)[0, 0])


def _to_lab(srgb: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    made: NDArray[np.float64] = np.cbrt(linear @ _LMS.T) @ _LAB.T
    return made


def _from_lab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a screen cannot show is moved to the nearest value of each of its three colours."""
    linear = np.clip((lab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T, 0, 1)
    made: NDArray[np.float64] = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return made
