"""The mapper: events of controllers become what the control core is asked for, and values become feedback. It knows no port library."""

import threading
import time
from collections.abc import Callable, Iterable
from collections.abc import Mapping as Dictionary

from realtime.control.address import Value
from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.control.outcome import Origin, Outcome
from realtime.midi.assignments import Assignments
from realtime.midi.event import ClockEvent, ControlEvent, Event, NoteEvent, PanicEvent, ProgramEvent
from realtime.midi.feedback import Feedback
from realtime.midi.hand import Ask, Hand, Wait
from realtime.midi.learn import Learn, Wish
from realtime.midi.mapping import Binding, Mapping
from realtime.midi.mapping_file import ready_mapping
from realtime.midi.ports import ZoneSetting
from realtime.midi.programs import asked_for

LOOK_S = 1.0 / 30.0
"""Time between two looks at values, for feedback: faster than an eye, slower than a five-pin wire."""
CLOSE_LIMIT_S = 2.0
Ports = Dictionary[str, bool]


def _nothing(port: str, message: bytes) -> bool:
    """No port is there to send to."""
    return False


def _unheard(zones: tuple[ZoneSetting, ...]) -> None:
    """No port is there that could have a zone."""


class MidiMapper:
    """A mapping in action.

    Parameters
    ----------
    core : ControlCore
    log : EventLog
    send : callable, optional
        Sends one raw message out of the port of this name; must not raise. False: it could not.
    ports : callable, optional
        Names of the ports that are open now, and whether each can be sent to.
    mapping : Mapping, optional
        None: the ready mapping for eight knobs and eight pads.
    clock_s : callable, optional
        Seconds that only grow.
    set_zones : callable, optional
        Is told the MPE zones that a mapping names, at `start` and with every other mapping.

    Thread
    ------
    `handle` from the midi thread; `arm`, `unlearn` and so on from any; `start` and `close` from one. Nothing is asked of the core, and
    nothing is sent, while the mapper's own lock is held: handlers of the core take that lock while the core holds its own.
    """

    def __init__(
        self,
        core: ControlCore,
        log: EventLog,
        send: Callable[[str, bytes], bool] = _nothing,
        ports: Callable[[], Ports] = dict,
        mapping: Mapping | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        set_zones: Callable[[tuple[ZoneSetting, ...]], None] = _unheard,
    ) -> None:
        self._core = core
        self._log = log
        self._send = send
        self.ports = ports
        self._clock_s = clock_s
        self._set_zones = set_zones
        self._lock = threading.RLock()
        self.assignments = Assignments(core, log, ready_mapping() if mapping is None else mapping)
        self._hand = Hand(self._value)
        self._feedback = Feedback(self._value, core.changes)
        self._learn = Learn()
        self._asker = Origin("midi")
        self._open: frozenset[str] = frozenset()
        self.last: Event | None = None
        """The last event that was no clock."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="midi feedback", daemon=True)

    def start(self) -> None:
        """Start to send feedback."""
        self._tell_zones()
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_LIMIT_S)

    # --- events in ------------------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> None:
        """Do what an event of a controller asks for."""
        if isinstance(event, ClockEvent):
            return
        self.last = event
        origin = Origin("midi", event.source.port, self._hear)
        if isinstance(event, PanicEvent):
            with self._lock:
                released = self._hand.release(event.source.port)
            self._ask([*released, ("/panic", (1,))], origin)
        elif isinstance(event, ProgramEvent):
            self._change_program(event, origin)
        else:
            self._move(event, origin)

    def _move(self, event: ControlEvent | NoteEvent, origin: Origin) -> None:
        now_s = self._clock_s()
        learned: list[tuple[Origin, Outcome]] = []
        asks: list[Ask] = []
        with self._lock:
            # What is moved in order to be learned moves nothing.
            if self._learn.wish is not None:
                learned = self._bind(self._learn.hear(event, now_s))
                if isinstance(event, NoteEvent) and not event.on:
                    # A gate that a finger held when learning began closes all the same.
                    asks = self._hand.move(event, [], self.assignments.rule)
            elif self._feedback.hear(event, now_s):
                self._hand.saw(event, self.assignments.routes().of(event.source))
            else:
                asks = self._hand.move(event, self.assignments.routes().of(event.source), self.assignments.rule)
        for asker, outcome in learned:
            asker.tell(outcome)
        if isinstance(event, NoteEvent) and event.on and asks and all(path != "/panic" for path, _ in asks):
            self._core.resume()
        self._ask(asks, origin)

    def _change_program(self, event: ProgramEvent, origin: Origin) -> None:
        scenes = [name for name in self._core.read("/scene/list") or () if isinstance(name, str)]
        asked = asked_for(event, self.assignments.mapping.programs, self._core.addresses(), scenes)
        if isinstance(asked, str):
            self._log.say("midi", asked)
        else:
            self._core.request(*asked, origin)

    # --- what the mapping is --------------------------------------------------------------------------------------------------

    @property
    def mapping(self) -> Mapping:
        """The mapping now, with what was learned."""
        return self.assignments.mapping

    def use(self, mapping: Mapping) -> None:
        """Take another mapping. Every control has to be picked up again."""
        with self._lock:
            self.assignments.use(mapping)
            self._hand.forget()
        self._tell_zones()

    def arm(self, wish: Wish, asker: Origin) -> None:
        """Learn: the next control that is moved drives the address wished for; `asker` is told which that is."""
        with self._lock:
            self._learn.arm(wish, self._clock_s())
            self._asker = asker

    def cancel(self) -> Wish | None:
        """Stop to learn; the wish that waited, if one did."""
        with self._lock:
            return self._learn.cancel()

    @property
    def learning(self) -> str:
        """Address that waits for a control to be moved; empty: none does."""
        wish = self._learn.wish
        return wish.address if wish is not None else ""

    def unlearn(self, path: str) -> list[Binding]:
        """Take every control off an address; what was taken off."""
        with self._lock:
            return self.assignments.unlearn(path)

    def table(self) -> list[tuple[Binding, str]]:
        """Every binding and the address it moves now, empty while it sleeps."""
        with self._lock:
            return self.assignments.table()

    def waiting(self) -> list[Wait]:
        """Controls that were moved in vain, on ports that are there: each with its address and how far it has to go, -1 to 1."""
        ports = self.ports()
        with self._lock:
            waiting = self._hand.waiting(self.assignments.routes(), self.assignments.rule)
            return [wait for wait in waiting if wait[0].port in ports]

    # --- feedback, and what goes on in time -----------------------------------------------------------------------------------

    def plugged(self, port: str) -> None:
        """A port can be sent to from now on, perhaps for the second time since the last look: it is shown everything, and holds nothing."""
        with self._lock:
            released = self._hand.release(port)
            self._feedback.forget(port)
        self._ask(released, Origin("midi", port, self._hear))

    def look(self) -> None:
        """One look at what changed: feedback, a knob that was learned, a port that is gone."""
        now_s = self._clock_s()
        ports = self.ports()
        with self._lock:
            waited = self._learn.wish
            learned = self._bind(self._learn.settle(now_s))
            given_up = waited is not None and self._learn.wish is None and not learned
            released = [ask for port in sorted(self._open - set(ports)) for ask in self._hand.release(port)]
            self._open = frozenset(ports)
            messages = self._feedback.collect(self.assignments.routes(), [port for port, sends in ports.items() if sends], now_s)
        if given_up and waited is not None:
            self._log.say("midi", f"learning {waited.address} ended: no control was moved")
        for asker, outcome in learned:
            asker.tell(outcome)
        self._ask(released, Origin("midi", tell=self._hear))
        for port, said in messages:
            for message in said:
                self._send(port, message)

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_S):
            self.look()

    # --- parts ------------------------------------------------------------------------------------------------------------------

    def _tell_zones(self) -> None:
        self._set_zones(tuple(zone.setting for zone in self.assignments.mapping.zones))

    def _value(self, path: str) -> Value | None:
        values = self._core.read(path)
        return values[0] if values else None

    def _ask(self, asks: Iterable[Ask], origin: Origin) -> None:
        for path, arguments in asks:
            self._core.request(path, arguments, origin)

    def _bind(self, learned: Binding | None) -> list[tuple[Origin, Outcome]]:
        """Bind what was learned; who is to be told of it."""
        if learned is None:
            return []
        values = (learned.address, learned.source.where, learned.action, *self.assignments.bind(learned))
        if self._learn.moved is not None:
            source, heard = self._learn.moved
            self._hand.learned(source, heard, self.assignments.routes().of(source))
        return [(self._asker, Outcome("/midi/learn", "answer", values, reply="/midi/learn.reply"))]

    def _hear(self, outcome: Outcome) -> None:
        if outcome.state == "failed":
            self._log.say("midi", f"{outcome.path}: {outcome.why}", outcome.path)
