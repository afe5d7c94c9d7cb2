"""A deck as the host runs it: which process fills which of its two rings, and what to do when one is lost.

It knows workers and the shared block, not the device and not what a voice does. A patch change, a restart after a crash and a restart
after a hang are one act: another process fills the other ring, and when that holds its lead the mixer cross-fades to it.
"""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from patches.manifest import Manifest
from realtime.controls import decibels
from realtime.kernels import layout as at
from realtime.lead import choose_lead
from realtime.pool import Pool
from realtime.shared import SharedBlock
from realtime.snapshot import DeckSnapshot
from realtime.worker import State, Worker

HANG_S = 1.0
"""A deck that has not turned its loop for this long hangs: no step may take that long, and the sound ran out long ago."""
CRASH_WINDOW_S = 30.0
MAX_CRASHES = 5
"""A deck that is lost this often in the window is given up, so that a broken patch does not eat the machine."""


@dataclass(frozen=True)
class Job:
    """A patch to be played: what a worker is told to load."""

    folder: Path
    manifest: Manifest
    seed: int
    values: dict[str, float] = field(default_factory=dict)
    mode: int | None = None


class Deck:
    """One deck.

    Parameters
    ----------
    number : int
        From 0.
    block : SharedBlock
    pool : Pool

    Thread
    ------
    The engine's control thread; `set_value` and `snapshot` from any.
    """

    def __init__(self, number: int, block: SharedBlock, pool: Pool) -> None:
        self.number = number
        self.state = "empty"
        self.error = ""
        self.restarts = 0
        self._block = block
        self._pool = pool
        self._words = at.deck_words(number)
        self._wanted: Job | None = None
        self._job: Job | None = None
        self._jobs: dict[int, Job] = {}
        self._incoming: tuple[Worker, int] | None = None
        self._current: tuple[Worker, int] | None = None
        self._leaving: tuple[Worker, int] | None = None
        self._lead_frames: int | None = None
        self._chosen_lead = 0
        self._step_ms_p99 = 0.0
        self._priority = ""
        self._modes: tuple[str, ...] = ()
        self._crashes: list[float] = []
        self._retry_at = 0.0
        self._loads = 0
        self._block_frames = 0
        self._polled_ns = 0
        self._watched_ns = 0

    # --- commands ---------------------------------------------------------------------------------------------------------

    def load(self, job: Job) -> None:
        """Play `job`, cross-fading from what sounds now. The latest wins when several are asked for at once."""
        self.error = ""
        self._crashes.clear()
        self._retry_at = 0.0
        self._wanted = job
        if self._incoming is not None and self._incoming[0].state is State.LOADING:
            worker, _ = self._incoming
            worker.kill()
            self._incoming = None

    def unload(self) -> None:
        """Fade out and free the deck."""
        self._wanted = None
        self._job = None
        self._block.words[self._words + at.D_ACTIVE] = -1
        if self._incoming is not None:
            self._incoming[0].kill()
            self._incoming = None
        if self._leaving is None and self._current is not None:
            self._leaving, self._current = self._current, None
        self.state = "empty"

    def reset(self, seed: int | None) -> None:
        """Start the voice anew."""
        if seed is not None:
            self._replace_jobs(seed=seed)
        if self._current is not None:
            self._current[0].say(do="reset", seed=seed)

    def set_mode(self, mode: int | None) -> None:
        """Pin a mode of the voice, or let the ladder choose."""
        self._replace_jobs(mode=mode)
        if self._current is not None:
            self._current[0].say(do="mode", mode=mode)

    def set_lead(self, frames: int | None) -> None:
        """Fix the lead, or choose it from the measured step time; takes effect while playing."""
        self._lead_frames = frames
        self._apply_lead()

    def set_value(self, control_id: str, value: float) -> None:
        """Set a control of the patch. The caller has checked id and range."""
        for ring, job in list(self._jobs.items()):
            index = next((i for i, c in enumerate(job.manifest.controls) if c.id == control_id), None)
            if index is not None:
                self._block.controls(self.number, ring)[index] = value
                job.values[control_id] = value
        if self._wanted is not None and any(c.id == control_id for c in self._wanted.manifest.controls):
            self._wanted.values[control_id] = value

    def set_freeze(self, value: float) -> None:
        """Hold or release the present state, on both rings."""
        for ring in range(at.RINGS):
            self._block.floats[at.ring_floats(self.number, ring) + at.RF_FREEZE] = value

    @property
    def manifest(self) -> Manifest | None:
        """Manifest of the patch that plays or is about to."""
        job = self._wanted or self._job
        return None if job is None else job.manifest

    @property
    def seed(self) -> int:
        """Seed of the patch that plays."""
        job = self._wanted or self._job
        return 0 if job is None else job.seed

    @property
    def settled(self) -> bool:
        """True when nothing is on its way: the deck plays, is empty or has failed."""
        return self._incoming is None and self._wanted is None and self.state in ("playing", "empty", "failed")

    @property
    def workers(self) -> list[Worker]:
        """Every worker of this deck."""
        return [pair[0] for pair in (self._incoming, self._current, self._leaving) if pair is not None]

    # --- the loop ---------------------------------------------------------------------------------------------------------

    def poll(self, block_frames: int) -> None:
        """One turn: hear the workers, replace what is lost, switch what is ready."""
        self._block_frames = block_frames
        now_ns = time.monotonic_ns()
        if now_ns - self._polled_ns > 0.5 * HANG_S * 1e9:
            # The host itself stood still (Ctrl-Z, a suspended laptop): the decks did too, and get their time again.
            self._watched_ns = now_ns
        self._polled_ns = now_ns
        self._poll_leaving()
        self._poll_current()
        self._poll_incoming()
        if self._wanted is not None and self._incoming is None and time.monotonic() >= self._retry_at:
            self._begin(self._wanted)

    def close(self) -> None:
        """End every worker."""
        for worker in self.workers:
            worker.say(do="quit")
        for worker in self.workers:
            worker.finish()
        self._incoming = self._current = self._leaving = None

    def _free_ring(self) -> int | None:
        active = int(self._block.words[self._words + at.D_ACTIVE])
        used = {pair[1] for pair in (self._incoming, self._current, self._leaving) if pair is not None}
        for ring in range(at.RINGS):
            presence = float(self._block.floats[at.ring_floats(self.number, ring) + at.RF_PRESENCE])
            if ring != active and ring not in used and presence == 0.0:
                return ring
        return None

    def _begin(self, job: Job) -> None:
        ring = self._free_ring()
        if ring is None:
            return
        self._wanted = None
        self._block.open_ring(self.number, ring)
        values = self._block.controls(self.number, ring)
        for index, control in enumerate(job.manifest.controls):
            values[index] = job.values.get(control.id, control.default)
        self._jobs[ring] = job
        worker = self._pool.take()
        self._loads += 1
        worker.enter(State.LOADING)
        worker.say(do="load", load=self._loads, folder=str(job.folder), deck=self.number, ring=ring, seed=job.seed, mode=job.mode)
        self._incoming = (worker, ring)
        self.state = "loading" if self._current is None else self.state

    def _poll_incoming(self) -> None:
        if self._incoming is None:
            return
        worker, ring = self._incoming
        for event in worker.events():
            if event.get("load") != self._loads:
                continue
            if event["event"] == "loaded":
                worker.enter(State.LOADED)
                self._step_ms_p99 = float(event["step_ms_p99"])
                self._priority = str(event["priority"])
                self._modes = tuple(event["modes"])
                self._apply_lead()
            elif event["event"] == "failed":
                self._incoming = None
                worker.enter(State.IDLE)
                self._pool.give(worker)
                self._give_up(str(event["error"]), ring)
                return
        if worker.state is State.DEAD or not worker.alive or worker.overdue():
            worker.kill()
            self._incoming = None
            self._lost("ended while loading", ring)
        elif worker.state is State.LOADED and self._block.fill_frames(self.number, ring) >= self._chosen_lead:
            self._switch(worker, ring)

    def _switch(self, worker: Worker, ring: int) -> None:
        self._incoming = None
        if self._current is not None:
            self._leaving = self._current
            self._leaving[0].enter(State.LEAVING)
        self._current = (worker, ring)
        self._job = self._jobs[ring]
        self._block.words[self._words + at.D_ACTIVE] = ring
        self.state = "playing"
        self.error = ""

    def _poll_current(self) -> None:
        if self._current is None:
            return
        worker, ring = self._current
        for event in worker.events():
            if event["event"] == "mode":
                self.error = "" if event["mode"] == 0 else f"too slow here, playing in mode: {event['name']}"
        beat = int(self._block.words[at.ring_words(self.number, ring) + at.R_HEARTBEAT_NS])
        hung = time.monotonic_ns() - max(beat, self._watched_ns) > HANG_S * 1e9
        if worker.alive and worker.state is not State.DEAD and not hung:
            return
        reason = "hung" if worker.alive and hung else "ended"
        worker.kill()
        self._current = None
        self._lost(f"its process {reason}", ring)

    def _poll_leaving(self) -> None:
        if self._leaving is None:
            return
        worker, ring = self._leaving
        for _ in worker.events():
            pass
        gone = not worker.alive or worker.state is State.DEAD
        if gone or float(self._block.floats[at.ring_floats(self.number, ring) + at.RF_PRESENCE]) == 0.0:
            self._leaving = None
            self._jobs.pop(ring, None)
            if gone:
                worker.kill()
            else:
                worker.say(do="unload")
                self._pool.give(worker)

    def _lost(self, reason: str, ring: int) -> None:
        """A process is gone: play its patch again in another, unless that happened too often."""
        job = self._jobs.pop(ring, None) or self._job
        now = time.monotonic()
        self._crashes = [t for t in self._crashes if now - t < CRASH_WINDOW_S] + [now]
        self.restarts += 1
        if job is None or self._wanted is not None:
            return
        if len(self._crashes) >= MAX_CRASHES:
            self._give_up(f"{reason} {len(self._crashes)} times in {CRASH_WINDOW_S:.0f} s; load a patch to try again", ring)
            return
        self.state = "restarting" if self._current is None else self.state
        self.error = f"{reason}; restarting"
        self._retry_at = now + (0.0 if len(self._crashes) < 3 else 0.5 * 2 ** (len(self._crashes) - 3))
        self._wanted = job

    def _give_up(self, reason: str, ring: int) -> None:
        self._jobs.pop(ring, None)
        self.error = reason
        if self._current is None:
            self.state = "failed"
            self._job = None
            self._block.words[self._words + at.D_ACTIVE] = -1

    def _apply_lead(self) -> None:
        rate = self._block.sample_rate_hz
        frames = self._lead_frames
        if frames is None:
            frames = choose_lead(self._step_ms_p99, self._block_frames, rate) if self._step_ms_p99 else 1
        self._chosen_lead = min(frames, at.MAX_LEAD_FRAMES)
        self._block.words[self._words + at.D_LEAD_FRAMES] = self._chosen_lead

    def _replace_jobs(self, *, seed: int | None = None, mode: int | None = None) -> None:
        changes = {"seed": seed} if seed is not None else {"mode": mode}
        self._jobs = {ring: replace(job, **changes) for ring, job in self._jobs.items()}
        self._job = None if self._job is None else replace(self._job, **changes)
        self._wanted = None if self._wanted is None else replace(self._wanted, **changes)

    # --- what is shown ----------------------------------------------------------------------------------------------------

    def snapshot(self, device_latency_s: float) -> DeckSnapshot:
        """The deck now. Any thread."""
        words, floats, rate = self._block.words, self._block.floats, self._block.sample_rate_hz
        state = at.deck_floats(self.number)
        current = self._current
        ring = at.ring_words(self.number, current[1] if current else 0)
        budget_ns = max(int(words[ring + at.R_BUDGET_NS]), 1)
        step_s = budget_ns / 1e9 if current else 0.0
        lead = int(words[self._words + at.D_LEAD_FRAMES])
        mode = int(words[ring + at.R_MODE])
        job = self._wanted or self._job
        lookahead_s = job.manifest.audio.lookahead_frames / job.manifest.audio.sample_rate_hz if job else 0.0
        square = [float(floats[state + at.DF_SQUARE + i]) for i in range(2)]
        return DeckSnapshot(
            number=self.number,
            patch=job.manifest.slug if job else "",
            state=self.state,
            error=self.error,
            peak_db=(decibels(float(floats[state + at.DF_PEAK])), decibels(float(floats[state + at.DF_PEAK + 1]))),
            rms_db=(decibels(square[0] ** 0.5), decibels(square[1] ** 0.5)),
            lead_frames=lead,
            fill_frames=self._block.fill_frames(self.number, current[1]) if current else 0,
            step_ms=int(words[ring + at.R_STEP_MEAN_NS]) / 1e6 if current else 0.0,
            step_max_ms=int(words[ring + at.R_STEP_MAX_NS]) / 1e6 if current else 0.0,
            step_share=int(words[ring + at.R_STEP_MEAN_NS]) / budget_ns if current else 0.0,
            underruns=int(words[self._words + at.D_UNDERRUNS]),
            missing_frames=int(words[self._words + at.D_MISSING_FRAMES]),
            late_steps=int(words[ring + at.R_LATE_STEPS]) if current else 0,
            faults=int(words[ring + at.R_FAULTS]) if current else 0,
            restarts=self.restarts,
            mode=self._modes[mode] if current and mode < len(self._modes) else "",
            priority=self._priority if current else "",
            latency_ms=1000.0 * (step_s + step_s + lead / rate + device_latency_s + lookahead_s) if current else 0.0,
            pid=current[0].pid if current else 0,
        )
