"""The stage under load: how long the callback takes, and what a busy interpreter does to it.

Two decks play while threads in the host spin in Python, once through the compiled callback and once, in the same run, through an ordinary
Python callback that does the same mixing: the baseline.
"""

import argparse
import threading
import time
from typing import Any

import numpy as np

from benchmarks.jack import JackServer
from benchmarks.report import Outcome


class PythonCallbackOutput:
    """The baseline: sounddevice's usual output stream with a callback in Python around the same mixer."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self.name = f"{compiled.name}, Python callback"
        self.sample_rate_hz = compiled.sample_rate_hz
        self.block_frames = compiled.block_frames
        self.latency_s = self.input_latency_s = 0.0
        self.input_name = self.notice = ""

    def start(self, block: Any) -> None:
        """Open and start."""
        import sounddevice

        from realtime.kernels import layout as at
        from realtime.kernels.callback import timed_mix

        def callback(out: np.ndarray, frames: int, when: Any, status: Any) -> None:
            if status.output_underflow:
                block.words[at.W_DEVICE_XRUNS] += 1
            timed_mix(block.words, block.floats, np.zeros(0, np.float32), out)

        self._stream = sounddevice.OutputStream(
            samplerate=self.sample_rate_hz,
            blocksize=self.block_frames,
            channels=at.CHANNELS,
            dtype="float32",
            latency="low",
            callback=callback,
        )
        self._stream.start()

    def stop(self) -> None:
        """Stop and close."""
        self._stream.close()


class PythonNullOutput:
    """The baseline without sound hardware: a Python thread that sleeps until each block is due and mixes it."""

    def __init__(self, compiled: Any) -> None:
        self.name = "null, Python callback"
        self.sample_rate_hz = compiled.sample_rate_hz
        self.block_frames = compiled.block_frames
        self.latency_s = self.input_latency_s = 0.0
        self.input_name = self.notice = ""
        self._stop = threading.Event()

    def start(self, block: Any) -> None:
        """Start the thread."""
        from realtime.kernels.callback import timed_mix

        period_s = self.block_frames / self.sample_rate_hz

        def run() -> None:
            out = np.zeros((self.block_frames, 2), np.float32)
            due = time.perf_counter()
            while not self._stop.is_set():
                timed_mix(block.words, block.floats, np.zeros(0, np.float32), out)
                due += period_s
                now = time.perf_counter()
                if due > now:
                    time.sleep(due - now)
                else:
                    due = now  # a device does not wait: the blocks that were missed are gone

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()


def play(options: argparse.Namespace, *, baseline: bool) -> dict[str, float]:
    """Two decks for a while under spinning threads; returns what was counted."""
    import realtime.engine as stage
    from realtime import commands as do
    from realtime.kernels import layout as at

    choose = stage.choose_output

    def python_output(*arguments: Any) -> tuple[Any, str]:
        compiled, notice = choose(*arguments)
        made = PythonNullOutput(compiled) if compiled.name == "null" else PythonCallbackOutput(compiled)
        return made, notice

    # The engine takes its output from this one function; the baseline differs in nothing else.
    stage.choose_output = python_output if baseline else choose
    spinning = threading.Event()
    try:
        config = stage.EngineConfig(
            decks=options.decks, device=options.device, block_frames=options.block_frames, sample_rate_hz=options.rate, seed=1
        )
        with stage.Engine(config) as engine:
            for deck in range(options.decks):
                engine.send(do.Load(deck, options.patch))
            engine.settle(60.0)
            while not engine.snapshot().spare_ready:
                time.sleep(0.05)
            words = engine.block.words
            before = engine.snapshot()
            spinning.set()
            for _ in range(options.spinners):
                threading.Thread(target=_spin, args=(spinning,), daemon=True).start()
            started = time.perf_counter()
            taken: list[np.ndarray] = []
            seen = int(words[at.W_CALLBACKS])
            while time.perf_counter() - started < options.seconds:
                time.sleep(min(1.0, options.seconds))
                now = int(words[at.W_CALLBACKS])
                slots = np.arange(max(seen, now - at.TIMINGS), now) % at.TIMINGS
                taken.append(words[at.W_TIMINGS + slots].copy())
                seen = now
            after = engine.snapshot()
            elapsed = time.perf_counter() - started
            spinning.clear()
    finally:
        stage.choose_output = choose
    times = np.concatenate(taken) / 1e9
    period = after.block_frames / after.sample_rate_hz
    return {
        "seconds": elapsed,
        "rate": after.sample_rate_hz,
        "block": after.block_frames,
        "underruns": after.underruns - before.underruns,
        "missed": max(0.0, elapsed / period - (after.callbacks - before.callbacks)),
        "expected": elapsed / period,
        "xruns": after.device_xruns - before.device_xruns,
        "p50": float(np.percentile(times, 50)) / period,
        "p99": float(np.percentile(times, 99)) / period,
        "max": float(times.max()) / period,
        "step": max(deck.step_share for deck in after.decks),
        "lead": max(deck.lead_frames for deck in after.decks),
    }


def _spin(running: threading.Event) -> None:
    count = 0
    while running.is_set():
        count += 1


def run(arguments: list[str]) -> Outcome:
    """Measure both and compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stage")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--baseline-seconds", type=float, default=15.0)
    parser.add_argument("--decks", type=int, default=2)
    parser.add_argument("--spinners", type=int, default=3, help="host threads that spin in Python")
    parser.add_argument("--patch", default="field")
    parser.add_argument("--device", help="null: no PortAudio; default: a JACK server of its own on the dummy driver")
    parser.add_argument("--block-frames", type=int, default=128)
    parser.add_argument("--rate", type=int, default=48_000)
    options = parser.parse_args(arguments)
    from realtime.compiled import use_kernel_cache

    use_kernel_cache()
    if options.device == "null":
        ours, baseline = _both(options)
    else:
        with JackServer(rate_hz=options.rate, block_frames=options.block_frames):
            ours, baseline = _both(options)
    names = (
        ("seconds", "seconds"),
        ("underruns: a deck's ring was dry", "underruns"),
        ("blocks the callback did not come for", "missed"),
        ("of blocks due", "expected"),
        ("xruns the device reported", "xruns"),
        ("callback p50, share of the block", "p50"),
        ("callback p99", "p99"),
        ("callback max", "max"),
        ("step time, share of its budget", "step"),
        ("lead, frames", "lead"),
    )
    return Outcome(
        header=("", "compiled callback", "Python callback"),
        rows=[(label, round(ours[key], 4), round(baseline[key], 4)) for label, key in names],
        results={
            "underruns": int(ours["underruns"]),
            "baseline_underruns": int(baseline["underruns"] + round(baseline["missed"])),
            "missed_blocks": round(ours["missed"]),
            "baseline_missed_blocks": round(baseline["missed"]),
            "device_xruns": int(ours["xruns"]),
            "baseline_device_xruns": int(baseline["xruns"]),
            "callback_p50_share": round(ours["p50"], 5),
            "callback_p99_share": round(ours["p99"], 5),
            "callback_max_share": round(ours["max"], 5),
            "baseline_callback_p99_share": round(baseline["p99"], 5),
            "seconds": round(ours["seconds"], 1),
            "baseline_seconds": round(baseline["seconds"], 1),
            "decks": options.decks,
            "spinning_threads": options.spinners,
            "device": options.device or "JACK dummy",
        },
        notes=(
            "underruns count rings found dry; baseline_underruns adds the blocks for which the Python callback did not come in time,",
            "missed_blocks and baseline_missed_blocks give that number for both (it includes what the JACK server itself was late for).",
        ),
    )


def _both(options: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
    ours = play(options, baseline=False)
    short = argparse.Namespace(**vars(options) | {"seconds": min(options.seconds, options.baseline_seconds)})
    return ours, play(short, baseline=True)
