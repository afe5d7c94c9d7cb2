"""What the commands of decks and the questions about the whole do. It knows the core and the library of patches."""

import secrets
import time

from patches.library import available
from realtime import commands as do
from realtime.control.address import Address, Value
from realtime.control.core import ControlCore, Handler
from realtime.control.outcome import Origin
from realtime.corpora import parse_corpus
from realtime.errors import CorpusError, OptionError
from realtime.version import own_version

PROGRAM = "starling"


class DeckCommands:
    """Serves the rows of decks, panic, counts, status and version.

    Parameters
    ----------
    core : ControlCore

    Thread
    ------
    The core's callers.
    """

    def __init__(self, core: ControlCore) -> None:
        self._core = core
        self._started_s = time.monotonic()
        self._started_frame = core.frame_now()
        self._busiest = 0.0
        table: dict[str, Handler] = {
            "load": self._load,
            "load/cancel": lambda address, values, origin: self._ask(do.CancelLoad(self._deck(address))),
            "load/state": self._load_state,
            "unload": lambda address, values, origin: self._ask(do.Unload(self._deck(address))),
            "reset": lambda address, values, origin: self._ask(do.Reset(self._deck(address), int(values[0]) if values else None)),
            "seed": lambda address, values, origin: self._ask(do.Reset(self._deck(address), int(values[0]))),
            "lead": lambda address, values, origin: self._ask(do.SetLead(self._deck(address), int(values[0]) or None)),
            "mode": lambda address, values, origin: self._ask(do.SetMode(self._deck(address), None if values[0] == -1 else int(values[0]))),
            "corpora": self._corpora,
            "prime": self._prime,
            "patch/next": lambda address, values, origin: self._step(self._deck(address), 1),
            "patch/previous": lambda address, values, origin: self._step(self._deck(address), -1),
            "patch/random": lambda address, values, origin: self._step(self._deck(address), 0),
            "patch/program": self._program,
            "state": self._state,
        }
        for name, handler in table.items():
            core.serve(f"/deck/{{deck}}/{name}", handler)
        core.serve("/panic", self._panic)
        core.serve("/counts/clear", self._clear_counts)
        core.serve("/status", self._status)
        core.serve("/version", lambda address, values, origin: (PROGRAM, own_version()))

    def _deck(self, address: Address) -> int:
        return self._core.deck_of(address.path)

    def _ask(self, command: do.Command) -> None:
        self._core.stage.send(command)

    # --- what a deck plays ----------------------------------------------------------------------------------------------------

    def _load(self, address: Address, values: tuple[Value, ...], origin: Origin) -> int:
        return self._begin(self._deck(address), str(values[0]), int(values[1]) if len(values) > 1 else None)

    def _begin(self, deck: int, patch: str, seed: int | None = None) -> int:
        return self._core.stage.send(do.Load(deck, patch, seed))

    def _corpora(self, address: Address, values: tuple[Value, ...], origin: Origin) -> int:
        return self._core.stage.send(do.SetCorpora(self._deck(address), tuple(parse_corpus(str(value)) for value in values)))

    def _prime(self, address: Address, values: tuple[Value, ...], origin: Origin) -> int:
        """Load what plays again, with the values it has, after its sequencer has heard a clip."""
        deck = self._core.stage.snapshot().decks[self._deck(address)]
        if deck.manifest is None:
            raise CorpusError(f"deck {deck.number + 1} is empty", hint="load a patch first")
        controls = tuple((control.id, value) for control, value in zip(deck.manifest.controls, deck.values, strict=True))
        patch = deck.folder or deck.patch
        return self._core.stage.send(do.Load(deck.number, patch, None, controls, deck.options.corpora, str(values[0]), deck.mode_asked))

    def _step(self, deck: int, step: int) -> int:
        """Load the patch `step` places further in the list, or for 0 any other."""
        slugs = _slugs()
        now = self._core.stage.snapshot().decks[deck].patch
        others = [slug for slug in slugs if slug != now]
        if not others:
            raise OptionError(f"deck {deck + 1}: no other patch to load", hint="python -m patches list shows what there is")
        if step == 0:
            return self._begin(deck, secrets.choice(others))
        place = slugs.index(now) if now in slugs else (-1 if step > 0 else 0)
        return self._begin(deck, slugs[(place + step) % len(slugs)])

    def _program(self, address: Address, values: tuple[Value, ...], origin: Origin) -> int:
        slugs = _slugs()
        place = int(values[0])
        if place >= len(slugs):
            raise OptionError("program", got=str(place), allowed=f"0 to {len(slugs) - 1}: {', '.join(slugs)}")
        return self._begin(self._deck(address), slugs[place])

    # --- questions ------------------------------------------------------------------------------------------------------------

    def _state(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        deck = self._core.recent().decks[self._deck(address)]
        return (
            deck.patch,
            deck.state,
            deck.lead_frames,
            deck.step_ms,
            deck.step_share,
            deck.recent_underruns,
            deck.restarts,
            deck.latency_ms,
            deck.error,
        )

    def _load_state(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        deck = self._core.recent().decks[self._deck(address)]
        return ("loading" if deck.loading else "idle", deck.loading, deck.load_share, deck.load_text)

    def _status(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        stage = self._core.recent()
        loads = [100.0 * deck.step_share for deck in stage.decks if deck.patch] or [0.0]
        self._busiest = max(self._busiest, *loads)
        passed_s = time.monotonic() - self._started_s
        measured = (self._core.frame_now() - self._started_frame) / passed_s if passed_s > 1.0 else float(stage.sample_rate_hz)
        return (
            len(stage.decks),
            sum(loads) / len(loads),
            self._busiest,
            float(stage.sample_rate_hz),
            measured,
            sum(deck.recent_underruns for deck in stage.decks),
            stage.recent_xruns,
            max(stage.peak_db),
            # OSC's integers have 32 bits: half a day at 48 kHz.
            stage.clock_frames % 2**31,
        )

    def _clear_counts(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self._busiest = 0.0
        self._ask(do.ClearCounts())

    def _panic(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        on = not values or values[0] == 1
        self._core.panic(on)
        return (int(on),)


def _slugs() -> list[str]:
    return sorted({entry.slug for entry in available() if entry.manifest is not None})
