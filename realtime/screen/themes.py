"""The three themes, and the styles that are made of one: colours by name on grounds by name. It knows no widget."""

from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

DARK: Final = Theme(
    name="starling-dark",
    primary="#a99bff",
    secondary="#5cd6c8",
    accent="#ffb454",
    foreground="#dfe3ec",
    background="#090b10",
    surface="#10131a",
    panel="#181c26",
    success="#46c98b",
    warning="#ffb454",
    error="#ff6b66",
    dark=True,
    variables={
        "dim": "#8b94a7",
        "track": "#343b4a",
        "rule": "#2a303d",
        "selected": "#232a3c",
        "head": "#141822",
        "meter-low": "#46c98b",
        "meter-mid": "#f2c14e",
        "meter-high": "#ff6b66",
        "fader": "#5cd6c8",
        "slider": "#a99bff",
        "badge": "#ffb454",
        "footer-key-foreground": "#a99bff",
    },
)
"""For the dark of a stage: little light, and what sounds is the brightest."""

LIGHT: Final = Theme(
    name="starling-light",
    primary="#5440b8",
    secondary="#00695f",
    accent="#7a4200",
    foreground="#1b1f27",
    background="#f6f4ee",
    surface="#edeae1",
    panel="#e9e5da",
    success="#146038",
    warning="#744a00",
    error="#b71c26",
    dark=False,
    variables={
        "dim": "#565d6b",
        "track": "#bdb8a9",
        "rule": "#cfcabc",
        "selected": "#e2dcf6",
        "head": "#eeeae0",
        "meter-low": "#146038",
        "meter-mid": "#744a00",
        "meter-high": "#b71c26",
        "fader": "#00695f",
        "slider": "#5440b8",
        "badge": "#7a4200",
        "footer-key-foreground": "#5440b8",
    },
)
"""For daylight."""

CONTRAST: Final = Theme(
    name="starling-contrast",
    primary="#ffff00",
    secondary="#00ffff",
    accent="#ffff00",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    success="#00ff7f",
    warning="#ffff00",
    error="#ff9d9d",
    dark=True,
    text_alpha=1.0,
    variables={
        "dim": "#e0e0e0",
        "track": "#808080",
        "rule": "#a0a0a0",
        "selected": "#00245c",
        "head": "#1c1c1c",
        "meter-low": "#00ff7f",
        "meter-mid": "#ffff00",
        "meter-high": "#ff9d9d",
        "fader": "#00ffff",
        "slider": "#ffffff",
        "badge": "#ffff00",
        "footer-key-foreground": "#ffff00",
    },
)
"""Pure colours on black, every text at 7:1 or more."""

THEMES: Final = (DARK, LIGHT, CONTRAST)
"""In the order in which they are gone through."""

INKS: Final = {
    "dim": "foreground",
    "track": "surface-lighten-2",
    "rule": "surface-lighten-2",
    "selected": "panel",
    "head": "surface",
    "meter-low": "success",
    "meter-mid": "warning",
    "meter-high": "error",
    "fader": "secondary",
    "slider": "primary",
    "badge": "accent",
}
"""Variables of these themes, and what stands for them in a theme that has them not."""


class Inks:
    """The styles of a theme, each made once.

    Parameters
    ----------
    variables : mapping
        `App.theme_variables`.

    Thread
    ------
    The screen's.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._made: dict[tuple[str, str, bool, bool], Style] = {}

    def __call__(self, ink: str = "foreground", ground: str = "background", *, bold: bool = False, reverse: bool = False) -> Style:
        """The style of an ink on a ground. `reverse` swaps them by the terminal, which shows without colours too."""
        key = (ink, ground, bold, reverse)
        style = self._made.get(key)
        if style is None:
            below = self._colour(ground, Color(0, 0, 0))
            above = self._colour(ink, below)
            style = Style(color=above.rich_color, bgcolor=below.rich_color, bold=bold, reverse=reverse)
            self._made[key] = style
        return style

    def _colour(self, name: str, below: Color) -> Color:
        text = self._variables.get(name) or self._variables.get(INKS.get(name, "foreground"), "")
        try:
            colour = Color.parse(text)
        except ColorParseError:
            colour = below.get_contrast_text(1.0)
        return below + colour if colour.a < 1.0 else colour
