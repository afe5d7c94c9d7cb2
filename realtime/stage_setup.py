"""A set-up sent to a stage: at the start, or to one that plays. It knows the stage's two doors, no file."""

from realtime import commands as do
from realtime.control.mirror import Stage
from realtime.controls import DECK_CONTROLS
from realtime.setup import DeckSetup, Setup


def send_master(stage: Stage, setup: Setup) -> None:
    """Set what a set-up says of the master; what it does not name stays.

    Raises
    ------
    StageError — as `Engine.send`.
    """
    for control, value in setup.master:
        stage.send(do.SetControl(None, control, value))


def send_deck(stage: Stage, number: int, deck: DeckSetup, lead_frames: int | None = None) -> int:
    """Have a deck play what a set-up says and nothing else: what it does not name is as at the start. Without a patch it is emptied.

    Parameters
    ----------
    stage : Stage
    number : int
        From 0.
    deck : DeckSetup
    lead_frames : int, optional
        Lead of a deck that names none; None: chosen from the step time.

    Returns
    -------
    int
        Number of the load, 0 where there is none.

    Raises
    ------
    PatchError, StageError — as `Engine.send`.
    """
    given = dict(deck.controls)
    for control in DECK_CONTROLS:
        stage.send(do.SetControl(number, control.id, given.pop(control.id, control.default)))
    stage.send(do.SetLead(number, lead_frames if deck.lead_frames is None else deck.lead_frames))
    if deck.patch:
        own = tuple(given.items())
        return stage.send(do.Load(number, deck.patch, deck.seed, own, deck.choices, deck.prime, deck.mode))
    if stage.snapshot().decks[number].state != "empty":
        stage.send(do.Unload(number))
    return 0
