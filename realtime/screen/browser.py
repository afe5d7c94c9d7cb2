"""The patch browser: search the library, try a patch in the hidden deck, load it; make a corpus while the show goes on."""

from collections.abc import Hashable, Sequence
from functools import partial
from textwrap import wrap
from typing import ClassVar, Final

from textual.binding import BindingType

from realtime.attach.view import DeckView, PatchView, StageView
from realtime.screen.actions import Where
from realtime.screen.bars import tiny
from realtime.screen.lines import Line, Lines, Piece
from realtime.screen.link import Told
from realtime.screen.list_panel import ListPanel
from realtime.screen.panel import bindings
from realtime.screen.patch_line import head_line, patch_line
from realtime.screen.sheet import fit
from realtime.screen.work_line import job_line, load_line

GAIN: Final = "/audition/gain"
GAIN_STEP_DB: Final = 1.0
_SOUNDS: Final = ("playing", "frozen")


class BrowserPanel(ListPanel):
    """The library of patches.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "browser"
    HEAD: ClassVar[int] = 4
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("browser")]

    def __init__(self) -> None:
        super().__init__()
        self._library: tuple[PatchView, ...] | None = None
        """None: it has not been read yet."""
        self._found: tuple[PatchView, ...] = ()
        """Those that are listed."""
        self._search = ""
        self._slug = ""
        self._folder = ""
        """The folder that a corpus was made from last."""
        self._corpus = ""
        """The corpus that was taken last."""

    def opened(self) -> None:
        """Read the library; begin at what the selected deck plays."""
        self._slug = self._slug or self.session.deck_view.patch
        self.do_browser_refresh()
        super().opened()

    # --- what is to be seen ---------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> PatchView | None:
        """The selected patch; the first where the one there was is not listed."""
        found = self._found
        return next((patch for patch in found if patch.slug == self._slug), found[0] if found else None)

    def _find(self) -> None:
        """List the patches that have every word of the search somewhere."""
        words = self._search.casefold().split()
        self._found = tuple(patch for patch in self._library or () if all(word in _text(patch) for word in words))

    def _facts(self, view: StageView) -> Hashable:
        hidden = view.audition
        trial = (
            None
            if hidden is None
            else (hidden.patch, hidden.state, hidden.error, tiny(max(hidden.peak_db)), self._gain, _silenced(view), _load(hidden))
        )
        loaded = tuple((deck.patch, deck.state) for deck in view.decks)
        job = view.job
        return (
            self._library is None,
            self._found,
            self._search,
            self._slug,
            self.session.deck,
            loaded,
            _load(self.session.deck_view),
            trial,
            job.state,
            job.name,
            job.text,
            round(job.share, 2),
        )

    def _draw(self, view: StageView, width: int) -> Sequence[Line]:
        keys = self.stage_app.keys_shown
        found, selected = self._found, self.selected
        deck, cancel = self.session.deck_view, keys("browser.cancel")
        # The key leaves a load into the deck first, then one of what is tried, then the making of a corpus.
        trying = load_line("♪ trying", view.audition, width, "" if deck.loading else cancel)
        work = load_line(f"◌ deck {deck.number}:", deck, width, cancel) or job_line(view.job, width, cancel, keys("browser.take"))
        lines = [self._head(), trying or self._trial(view, width), work, head_line(width)]
        decks = {deck.patch: deck.state for deck in reversed(view.decks) if deck.patch}
        tried = view.audition.patch if view.audition is not None else ""
        for patch in found:
            chosen = patch is selected
            lines.append(patch_line(patch, width, chosen=chosen, tried=patch.slug == tried, state=decks.get(patch.slug, "")))
            if chosen:
                lines += self._details(patch, width)
        if not found:
            lines.append((Piece(f"  {self._nothing}", "dim"),))
        return lines

    def _head(self) -> Line:
        keys, count = self.stage_app.keys_shown, len(self._library or ())
        number = f" {count} patch{'' if count == 1 else 'es'}" if not self._search else f" {len(self._found)} of {count} patches"
        if self._library is None:
            number = " …"
        search = Piece(
            f"{keys('browser.search')} {self._search or 'search'}",
            "accent" if self._search else "dim",
            "browser.search",
        )
        return (Piece(number), Piece(f" · {keys('browser.load')} loads into deck {self.session.deck} · ", "dim"), search)

    def _trial(self, view: StageView, width: int) -> Line:
        """What is being tried, and how loud."""
        hidden = view.audition
        if hidden is None:
            return (Piece(" no deck is free to try patches in", "dim"),)
        if hidden.state == "empty":
            return (Piece(f" {self.stage_app.keys_shown('browser.audition')} tries the selected patch under what plays", "dim"),)
        if hidden.state == "failed":
            return (Piece(fit(f" ✖ {hidden.patch or 'the trial'} failed: {hidden.error}", width), "error"),)
        level = f" {tiny(max(hidden.peak_db))}" if hidden.state in _SOUNDS else ""
        said = f" ♪ trying {hidden.patch}, {hidden.state}{level} "
        gain = Piece(f"{self._gain:+.0f} dB ←→", "foreground", GAIN)
        return (Piece(said, "success", "browser.audition"), gain, Piece("  a solo silences it" if _silenced(view) else "", "warning"))

    def _details(self, patch: PatchView, width: int) -> list[Line]:
        """What there is to say of the selected patch, and what can be done with it."""
        room = max(width - 5, 16)
        if patch.error:
            texts = [(text, "error") for text in wrap(patch.error, room)]
        else:
            texts = [(text, "dim") for text in wrap(patch.summary, room)]
            texts.append((f"licence: {patch.licence}", "dim"))
            if patch.classes:
                texts += [(text, "foreground") for text in wrap("classes: " + ", ".join(patch.classes), room)]
            if not patch.here:
                texts.append(("~ step time where it was made; not measured here yet", "dim"))
        lines: list[Line] = [(Piece(f"    {text}", ink),) for text, ink in texts]
        if not patch.error:
            load = Piece(f"load into deck {self.session.deck}", "primary", "browser.load")
            lines.append((Piece("    "), load, Piece(" · ", "dim"), Piece("audition", "primary", "browser.audition")))
        return lines

    @property
    def _nothing(self) -> str:
        if self._library is None:
            return "reads the library …"
        return "no patch has all of this in it" if self._library else "no patch is installed; python -m patches install FOLDER"

    @property
    def _gain(self) -> float:
        value = self.session.value(GAIN)
        return float(value) if isinstance(value, (int, float)) else 0.0

    # --- what is done ---------------------------------------------------------------------------------------------------------

    def do_browser_load(self) -> None:
        """Load the selected patch into the selected deck; what was tried of it ends when that sounds."""
        patch = self._playable()
        if patch is not None:
            self.session.ask(f"/deck/{self.session.deck}/load", patch.slug, then=partial(self._loaded, patch.slug))

    def do_browser_audition(self) -> None:
        """Try the selected patch in the hidden deck, or end that."""
        patch, hidden = self._playable(), self.session.view.audition
        if patch is None:
            return
        if hidden is not None and hidden.patch == patch.slug and hidden.state != "failed":
            self.session.ask("/audition/stop")
        else:
            self.session.ask("/audition/load", patch.slug)

    def do_browser_search(self) -> None:
        """Ask for words to search for; none lists all."""
        self.stage_app.prompt("Search in name, kind, classes, licence", self._search, self._look_for)

    def do_browser_refresh(self) -> None:
        """Read the library again."""
        self.session.patches(self._take)

    def do_browser_corpus(self) -> None:
        """Ask for a folder of sounds and make a corpus of it."""
        self.stage_app.ask_path("Make a corpus of this folder of sounds", self._folder, self._make)

    def do_browser_cancel(self) -> None:
        """End a load into the selected deck that does not sound yet, or else that of what is tried, or else the making of the corpus."""
        deck = self.session.deck_view
        if deck.loading or deck.state == "loading":
            self.session.ask(f"/deck/{self.session.deck}/load/cancel")
        elif self.session.view.audition is not None and self.session.view.audition.loading:
            self.session.ask("/audition/load/cancel")
        elif self.session.view.job.state == "running":
            self.session.ask("/corpus/cancel")
        else:
            self.session.say("nothing is being loaded or made")

    def do_browser_take(self) -> None:
        """Ask for a corpus, offering the one made last, and play it in the selected deck."""

        def offer(told: Told) -> None:
            made = str(told.values[4]) if len(told.values) > 4 else ""
            self.stage_app.prompt(f"Play this corpus in deck {self.session.deck}", made or self._corpus, self._play_corpus)

        self.session.ask("/corpus/state", then=offer)

    def _loaded(self, slug: str, told: Told) -> None:
        hidden = self.session.view.audition
        if told.state == "done" and hidden is not None and hidden.patch == slug:
            self.session.ask("/audition/stop")

    def _look_for(self, typed: str) -> None:
        self._search = typed.strip()
        self._find()
        self._body.scroll_home(animate=False)

    def _make(self, folder: str) -> None:
        self._folder = folder
        self.session.ask("/corpus/make", folder)

    def _play_corpus(self, typed: str) -> None:
        if typed.strip():
            self._corpus = typed.strip()
            self.session.ask(f"/deck/{self.session.deck}/corpora", self._corpus)

    def _take(self, found: Sequence[PatchView]) -> None:
        self._library = tuple(found)
        self._find()
        self.show(self.session.view)

    def _playable(self) -> PatchView | None:
        """The selected patch; where it is none that plays, it is said why."""
        patch = self.selected
        if patch is None:
            self.session.say(self._nothing, error=True)
        elif patch.error:
            self.session.say(f"{patch.slug}: {patch.error}", error=True)
            return None
        return patch

    def _move(self, columns: int, rows: int) -> None:
        if columns:
            self._turn(columns)
        found, patch = self._found, self.selected
        if rows and patch is not None:
            self._select(found[max(0, min(found.index(patch) + rows, len(found) - 1))].slug)

    def _select(self, slug: str) -> None:
        self._slug = slug
        self.show(self.session.view)
        place = next((place for place, patch in enumerate(self._found) if patch.slug == slug), 0)
        patch = self.selected
        extra = len(self._details(patch, self._body.scrollable_content_region.width)) if patch is not None else 0
        self._body.reveal(self.HEAD + place, self.HEAD + place + extra)

    def _press(self, does: str, *, primary: bool) -> None:
        if does != GAIN:
            self._select(does)

    def on_lines_turned(self, event: Lines.Turned) -> None:
        """Turn the level of what is tried by the wheel."""
        event.stop()
        self._turn(event.steps)

    def _turn(self, steps: int) -> None:
        address = self.session.address(GAIN)
        if address is not None:
            argument = address.argument
            self.session.set(GAIN, min(max(self._gain + steps * GAIN_STEP_DB, argument.minimum), argument.maximum))
            self.show(self.session.view)


def _text(patch: PatchView) -> str:
    return " ".join((patch.slug, patch.name, patch.kind, patch.licence, patch.summary, *patch.classes)).casefold()


def _silenced(view: StageView) -> bool:
    """Whether a deck that plays is solo: then nothing else is heard."""
    return any(deck.patch and view.values.get(f"/deck/{deck.number}/solo") for deck in view.decks)


def _load(deck: DeckView) -> Hashable:
    """How far a load is."""
    return deck.loading, deck.load_share, deck.load_text
