"""From a turned control to the first sample that is another: the real program, under a JACK server of its own, from another process.

For every event the deck is reset with the same seed, left alone for a random time, and one control is turned by OSC or by MIDI. The sound
is what the program records itself: the deck's stem, the frames the callback was given, as 32-bit floats. The first sample that differs from
stretches in which nothing was turned is the answer. Its time is that of the callback that took the block it is in, as seen from here, and
its place in that block: a callback that was late, or one that the device left out, counts against us. What the device adds after its
callback is beside, not in it.

Four hundred lines in one file: asking, playing and reckoning share the record of every event, and who doubts a figure reads them together.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from benchmarks.jack import JackServer
from benchmarks.latency_change import Frames, find_change, find_reference
from benchmarks.latency_program import Program
from benchmarks.latency_wires import MidiWire, OscWire, Turn, Wire
from benchmarks.report import BenchmarkError, Outcome, Value
from patches.library import find
from patches.manifest import Manifest
from patches.reader import read_manifest
from realtime.kernels import layout as at

RATE_HZ = 44_100
BLOCK_FRAMES = 128
DECK = "/deck/1/"
SEED = 5
TURNS: dict[str, tuple[Turn, ...]] = {
    "textures": (
        Turn(f"{DECK}class/bees", 0.0, 1.0),
        Turn(f"{DECK}param/crowd", 0.5, 1.0),
        Turn(f"{DECK}param/temperature", 1.0, 0.2),
    ),
    "field": (
        Turn(f"{DECK}param/loudness", 0.0, 3.0),
        Turn(f"{DECK}class/applause", 1.0, 0.0),
        Turn(f"{DECK}param/rate", 1.0, 2.0),
    ),
}
"""Controls that the next step of their patch cannot leave unheard."""
RESET_S = 0.2
"""A reset is heard by then: pipe, step and lead, with a lot to spare on a busy machine."""
WAIT_S = 0.2
"""Events come at random over this time, so that they meet every phase of blocks and steps."""
LISTEN_S = 0.25
SETTLE_S = 0.4
"""The smoothing of every control ends at the same float in this time."""
SAID_S = 0.02
QUIET_S = 1.4
LEAST_S = RESET_S + WAIT_S + LISTEN_S
"""The reference is longer than any stretch in which a change is looked for."""
QUIETS = 3
"""Two are enough where no ring runs dry."""
POLL_S = 0.000_1
LOST_SHARE = 0.05
"""More stretches than this that do not begin as the reference does are no measurement."""


class Event(NamedTuple):
    """One turn of a control; times of ``time.monotonic_ns``, frames of the stage clock, -1 where it was not seen."""

    number: int
    wire: str
    reset_frame: int
    sent_frame: int
    end_frame: int
    sent_ns: int
    cell_ns: int
    """The host's value changed."""
    taken_ns: int
    """A step began with it."""
    dry: bool
    """A ring ran dry meanwhile."""
    handed: list[tuple[int, int]]
    """When it was seen, and how many frames the device had taken by then: an entry for every change."""


@dataclass
class Measured:
    """What came of one patch."""

    events: list[Event]
    latencies_ms: list[float]
    ahead_ms: list[float]
    """From the step's beginning to its first sample."""
    of: list[Event]
    """The events that these are of."""
    lost: int
    unheard: int
    underruns: int
    xruns: int
    step_ms: float
    lead_ms: float
    shown_ms: float
    device_ms: float
    lookahead_ms: float
    load: float


