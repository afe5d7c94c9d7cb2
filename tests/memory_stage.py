"""The control core on a stage in memory: the real table and core, an engine that only keeps values, a clock turned by hand."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from patches.errors import UnknownPatchError
from patches.manifest import Audio, Manifest
from realtime import commands as do
from realtime.control.core import ControlCore
from realtime.control.deck_commands import DeckCommands
from realtime.control.event_log import EventLog
from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS, check_patch_values, check_range, find
from realtime.errors import UnknownControlError
from realtime.snapshot import DeckSnapshot, Snapshot
from tests.stage_patch import manifest

RATE_HZ = 44_100


class HandClock:
    """A stage clock that stands until it is turned. Wall-clock second 0 is frame 0."""

    def __init__(self) -> None:
        self.frame = 0

    def now(self) -> int:
        return self.frame

    def at_unix_s(self, unix_s: float) -> int:
        return round(unix_s * RATE_HZ)


def _empty(number: int) -> DeckSnapshot:
    quiet = (-120.0, -120.0)
    stage = tuple(control.default for control in DECK_CONTROLS)
    return DeckSnapshot(
        number, "", "empty", "", quiet, quiet, 512, 0, 0.0, 0.0, 0.0, 0, 0, 0, 0, 0, "", "", 0.0, 0, stage=stage, seed=number
    )


def _with(shown: DeckSnapshot, **changes: object) -> DeckSnapshot:
    """`replace` without its long way round: a value that is set costs no more here than in the engine, which times are taken with."""
    changed = object.__new__(DeckSnapshot)
    vars(changed).update(vars(shown), **changes)
    return changed


class MemoryStage:
    """The engine's two doors without an engine. `sent` has every command, in order; a patch in `slow` loads when `finish` says so."""

    def __init__(self, patches: dict[str, Manifest], decks: int) -> None:
        self.patches = patches
        self.clock = HandClock()
        self.sent: list[do.Command] = []
        self.slow: set[str] = set()
        self.panicked = False
        self.master = {control.id: control.default for control in MASTER_CONTROLS}
        self.decks = [_empty(number) for number in range(decks)]
        self._numbers = 0

    def snapshot(self) -> Snapshot:
        quiet = (-120.0, -120.0)
        return Snapshot(
            self.clock.frame, RATE_HZ, 128, "memory", "", quiet, quiet, 1, 0.0, 0, 0, 0, False, True, tuple(self.decks),
            master=tuple(self.master.values()), panicked=self.panicked,
        )  # fmt: skip

    def send(self, command: do.Command) -> int:
        self.sent.append(command)
        match command:
            case do.SetControl(deck, control, value) | do.SettleControl(deck, control, value):
                self._set(deck, control, value)
            case do.ScheduleControl():
                pass
            case do.Load():
                return self._load(command)
            case do.Unload(deck):
                self.decks[deck] = _empty(deck)
            case do.Reset(deck, seed):
                self.decks[deck] = replace(self.decks[deck], seed=self.decks[deck].seed if seed is None else seed)
            case do.Panic(on):
                self.panicked = on
        return 0

    def finish(self) -> None:
        """Let the loads that are on their way sound."""
        self.decks = [replace(d, state="playing", playing=d.coming[-1], coming=()) if d.coming else d for d in self.decks]

    def _load(self, command: do.Load) -> int:
        found = self.patches.get(Path(command.patch).name)
        if found is None:
            raise UnknownPatchError(got=command.patch, allowed=", ".join(self.patches))
        values = check_patch_values(command.deck, found, command.controls)
        self._numbers += 1
        before = self.decks[command.deck]
        self.decks[command.deck] = replace(
            before,
            patch=found.slug,
            state="loading",
            manifest=found,
            values=tuple(values.get(c.id, c.default) for c in found.controls),
            seed=before.seed if command.seed is None else command.seed,
            coming=(self._numbers,),
        )
        if found.slug not in self.slow:
            self.finish()
        return self._numbers

    def _set(self, deck: int | None, control_id: str, value: float) -> None:
        if deck is None:
            known = find(MASTER_CONTROLS, control_id)
            if known is None:
                raise UnknownControlError("the master has no such control", got=control_id)
            self.master[control_id] = check_range(f"master.{control_id}", value, known.minimum, known.maximum)
            return
        known = find(DECK_CONTROLS, control_id)
        shown = self.decks[deck]
        if known is not None:
            stage = list(shown.stage)
            stage[DECK_CONTROLS.index(known)] = check_range(control_id, value, known.minimum, known.maximum)
            self.decks[deck] = _with(shown, stage=tuple(stage))
            return
        if shown.manifest is None:
            raise UnknownControlError(f"deck {deck + 1} is empty", got=control_id)
        checked = check_patch_values(deck, shown.manifest, [(control_id, value)])[control_id]
        index = next(i for i, c in enumerate(shown.manifest.controls) if c.id == control_id)
        self.decks[deck] = _with(shown, values=(*shown.values[:index], checked, *shown.values[index + 1 :]))


class MemoryCore(ControlCore):
    """A core whose clerks and conductor work when `turn` or `advance` is called, or in their own threads once `start` was."""

    stage: MemoryStage

    def advance(self, frames: int, step: int = 256) -> None:
        """Turn the clock on, doing what is due at every `step` frames."""
        end = self.stage.clock.frame + frames
        while self.stage.clock.frame < end:
            self.stage.clock.frame = min(self.stage.clock.frame + step, end)
            self.turn()

    def turn(self) -> None:
        """Do what waits now, and look what has come of it."""
        self.drain()
        self.conductor.turn()
        self.drain()
        # The mirror would be content with a look of 20 ms ago, and show what was done now at any time from here on.
        self._mirror.refresh(now=True)


def memory_core(patches: Sequence[str] = ("tiny",), decks: int = 2) -> MemoryCore:
    """A core with decks whose first ones have these patches loaded; more can be put into `core.stage.patches`."""
    manifests = {slug: manifest(slug, Audio(RATE_HZ, 1, 1_024, 0)) for slug in ("tiny", "wide", *patches)}
    stage = MemoryStage(manifests, decks)
    for number, slug in enumerate(patches[:decks]):
        stage.send(do.Load(number, slug))
    stage.sent.clear()
    core = MemoryCore(stage, stage.clock, EventLog())
    DeckCommands(core)
    return core
