"""Long work as a line: a load, or the making of a corpus, how far it is and what cancels it. It knows records, no panel."""

from realtime.attach.view import DeckView, JobView
from realtime.screen.lines import Line, Piece
from realtime.screen.sheet import fit


def load_words(deck: DeckView, room: int) -> str:
    """How far the load of a deck is, as much of it as there is room for; empty where nothing is on its way."""
    if not deck.loading:
        return ""
    share = f"{100.0 * deck.load_share:.0f} %"
    ways = (f"{deck.loading} {share} {deck.load_text}", f"{share} {deck.load_text}")
    return next((words for words in ways if len(words) <= room), share)


def load_line(what: str, deck: DeckView | None, width: int, cancel: str) -> Line:
    """A load into a deck after the words `what`, nothing where there is none; `cancel` is the key that leaves it, empty: none does."""
    if deck is None or not deck.loading:
        return ()
    tail = f" {cancel} cancels" if cancel else ""
    said = f" {what} "
    room = width - len(tail)
    return (Piece(fit(said + load_words(deck, room - len(said)), room), "warning"), Piece(tail, "primary", "browser.cancel"))


def job_line(job: JobView, width: int, cancel: str, take: str) -> Line:
    """The making of a corpus; `cancel` and `take` are the keys that end it and that play what was made."""
    if job.state == "running":
        share = f" {100.0 * job.share:.0f} %" if job.share >= 0.0 else ""
        said = fit(f" ◌ corpus {job.name}{share}: {job.text}", width - len(cancel) - 9)
        return (Piece(said, "warning"), Piece(f" {cancel} cancels", "primary", "browser.cancel"))
    if job.state == "done":
        return (Piece(f" ✔ corpus {job.name} is made · ", "success"), Piece(f"{take} plays it", "primary", "browser.take"))
    if job.state in ("failed", "cancelled"):
        return (Piece(fit(f" ✖ corpus {job.name}: {job.text}", width), "error" if job.state == "failed" else "dim"),)
    return ()
