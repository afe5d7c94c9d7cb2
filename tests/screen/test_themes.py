"""Themes: complete, and readable by numbers."""

import pytest
from rich.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from realtime.screen.themes import CONTRAST, INKS, THEMES, Inks

TEXTS = ("foreground", "dim", "meter-low", "meter-mid", "meter-high", "fader", "slider", "badge", "primary")
GROUNDS = ("background", "panel", "head", "selected")
READABLE, WELL_READABLE = 4.5, 7.0
"""Contrast ratios of WCAG 2.2, levels AA and AAA."""


def variables(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


def luminance(colour: Color | None) -> float:
    """Relative luminance of WCAG 2.2."""
    assert colour is not None
    parts = [part / 255.0 for part in colour.get_truecolor()]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(theme: Theme, ink: str, ground: str) -> float:
    style = Inks(variables(theme))(ink, ground)
    low, high = sorted((luminance(style.color), luminance(style.bgcolor)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_a_theme_has_every_ink(theme: Theme) -> None:
    assert set(INKS) <= set(theme.variables)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
def test_every_text_can_be_read(theme: Theme, ground: str) -> None:
    wanted = WELL_READABLE if theme is CONTRAST else READABLE
    found = {ink: round(ratio(theme, ink, ground), 2) for ink in TEXTS}
    assert {ink: value for ink, value in found.items() if value < wanted} == {}


def test_an_ink_is_made_once_and_reversed_by_the_terminal() -> None:
    inks = Inks(variables(THEMES[0]))
    assert inks("fader", "head") is inks("fader", "head")
    assert inks("fader", reverse=True).reverse
    assert inks("fader", reverse=True).color == inks("fader").color


@pytest.mark.parametrize("name", ["nord", "textual-light", "gruvbox"])
def test_a_theme_without_these_inks_has_others(name: str) -> None:
    inks = Inks(variables(BUILTIN_THEMES[name]))
    for ink in INKS:
        style = inks(ink)
        assert style.color is not None
        assert style.color.triplet is not None
