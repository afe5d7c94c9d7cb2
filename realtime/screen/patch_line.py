"""One patch as a line of the browser: sign, slug, kind, size, step time, licence. It knows the patch, not what is done with it."""

from functools import lru_cache
from typing import Final

from realtime.attach.view import PatchView
from realtime.screen.lines import Line, Piece
from realtime.screen.sheet import fit

KIND, SIZE, STEP, GAP = 8, 8, 9, 1
LICENCE: Final = 16
LEAST_NAME: Final = 12
_SIGNS: Final = {
    "playing": ("▶", "success"),
    "frozen": ("❄", "secondary"),
    "loading": ("◌", "warning"),
    "restarting": ("↻", "warning"),
    "failed": ("✖", "error"),
}


def _widths(width: int) -> tuple[int, int]:
    """Cells of the name and of the licence, which goes first where there is no room."""
    rest = width - 3 - KIND - SIZE - STEP - 3 * GAP
    licence = min(LICENCE, max(rest - LEAST_NAME - GAP, 0))
    return max(rest - licence - (GAP if licence else 0), 4), licence


def head_line(width: int) -> Line:
    """What the columns are."""
    name, licence = _widths(width)
    gap = " " * GAP
    columns = (fit("patch", name), fit("kind", KIND), "size".rjust(SIZE), "step".rjust(STEP), fit("licence", licence))
    return (Piece(fit("   " + gap.join(columns), width), "dim", ground="head"),)


@lru_cache(4096)
def patch_line(patch: PatchView, width: int, *, chosen: bool, tried: bool, state: str) -> Line:
    """A patch.

    Parameters
    ----------
    patch : PatchView
    width : int, cells
    chosen : bool
        It is selected.
    tried : bool
        It plays in the hidden deck.
    state : str
        Of the deck that has it; empty: none has.
    """
    name, licence = _widths(width)
    ground = "selected" if chosen else "background"
    sign, ink = ("✖", "error") if patch.error else ("♪", "success") if tried else _SIGNS.get(state, (" ", "dim"))
    does = patch.slug
    marks = (Piece("›" if chosen else " ", "primary", does, chosen, ground), Piece(f"{sign} ", ink, does, False, ground))
    title = Piece(fit(patch.slug, name), "error" if patch.error else "foreground", does, chosen, ground)
    if patch.error:
        return (*marks, title, Piece(fit(" is broken", width - 3 - name), "error", does, False, ground))
    gap = " " * GAP
    rest = gap + gap.join(
        (fit(patch.kind, KIND), size_text(patch.size_bytes).rjust(SIZE), step_text(patch).rjust(STEP), fit(patch.licence, licence))
    )
    return (*marks, title, Piece(fit(rest, width - 3 - name), "dim", does, False, ground))


def size_text(size_bytes: int) -> str:
    """Bytes for people: 12.2 MB."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"


def step_text(patch: PatchView) -> str:
    """Step time; with `~` where it was measured on another machine."""
    digits = 1 if patch.step_ms >= 1.0 else 2
    return f"{'' if patch.here else '~'}{patch.step_ms:.{digits}f} ms"
