"""Two decks under everything that can be thrown at them: `python -m tests.integration.show_under_load [SECONDS] [--lead-frames N]`.

JACK's dummy driver at 44.1 kHz and 128 frames, `textures` beside `field`, a flood of OSC, a full MIDI wire, OSCQuery listeners.
Prints one JSON object: underruns, values lost, and how the memory of each process grew.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.integration.jack_server import server
from tests.integration.show_load import CLIENT, MIDI_PORT
from tests.integration.show_program import LIMIT_S, ROOT, Program, children, until

OSC_RATE_HZ = 1_000.0
MIDI_RATE_HZ = 31_250 / 30
"""A DIN cable's 31 250 bits a second, ten for each of a control change's three bytes."""
LISTENERS = 20
SAMPLE_S = 0.5
WARM_UP_SHARE = 1 / 3
"""Of the run, before memory is looked at: buffers are filled and caches are warm by then."""
HEARD = 1e-4
"""A gain is read back from the mixer's factor, which has 24 bits."""
PAGE_KIB = os.sysconf("SC_PAGESIZE") // 1024

FLOODED: tuple[tuple[str, float, float, float], ...] = (
    ("/deck/1/gain", -12.0, 0.0, -1.25),
    ("/deck/2/gain", -12.0, 0.0, -2.5),
    ("/deck/1/pan", -1.0, 1.0, 0.5),
    ("/deck/2/pan", -1.0, 1.0, -0.25),
    ("/deck/2/param/loudness", -3.0, 3.0, 0.5),
    ("/deck/2/param/brightness", -3.0, 3.0, -0.5),
    ("/deck/2/param/density", 1.0, 43.0, 16.0),
    ("/deck/2/class/bees", 0.0, 1.0, 0.25),
    ("/deck/2/class/rain", 0.0, 1.0, 0.75),
    ("/deck/1/temperature", 0.5, 1.5, 0.875),
)
"""Address, least, most, last."""
TURNED: tuple[tuple[int, str, int], ...] = (
    (70, "/deck/1/param/strength", 100),
    (71, "/deck/1/param/gustiness", 20),
    (72, "/deck/1/param/density", 64),
    (73, "/deck/1/param/agitation", 1),
    (74, "/deck/1/param/swarm", 90),
    (75, "/deck/1/param/rate", 33),
    (76, "/deck/1/param/crowd", 77),
    (77, "/deck/1/param/intensity", 126),
)
"""Control change of the ready mapping, what it turns (0 to 1, linear), and the last position."""


@dataclasses.dataclass(frozen=True)
class Memory:
    """Resident memory of a process over the run, after its warm-up."""

    kind: str
    sizes_kib: tuple[int, ...]
    """At ten points of the run, the warm-up among them."""
    slope_kib_s: float
    """By least squares."""
    growth: float
    """By that slope over the time it was taken from, as a share of its size."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What came of a run."""

    seconds: float
    underruns: int
    played: str
    osc: dict[str, float]
    midi: dict[str, float]
    listeners: int
    """That were still there at the end."""
    heard_hz: float
    """Values that reached the listeners, all together."""
    lost: tuple[str, ...]
    """Last values that did not hold, or did not reach a listener."""
    memory: tuple[Memory, ...]
    restarted: tuple[str, ...]
    """Kinds of processes that were not the same ones at the end."""
    said: tuple[str, ...]


def run(seconds: float, lead_frames: int | None = None) -> Report:
    """Play under load."""
    with server(128, 44_100) as jack, tempfile.TemporaryDirectory() as home:
        arguments = ["textures", "field", "--seed", "5", "--midi-backend", "jack", "--midi-port", CLIENT, "--record-folder", home]
        if lead_frames is not None:
            arguments += ["--lead-frames", str(lead_frames)]
        with Program(*arguments, environment=jack) as program:
            return _load(program, jack, seconds)


