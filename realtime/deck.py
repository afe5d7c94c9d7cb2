"""A deck as the host runs it: which process fills which of its two rings, and what to do when one is lost.

It knows workers and the shared block, not the device and not what a voice does. A patch change, a restart after a crash and a restart
after a hang are one act: another process fills the other ring, and when that holds its lead the mixer cross-fades to it.

Every process stands in exactly one place: *incoming* (loads, fills its ring), *current* (is heard), *leaving* (fades, then lets go).
One file although it is long: each move takes process, ring and job along together, and is only seen to be right where all moves are.
"""

import threading
import time
from dataclasses import replace
from typing import Any

from patches.manifest import Manifest
from realtime.corpora import write_options
from realtime.deck_lead import DeckLead
from realtime.deck_view import Standing, deck_snapshot, load_snapshot
from realtime.job import Job, Take
from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.pool import Pool
from realtime.schedule import DeckSchedule
from realtime.shared import SharedBlock
from realtime.snapshot import DeckSnapshot
from realtime.voices.voice import CorpusChoice
from realtime.worker import State, Worker

HANG_S = 1.0
"""A deck that has not turned its loop for this long hangs: no step may take that long, and the sound ran out long ago."""
CRASH_WINDOW_S = 30.0
MAX_CRASHES = 5
"""A patch whose process is lost this often in the window is given up, so that a broken one does not eat the machine."""
FREE_RETRIES = 2
"""The first restarts come at once; later ones wait, each twice as long."""
NOTE_S = 10.0
"""A note of a voice is shown this long: it says what was done, not what is."""


