"""Colours of levels: they can be read without colour, and the terminal gets what the segments say."""

import re

import numpy as np
import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as ThemeColour
from textual.theme import Theme

from realtime.screen.level_colours import CELL, LEVELS, LevelColours, blend, lightness
from realtime.screen.themes import THEMES

EVEN = 0.03
"""Of the way from black to white, by which a step may differ from the mean one (measured: 0.025, where a screen cannot show a colour)."""


def stops(theme: Theme) -> tuple[tuple[int, int, int], ...]:
    return tuple(ThemeColour.parse(str(getattr(theme, name))).rgb for name in ("background", "primary", "error", "warning", "foreground"))


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_lightness_goes_one_way_in_even_steps(theme: Theme) -> None:
    colours = blend(stops(theme), LEVELS)
    light = np.array([lightness(colour) for colour in colours])
    steps = np.diff(light) if theme.dark else -np.diff(light)
    assert (steps > 0).all()
    assert np.abs(steps - steps.mean()).max() < EVEN
    assert colours[0] == stops(theme)[0]
    assert colours[-1] == stops(theme)[-1]


def test_lightness_is_oklabs() -> None:
    assert lightness((0, 0, 0)) == pytest.approx(0.0, abs=1e-6)
    assert lightness((255, 255, 255)) == pytest.approx(1.0, abs=1e-3)
    # Values of the source, for pure red and blue.
    assert lightness((255, 0, 0)) == pytest.approx(0.628, abs=1e-3)
    assert lightness((0, 0, 255)) == pytest.approx(0.452, abs=1e-3)


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_every_cell_says_the_terminal_what_its_segment_says(system: ColorSystem) -> None:
    colours = LevelColours(stops(THEMES[0]), system)
    assert len(colours.segments) == LEVELS**2
    for pair, segment in enumerate(colours.segments):
        upper, lower = divmod(pair, LEVELS)
        assert segment.text == CELL
        style = segment.style
        assert style is not None
        assert (style.color, style.bgcolor) == (Color.from_triplet(colours.colours[upper]), Color.from_triplet(colours.colours[lower]))
        assert colours.codes[pair] == style.render(CELL, color_system=system).removesuffix("\x1b[0m")
        fore, back = (
            re.escape(";".join(ink.downgrade(system).get_ansi_codes(front))) for ink, front in ((style.color, True), (style.bgcolor, False))
        )
        assert re.fullmatch(rf"\x1b\[{back}m{CELL}", colours.codes[pair + LEVELS**2])
        assert re.fullmatch(rf"\x1b\[{fore}m{CELL}", colours.codes[pair + 2 * LEVELS**2])
        assert colours.codes[pair + 3 * LEVELS**2] == CELL
