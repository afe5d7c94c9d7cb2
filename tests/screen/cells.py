"""What a widget of the screen shows: its rows as text, and the style of a text in them."""

from rich.cells import cell_len
from rich.style import Style
from textual.app import App
from textual.geometry import Offset
from textual.strip import Strip
from textual.widget import Widget


def strips_of(app: App[str], widget: Widget) -> list[Strip]:
    """The rows of a widget as the terminal gets them."""
    region = widget.region
    strips = app.screen._compositor.render_strips()
    return [strips[y].crop(region.x, region.right) for y in range(region.y, region.bottom)]


def rows_of(app: App[str], widget: Widget) -> list[str]:
    """The rows of a widget as text."""
    return [strip.text for strip in strips_of(app, widget)]


def place_of(app: App[str], widget: Widget, text: str) -> Offset:
    """Where in a widget a text stands first."""
    rows = rows_of(app, widget)
    for y, row in enumerate(rows):
        if text in row:
            return Offset(cell_len(row[: row.index(text)]), y)
    raise AssertionError(f"{text!r} is not to be seen in\n" + "\n".join(rows))


def style_of(app: App[str], widget: Widget, text: str) -> Style:
    """Style of the first cell of a text."""
    x, y = place_of(app, widget, text)
    return style_at(strips_of(app, widget)[y], x)


def style_at(strip: Strip, x: int) -> Style:
    """Style of a cell of a row."""
    (segment,) = strip.crop(x, x + 1)
    assert segment.style is not None
    return segment.style
