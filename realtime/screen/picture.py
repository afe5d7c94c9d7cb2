"""The two pictures of the scope, drawn with as little work as a terminal allows: rows made of ready pieces, none styled cell by cell."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import ANSIToTruecolor, LineFilter
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from realtime.screen.level_colours import LEVELS, LevelColours
from realtime.screen.spectrogram import HIGHEST_HZ, LOWEST_HZ, WAVES, SoundColumns

AXIS: Final = 5
"""Columns for the numbers on the left."""
CLIPPED: Final = 0.999
"""Of full scale: what 16 bit can hold at most, and the least bit below."""
_SYSTEMS: Final = {"truecolor": ColorSystem.TRUECOLOR, "256": ColorSystem.EIGHT_BIT}
"""What the terminal calls colours; eight or sixteen of them are too few for levels."""
_SHADES: Final = np.array(list(" ·░▒▓█"))
_MARKED_HZ: Final = (16_000, 8_000, 4_000, 2_000, 1_000, 500, 250, 120, 60, 40)
_BRAILLE: Final = 0x2800
_DOTS: Final = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
"""Bit of the dot in row and column of a Braille cell (Unicode, chapter 21)."""


class ReadyStrip(Strip):
    """A strip that is there as the terminal takes it. It is made as segments only when somebody wants it in another way.

    Parameters
    ----------
    ready : str
        What the terminal takes.
    cells : int
        Its width.
    segments : callable
        Makes its segments.
    """

    def __init__(self, ready: str, cells: int, segments: Callable[[], list[Segment]]) -> None:
        self._ready = ready
        self._cells = cells
        self._make = segments

    def __getattr__(self, name: str) -> Any:
        """Become a whole strip, at the first use of anything that only such a one has: its caches cost more than a row of a picture."""
        if name in ("_ready", "_cells", "_make"):
            raise AttributeError(name)
        super().__init__(self._make(), self._cells)
        return getattr(self, name)

    @property
    def cell_length(self) -> int:
        """Its width."""
        return self._cells

    def render(self, console: Console) -> str:
        """What the terminal takes."""
        return self._ready

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """Most often it is to be had whole."""
        cuts = list(cuts)
        return [self] if cuts == [self._cells] else super().divide(cuts)

    def apply_filter(self, filter: LineFilter, background: Color) -> Strip:
        """Its colours are no numbers of the terminal's that would have to be looked up."""
        return self if isinstance(filter, ANSIToTruecolor) else super().apply_filter(filter, background)


