"""What may be wrong with one deck, in plain words. Pure: it looks at views and asks nothing."""

from collections.abc import Iterator
from typing import Final

from realtime.attach.view import DeckView, StageView
from realtime.screen.finding import Finding, Gravity, Remedy, sentence
from realtime.screen.history import History

BUSY_SHARE: Final = 0.7
"""Of a step's time: with less to spare a busy moment of the machine makes a step late."""
FULL_SHARE: Final = 0.95
"""From here on no lead helps: it is used up sooner or later."""
LEAD_STEP: Final = 1.5
LATE_LEAD_MS: Final = 60.0
"""A fixed lead above this is felt under the hand."""


def diagnose_deck(view: StageView, deck: DeckView, history: History) -> Iterator[Finding]:
    """Everything that is to be said of a deck that has a patch."""
    yield from _life(view, deck, history)
    yield from _drop_outs(view, deck, history)
    yield from _speed(deck)
    yield from _remarks(deck)


def _life(view: StageView, deck: DeckView, history: History) -> Iterator[Finding]:
    name = f"Deck {deck.number}"
    if deck.state == "failed":
        again = (
            Remedy(f"load {deck.patch} into deck {deck.number} again", f"/deck/{deck.number}/load", (deck.patch,)) if deck.patch else None
        )
        yield Finding(
            Gravity.BAD, f"{name} has failed", f"{sentence(deck.error or 'its process went away')} The other decks play on.", again
        )
    elif deck.state == "restarting":
        yield Finding(Gravity.CARE, f"{name} is recovering", "Its process ended and begins anew; nothing has to be done.")
    restarts = history.grown(view, lambda seen: _counts(seen, deck.number).restarts)
    if restarts > 1:
        yield Finding(
            Gravity.BAD,
            f"{name} crashes again and again",
            f"{restarts} times in the last minute. Load another patch; the log says why, and it may be worth a report.",
            Remedy(f"load the next patch into deck {deck.number}", f"/deck/{deck.number}/patch/next"),
        )
    elif restarts or deck.restarts:
        yield Finding(
            Gravity.HINT, f"{name} has crashed and plays again", sentence(f"{_times(deck.restarts)} since the start; the log says why")
        )


def _drop_outs(view: StageView, deck: DeckView, history: History) -> Iterator[Finding]:
    name = f"Deck {deck.number}"
    drops = history.grown(view, lambda seen: _counts(seen, deck.number).underruns)
    if drops:
        text = f"It dropped out {_times(drops)} in the last minute: its sound was not ready in time."
        longer = _longer_lead(view, deck)
        if deck.step_share >= FULL_SHARE or longer is None:
            text += " A longer lead helps no more: load a lighter patch, empty another deck, or close other programs."
        else:
            text += " Raise its lead: more sound is kept ready, and it answers that much later."
        yield Finding(Gravity.BAD, f"Pops and crackles on deck {deck.number}", text, longer if deck.step_share < FULL_SHARE else None)
    elif deck.underruns:
        text = sentence(f"{_times(deck.underruns)} since it was loaded or reset, none in the last minute")
        yield Finding(Gravity.HINT, f"{name} has dropped out before", text)


def _speed(deck: DeckView) -> Iterator[Finding]:
    name = f"Deck {deck.number}"
    if deck.state != "playing":
        return
    if deck.step_share > BUSY_SHARE:
        yield Finding(
            Gravity.CARE,
            f"{name} is near its limit",
            f"A step takes {100 * deck.step_share:.0f} % of the time it makes sound for. Close other programs, empty another deck or load "
            "a lighter patch before it drops out.",
        )
    if deck.degraded:
        text = f"The machine was too slow for its best mode, so it plays “{deck.mode}”. It goes back by itself when there is time."
        yield Finding(Gravity.HINT, f"{name} plays a cheaper mode", text)
    if deck.lead_fixed and deck.lead_ms > LATE_LEAD_MS and not deck.underruns and deck.step_share < BUSY_SHARE:
        yield Finding(
            Gravity.HINT,
            f"{name} answers late",
            f"Its lead was fixed at {deck.lead_ms:.0f} ms, and it has not dropped out. A shorter one is felt under the hand.",
            Remedy(f"let deck {deck.number} choose its lead", f"/deck/{deck.number}/lead", (0,)),
        )


def _remarks(deck: DeckView) -> Iterator[Finding]:
    name = f"Deck {deck.number}"
    if deck.faults:
        text = f"{sentence(_times(deck.faults))} It was left out of the sound. Begin anew, or load another patch."
        again = Remedy(f"begin deck {deck.number} anew", f"/deck/{deck.number}/reset")
        yield Finding(Gravity.CARE, f"The model of deck {deck.number} made what is no sound", text, again)
    if deck.note:
        yield Finding(Gravity.HINT, f"{name} says", sentence(deck.note))


def _longer_lead(view: StageView, deck: DeckView) -> Remedy | None:
    """None: it is as long as it can be."""
    path = f"/deck/{deck.number}/lead"
    address = view.addresses.get(path)
    if address is None or not deck.lead_frames:
        return None
    frames = min(round(LEAD_STEP * deck.lead_frames), int(address.argument.maximum))
    if frames <= deck.lead_frames:
        return None
    return Remedy(f"lead of deck {deck.number} to {1000 * frames / view.sample_rate_hz:.0f} ms", path, (frames,))


def _counts(view: StageView, number: int) -> DeckView:
    return view.decks[number - 1] if number <= len(view.decks) else DeckView(number)


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"
