"""OSC coming in: how many messages a second are parsed and dispatched, beside python-osc's own dispatcher, and the worst packets there are.

Both are given the same datagrams and the same addresses, each with something behind it that does nothing, so what is timed is the way from
the datagram to there; `whole core` goes on into the control core of a stage in memory. The engines take turns, batch by batch, in one run.

Then every hostile packet and as many fuzzed ones as asked for go through one receiver with the control core behind it. Of each packet the
thread's own time is taken and the clock's; what other processes take of the machine is only in the clock's. A malformed packet that asks
the core for anything, or anything caught at the receiver's last resort, ends the benchmark.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report import BenchmarkError, Outcome, Value, need
from realtime.control.address import Address
from realtime.control.event_log import EventLog
from realtime.control.outcome import Origin
from realtime.kernels.layout import MAX_DECKS
from realtime.osc.flood import FloodLimits
from realtime.osc.packet import bundle, encode
from realtime.osc.receiver import HORIZON_S, OscReceiver
from realtime.osc.time_tag import to_seconds_ahead
from tests.fuzz.osc_corpus import FIVE, from_unix, fuzzed, hostile
from tests.memory_stage import memory_core

ENDLESS = FloodLimits(1e12, 1e12, 1e12, 1e12)
"""No flood is held back: what is measured is the work."""
WALL_S = 1_800_000_000.0
"""The time that the corpus's bundles are about."""
LIMIT_MS = 1.0
HANG_LIMIT_S = 2.0
_BATCH = 500
_LONG_US = 300.0
_AGAIN = 5
_PEER = ("127.0.0.1", 57120)


class WrongReceiverError(BenchmarkError):
    """The receiver let something through or fell over, so its times say nothing."""


class Sink:
    """A core that holds the same addresses and does nothing."""

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self._addresses = addresses
        self.got = 0

    def addresses(self) -> Mapping[str, Address]:
        return self._addresses

    def request(self, path: str, arguments: Sequence[float | int | str], origin: Origin) -> None:
        self.got += 1


class Watched:
    """A core that is passed on to, and counts what it is asked to change."""

    def __init__(self, core: Any) -> None:
        self._core = core
        self.asked = 0
        for name in ("addresses", "read", "changes", "sync", "frame_at"):
            setattr(self, name, getattr(core, name))

    def request(self, path: str, arguments: Sequence[float | int | str], origin: Origin) -> None:
        self.asked += 1
        self._core.request(path, arguments, origin)

    def schedule(self, frame: int, messages: Sequence[tuple[str, Sequence[float | int | str]]], origin: Origin) -> bool:
        self.asked += len(messages)
        return bool(self._core.schedule(frame, messages, origin))


