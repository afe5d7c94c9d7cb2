"""How a scene is taken back: at once, on the next bar, or by a morph. It knows scenes and the beat, no sound."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from realtime.control.address import Address, Value
from realtime.control.downbeat import Downbeat
from realtime.control.morph import Morph
from realtime.control.outcome import Origin, Outcome
from realtime.control.scene import Message, Scene
from realtime.control.scene_store import SceneStore
from realtime.control.transport import Transport

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

STEP_S = 0.01
"""Between two values of a morph; the mixer ramps a gain over twice as long."""
MOST_PER_S = 3000
"""Values a morph sets in a second, of all its controls: what takes a tenth of a core. With more controls the steps are longer."""
HAND_OVER_S = 0.2
"""A scene that waits for its bar is given to the scheduler this long before: earlier than that hands values on to the decks."""
LOOK_S = 0.25
"""While it waits it looks at the clock at least this often."""


class SceneMover:
    """Serves ``/scene/recall``, ``/scene/morph``, ``/scene/next`` and ``/scene/previous``: one at a time, the latest wins.

    Parameters
    ----------
    core : ControlCore
    store : SceneStore
    transport : Transport

    Thread
    ------
    Rows from any; `tick` from the conductor's. The core is never called with the lock held: whoever asks holds the core's.
    """

    def __init__(self, core: "ControlCore", store: SceneStore, transport: Transport) -> None:
        self._core = core
        self._store = store
        self._transport = transport
        self._lock = threading.Lock()
        self._waiting: _Waiting | None = None
        self._morph: Morph | None = None
        self._step = max(1, round(STEP_S * core.sample_rate_hz))

    @property
    def moving(self) -> bool:
        """Whether a scene waits for its bar or a morph goes on."""
        return self._waiting is not None or self._morph is not None

    @property
    def waiting(self) -> str:
        """Name of the scene that waits for its bar; empty: none does."""
        waiting = self._waiting
        return waiting.scene.name if waiting is not None else ""

    @property
    def goal(self) -> str:
        """Name of the scene that a morph goes to; empty: there is no morph."""
        morph = self._morph
        return morph.scene.name if morph is not None else ""

    @property
    def share(self) -> float:
        """How far the morph is, 0 to 1; -1: there is none."""
        morph = self._morph
        return morph.share(self._core.frame_now()) if morph is not None else -1.0

    def serve(self) -> None:
        """Answer the rows, and be called by the conductor."""
        self._core.serve("/scene/recall", self._serve_move)
        self._core.serve("/scene/morph", self._serve_move)
        self._core.serve("/scene/next", lambda address, values, origin: self._recall_beside(1, origin))
        self._core.serve("/scene/previous", lambda address, values, origin: self._recall_beside(-1, origin))
        self._core.tick(self)

    def _serve_move(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        """Done is what is begun or waits for its bar; a patch that then does not load is told as failed."""
        self.move(self._store.find(str(values[0])), float(values[1]) if len(values) > 1 else 0.0, origin)

    def _recall_beside(self, step: int, origin: Origin) -> tuple[Value, ...]:
        """Recall the scene beside the one that the stage goes to or has gone to last."""
        scene = self._store.beside(self.waiting or self._store.last, step)
        self.move(scene, 0.0, origin)
        return (scene.name,)

    def move(self, scene: Scene, seconds: float, asked: Origin) -> None:
        """Go to a scene: at once where no clock runs, else on the next bar; over `seconds`, 0 is a recall."""
        self._core.resume()
        now = self._core.frame_now()
        waiting = _Waiting(scene, seconds, Downbeat(self._transport, now), self._origin(asked))
        at_once = seconds <= 0.0 and waiting.start.frame(now) <= now
        with self._lock:
            self._waiting = None if at_once else waiting
            if at_once:
                self._morph = None
        if at_once:
            self._store.recalled(scene.name)
            self._recall(waiting, now)
        else:
            self._core.wake()

    def tick(self, frame: int) -> int | None:
        """Begin what waited for its bar, and go on with what moves."""
        rate = self._core.sample_rate_hz
        again = []
        waiting = self._waiting
        if waiting is not None:
            early = round(HAND_OVER_S * rate) if waiting.seconds <= 0.0 else 0
            start = waiting.start.frame(frame)
            if start - early > frame:
                # A clock that is followed may come faster meanwhile.
                again.append(min(start - early, frame + round(LOOK_S * rate)))
            else:
                self._begin(waiting, start)
        morph = self._morph
        if morph is not None:
            if morph.step(frame):
                again.append(frame + max(self._step, morph.moving * rate // MOST_PER_S))
            else:
                self._end(morph)
        return min(again, default=None)

    def panic(self) -> None:
        """Stop where it is."""
        with self._lock:
            self._waiting = self._morph = None

    def _begin(self, waiting: "_Waiting", start: int) -> None:
        recall = waiting.seconds <= 0.0
        morph = None if recall else Morph(self._core, waiting.scene, waiting.seconds, start, waiting.origin)
        with self._lock:
            if self._waiting is not waiting:
                return
            self._waiting, self._morph = None, morph
        self._store.recalled(waiting.scene.name)
        if recall:
            self._recall(waiting, start)

    def _end(self, morph: Morph) -> None:
        with self._lock:
            if self._morph is morph:
                self._morph = None

    def _recall(self, waiting: "_Waiting", frame: int) -> None:
        """Ask for all of a scene at a frame.

        What sleeps (a control its patch does not have any more, a deck there is none of) is left out.
        """
        scene, snapshot = waiting.scene, self._core.stage.snapshot()
        decks = list(zip(scene.decks, snapshot.decks, strict=False))
        behind: list[Message] = []
        for number, (deck, now) in enumerate(decks):
            behind += deck.changes(now)
            if not deck.plays(now):
                # For the patch that comes, not for the one that plays, which may have controls of the same names.
                behind += deck.patch_values(number)
        waiting_for_patch = {path for path, _ in behind}
        addresses = self._core.addresses()
        values = [message for message in scene.values() if message[0] in addresses and message[0] not in waiting_for_patch]
        self._core.schedule(frame, values, waiting.origin)
        if not behind:
            return
        if frame <= self._core.frame_now():
            self._request(behind, waiting.origin)
        elif not self._core.conductor.at(frame, lambda: self._request(behind, waiting.origin)):
            self._core.log.say("scene", "too much is scheduled already: a scene's patches are left out")

    def _request(self, messages: list[Message], origin: Origin) -> None:
        for path, arguments in messages:
            self._core.request(path, arguments, origin)

    def _origin(self, asked: Origin) -> Origin:
        """Who asks for what a scene consists of: what fails is logged, and told to whoever asked for the scene."""

        def tell(outcome: Outcome) -> None:
            if outcome.state == "failed":
                self._core.log.say("scene", f"{outcome.path}: {outcome.why}", outcome.path)
                asked.tell(outcome)

        return Origin("scene", asked.name, tell)


@dataclass(frozen=True)
class _Waiting:
    """A scene that waits for its bar."""

    scene: Scene
    seconds: float
    start: Downbeat
    origin: Origin