def _load(program: Program, jack: dict[str, str], seconds: float) -> Report:
    osc_port, query_port = program.ports
    program.wait_until_it_plays(2)
    # The warm spare, too, is a process that must not grow.
    time.sleep(4.0)
    before = children(program.pid)
    paths = [path for path, _, _, _ in FLOODED] + [path for _, path, _ in TURNED]
    listeners = _begin(jack, "listen", port=query_port, clients=LISTENERS, paths=paths)
    assert listeners.stdout is not None
    assert listeners.stdout.readline() == "ready\n"
    underruns = program.underruns(2)
    floods = [
        _begin(jack, "osc", port=osc_port, rate_hz=OSC_RATE_HZ, seconds=seconds, controls=FLOODED),
        _begin(jack, "midi", rate_hz=MIDI_RATE_HZ, seconds=seconds, controls=[(number, last) for number, _, last in TURNED]),
    ]
    until(lambda: f"{MIDI_PORT} is here" in program.text)
    times_s, sizes_kib = _watch([program.pid, *before], floods)
    sent = [_result(flood) for flood in floods]
    expected = {path: last for path, _, _, last in FLOODED} | {path: last / 127 for _, path, last in TURNED}
    end_s = time.monotonic() + LIMIT_S
    while (lost := _wrong(expected, {path: program.read(path) for path in paths}, "the stage")) and time.monotonic() < end_s:
        time.sleep(0.1)
    # Told thirty times a second, and clients have their own buffers to empty.
    time.sleep(2.0)
    underruns = program.underruns(2) - underruns
    heard = _result(listeners)
    for number, last in enumerate(heard["lasts"]):
        lost += _wrong(expected, last, f"listener {number + 1}")
    kinds = {program.pid: "host"} | before
    after = children(program.pid)
    return Report(
        seconds=seconds,
        underruns=underruns,
        played=program.played(),
        osc=sent[0],
        midi=sent[1],
        listeners=heard["alive"],
        heard_hz=heard["heard"] / seconds,
        lost=tuple(lost),
        memory=tuple(_memory(kinds[pid], times_s, sizes) for pid, sizes in sizes_kib.items()),
        restarted=tuple(kind for pid, kind in before.items() if pid not in after),
        said=tuple(program.said),
    )


def _begin(jack: dict[str, str], kind: str, **arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.show_load", kind, json.dumps(arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | jack, cwd=ROOT)


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _watch(pids: Sequence[int], floods: Sequence[subprocess.Popen[str]]) -> tuple[list[float], dict[int, list[int]]]:
    """Resident KiB of every process until the floods have ended."""
    times_s: list[float] = []
    sizes_kib: dict[int, list[int]] = {pid: [] for pid in pids}
    while any(flood.poll() is None for flood in floods):
        times_s.append(time.monotonic())
        for pid, sizes in sizes_kib.items():
            sizes.append(int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_KIB)
        time.sleep(SAMPLE_S)
    return times_s, sizes_kib


def _memory(kind: str, times_s: Sequence[float], sizes_kib: Sequence[int]) -> Memory:
    first = round(len(times_s) * WARM_UP_SHARE)
    times, sizes = np.array(times_s[first:]), np.array(sizes_kib[first:], np.float64)
    slope = float(np.polyfit(times - times[0], sizes, 1)[0])
    points = tuple(sizes_kib[place * (len(sizes_kib) - 1) // 9] for place in range(10))
    return Memory(kind, points, round(slope, 2), round(slope * (times[-1] - times[0]) / sizes[0], 5))


def _wrong(expected: dict[str, float], found: dict[str, float], where: str) -> list[str]:
    return [
        f"{where}: {path} is {found.get(path)}, not {value}"
        for path, value in expected.items()
        if not abs(found.get(path, np.inf) - value) <= HEARD * max(abs(value), 1.0)
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=300.0)
    parser.add_argument("--lead-frames", type=int)
    given = parser.parse_args()
    print(json.dumps(dataclasses.asdict(run(given.seconds, given.lead_frames)), indent=1))
