"""What each command does to decks and shared block, as a table. It knows no device; what only the engine's thread may do it queues."""

import queue
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from patches.library import find as find_patch
from patches.reader import read_manifest
from realtime import commands as do
from realtime.controls import (
    DECK_CONTROLS,
    MASTER_CONTROLS,
    StageControl,
    check_patch_values,
    check_range,
    find,
    ids,
    stored,
)
from realtime.corpora import check_options
from realtime.deck import Deck
from realtime.errors import CorpusError, EngineError, OptionError, UnknownControlError, UnknownDeckError
from realtime.job import Job
from realtime.kernels import layout as at
from realtime.schedule import MixerSchedule
from realtime.shared import SharedBlock
from realtime.voices.voice import OWN_CORPUS, CorpusChoice

Waiting = queue.SimpleQueue[Callable[[], None]]
"""What the engine's thread is to do, in order."""


class Dispatch:
    """Carries out commands.

    Parameters
    ----------
    block : SharedBlock
    decks : sequence of Deck
    waiting : queue
        Takes what only the engine's thread may do.
    hidden : Deck, optional
        What `AUDITION` stands for.

    Thread
    ------
    Any. Values go to the shared block at once, everything else into the queue.
    """

    def __init__(self, block: SharedBlock, decks: Sequence[Deck], waiting: Waiting, hidden: Deck | None = None) -> None:
        self._block = block
        self._decks = decks
        self._hidden = hidden
        self._waiting = waiting
        self._numbers = count(1)
        self._mixer = MixerSchedule(block)
        self.master = {control.id: control.default for control in MASTER_CONTROLS}
        every = (*decks, hidden) if hidden is not None else tuple(decks)
        self.stage = {deck.number: {control.id: control.default for control in DECK_CONTROLS} for deck in every}
        """Number of a deck in the shared block -> its controls."""
        self.xruns_before = 0
        """Device xruns before counts were cleared."""
        self._table: dict[type, Callable[..., int | None]] = {
            do.SetControl: self._set_control,
            do.ScheduleControl: self._schedule_control,
            do.SettleControl: self._settle_control,
            do.Load: self._load,
            do.SetCorpora: self._set_corpora,
            do.Unload: self._unload,
            do.CancelLoad: self._cancel_load,
            do.Reset: self._reset,
            do.SetMode: self._set_mode,
            do.SetLead: self._set_lead,
            do.Panic: self._panic,
            do.ClearCounts: self._clear_counts,
        }

    def run(self, command: do.Command) -> int:
        """Carry out a command; returns the number of the load it begins, 0 where it is none. Errors as in `Engine.send`."""
        return self._table[type(command)](command) or 0

    # --- values ---------------------------------------------------------------------------------------------------------------

    def _set_control(self, command: do.SetControl) -> None:
        deck, control = self._find(command)
        if control is None:
            assert deck is not None  # a master control that is not found is refused above
            deck.set_value(command.control, self._check_patch_value(deck, command))
            return
        checked = check_range(_where(command), command.value, control.minimum, control.maximum)
        position = _position(deck, control)
        if position >= 0:
            # By way of the schedule, so that a hand wins over what was scheduled, also with the very value that was there before.
            self._mixer.set(position, stored(control, checked))
        self._note_stage(deck, control, checked)

    def _schedule_control(self, command: do.ScheduleControl) -> None:
        deck, control = self._find(command)
        if control is None:
            assert deck is not None  # as in _set_control
            room = deck.schedule_value(command.frame, command.control, self._check_patch_value(deck, command))
        else:
            checked = check_range(_where(command), command.value, control.minimum, control.maximum)
            position = _position(deck, control)
            # A freeze has no place that the callback reads: it is done when its time has come, by SettleControl.
            room = position < 0 or self._mixer.push(command.frame, position, stored(control, checked))
        if not room:
            raise EngineError("too many changes wait for their time", got=_where(command), hint="send fewer, or send them later")

    def _settle_control(self, command: do.SettleControl) -> None:
        """Only the books: the sound changed at its frame, and something later may be in force by now."""
        deck, control = self._find(command)
        if control is None:
            assert deck is not None  # as in _set_control
            deck.note_value(command.control, self._check_patch_value(deck, command))
            return
        self._note_stage(deck, control, check_range(_where(command), command.value, control.minimum, control.maximum))

    def _note_stage(self, deck: Deck | None, control: StageControl, value: float) -> None:
        books = self.master if deck is None else self.stage[deck.number]
        books[control.id] = value
        if control.id == "freeze" and deck is not None:
            deck.set_freeze(value)

    def _find(self, command: do.SetControl | do.ScheduleControl | do.SettleControl) -> tuple[Deck | None, StageControl | None]:
        """The deck that is meant, None for the master, and the control every deck has; None where it is a patch's own."""
        if command.deck is None:
            control = find(MASTER_CONTROLS, command.control)
            if control is None:
                raise UnknownControlError("the master has no such control", got=command.control, allowed=ids(MASTER_CONTROLS))
            return None, control
        return self._deck(command.deck), find(DECK_CONTROLS, command.control)

    def _check_patch_value(self, deck: Deck, command: do.SetControl | do.ScheduleControl | do.SettleControl) -> float:
        manifest = deck.announced
        if manifest is None:
            hint = "load a patch first"
            raise UnknownControlError(f"deck {deck.number + 1} is empty", got=command.control, allowed=ids(DECK_CONTROLS), hint=hint)
        return check_patch_values(deck.number, manifest, [(command.control, command.value)])[command.control]

    # --- decks ----------------------------------------------------------------------------------------------------------------

    def _deck(self, number: int) -> Deck:
        if number == do.AUDITION:
            if self._hidden is None:
                hint = f"with {at.MAX_DECKS} decks there is none; load the patch into a deck"
                raise UnknownDeckError("this stage has no hidden deck to try patches in", hint=hint)
            return self._hidden
        if not 0 <= number < len(self._decks):
            raise UnknownDeckError("no deck has this number", got=str(number + 1), allowed=f"1 to {len(self._decks)}")
        return self._decks[number]

    def _load(self, command: do.Load) -> int:
        deck = self._deck(command.deck)
        folder = find_patch(command.patch)
        manifest = read_manifest(folder)
        where = "audition" if deck is self._hidden else f"deck {deck.number + 1}"
        options = check_options(where, manifest, command.corpora, command.prime)
        values = check_patch_values(deck.number, manifest, command.controls)
        job = Job(folder, manifest, command.seed, values, command.mode, options=options, number=next(self._numbers))
        # At once, so that whoever asked can set the patch's controls without waiting for it to load.
        deck.ask(job)
        self._waiting.put(partial(deck.load, job))
        return job.number

    def _set_corpora(self, command: do.SetCorpora) -> int:
        deck = self._deck(command.deck)
        if deck.announced is None:
            raise CorpusError(f"deck {deck.number + 1} is empty", hint="load a patch first")
        # A patch without a corpus has no own one to go back to either.
        options = check_options(f"deck {deck.number + 1}", deck.announced, command.corpora or (CorpusChoice(OWN_CORPUS),))
        number = next(self._numbers)
        deck.order(number)
        self._waiting.put(partial(deck.set_corpora, options.corpora if command.corpora else (), number))
        return number

    def _unload(self, command: do.Unload) -> None:
        self._waiting.put(self._deck(command.deck).unload)

    def _cancel_load(self, command: do.CancelLoad) -> None:
        self._waiting.put(self._deck(command.deck).cancel_load)

    def _reset(self, command: do.Reset) -> None:
        self._waiting.put(partial(self._deck(command.deck).reset, command.seed))

    def _set_mode(self, command: do.SetMode) -> None:
        self._waiting.put(partial(self._deck(command.deck).set_mode, command.mode))

    def _set_lead(self, command: do.SetLead) -> None:
        deck = self._deck(command.deck)
        if command.frames is not None and not 1 <= command.frames <= at.MAX_LEAD_FRAMES:
            raise OptionError(f"deck {deck.number + 1}: lead", got=str(command.frames), allowed=f"1 to {at.MAX_LEAD_FRAMES} frames")
        self._waiting.put(partial(deck.set_lead, command.frames))

    def _panic(self, command: do.Panic) -> None:
        self._block.words[at.W_GATE] = 0 if command.on else 1
        if not command.on:
            return
        for deck in self._decks:
            self.stage[deck.number]["freeze"] = 0.0
            deck.set_freeze(0.0)
            # Heard a lead later, long after the gate has closed.
            self._waiting.put(partial(deck.reset, None))
        if self._hidden is not None:
            # What was only tried is not to come back.
            self._waiting.put(self._hidden.unload)

    def _clear_counts(self, command: do.ClearCounts) -> None:
        for deck in (*self._decks, *([self._hidden] if self._hidden is not None else [])):
            deck.clear_counts()
        self.xruns_before = int(self._block.words[at.W_DEVICE_XRUNS])
        # The callback's own word, but a maximum cannot be told from a mark. One that is being noted just now may put the old one back.
        self._block.words[at.W_CALLBACK_MAX_NS] = 0


def _where(command: do.SetControl | do.ScheduleControl | do.SettleControl) -> str:
    if command.deck is None:
        return f"master.{command.control}"
    return f"audition.{command.control}" if command.deck == do.AUDITION else f"deck {command.deck + 1}.{command.control}"


def _position(deck: Deck | None, control: StageControl) -> int:
    """Where the value is among all floats; -1 where it has another way."""
    return control.position if control.position < 0 or deck is None else at.deck_floats(deck.number) + control.position