class Picture(Widget):
    """A picture that is drawn whole or not at all. It shows `columns`; `redraw` after they changed.

    Thread
    ------
    The screen's.
    """

    DEFAULT_CSS = "Picture { height: 1fr; }"

    def __init__(self, columns: SoundColumns, **names: str) -> None:
        super().__init__(**names)  # type: ignore[arg-type]  # id and classes
        self.columns = columns
        self._strips: list[Strip] = []

    @property
    def time_columns(self) -> int:
        """Columns of sound that fit."""
        return max(self.size.width - AXIS, 0)

    def redraw(self) -> None:
        """Draw again what is another now: from the first such row to the last."""
        before = self._strips
        if len(before) != self.size.height:
            self._strips = []
            self.refresh()
            return
        self._strips = self._made()
        render = [strip.render(self.app.console) for strip in self._strips]
        changed = [y for y, strip in enumerate(before) if strip.render(self.app.console) != render[y]]
        if changed:
            self.refresh(Region(0, changed[0], self.size.width, changed[-1] - changed[0] + 1))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the picture; they are made once for each change."""
        if len(self._strips) != self.size.height or any(strip.cell_length != self.size.width for strip in self._strips[:1]):
            self._strips = self._made()
        rows = self._strips[crop.y : crop.bottom]
        return rows if crop.column_span == (0, self.size.width) else [strip.crop(crop.x, crop.right) for strip in rows]

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._strips = []

    def _made(self) -> list[Strip]:
        strips = self._drawn(self.size.width, self.size.height) if self.size.height else []
        ground = self.background_colors[1]
        for filter in self.get_line_filters():
            strips = [strip.apply_filter(filter, ground) for strip in strips]
        return strips

    def _drawn(self, width: int, height: int) -> list[Strip]:
        raise NotImplementedError

    def _colour(self, name: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables[name]).rgb

    def _axis(self, labels: dict[int, str], height: int, width: int) -> list[Segment]:
        whole = self.rich_style
        style = Style.from_color(whole.color, whole.bgcolor)
        return [Segment(f"{labels.get(row, ''):>{AXIS - 1}} "[:width], style) for row in range(height)]


class SpectrogramPicture(Picture):
    """Levels by frequency (upwards, in octaves) and time (to the right); two bands in a row of text."""

    def __init__(self, columns: SoundColumns, **names: str) -> None:
        super().__init__(columns, **names)
        self.range_db = 80
        self._colours: tuple[object, LevelColours] | None = None

    def _drawn(self, width: int, height: int) -> list[Strip]:
        self.columns.resize(2 * height)
        axis = self._axis(frequency_labels(height), height, width)
        wide = self.time_columns
        shown = self.columns.levels_db[:, self.columns.levels_db.shape[1] - wide :]
        levels = np.clip(np.ceil((shown / self.range_db + 1) * (LEVELS - 1)), 0, LEVELS - 1).astype(np.intp)
        system = _SYSTEMS.get(self.app.console.color_system or "truecolor")
        if self.app.no_color or system is None:
            return self._shaded(axis, levels)
        return self._coloured(axis, levels, system)

    def _coloured(self, axis: list[Segment], levels: NDArray[np.intp], system: ColorSystem) -> list[Strip]:
        colours = self.colours(system)
        upper, lower = levels[::2], levels[1::2]
        cells = upper * LEVELS + lower
        same = np.zeros_like(cells)
        same[:, 1:] = 2 * (lower[:, 1:] == lower[:, :-1]) + (upper[:, 1:] == upper[:, :-1])
        codes = cells + same * LEVELS**2
        made: list[Strip] = []
        for label, row, code in zip(axis, cells.tolist(), codes.tolist(), strict=True):
            head = label.style.render(label.text, color_system=system) if label.style else label.text
            ready = f"{head}{''.join(map(colours.codes.__getitem__, code))}\x1b[0m"
            made.append(ReadyStrip(ready, len(label.text) + len(row), partial(_segments, label, colours, row)))
        return made

    def _shaded(self, axis: list[Segment], levels: NDArray[np.intp]) -> list[Strip]:
        """For terminals of no, or too few, colours: shades of characters, the louder of the two bands counts."""
        shades = np.maximum(levels[::2], levels[1::2]) * len(_SHADES) // LEVELS
        return [Strip([label, Segment("".join(row), label.style)]) for label, row in zip(axis, _SHADES[shades].tolist(), strict=True)]

    def colours(self, system: ColorSystem = ColorSystem.TRUECOLOR) -> LevelColours:
        """Colours of the present theme."""
        stops = tuple(self._colour(name) for name in ("background", "primary", "error", "warning", "foreground"))
        if self._colours is None or self._colours[0] != (stops, system):
            self._colours = ((stops, system), LevelColours(stops, system))
        return self._colours[1]


class WavePicture(Picture):
    """The lowest and highest value of every twentieth of a second; what reaches full scale is in the colour of errors."""

    def _drawn(self, width: int, height: int) -> list[Strip]:
        axis = self._axis({0: "0dB", height // 4: "-6" if height >= 6 else "", height // 2: "-∞"}, height, width)
        wide = self.time_columns
        lowest = self.columns.lowest[len(self.columns.lowest) - wide * WAVES :]
        highest = self.columns.highest[len(self.columns.highest) - wide * WAVES :]
        rows = braille(lowest, highest, height)
        peaks = np.maximum(-lowest, highest).reshape(-1, WAVES).max(1)
        runs = [(over, len(list(run))) for over, run in groupby(bool(peak >= CLIPPED) for peak in peaks)]
        ground = self.rich_style.bgcolor
        styles = [Style.from_color(Color(*self._colour(name)).rich_color, ground) for name in ("primary", "error")]
        made = []
        for label, text in zip(axis, rows, strict=True):
            segments, at = [label], 0
            for over, count in runs:
                segments.append(Segment(text[at : at + count], styles[over]))
                at += count
            made.append(Strip(segments, width))
        return made


def _segments(label: Segment, colours: LevelColours, row: list[int]) -> list[Segment]:
    return [label, *map(colours.segments.__getitem__, row)]


def braille(lowest: NDArray[np.float32], highest: NDArray[np.float32], height: int) -> list[str]:
    """Lines of text that show a wave: a dot for every value between lowest and highest, two of these pairs in a character."""
    dots = 4 * height
    # The middle of the range is between two rows of dots; silence has the one below.
    top = np.clip(np.floor((1 - highest) / 2 * dots), 0, dots - 1)
    bottom = np.clip(np.floor((1 - lowest) / 2 * dots), 0, dots - 1)
    row = np.arange(dots)[:, None]
    on = (row >= top) & (row <= bottom)
    bits = np.einsum("hrwc,rc->hw", on.reshape(height, 4, -1, 2), _DOTS).astype("<u4") + np.uint32(_BRAILLE)
    return [line.tobytes().decode("utf-32-le") for line in bits]


def frequency_labels(height: int) -> dict[int, str]:
    """Row of text -> the frequency there; as many as stand apart."""
    made: dict[int, str] = {}
    for frequency_hz in _MARKED_HZ:
        share = np.log(frequency_hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)
        row = int(np.clip(height - 1 - np.floor(share * height), 0, height - 1))
        if all(abs(row - other) > 1 for other in made):
            made[row] = f"{frequency_hz // 1000}k" if frequency_hz >= 1000 else str(frequency_hz)
    return made