def run(arguments: list[str]) -> Outcome:
    """Measure every patch.

    Raises
    ------
    BenchmarkError — the program or JACK does not start, or the sound cannot be compared.
    """
    options = _parse(arguments)
    rows: list[list[Value]] = []
    results: dict[str, Value] = {"events": options.events, "rate_hz": RATE_HZ, "block_frames": options.block_frames}
    underruns = 0
    device = "null" if options.device == "null" else None
    server = contextlib.nullcontext() if device else JackServer(f"starling-latency-{os.getpid()}", RATE_HZ, options.block_frames)
    with server:
        for patch in options.patch:
            measured = _measure(patch, _turns(patch, options.control), device, options)
            underruns += measured.underruns
            _tell(patch, _turns(patch, options.control), measured, rows, results)
    results["underruns"] = underruns
    notes = (
        "ms from a message handed to the socket or port to the first sample that is another, as the device takes it;"
        f" {options.block_frames}-frame blocks at {RATE_HZ} Hz, device {'null: no MIDI' if device else 'JACK dummy'}; jitter: p95 - p5",
        "way: until the host's value has changed; wait: until a step begins with it; step: its mean time; lead: what is ready ahead of it;",
        "beside, not in it: device, what it says it needs after its callback; look-ahead, after which a change is there in full;",
        "shown: what the deck itself says",
    )
    return Outcome(("", "of", "events", "p50", "p95", "max", "jitter"), rows, results, notes)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks latency")
    parser.add_argument("--events", type=int, default=300, help="for each patch, half of them by MIDI")
    parser.add_argument("--patch", action="append", default=[], help="; default: " + ", ".join(TURNS))
    parser.add_argument("--control", action="append", default=[], metavar="NAME=REST,TURNED", help="class/bees=0,1; with one --patch")
    parser.add_argument("--block-frames", type=int, default=BLOCK_FRAMES)
    parser.add_argument("--lead-frames", type=int, default=0, help="0: chosen by the program")
    parser.add_argument("--device", choices=("null",), help="without JACK, and so without MIDI")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep recordings and events there")
    options = parser.parse_args(arguments)
    options.patch = options.patch or list(TURNS)
    if options.events < 1:
        raise BenchmarkError(f"benchmark latency: --events {options.events}: allowed: 1 or more")
    if options.control and len(options.patch) != 1:
        raise BenchmarkError("benchmark latency: --control wants one --patch")
    for patch in options.patch:
        _turns(patch, options.control)
    return options


def _turns(patch: str, controls: list[str]) -> tuple[Turn, ...]:
    if not controls:
        if patch not in TURNS:
            raise BenchmarkError(f"benchmark latency: --patch {patch}: which --control? known without: {', '.join(TURNS)}")
        return TURNS[patch]
    try:
        pairs = [(name, *(float(value) for value in values.split(","))) for name, _, values in (text.partition("=") for text in controls)]
        return tuple(Turn(DECK + name, rest, turned) for name, rest, turned in pairs)
    except ValueError:
        raise BenchmarkError(f"benchmark latency: --control {' '.join(controls)}: wanted: NAME=REST,TURNED") from None


def _measure(patch: str, turns: tuple[Turn, ...], device: str | None, options: argparse.Namespace) -> Measured:
    manifest = read_manifest(find(patch))
    before = os.getloadavg()[0]
    with contextlib.ExitStack() as open_now:
        wires: list[Wire] = [] if device else [open_now.enter_context(MidiWire())]
        program = open_now.enter_context(Program(patch, device, RATE_HZ, options.block_frames, turns, options.lead_frames))
        osc = open_now.enter_context(OscWire(program.osc_port, turns))
        wires.insert(0, osc)
        if len(wires) > 1:
            program.wait_for("latency knobs")
        if device is None and not any("JACK" in line for line in program.said):
            raise BenchmarkError(f"benchmark latency: the program does not play through JACK: {program.said[:3]}")
        _wait_until_it_plays(osc)
        # A mode is another model: what sounds must not change by itself.
        osc.ask(f"{DECK}mode", 0)
        take = program.folder / "take.wav"
        osc.ask("/record/start", str(take), 1)
        underruns, xruns = program.underruns(), program.count(at.W_DEVICE_XRUNS)
        session = _Session(program, osc, wires, turns, [_index(manifest, turn) for turn in turns])
        quiet, events = session.play(options.events)
        state = osc.ask(f"{DECK}state")
        osc.ask("/record/stop", limit_s=60.0)
        underruns, xruns = program.underruns() - underruns, program.count(at.W_DEVICE_XRUNS) - xruns
        lead_s = program.count(at.deck_words(0) + at.D_LEAD_FRAMES) / RATE_HZ
        sidecar = take.with_name("take.performance.json")
        if not sidecar.exists():
            raise BenchmarkError(f"benchmark latency: the take has no {sidecar.name}; the program said: {program.said[-3:]}")
        origin = json.loads(sidecar.read_bytes())["from_frame"]
        sound, _ = soundfile.read(next(program.folder.glob("take deck 1*.wav")), dtype="float32", always_2d=True)
        if options.keep:
            shutil.copytree(program.folder, options.keep / patch, dirs_exist_ok=True)
            (options.keep / patch / "events.json").write_text(json.dumps({"quiet": quiet, "events": [event._asdict() for event in events]}))
        step_s = program.count(session.ring + at.R_BUDGET_NS) / 1e9
        lookahead_s = manifest.audio.lookahead_frames / manifest.audio.sample_rate_hz
        shown_ms = float(state[7])
        made = Measured(
            events,
            *([], [], []),
            *(0, 0),
            underruns,
            xruns,
            program.count(session.ring + at.R_STEP_MEAN_NS) / 1e6,
            1000.0 * lead_s,
            shown_ms,
            shown_ms - 1000.0 * (2.0 * step_s + lead_s + lookahead_s),
            1000.0 * lookahead_s,
            max(before, os.getloadavg()[0]),
        )
    _hear(made, sound, origin, quiet, options.block_frames)
    return made


