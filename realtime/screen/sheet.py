"""A part of the screen as rows that are painted again only where they show something else. It knows no widget and no stage."""

from collections.abc import Callable
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

Row = list[Segment]
"""One row of a part: segments as wide as the part together."""


class Sheet:
    """Rows of a part of the screen.

    Parameters
    ----------
    width, height : int, cells

    Thread
    ------
    The screen's.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.rows: list[Row] = [[] for _ in range(height)]
        self.changed: set[int] = set()
        """Rows that were painted since this was emptied."""
        self._keys: list[object] = [None] * height

    def put(self, y: int, painter: Callable[..., Row], *what: Any) -> None:
        """Have row `y` painted by `painter(*what)`, where it does not show that already. Rows below the end are left out."""
        if y >= self.height:
            return
        key = (painter, what)
        if self._keys[y] != key:
            self._keys[y] = key
            self.rows[y] = painter(*what)
            self.changed.add(y)


def fit(text: str, width: int) -> str:
    """`text` in exactly `width` cells; what is too long ends in an ellipsis."""
    if width <= 0:
        return ""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def squeeze(text: str, width: int) -> str:
    """`text` in exactly `width` cells; of what is too long the middle is left out, since names often differ at their ends."""
    if cell_len(text) <= width or width < 8 or not text.isascii():
        return fit(text, width)
    tail = width // 2
    return f"{text[: width - tail - 1]}…{text[-tail:]}"
