"""The control core: one namespace, one way to ask, one place to hear what changed. It knows the engine's two doors, no socket and no port.

Values go through at once; what loads a patch is done by one clerk, in order with the values that follow it; what writes a file is done by
another, which holds up nobody.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from patches.errors import PatchError
from realtime import commands as do
from realtime.control.address import Address, Value, take_arguments
from realtime.control.clerk import Clerk
from realtime.control.conductor import AHEAD_S, Clock, Conductor, Ticker
from realtime.control.event_log import EventLog
from realtime.control.hands import BY_ITSELF, Hands, key
from realtime.control.mirror import Mirror, Stage
from realtime.control.namespace import Spot
from realtime.control.outcome import Origin, Outcome
from realtime.control.pending import Pending
from realtime.control.table import BY_PATH
from realtime.errors import StageError
from realtime.snapshot import Snapshot

CLOSE_LIMIT_S = 2.0
MOST_IN_BUNDLE = 4096
PANIC = "/panic"
"""Waits for nothing, not even for what was asked for before."""
_DECK_LOADS = ("load", "corpora", "prime", "patch/next", "patch/previous", "patch/random", "patch/program")
LOADS = frozenset(("/audition/load", "/rack/load", *(f"/deck/{{deck}}/{name}" for name in _DECK_LOADS)))
"""Rows that ask for files of patches, which the thread of a socket or port must not wait for."""

Handler = Callable[[Address, tuple[Value, ...], Origin], "tuple[Value, ...] | int | dict[int, int] | None"]
"""Serves a row: returns what `/done` or the answer says, or the number of the load that has to sound first, or of one in each of several
decks. Raises named errors."""


class ControlCore:
    """The namespace in action.

    Parameters
    ----------
    stage : Stage
    clock : Clock
    log : EventLog

    Thread
    ------
    Any. `start` and `close` from one.
    """

    def __init__(self, stage: Stage, clock: Clock, log: EventLog) -> None:
        self.log = log
        self.stage = stage
        self.hands = Hands()
        """What was set by hand, which morphs and automation then leave alone."""
        self.sample_rate_hz = stage.snapshot().sample_rate_hz
        self._clock = clock
        self._lock = threading.RLock()
        self._mirror = Mirror(stage)
        self._handlers: dict[str, tuple[Handler, bool]] = {}
        self._loads = Clerk("clerk of decks", self._complain)
        self._files = Clerk("clerk of files", self._complain)
        self.conductor = Conductor(clock, self.sample_rate_hz, self._complain)
        self.pending = Pending(stage, lambda: self._loads.idle and self._files.idle)
        self._handed: dict[Spot, int] = {}
        """Frame of the last value that automation has handed on, where it is."""
        self._panics = 0
        self._tickers: list[Ticker] = []
        self.tick(self.pending)

    def start(self) -> None:
        """Start the clerks and the conductor."""
        for part in (self._loads, self._files, self.conductor):
            part.start()

    def drain(self) -> None:
        """Do what waits for the clerks in the calling thread, where they have not been started."""
        for clerk in (self._loads, self._files):
            clerk.drain()

    def close(self) -> None:
        """Finish what was asked for, for a little while, and end."""
        for part in (self.conductor, self._loads, self._files):
            part.close(CLOSE_LIMIT_S)

    # --- what there is ----------------------------------------------------------------------------------------------------

    def addresses(self) -> Mapping[str, Address]:
        """Every address there is now, by path. Another mapping whenever a patch changed it."""
        self._mirror.refresh()
        return self._mirror.namespace.addresses

    @property
    def edition(self) -> int:
        """Grows by one whenever `addresses` changed."""
        self._mirror.refresh()
        return self._mirror.edition

    def recent(self) -> Snapshot:
        """The stage a moment ago: what questions are answered from, so that a thousand of them cost one look."""
        return self._mirror.snapshot()

    def spot(self, path: str) -> Spot | None:
        """Where the value of an address is."""
        return self._mirror.namespace.spots.get(path)

    def deck_of(self, path: str) -> int:
        """The deck an address belongs to, from 0.

        Raises
        ------
        KeyError — it belongs to none.
        """
        return self._mirror.namespace.decks[path]

    def read(self, path: str) -> tuple[Value, ...] | None:
        """The present values of a value or a query; None where there are none."""
        address = self._mirror.namespace.addresses.get(path)
        if address is None:
            return None
        if address.kind == "value":
            return self._mirror.read(path)
        served = self._handlers.get(address.row)
        if address.kind != "query" or served is None:
            return None
        with suppress(StageError, PatchError):
            answer = served[0](address, (), Origin("command line"))
            return answer if isinstance(answer, tuple) else ()
        return None

    def changes(self, since: int) -> tuple[int, dict[str, tuple[Value, ...]]]:
        """Values that changed after cursor `since` (0: all there are), and the cursor to ask with next. The latest wins."""
        return self._mirror.changes(since)

    # --- who serves what ----------------------------------------------------------------------------------------------------

    def serve(self, row_path: str, handler: Handler, *, slow: bool = False) -> None:
        """Have a row's commands or queries served; `slow` ones touch files and are done aside, in their own order."""
        assert row_path in BY_PATH, f"no row {row_path} in the table"
        self._handlers[row_path] = (handler, slow)

    def serves(self, row_path: str) -> bool:
        """Whether somebody serves a row."""
        return row_path in self._handlers

    def hold(self, row_path: str, get: Callable[[], Value], put: Callable[[Value], None]) -> None:
        """Have a value of the table's place `own` kept by `get` and `put`; `put` may raise StageError."""
        assert row_path in BY_PATH, f"no row {row_path} in the table"
        self._mirror.hold(row_path, get, put)

    def tick(self, ticker: Ticker) -> None:
        """Have a ticker called by the conductor. One with a method `panic()` has that called in a panic."""
        self._tickers.append(ticker)
        self.conductor.add(ticker)

    def wake(self) -> None:
        """Have every ticker called soon."""
        self.conductor.wake()

    # --- asking -------------------------------------------------------------------------------------------------------------

    def request(self, path: str, arguments: Sequence[Value], origin: Origin) -> None:
        """Ask for something; what comes of it is told to `origin`, now or later. Never raises.

        A value is told of only when it was refused or clipped. What is asked for after a load is done after it.
        """
        panics = self._panics

        def run() -> None:
            self._run(path, arguments, origin, panics)

        def file() -> None:
            self._put(self._files, run, path, arguments, origin)

        with self._lock:
            address = self._mirror.namespace.addresses.get(path)
            row = address.row if address is not None else ""
            served = self._handlers.get(row)
            at_once = self._loads.inside or self._loads.idle
            if served is not None and served[1]:
                # Behind the loads, then aside: a rack saved after a load has it.
                if at_once:
                    file()
                else:
                    self._put(self._loads, file, path, arguments, origin)
            elif path == PANIC or self._loads.inside or (at_once and row not in LOADS):
                run()
            else:
                self._put(self._loads, run, path, arguments, origin)

    def schedule(self, frame: int, messages: Sequence[tuple[str, Sequence[Value]]], origin: Origin) -> bool:
        """Ask for messages together at a frame of the stage clock; late ones at once. False, and told, where too many wait."""
        if frame <= self._clock.now():
            for path, arguments in messages:
                self.request(path, arguments, origin)
            return True
        ahead = frame - round(AHEAD_S * self.sample_rate_hz)
        mark = self.hands.mark
        taken = len(messages) <= MOST_IN_BUNDLE and self.conductor.at(ahead, lambda: self._hand_over(frame, messages, origin, mark))
        if not taken:
            for path, arguments in messages:
                self._tell(origin, Outcome(path, "failed", tuple(arguments), "too much is scheduled already; send it later"))
        return taken

    def sync(self, then: Callable[[], None]) -> None:
        """Call `then` once everything asked for before is done."""

        def wait() -> None:
            self.pending.sync(lambda: self._guarded(then))
            self.conductor.wake()

        # Behind the loads that have not been begun yet: only then are they among those that have to sound first.
        if self._loads.idle or not self._loads.do(wait):
            wait()

    def frame_now(self) -> int:
        """The stage clock, in frames since the stream opened."""
        return self._clock.now()

    def frame_at(self, unix_s: float) -> int:
        """The frame that sounds at a wall-clock time."""
        return self._clock.at_unix_s(unix_s)

    def panic(self, on: bool) -> None:
        """Silence everything and stop what goes on in time, or open the sound again."""
        with self._lock:
            self._panics += on
            self.stage.send(do.Panic(on))
        if not on:
            return
        for ticker in self._tickers:
            stop = getattr(ticker, "panic", None)
            if stop is not None:
                stop()
        # Last, so that nothing that went on meanwhile has put something there again.
        self.conductor.clear()

    def resume(self) -> None:
        """Open the sound again after a panic: something was asked for that is to be heard."""
        if self.stage.snapshot().panicked:
            self.panic(False)

    # --- how it is done -----------------------------------------------------------------------------------------------------

    def _left_to_hand(self, path: str, origin: Origin, mark: int) -> bool:
        """Whether a hand set a value after automation had scheduled it: then it is the hand's."""
        return origin.kind == "automation" and self.hands.touched(key(path, self.spot(path)), mark)

    def _hand_over(self, frame: int, messages: Sequence[tuple[str, Sequence[Value]]], origin: Origin, mark: int) -> None:
        """Give the values among messages to the callback and the decks, a little before their time. What is wrong is told at its time."""
        handed: set[int] = set()
        panics = self._panics
        # What is handed over is heard, also after a panic, and so has to be noted or taken back.
        self.conductor.at(frame, lambda: self._settle(messages, handed, origin, mark, panics), sure=True)
        names = self._mirror.namespace
        for number, (path, arguments) in enumerate(messages):
            spot = names.spots.get(path)
            if spot is None or spot.place == "own" or len(arguments) != 1 or self._left_to_hand(path, origin, mark):
                continue
            with suppress(StageError, ValueError):
                (value,), clipped = take_arguments(names.addresses[path], arguments)
                self.stage.send(do.ScheduleControl(frame, _deck_number(spot), spot.control, float(value)))
                if not clipped:
                    handed.add(number)
                if origin.kind == "automation":
                    self._handed[spot] = frame

    def _settle(self, messages: Sequence[tuple[str, Sequence[Value]]], handed: set[int], origin: Origin, mark: int, panics: int) -> None:
        """Their frame has come: note the values that were handed over, ask for everything else.

        After a panic they are taken back instead: what goes on in time has stopped where it was.
        """
        for number, (path, arguments) in enumerate(messages):
            spot = self.spot(path)
            if self._left_to_hand(path, origin, mark):
                continue
            if number not in handed or spot is None:
                if panics == self._panics:
                    self.request(path, arguments, origin)
                continue
            with suppress(StageError):
                if panics == self._panics:
                    self.stage.send(do.SettleControl(_deck_number(spot), spot.control, float(arguments[0])))
                elif (present := self._mirror.read(path)) is not None:
                    self.stage.send(do.SetControl(_deck_number(spot), spot.control, float(present[0])))

    def _put(self, clerk: Clerk, job: Callable[[], None], path: str, arguments: Sequence[Value], origin: Origin) -> None:
        if not clerk.do(job):
            self._tell(origin, Outcome(path, "failed", tuple(arguments), "too much is waiting to be done; send less"))

    def _complain(self, text: str) -> None:
        self.log.say("engine", text)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whoever asked may have gone; that must not end the thread of anybody else
            self._complain(f"somebody could not be told: {type(error).__name__}: {error}")

    def _tell(self, origin: Origin, outcome: Outcome) -> None:
        self._guarded(lambda: origin.tell(outcome))

    def _ended(self, origin: Origin, outcome: Outcome, panics: int, *, sounds: bool) -> None:
        """Loads have ended: what was asked for after a panic and sounds now opens the sound again."""
        with self._lock:
            if sounds and panics == self._panics:
                self.resume()
        self._tell(origin, outcome)

    def _run(self, path: str, arguments: Sequence[Value], origin: Origin, panics: int) -> None:
        """Do one thing and tell what came of it."""
        try:
            outcome = self._do(path, arguments, origin, panics)
        except (StageError, PatchError, ValueError) as error:
            outcome = Outcome(path, "failed", tuple(arguments), str(error))
        except Exception as error:  # noqa: BLE001 - a client's message must not end the thread of a clerk, a socket or a port
            outcome = Outcome(path, "failed", tuple(arguments), f"{type(error).__name__}: {error}")
            self.log.say("engine", f"{path} went wrong: {outcome.why}", path)
        if outcome is not None:
            self._tell(origin, outcome)

    def _do(self, path: str, arguments: Sequence[Value], origin: Origin, panics: int) -> Outcome | None:
        address = self._mirror.namespace.addresses.get(path)
        if address is None:
            # A patch may have gone that had it, or come; a look that is fresh enough, so that a thousand wrong addresses cost one.
            self._mirror.refresh()
            address = self._mirror.namespace.addresses.get(path)
        if address is None:
            return Outcome(path, "failed", tuple(arguments), "no such address now; /q/all lists all there are")
        values, clipped = take_arguments(address, arguments)
        if address.kind == "value":
            if origin.kind not in BY_ITSELF:
                self.hands.note(key(path, self.spot(path)))
            self._mirror.write(path, values[0])
            spot = self.spot(path)
            if origin.kind not in BY_ITSELF and spot is not None and self._handed.get(spot, 0) > self._clock.now():
                # What automation has handed on already is followed by the hand's value, so that the hand has the last word.
                self.stage.send(do.ScheduleControl(self._handed[spot], _deck_number(spot), spot.control, float(values[0])))
            return Outcome(path, "clipped", (arguments[0], values[0]), f"allowed: {address.argument.allowed}") if clipped else None
        served = self._handlers.get(address.row)
        if served is None:
            return Outcome(path, "failed", tuple(arguments), "nothing serves this here")
        done = served[0](address, values, origin)
        if address.kind == "query":
            return Outcome(path, "answer", done if isinstance(done, tuple) else (), reply=f"{path}.reply")
        if clipped:
            self._tell(origin, Outcome(path, "clipped", (*arguments, *values), "out of range"))
        if isinstance(done, int):
            self._mirror.refresh(now=True)
            deck = self._mirror.namespace.decks.get(path, do.AUDITION)
            self.pending.expect(done, deck, lambda why: self._ended(origin, _outcome(path, values, why), panics, sounds=not why))
            return None
        if isinstance(done, dict):
            loads = done
            self._mirror.refresh(now=True)

            def ended(whys: dict[int, str]) -> None:
                outcome = _outcome(path, values, "; ".join(f"deck {deck + 1}: {why}" for deck, why in whys.items()))
                self._ended(origin, outcome, panics, sounds=len(whys) < len(loads))

            self.pending.expect_all(loads, ended)
            return None
        return Outcome(path, "done", values if done is None else done)


def _deck_number(spot: Spot) -> int | None:
    return None if spot.place == "master" else spot.deck


def _outcome(path: str, values: tuple[Value, ...], why: str) -> Outcome:
    return Outcome(path, "failed" if why else "done", values, why)
