"""The screen at work: what it costs and how soon it shows a key, on a real terminal with a real stage, under JACK's dummy driver.

Its spectrogram is open, the terminal gets another size ten times a second, OSC comes in at 1 kHz, and a key is pressed every now and then:
the time is from the key to the first look at the terminal that shows what it did, that look's own cost included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.jack import JackServer
from benchmarks.latency_program import look_into
from benchmarks.report import BenchmarkError, Outcome
from benchmarks.screen_terminal import TmuxWindow
from realtime.instance import FOLDER_VARIABLE
from realtime.kernels import layout as at
from realtime.osc.packet import encode
from realtime.shared import SharedBlock

RATE_HZ = 44_100
BLOCK_FRAMES = 128
START_S = 120.0
STOP_S = 30.0
KEY_LIMIT_S = 3.0
KEY_EVERY_S = 0.5
NARROW, WIDE = (80, 24), (200, 60)
DRAG_STEPS = 20
"""Sizes on the way from the narrowest to the widest, as a hand drags the corner of a window."""
FLOODED = ("/deck/1/class/rain", "/deck/1/class/wind", "/deck/1/param/strength", "/deck/2/param/brightness", "/deck/2/pan")
GAIN = re.compile(r"([+-]\d+\.\d) dB")


def run(arguments: list[str]) -> Outcome:
    """Measure it.

    Raises
    ------
    BenchmarkError — JACK, tmux, the program or its screen does not start, or a key is never shown.
    """
    options = _parse(arguments)
    with contextlib.ExitStack() as opened:
        if options.device != "null":
            opened.enter_context(JackServer("starling-screen", RATE_HZ, BLOCK_FRAMES))
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="starling-screen-")))
        environment = {FOLDER_VARIABLE: str(folder), "OMP_NUM_THREADS": "1", "STARLING_KEYMAP": str(folder / "none.toml")}
        environment |= {name: os.environ[name] for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER") if name in os.environ}
        command = [
            *(sys.executable, "-m", "realtime", *options.patch, "--seed", "1", "--no-midi", "--record-folder", str(folder)),
            *("--osc-port", "0", "--oscquery-port", "0", "--sample-rate", str(RATE_HZ), "--block-frames", str(BLOCK_FRAMES)),
            *(["--device", options.device] if options.device else []),
            *(["--lead-frames", str(options.lead_frames)] if options.lead_frames else []),
        ]
        window = opened.enter_context(TmuxWindow(command, environment, 200, 60))
        return _measure(window, folder, options)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks screen")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--patch", nargs="+", default=["textures", "field"])
    parser.add_argument("--device", choices=("null",), help="without JACK")
    parser.add_argument("--lead-frames", type=int, default=0, help="0: chosen by the program")
    parser.add_argument("--no-resize", action="store_true")
    parser.add_argument("--no-flood", action="store_true")
    parser.add_argument("--no-scope", action="store_true")
    return parser.parse_args(arguments)


def _measure(window: TmuxWindow, folder: Path, options: argparse.Namespace) -> Outcome:
    _until(window, lambda text: text.count("▶ playing") >= len(options.patch), "the decks to play")
    stage = psutil.Process(json.loads((folder / "stage.json").read_text(encoding="utf-8"))["pid"])
    try:
        return _work(window, stage, options)
    finally:
        # Closing its window would not end it.
        stage.terminate()
        stage.wait(STOP_S)


def _work(window: TmuxWindow, stage: psutil.Process, options: argparse.Namespace) -> Outcome:
    screen = next(child for child in stage.children() if "attach" in " ".join(child.cmdline()))
    block = look_into(stage.pid)
    port = _osc_port(stage)
    ready_s = time.monotonic() - stage.create_time() + time.time() - time.monotonic()
    if not options.no_scope:
        window.call("send-keys w")
    time.sleep(2.0)
    busy = _Busy(window, port, resize=not options.no_resize, flood=not options.no_flood)
    before, began_s = _cpu_s(screen), time.monotonic()
    host_before = _cpu_s(stage)
    underruns = [_underruns(block, deck) for deck in range(len(options.patch))]
    xruns = int(block.words[at.W_DEVICE_XRUNS])
    taken_ms: list[float] = []
    with busy:
        while time.monotonic() - began_s < options.seconds:
            taken_ms.append(1000.0 * _key(window, busy.lock, "-" if len(taken_ms) % 2 == 0 else "+"))
            time.sleep(KEY_EVERY_S)
    passed_s = time.monotonic() - began_s
    cpu = 100.0 * (_cpu_s(screen) - before) / passed_s
    host = 100.0 * (_cpu_s(stage) - host_before) / passed_s
    missed = [_underruns(block, deck) - underruns[deck] for deck in range(len(options.patch))]
    p50, p95 = (float(np.percentile(taken_ms, share)) for share in (50, 95))
    results = {
        "seconds": round(passed_s, 1),
        "underruns": sum(missed),
        "device_xruns": int(block.words[at.W_DEVICE_XRUNS]) - xruns,
        "screen_cpu_percent": round(cpu, 1),
        "host_cpu_percent": round(host, 1),
        "keys": len(taken_ms),
        "key_p50_ms": round(p50, 1),
        "key_p95_ms": round(p95, 1),
        "key_max_ms": round(max(taken_ms), 1),
        "resizes": busy.resizes,
        "packets": busy.packets,
        "screen_rss_mib": round(screen.memory_info().rss / 2**20, 1),
        "load": round(os.getloadavg()[0], 1),
    }
    rows = [[name, value] for name, value in results.items()]
    notes = (
        f"decks: {', '.join(options.patch)}; CPU in percent of one core; a key: from tmux's send-keys to the first capture that shows it",
        f"first screen {ready_s:.1f} s after the program",
    )
    return Outcome(("of the screen", ""), rows, dict(results), notes)


class _Busy:
    """What goes on meanwhile: other sizes, and OSC."""

    def __init__(self, window: TmuxWindow, port: int, *, resize: bool, flood: bool) -> None:
        self.lock = threading.Lock()
        """Held for one command of tmux."""
        self.resizes = 0
        self.packets = 0
        self._window = window
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work, on in ((self._resize, resize), (self._flood, flood)) if on]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _resize(self) -> None:
        began_s = time.monotonic()
        while not self._stop.wait(max(0.0, began_s + 0.1 * (self.resizes + 1) - time.monotonic())):
            place = abs(self.resizes % (2 * DRAG_STEPS) - DRAG_STEPS) / DRAG_STEPS
            columns, rows = (round(low + place * (high - low)) for low, high in zip(NARROW, WIDE, strict=True))
            with self.lock:
                self._window.call(f"resize-window -x {columns} -y {rows}")
            self.resizes += 1

    def _flood(self) -> None:
        began_s = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", self._port))
            while not self._stop.wait(0.001):
                while self.packets < 1000.0 * (time.monotonic() - began_s):
                    share = (self.packets % 997) / 997
                    with contextlib.suppress(OSError):
                        sender.send(encode(FLOODED[self.packets % len(FLOODED)], (share,)))
                    self.packets += 1


def _key(window: TmuxWindow, lock: threading.Lock, key: str) -> float:
    """Seconds until the master's gain is another one."""
    before = ""
    while not before:
        with lock:
            before = _gain(window.text)
    with lock:
        began_s = time.monotonic()
        window.call(f"send-keys {key}")
    while True:
        with lock:
            now = _gain(window.text)
        taken_s = time.monotonic() - began_s
        if now and now != before:
            return taken_s
        if taken_s > KEY_LIMIT_S:
            raise BenchmarkError(f"benchmark screen: {key} is not shown after {KEY_LIMIT_S:g} s; the screen:\n{window.text}")
        time.sleep(0.002)


def _gain(text: str) -> str:
    """The master's gain, which the strip shows at every size; empty while it is being drawn."""
    found = GAIN.search("\n".join(text.splitlines()[:2]))
    return found[1] if found else ""


def _until(window: TmuxWindow, is_so: object, what: str) -> None:
    assert callable(is_so)
    end_s = time.monotonic() + START_S
    while not is_so(window.text):
        if time.monotonic() > end_s:
            raise BenchmarkError(f"benchmark screen: waited in vain for {what}; the screen:\n{window.text}")
        time.sleep(0.1)


def _osc_port(stage: psutil.Process) -> int:
    """The one UDP port that the stage listens at."""
    ports = [found.laddr.port for found in stage.net_connections("udp4") if found.laddr.ip == "127.0.0.1" and not found.raddr]
    if not ports:
        raise BenchmarkError("benchmark screen: the stage has no OSC port")
    return int(ports[0])


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _underruns(block: SharedBlock, deck: int) -> int:
    return int(block.words[at.deck_words(deck) + at.D_UNDERRUNS])
