"""One deck as a column: head, meters, step time, lateness, controls. It paints into a sheet and knows no widget."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Final

from realtime.attach.view import DeckView, StageView
from realtime.control.address import Address
from realtime.screen.badges import Badges
from realtime.screen.bars import METER_SIDE, meter_cells
from realtime.screen.control_list import Control, controls, keep_selected
from realtime.screen.control_rows import ControlRows
from realtime.screen.deck_head import (
    DEGRADED,
    LETTERS,
    letters_at,
    paint_meter,
    paint_name,
    paint_rule,
    paint_state,
    paint_step,
    paint_text,
    paint_words,
    state_of,
)
from realtime.screen.memory import Holds
from realtime.screen.session import Session
from realtime.screen.sheet import Sheet, fit
from realtime.screen.themes import Inks
from realtime.screen.work_line import load_words

HINT_ROW: Final = 3
"""Row of an empty deck that says how it is filled."""
TIME_ROWS: Final = 3
"""Step time, lateness, drop-outs."""
ROOMY: Final = 30
"""Rows from which a note has a row of its own."""
LOADING_S: Final = 0.4
"""Between two steps of what moves while a deck loads."""
SAY_S: Final = 0.25
"""Times are shown anew so often: nobody reads numbers faster."""
MOST_PERCENT: Final = 999.0
"""Of the time a step has: beyond, nobody needs to know by how much it fails."""
TALL: Final = 36
"""Rows from which meters are two rows thick, to be read from afar."""


class DeckColumn:
    """The column of one deck.

    Parameters
    ----------
    number : int
        From 1.
    width, height : int, cells
    inks : Inks
    load_key : str
        What the key is called that opens the patch browser.

    Thread
    ------
    The screen's.
    """

    def __init__(self, number: int, width: int, height: int, inks: Inks, load_key: str) -> None:
        self.number = number
        self.sheet = Sheet(width, height)
        self.rows = ControlRows([], width, 0, False)
        self.top = 0
        """The first row of the controls."""
        self._inks = inks
        self._load_key = load_key
        self._listed: list[Control] = []
        self._addresses: object = None
        self._labels: object = None
        self._plan: tuple[object, ...] = ()
        self._said_s = -SAY_S

    def show(self, deck: DeckView, view: StageView, session: Session, badges: Badges, holds: Holds, now_s: float) -> None:
        """Show a deck; rows that changed are in `sheet.changed`."""
        self._list(deck, view.addresses)
        selected = keep_selected(session, self.number, self._listed)
        if not deck.patch and deck.state == "empty":
            self._show_empty(deck, session)
            return
        top = self._show_head(deck, session, holds, now_s)
        self._lay(top, badges)
        mine = session.deck == self.number
        if mine:
            self.rows.reveal(selected)
        above, below = self.rows.above, self.rows.below
        hidden = "  ".join(text for text, count in ((f"↑ {above} more", above), (f"↓ {below} more", below)) if count)
        self.sheet.put(top, paint_rule, self._inks, self.sheet.width, f"{len(self._listed)} controls", hidden)
        self.rows.put(self.sheet, top + 1, session, selected if mine else "", badges, self._inks)

    def letter(self, x: int, y: int) -> str:
        """Address of the letter of the head at a cell; empty: there is none."""
        place = (x - letters_at(self.sheet.width)) // 3
        there = y == 0 and 0 <= place < len(LETTERS) and bool(self._plan)
        return f"/deck/{self.number}/{LETTERS[place][1]}" if there else ""

    def is_hint(self, y: int) -> bool:
        """Whether a row is that of an empty deck that says how it is filled."""
        return not self._plan and y == HINT_ROW

    def _list(self, deck: DeckView, addresses: Mapping[str, Address]) -> None:
        if self._addresses is not addresses or self._labels != deck.labels:
            self._addresses, self._labels = addresses, deck.labels
            self._listed = controls(addresses, self.number, deck.labels)

    def _lay(self, top: int, badges: Badges) -> None:
        plan = (self._listed, top, badges.any(f"/deck/{self.number}/"))
        if self._plan and self._plan[0] is plan[0] and self._plan[1:] == plan[1:]:
            return
        first = self.rows.first
        self._plan, self.top = plan, top + 1
        self.rows = ControlRows(self._listed, self.sheet.width, self.sheet.height - self.top, bool(plan[2]))
        self.rows.first = first

    def _show_head(self, deck: DeckView, session: Session, holds: Holds, now_s: float) -> int:
        """Everything above the controls; returns the row after it."""
        inks, sheet, width = self._inks, self.sheet, self.sheet.width
        mine = session.deck == self.number
        on = tuple(_is_on(session, f"/deck/{self.number}/{control}") for _, control, _ in LETTERS)
        sheet.put(0, paint_name, inks, width, self.number, deck.name or deck.patch, mine, on)
        mode = f"{DEGRADED[0]} {deck.mode}" if deck.degraded else deck.mode
        about, ink = " · ".join(part for part in (deck.kind, mode, f"seed {deck.seed}") if part), "dim"
        if deck.loading or deck.state == "loading":
            about = load_words(deck, width - len("  ".join(state_of(deck)[:2])) - 2)
            # Until there is progress, dots move.
            about += "." * (1 + int(now_s / LOADING_S) % 3) if deck.load_share <= 0.0 else ""
        said = deck.error or deck.note
        said_ink = "meter-high" if deck.error else "meter-mid"
        y = 2
        if sheet.height >= ROOMY:
            # A row that is always there, so that meters of all decks stay in line.
            sheet.put(2, paint_text, inks, width, f"! {said}" if said else "", said_ink)
            y = 3
        elif said:
            about, ink = f"! {said}", said_ink
        if deck.state == "failed" and said:
            sheet.put(1, paint_state, inks, width, state_of(deck), "", ink, mine)
            return self._show_why(said)
        sheet.put(1, paint_state, inks, width, state_of(deck), about, ink, mine)
        y = self._show_meters(y, deck, holds)
        if now_s - self._said_s >= SAY_S:
            self._said_s = now_s
            self._show_times(y, deck, holds, now_s)
        return y + TIME_ROWS

    def _show_why(self, said: str) -> int:
        """Why a deck failed, whole, in the place of meters that have nothing to show."""
        sheet = self.sheet
        self._said_s = -SAY_S
        below = (3 if sheet.height >= ROOMY else 2) + (4 if sheet.height >= TALL else 2) + TIME_ROWS
        lines = wrap(f"! {said}", sheet.width - 2)
        for y in range(2, below):
            sheet.put(y, paint_text, self._inks, sheet.width, lines[y - 2] if y - 2 < len(lines) else "", "meter-high")
        return below

    def _show_meters(self, y: int, deck: DeckView, holds: Holds) -> int:
        inks, sheet, width = self._inks, self.sheet, self.sheet.width
        bar = width - 3 - METER_SIDE
        tall = sheet.height >= TALL
        for side, hold, peak_db, rms_db in zip("LR", holds.sides, deck.peak_db, deck.rms_db, strict=True):
            cells = meter_cells(rms_db, peak_db, hold.held_db, bar)
            if tall:
                sheet.put(y, paint_meter, inks, width, " ", cells, "", False, "▇", "▄")
                y += 1
            sheet.put(y, paint_meter, inks, width, side, cells, hold.said, hold.clipped, "█" if tall else "▇", "▀" if tall else "━")
            y += 1
        return y

    def _show_times(self, y: int, deck: DeckView, holds: Holds, now_s: float) -> None:
        inks, sheet, width = self._inks, self.sheet, self.sheet.width
        said = f" {min(deck.step_share * 100.0, MOST_PERCENT):3.0f} %"
        budget_ms = deck.step_ms / deck.step_share if deck.step_share > 0.0 else 0.0
        aside = f"  {deck.step_ms:.1f} of {budget_ms:.1f} ms" if budget_ms else ""
        aside = fit(aside, 18) if width >= 46 else " "
        bar = width - 6 - len(said) - len(aside)
        most = min(int(deck.step_max_ms / budget_ms * bar), bar - 1) if budget_ms else -1
        sheet.put(y, paint_step, inks, width, int(deck.step_share * bar * 8), most, said, aside)
        lead = f"lead {deck.lead_ms:.0f} ms{'' if deck.lead_fixed else ' auto'}"
        ready = f"ready {deck.fill_ms:.0f} ms"
        # A deck that has not sounded yet has measured nothing.
        late = [(f"{deck.latency_ms:.0f} ms to sound", "foreground")] if deck.latency_ms else []
        sheet.put(y + 1, paint_words, inks, width, *late, (lead, "dim"), (ready, "dim"))
        fresh = holds.drops.fresh(deck.underruns, now_s)
        sheet.put(
            y + 2, paint_words, inks, width,
            (f"underruns {deck.underruns}", "meter-high!" if fresh else "meter-mid" if deck.underruns else "dim"),
            (f"late {deck.late_steps}", "meter-mid" if deck.late_steps else "dim"),
            *((f"{word} {count}", "meter-mid") for word, count in (("restarts", deck.restarts), ("faults", deck.faults)) if count),
        )  # fmt: skip

    def _show_empty(self, deck: DeckView, session: Session) -> None:
        inks, sheet, width = self._inks, self.sheet, self.sheet.width
        self._said_s = -SAY_S
        self._plan, self.rows = (), ControlRows([], width, 0, False)
        mine = session.deck == self.number
        sheet.put(0, paint_name, inks, width, self.number, "", mine, ())
        sheet.put(1, paint_state, inks, width, state_of(deck), "", "dim", mine)
        lines = [f"{self._load_key}: load a patch" if self._load_key else "", ""]
        lines += wrap(f"! {deck.error or deck.note}", width - 2) if deck.error or deck.note else []
        for y in range(2, sheet.height):
            line = lines[y - HINT_ROW] if HINT_ROW <= y < HINT_ROW + len(lines) else ""
            sheet.put(y, paint_text, inks, width, line, "dim" if y == HINT_ROW else "meter-mid")


def _is_on(session: Session, path: str) -> bool:
    value = session.value(path)
    return value is not None and not isinstance(value, str) and value >= 0.5