def run(arguments: list[str]) -> Outcome:
    """Measure.

    Parameters
    ----------
    arguments : list of str
        `--messages N` for each engine and case (40 000), `--packets N` fuzzed (100 000), `--seed N` (1).

    Raises
    ------
    MissingPackageError, WrongReceiverError
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks osc")
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rows: list[list[Value]] = []
    results: dict[str, Value] = {}
    for case, engine, rate_hz in throughput(options.messages, random.Random(options.seed)):
        rows.append([case, engine, rate_hz, 1e6 / rate_hz])
        results[f"{_key(case)}_{_key(engine)}_hz"] = rate_hz
    results |= worst(options.packets, options.seed)
    for name, datagram in FIVE.items():
        results[f"{_key(name)}_python_osc_ms"] = python_osc_ms(datagram)
    notes = (
        *(_show_worst(label, count, results) for label, count in (("hostile", 20 * len(hostile())), ("fuzzed", options.packets))),
        f"{results['hostile_refused']} and {results['fuzzed_refused']} of them malformed; {results['errors']} errors caught at the last"
        f" resort, {results['asked_by_malformed']} requests made by malformed packets; the worst by name: {results['hostile_worst_name']}",
        "python-osc's dispatcher on the five: "
        + ", ".join(f"{name} {_show_ms(results[f'{_key(name)}_python_osc_ms'])}" for name in FIVE)
        + f" (- : still busy, or asleep, after {HANG_LIMIT_S:g} s)",
    )
    return Outcome(("messages", "engine", "per second", "us each"), rows, results, notes)


def throughput(messages: int, dice: random.Random) -> Iterable[tuple[str, str, float]]:
    """Each case, engine and its rate in messages per second of the thread's own time: the middle of its batches."""
    core = memory_core(("tiny", "tiny"))
    addresses = core.addresses()
    sink = Sink(addresses)
    engines: dict[str, Callable[[bytes], object]] = {
        "starling": _ours(sink),
        "starling, whole core": _ours(core),
        "python-osc": _theirs(addresses),
    }
    plain = [path for path, address in addresses.items() if address.kind == "value" and address.tags == "f"]
    cases: dict[str, tuple[int, list[bytes]]] = {
        "one float": (1, [encode(path, (0.5,)) for path in plain]),
        "bundle of 16": (16, [bundle([encode(path, (0.5,)) for path in dice.choices(plain, k=16)]) for _ in range(8)]),
        "pattern": (1, [encode("/deck/*/gain", (0.5,)), encode("/deck/[12]/pan", (0.5,)), encode("/{master,deck}/gain", (0.5,))]),
    }
    for case, (size, datagrams) in cases.items():
        batches = max(4, messages // (_BATCH * size))
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(batches):
            chosen = dice.choices(datagrams, k=_BATCH)
            for name in dice.sample(list(engines), len(engines)):
                engine = engines[name]
                begun_ns = time.thread_time_ns()
                for datagram in chosen:
                    engine(datagram)
                times[name].append((time.thread_time_ns() - begun_ns) / 1e9)
        for name, taken in times.items():
            yield case, name, _BATCH * size / float(np.median(taken))


def worst(packets: int, seed: int) -> dict[str, Value]:
    """Times of the hostile and the fuzzed packets, and whether malformed ones asked for anything.

    A packet that took long is given again, a few times over: what it takes each time is its own doing. What the machine alone does shows in
    the times of plain arithmetic that takes about as long as a usual packet, in turn with the real ones.

    Raises
    ------
    WrongReceiverError
    """
    # As many decks as there can be: the largest namespace.
    behind = memory_core(("tiny",) * MAX_DECKS, decks=MAX_DECKS)
    now_frame = behind.stage.clock.frame = behind.frame_at(WALL_S)
    core = Watched(behind)
    receiver = OscReceiver(core, EventLog(), ENDLESS, lambda: WALL_S)
    gc.collect()
    # What the imports left behind is not the packets' rubbish to look through.
    gc.freeze()
    named = hostile()
    results: dict[str, Value] = {}
    changed = 0
    for label, datagrams in (("hostile", list(named.values()) * 20), ("fuzzed", fuzzed(packets, seed))):
        # Microseconds of the thread's own time, on the clock, of a packet's repetition, of plain arithmetic.
        own, wall, again, sums = array("d"), array("d"), array("d"), array("d")
        before = receiver.snapshot().refused
        for number, datagram in enumerate(datagrams):
            if number % _BATCH == 0:
                # What waits for a file or for its time is done between packets, as other threads do it.
                behind.stage.clock.frame = behind.frame_at(WALL_S + HORIZON_S)
                behind.turn()
                behind.stage.clock.frame = now_frame
                behind.stage.sent.clear()
            refused, asked = receiver.snapshot().refused, core.asked
            own_us, wall_us = _time(receiver.handle, datagram)
            own.append(own_us)
            wall.append(wall_us)
            if receiver.snapshot().refused > refused:
                changed += core.asked - asked
            again.append(min(_time(receiver.handle, datagram)[0] for _ in range(_AGAIN)) if own_us > _LONG_US else own_us)
            sums.append(_time(_add, datagram)[0])
        times = np.array([own, wall, again, sums])
        results |= {
            f"{label}_p50_us": float(np.percentile(times[0], 50)),
            f"{label}_p99_us": float(np.percentile(times[0], 99)),
            f"{label}_refused": receiver.snapshot().refused - before,
            f"{label}_worst_name": list(named)[int(times[2].argmax()) % len(named)] if label == "hostile" else "",
        }
        for kind, taken in zip(("own", "wall", "again", "sums"), times, strict=True):
            results[f"{label}_worst_{kind}_ms"] = float(taken.max()) / 1000.0
            results[f"{label}_over_limit_{kind}"] = int((taken > 1000.0 * LIMIT_MS).sum())
    results["asked_by_malformed"] = changed
    results["errors"] = receiver.snapshot().errors
    if changed or results["errors"]:
        raise WrongReceiverError(
            f"benchmark osc: {changed} requests were made by malformed packets, {results['errors']} errors were caught; allowed: none"
        )
    return results


def _time(handle: Callable[..., object], datagram: bytes) -> tuple[float, float]:
    """Microseconds of the thread's own time and on the clock."""
    begun_ns, used_ns = time.perf_counter_ns(), time.thread_time_ns()
    handle(datagram, _PEER, _take)
    return (time.thread_time_ns() - used_ns) / 1000.0, (time.perf_counter_ns() - begun_ns) / 1000.0


# A process of its own, since it may not come back. As python-osc's server hands a packet on.
_ALONE = """
import sys, time
from pythonosc.dispatcher import Dispatcher
dispatcher = Dispatcher()
for path in ("/deck/1/gain", "/" + "a" * 40):
    dispatcher.map(path, lambda *arguments: None)
print("ready", flush=True)
datagram = bytes.fromhex(sys.stdin.readline())
begun_s = time.perf_counter()
try:
    dispatcher.call_handlers_for_packet(datagram, ("127.0.0.1", 57120))
except Exception:
    print(-1.0)
else:
    print(1000.0 * (time.perf_counter() - begun_s))
"""


def python_osc_ms(datagram: bytes) -> float | None:
    """How long python-osc's own dispatcher takes over a packet; None if it does not come back in time, -1 if it raises."""
    need("osc", "pythonosc.dispatcher")
    command = [sys.executable, "-c", _ALONE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            return float(process.communicate(_from_now(datagram).hex() + "\n", timeout=HANG_LIMIT_S)[0])
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()


def _from_now(datagram: bytes) -> bytes:
    """A packet whose time tag is as far ahead as it was meant to be."""
    tag = int.from_bytes(datagram[8:16], "big")
    if not datagram.startswith(b"#bundle\0") or tag <= 1:
        return datagram
    return datagram[:8] + from_unix(time.time() + to_seconds_ahead(tag, WALL_S)).to_bytes(8, "big") + datagram[16:]


def _ours(core: Any) -> Callable[[bytes], object]:
    receiver = OscReceiver(core, EventLog(), ENDLESS)
    return lambda datagram: receiver.handle(datagram, _PEER, _take)


def _theirs(addresses: Mapping[str, Address]) -> Callable[[bytes], object]:
    dispatcher = need("osc", "pythonosc.dispatcher").Dispatcher(strict_timing=False)
    for path in addresses:
        dispatcher.map(path, _ignore)
    return lambda datagram: dispatcher.call_handlers_for_packet(datagram, _PEER)


def _take(packet: bytes) -> bool:
    return True


def _add(*arguments: object) -> int:
    return sum(range(400))


def _ignore(*arguments: object) -> None:
    pass


def _show_worst(label: str, count: int, results: Mapping[str, Value]) -> str:
    kinds = {"own": "of the thread's own time", "wall": "on the clock", "again": "given again", "sums": "of plain arithmetic"}
    return f"{count} {label} packets: p50 {results[f'{label}_p50_us']:.1f} us, p99 {results[f'{label}_p99_us']:.1f} us; worst " + ", ".join(
        f"{results[f'{label}_worst_{kind}_ms']:.3f} ms {words} ({results[f'{label}_over_limit_{kind}']} over {LIMIT_MS:g} ms)"
        for kind, words in kinds.items()
    )


def _key(text: str) -> str:
    return text.replace(",", "").replace("-", "_").replace(" ", "_").lower()


def _show_ms(value: Value) -> str:
    return "-" if value is None else "raises" if value == -1.0 else f"{value:.3g} ms"