def _wait_until_it_plays(osc: OscWire) -> None:
    end_s = time.monotonic() + 120.0
    while (state := osc.ask(f"{DECK}state"))[1] != "playing":
        if state[1] == "failed" or time.monotonic() > end_s:
            raise BenchmarkError(f"benchmark latency: the patch does not play: {state}")
        time.sleep(0.1)


def _index(manifest: Manifest, turn: Turn) -> int:
    """Place of a control in the patch."""
    kind, _, name = turn.address.removeprefix(DECK).rpartition("/")
    wanted = {f"class_{name}", f"label_{name}"} if kind == "class" else {name}
    for index, control in enumerate(manifest.controls):
        if control.id in wanted:
            return index
    raise BenchmarkError(f"benchmark latency: {manifest.slug} has no {turn.address}")


class _Session:
    """The events, one after the other."""

    def __init__(self, program: Program, osc: OscWire, wires: list[Wire], turns: tuple[Turn, ...], places: list[int]) -> None:
        self._program = program
        self._osc = osc
        self._wires = wires
        self._turns = turns
        ring = program.count(at.deck_words(0) + at.D_ACTIVE)
        self.ring = at.ring_words(0, ring)
        state = at.ring_floats(0, ring)
        self._cells = [state + at.RF_CONTROLS + place for place in places]
        self._taken = [state + at.RF_SET + place for place in places]
        self._random = np.random.default_rng(1)

    def play(self, count: int) -> tuple[list[int], list[Event]]:
        """The frames at which stretches began that are left alone, and `count` events."""
        gc.disable()
        try:
            # Once for each, not counted: what a control has been through is the same for all that follow.
            for number in range(len(self._turns)):
                for wire in self._wires:
                    self._event(number, wire)
            quiet = []
            for number in range(QUIETS):
                quiet.append(self._reset())
                # Not twice as long: what is heard before a reset is not to be the same.
                time.sleep(QUIET_S + number * SETTLE_S)
            events = []
            for made in range(count):
                wire = self._wires[made % len(self._wires)]
                events.append(self._event(made // len(self._wires) % len(self._turns), wire))
            return quiet, events
        finally:
            gc.enable()

    def _reset(self) -> int:
        frame = self._now()
        self._osc.tell(f"{DECK}reset", SEED)
        return frame

    def _event(self, number: int, wire: Wire) -> Event:
        underruns = self._program.underruns()
        reset_frame = self._reset()
        time.sleep(RESET_S + WAIT_S * float(self._random.random()))
        sent_frame = self._now()
        sent_ns = time.monotonic_ns()
        wire.set(number, turned=True)
        cell_ns, taken_ns, handed = self._watch(number, sent_ns)
        end_frame = self._now()
        wire.set(number, turned=False)
        if wire is not self._osc:
            # JACK drops what a client sends in a cycle that it is late for; the next event must not suffer for it.
            time.sleep(SAID_S)
            self._osc.set(number, turned=False)
        time.sleep(SETTLE_S)
        dry = self._program.underruns() > underruns
        return Event(number, wire.name, reset_frame, sent_frame, end_frame, sent_ns, cell_ns, taken_ns, dry, handed)

    def _watch(self, number: int, sent_ns: int) -> tuple[int, int, list[tuple[int, int]]]:
        """When the host's value and the deck's have changed, and when the device took which frames."""
        words, floats = self._program.block.words, self._program.block.floats
        turned = np.float32(self._turns[number].turned)
        cell_ns = taken_ns = clock = -1
        handed = []
        while (now := time.monotonic_ns()) - sent_ns < LISTEN_S * 1e9:
            if int(words[at.W_CLOCK]) != clock:
                clock = int(words[at.W_CLOCK])
                handed.append((time.monotonic_ns(), clock))
            if taken_ns < 0 and floats[self._taken[number]] == turned:
                taken_ns = now
            if cell_ns < 0 and (taken_ns >= 0 or floats[self._cells[number]] == turned):
                cell_ns = now
            time.sleep(POLL_S)
        return cell_ns, taken_ns, handed

    def _now(self) -> int:
        return self._program.count(at.W_CLOCK)


def _hear(made: Measured, sound: Frames, origin: int, quiet: list[int], block_frames: int) -> None:
    """Find every change in the recording."""
    stretches = [sound[frame - origin : frame - origin + round(QUIET_S * RATE_HZ)] for frame in quiet]
    pairs = itertools.combinations(stretches, 2)
    references = [find_reference(first, second, round((RESET_S + WAIT_S) * RATE_HZ)) for first, second in pairs]
    frames = max(map(len, references))
    if frames < LEAST_S * RATE_HZ:
        raise BenchmarkError(f"benchmark latency: resets with one seed gave the same {frames} frames only; nothing can be compared")
    # Two may have in common what was heard before their resets as well; no other stretch has that.
    found = [list(_changes(made.events, sound, origin, reference)) for reference in references if len(reference) >= LEAST_S * RATE_HZ]
    for event, change in zip(made.events, min(found, key=lambda changes: changes.count(None)), strict=True):
        # A ring that ran dry is heard as well, and is no answer.
        if event.dry or change is None or change < event.sent_frame:
            made.lost += 1
        elif change >= event.end_frame:
            made.unheard += 1
        else:
            heard_ns = _heard_ns(event, change, block_frames)
            made.of.append(event)
            made.latencies_ms.append((heard_ns - event.sent_ns) / 1e6)
            made.ahead_ms.append((heard_ns - event.taken_ns) / 1e6)
    if made.lost > LOST_SHARE * len(made.events) or not made.of:
        raise BenchmarkError(
            f"benchmark latency: {made.lost} of {len(made.events)} events cannot be compared: {made.underruns} times the ring was dry,"
            f" with {made.lead_ms:.1f} ms of lead and a load of {made.load:.1f}; measure again when the machine is free"
        )


def _heard_ns(event: Event, frame: int, block_frames: int) -> float:
    """When a frame was handed to the device: its block, and its place in it."""
    seen_ns, clock = next(entry for entry in event.handed if entry[1] > frame)
    blocks = -((frame - clock) // block_frames)
    return seen_ns + (frame - (clock - blocks * block_frames)) * 1e9 / RATE_HZ


def _changes(events: list[Event], sound: Frames, origin: int, reference: Frames) -> Iterator[int | None]:
    for event in events:
        found = find_change(sound[event.reset_frame - origin : event.end_frame - origin], reference)
        yield None if found is None else event.reset_frame + sum(found)


def _tell(patch: str, turns: tuple[Turn, ...], made: Measured, rows: list[list[Value]], results: dict[str, Value]) -> None:
    def row(name: str, values: list[float]) -> None:
        p5, p50, p95 = np.percentile(values, (5, 50, 95)).tolist()
        rows.append([patch, name, len(values), p50, p95, max(values), p95 - p5])

    every = made.latencies_ms
    row("all", every)
    p5, p50, p95 = np.percentile(every, (5, 50, 95)).tolist()
    results |= {f"{patch}.p50_ms": p50, f"{patch}.p95_ms": p95, f"{patch}.max_ms": max(every), f"{patch}.jitter_ms": p95 - p5}
    for wire in sorted({event.wire for event in made.of}):
        values = [value for value, event in zip(every, made.of, strict=True) if event.wire == wire]
        row(f"by {wire.upper()}", values)
        results[f"{patch}.{wire}_p95_ms"] = float(np.percentile(values, 95))
    for number, turn in enumerate(turns):
        values = [value for value, event in zip(every, made.of, strict=True) if event.number == number]
        if values:
            row(turn.address, values)
    parts = {
        "way": [(event.cell_ns - event.sent_ns) / 1e6 for event in made.of if event.cell_ns >= 0],
        "wait": [(event.taken_ns - event.cell_ns) / 1e6 for event in made.of if event.cell_ns >= 0 and event.taken_ns >= 0],
        "step and lead": [value for value, event in zip(made.ahead_ms, made.of, strict=True) if event.taken_ns >= 0],
    }
    for name, values in parts.items():
        if values:
            row(f"  {name}", values)
            results[f"{patch}.{name.replace(' ', '_')}_p95_ms"] = float(np.percentile(values, 95))
    for name, value in (
        ("step", made.step_ms),
        ("lead", made.lead_ms),
        ("device", made.device_ms),
        ("lookahead", made.lookahead_ms),
        ("shown", made.shown_ms),
    ):
        rows.append([patch, f"  {name}", None, value, None, None, None])
        results[f"{patch}.{name}_ms"] = value
    results |= {f"{patch}.underruns": made.underruns, f"{patch}.device_xruns": made.xruns, f"{patch}.unheard": made.unheard}
    results |= {f"{patch}.lost": made.lost, f"{patch}.load": made.load}
    rows.append(
        [patch, f"underruns {made.underruns}, xruns {made.xruns}, unheard {made.unheard}, lost {made.lost}", None, None, None, None, None]
    )