class Deck:
    """One deck.

    Parameters
    ----------
    number : int
        From 0.
    block : SharedBlock
    pool : Pool
    seed : int
        Used until a patch is loaded, or the deck reset, with another.
    journal : Journal, optional
        Told which take begins on which ring.

    Thread
    ------
    The engine's control thread; `announced`, `ask`, `order`, `set_value`, `schedule_value`, `note_value`, `set_freeze`, `values`,
    `clear_counts` and `snapshot` from any.
    """

    def __init__(self, number: int, block: SharedBlock, pool: Pool, seed: int, journal: Journal | None = None) -> None:
        self.number = number
        self.state = "empty"
        self.restarts = 0
        self.announced: Manifest | None = None
        """Manifest of the patch that plays or was last asked for; whoever asks sets it, so that its controls can be set at once."""
        self._block = block
        self._pool = pool
        self._journal = journal
        self._schedule = DeckSchedule(block, number)
        self._seed = seed
        self._words = at.deck_words(number)
        self._fault = ""
        self._mode_note = ""
        self._note = ""
        self._note_until_s = 0.0
        # Values are set by any thread while this one moves jobs about: a value must not fall between two of them.
        self._lock = threading.RLock()
        self._asked: Job | None = None
        self._ordered: set[int] = set()
        self._wanted: Job | None = None
        self._incoming: Take | None = None
        self._current: Take | None = None
        self._leaving: list[Take] = []
        self._lead = DeckLead(block, number)
        self._retry_at = 0.0
        self._loads = 0
        self._underruns_before = 0
        self._polled_ns = 0
        self._watched_ns = 0

    # --- commands ---------------------------------------------------------------------------------------------------------

    def ask(self, job: Job) -> None:
        """Announce a job that `load` will be called with: from now on values are its."""
        with self._lock:
            self._asked = job
            self.announced = job.manifest

    def order(self, number: int) -> None:
        """Announce that `set_corpora` will be called with this number. Any thread."""
        with self._lock:
            self._ordered.add(number)

    def load(self, job: Job) -> None:
        """Play `job`, cross-fading from what sounds now. The latest wins when several are asked for at once."""
        if job.seed is None:
            job.seed = self._seed
        self._seed = job.seed
        self._fault = self._note = ""
        self._retry_at = 0.0
        # From here on, not from its first sound: what drops out while a patch loads is that load's.
        self.clear_counts()
        self._lead.begin()
        self._drop_incoming()
        with self._lock:
            self._wanted = job
            self._ordered.discard(job.number)
            if self._asked is job:
                self._asked = None
            # A later one that was asked for meanwhile stays announced.
            self.announced = job.manifest if self._asked is None else self._asked.manifest

    def set_corpora(self, corpora: tuple[CorpusChoice, ...], number: int = 0) -> None:
        """Play other corpora: a load of what was asked for last, with the values it has now; `number` is that of the job it makes."""
        jobs = self._jobs()
        if jobs:
            self.load(jobs[0].with_corpora(corpora, number))
        with self._lock:
            self._ordered.discard(number)

    @property
    def playing(self) -> int:
        """Number of the job that is heard; 0 none."""
        current = self._current
        return current.job.number if current is not None else 0

    @property
    def coming(self) -> tuple[int, ...]:
        """Numbers of the jobs on their way. Any thread."""
        with self._lock:
            waiting = [self._asked, self._wanted, self._incoming.job if self._incoming is not None else None]
            return (*self._ordered, *(job.number for job in waiting if job is not None))

    @property
    def seed(self) -> int:
        """Seed of the patch that was last asked for, or of the last reset."""
        return self._seed

    def cancel_load(self) -> None:
        """Leave what is on its way, also a restart; what sounds goes on, and a deck where nothing does is empty."""
        if self._wanted is None and self._incoming is None:
            return
        self._drop_incoming()
        with self._lock:
            self._wanted = None
        if self._current is None:
            self._block.words[self._words + at.D_ACTIVE] = -1
            self._rest("empty", "")
            return
        self._seed = self._current.job.seed or 0
        self._fault = ""
        # The one that leaves no longer has a say in it.
        self._apply_lead()
        self._announce(self._current.job.manifest)

    def unload(self) -> None:
        """Fade out and free the deck."""
        self._wanted = None
        self._drop_incoming()
        self._block.words[self._words + at.D_ACTIVE] = -1
        self._leave()
        self._rest("empty", "")

    def reset(self, seed: int | None) -> None:
        """Start the voice anew."""
        if seed is not None:
            self._seed = seed
        self.clear_counts()
        for job in self._begun():
            job.seed = self._seed
        for take in self._staying():
            take.worker.say(do="reset", seed=seed)

    def clear_counts(self) -> None:
        """Count the underruns that people are shown from now on. Any thread."""
        self._underruns_before = int(self._block.words[self._words + at.D_UNDERRUNS])

    def set_mode(self, mode: int | None) -> None:
        """Pin a mode of the voice, or let the ladder choose."""
        for job in self._begun():
            job.mode = mode
        for take in self._staying():
            take.worker.say(do="mode", mode=mode)

    def set_lead(self, frames: int | None) -> None:
        """Fix the lead, or choose it from the measured step time; takes effect while playing. Never less than a block needs."""
        self._lead.asked = frames
        self._lead.begin()
        self._apply_lead()

    def set_value(self, control_id: str, value: float) -> None:
        """Set a control of the patch, at once. The caller has checked id and range. Any thread."""
        with self._lock:
            for take in self._staying():
                index = take.job.index(control_id)
                if index is not None:
                    self._schedule.set(index, value, take.ring)
            self.note_value(control_id, value)

    def schedule_value(self, frame: int, control_id: str, value: float) -> bool:
        """Set a control of the patch for the step that is heard at `frame`, or the next; false when too many wait. Any thread.

        The caller has checked id and range, and calls `note_value` once the frame has come.
        """
        with self._lock:
            room = True
            for take in self._staying():
                index = take.job.index(control_id)
                if index is not None:
                    room = self._schedule.push(frame, index, value, take.ring) and room
            return room

    def note_value(self, control_id: str, value: float) -> None:
        """Keep the value a control has, for whoever asks and for the next process that plays this patch. Changes no sound. Any thread."""
        with self._lock:
            for job in self._jobs():
                if job.index(control_id) is not None:
                    job.values[control_id] = value

    def values(self) -> tuple[Manifest | None, tuple[float, ...]]:
        """The patch that was last asked for and the values of its controls, in its order. Any thread."""
        with self._lock:
            jobs = self._jobs()
            if not jobs or self.announced is None:
                return None, ()
            job = jobs[0]
            return job.manifest, tuple(job.values.get(control.id, control.default) for control in job.manifest.controls)

    def set_freeze(self, value: float) -> None:
        """Hold or release the present state, on both rings."""
        for ring in range(at.RINGS):
            self._block.floats[at.ring_floats(self.number, ring) + at.RF_FREEZE] = value

    @property
    def settled(self) -> bool:
        """True when nothing is on its way: the deck plays, is empty or has failed, and every process that left has let go."""
        return self._wanted is None and self._incoming is None and not self._leaving and self.state in ("playing", "empty", "failed")

    @property
    def error(self) -> str:
        """What the performer should know; empty when all is well."""
        return self._fault or self._mode_note

    @property
    def workers(self) -> list[Worker]:
        """Every worker of this deck."""
        return [take.worker for take in (*self._staying(), *self._leaving)]

    # --- the loop ---------------------------------------------------------------------------------------------------------

    def poll(self, block_frames: int) -> None:
        """One turn: hear the workers, replace what is lost, switch what is ready."""
        now_ns = time.monotonic_ns()
        if now_ns - self._polled_ns > 0.5 * HANG_S * 1e9:
            # The host itself stood still (Ctrl-Z, a suspended laptop): the decks did too, and get their time again.
            self._watched_ns = now_ns
        self._polled_ns = now_ns
        if block_frames != self._lead.block_frames:
            self._lead.block_frames = block_frames
            self._apply_lead()
        for take in list(self._leaving):
            self._poll_leaving(take)
        self._poll_current()
        self._poll_incoming()
        if self._note and time.monotonic() >= self._note_until_s:
            self._note = ""
        if self._wanted is not None and self._incoming is None and time.monotonic() >= self._retry_at:
            self._begin(self._wanted)

    def close(self) -> None:
        """End every worker."""
        workers = self.workers
        for worker in workers:
            worker.say(do="quit")
        for worker in workers:
            worker.finish()
        self._incoming = self._current = None
        self._leaving.clear()

    def _staying(self) -> list[Take]:
        return [take for take in (self._incoming, self._current) if take is not None]

    def _jobs(self) -> list[Job]:
        waiting = [job for job in (self._asked, self._wanted) if job is not None]
        return [*waiting, *(take.job for take in self._staying())]

    def _begun(self) -> list[Job]:
        """Without one that is only announced: what is done now was asked for before it, and it has a seed and a mode of its own."""
        return [job for job in self._jobs() if job is not self._asked]

    def _free_ring(self) -> int | None:
        active = int(self._block.words[self._words + at.D_ACTIVE])
        used = {take.ring for take in (*self._staying(), *self._leaving)}
        for ring in range(at.RINGS):
            if ring != active and ring not in used and self._presence(ring) == 0.0:
                return ring
        return None

    def _presence(self, ring: int) -> float:
        return float(self._block.floats[at.ring_floats(self.number, ring) + at.RF_PRESENCE])

    def _begin(self, job: Job) -> None:
        ring = self._free_ring()
        if ring is None:
            return
        worker = self._pool.take()
        self._loads += 1
        if self._journal is None:
            self._block.open_ring(self.number, ring)
        else:
            self._journal.begin_load(self.number, ring, self._loads, job)
        with self._lock:
            self._wanted = None
            values = self._block.controls(self.number, ring)
            for index, control in enumerate(job.manifest.controls):
                values[index] = job.values.get(control.id, control.default)
            self._incoming = Take(worker, ring, job)
        worker.begin_load()
        worker.say(
            do="load",
            load=self._loads,
            folder=str(job.folder),
            deck=self.number,
            ring=ring,
            seed=job.seed,
            mode=job.mode,
            options=write_options(job.options),
        )
        if self._current is None:
            self.state = "loading" if self.state != "restarting" else self.state

    def _poll_incoming(self) -> None:
        take = self._incoming
        if take is None:
            return
        for event in take.worker.events():
            if event.get("load") != self._loads:
                continue
            if event["event"] == "accepted":
                take.worker.accepted = True
            elif event["event"] == "loaded":
                take.worker.enter(State.LOADED)
                take.step_ms_p99 = float(event["step_ms_p99"])
                take.priority = str(event["priority"])
                take.modes = tuple(event["modes"])
                self._apply_lead()
            elif event["event"] == "note":
                self._show_note(event)
            elif event["event"] == "failed":
                # It is idle again by itself: the voice broke, not the process.
                self._pool.give(take.worker, idle=True)
                with self._lock:
                    self._incoming = None
                    self._give_up(str(event["error"]))
                return
        lead = int(self._block.words[self._words + at.D_LEAD_FRAMES])
        if self._is_lost(take) or take.worker.overdue():
            take.worker.kill()
            with self._lock:
                self._incoming = None
                self._restart(take.job, "did not come up")
        elif take.worker.state is State.LOADED and self._block.fill_frames(self.number, take.ring) >= lead:
            self._switch(take)

    def _switch(self, take: Take) -> None:
        with self._lock:
            self._incoming = None
            self._leave()
            self._current = take
        self._block.words[self._words + at.D_ACTIVE] = take.ring
        # The one that leaves no longer has a say in it.
        self._apply_lead()
        self._rest("playing", "")
        with self._lock:
            self.announced = take.job.manifest if self._wanted is None and self._asked is None else self.announced

    def _poll_current(self) -> None:
        take = self._current
        if take is None:
            return
        reason = "ended"
        for event in take.worker.events():
            if event["event"] == "mode":
                degraded = event["mode"] > 0 and not event["pinned"]
                self._mode_note = f"too slow here, playing in mode: {event['name']}" if degraded else ""
            elif event["event"] == "note":
                self._show_note(event)
            elif event["event"] == "broken":
                reason = f"broke ({event['error']})"
        if not self._is_lost(take):
            said = self._lead.watch(take.ring, self._slowest_ms)
            if said:
                self._show_note({"text": said})
            return
        reason = "hung" if take.worker.alive and not take.worker.lost else reason
        take.worker.kill()
        with self._lock:
            self._current = None
            # A patch on its way makes the lost one's restart pointless.
            if self._wanted is None and self._incoming is None:
                self._restart(take.job, reason)

    def _is_lost(self, take: Take) -> bool:
        if not take.worker.alive or take.worker.lost:
            return True
        if take.worker.state is State.LOADING:
            return False
        beat = int(self._block.words[at.ring_words(self.number, take.ring) + at.R_HEARTBEAT_NS])
        return time.monotonic_ns() - max(beat, self._watched_ns) > HANG_S * 1e9

    def _leave(self) -> None:
        """Send the current take off: it fades while the mixer moves to another ring, or to none."""
        if self._current is not None:
            self._current.worker.enter(State.LEAVING)
            self._current.left_at = int(self._block.words[at.W_CALLBACKS])
            self._leaving.append(self._current)
            self._current = None

    def _poll_leaving(self, take: Take) -> None:
        """Let a take go once it is not heard, and free its ring once it says it has let go."""
        said = [event["event"] for event in take.worker.events()]
        if take.released and "idle" in said:
            self._leaving.remove(take)
            self._pool.give(take.worker, idle=True)
            return
        # Two callbacks later none can still be reading the ring on an older order.
        unheard = self._presence(take.ring) == 0.0 and int(self._block.words[at.W_CALLBACKS]) >= take.left_at + 2
        if self._is_lost(take) and (unheard or not take.worker.alive):
            take.worker.kill()
            self._leaving.remove(take)
        elif unheard and not take.released:
            take.released = True
            take.worker.say(do="unload")

    def _restart(self, job: Job, reason: str) -> None:
        """A process is gone: play its patch again in another, unless that happened too often."""
        now = time.monotonic()
        self.restarts += 1
        job.crashes = [t for t in job.crashes if now - t < CRASH_WINDOW_S] + [now]
        if len(job.crashes) >= MAX_CRASHES:
            self._give_up(f"its process {reason}, {len(job.crashes)} times in {CRASH_WINDOW_S:.0f} s; load a patch to try again")
            return
        if self._current is None:
            self.state = "restarting"
        self._fault = f"its process {reason}; restarting"
        waits = len(job.crashes) - FREE_RETRIES
        self._retry_at = now + (0.0 if waits <= 0 else 0.25 * 2**waits)
        self._wanted = job

    def _show_note(self, event: dict[str, Any]) -> None:
        self._note = str(event["text"])
        self._note_until_s = time.monotonic() + NOTE_S

    def _give_up(self, reason: str) -> None:
        self._fault = reason
        if self._current is None:
            self._block.words[self._words + at.D_ACTIVE] = -1
            self._rest("failed", reason)
        else:
            self._announce(self._current.job.manifest)

    def _rest(self, state: str, fault: str) -> None:
        self.state = state
        self._fault = fault
        self._mode_note = ""
        if state != "playing":
            self._announce(None)

    def _announce(self, manifest: Manifest | None) -> None:
        """Values are of this patch from now on, unless another has been asked for meanwhile."""
        with self._lock:
            self.announced = manifest if self._asked is None else self._asked.manifest

    def _drop_incoming(self) -> None:
        if self._incoming is not None:
            self._incoming.worker.kill()
            self._incoming = None

    def _apply_lead(self) -> None:
        self._lead.apply(self._slowest_ms)

    @property
    def _slowest_ms(self) -> float:
        return max((take.step_ms_p99 for take in self._staying()), default=0.0)

    # --- what is shown ----------------------------------------------------------------------------------------------------

    def snapshot(self, device_latency_s: float) -> DeckSnapshot:
        """The deck now. Any thread."""
        # Of one moment: a load that has just left `coming` must be seen in `playing`, or why it failed.
        with self._lock:
            manifest = self.announced
            patch, before = manifest.slug if manifest else "", self._underruns_before
            standing = Standing(self.number, patch, self.state, self.error, self._note, self.restarts, before)
            shown = deck_snapshot(self._block, standing, self._current, device_latency_s)
            manifest, values = self.values()
            shown = replace(shown, manifest=manifest, values=values, seed=self._seed, playing=self.playing, coming=self.coming)
            slug, share, text = load_snapshot(self._block, self.number, self._asked or self._wanted, self._incoming)
            shown = replace(shown, loading=slug, load_share=share, load_text=text)
            jobs = self._jobs()
        if not jobs:
            return shown
        job = jobs[0]
        seed = self._seed if job.seed is None else job.seed
        return replace(shown, folder=job.foreign_folder, options=job.options, lead_asked=self._lead.asked, mode_asked=job.mode, seed=seed)
