"""Two ends of a cable on a JACK server: `send` plays noise and keeps what it played, `hear` is an engine that keeps what came in.

Run as ``python -m tests.integration.jack_input``; the last line is one JSON object. JACK is told by the environment.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np

from realtime.compiled import use_kernel_cache

use_kernel_cache()

from realtime import commands as do  # noqa: E402
from realtime.device import PortAudioOutput  # noqa: E402
from realtime.device_list import find_device  # noqa: E402
from realtime.engine import Engine, EngineConfig  # noqa: E402
from realtime.input_ring import InputReader  # noqa: E402
from realtime.kernels import layout as at  # noqa: E402
from realtime.kernels.ring import write  # noqa: E402
from realtime.shared import SharedBlock  # noqa: E402
from realtime.tap import Tap  # noqa: E402


def send(seconds: float, kept: Path) -> dict[str, object]:
    """Noise through a deck's ring; what went out is kept, shape (T, 2)."""
    output = PortAudioOutput(find_device(None), None, None)
    block = SharedBlock.private(output.sample_rate_hz)
    tap = Tap(block)
    block.open_ring(0, 0)
    block.words[at.deck_words(0) + at.D_ACTIVE] = 0
    noise = (0.1 * np.random.default_rng(1).standard_normal((round((seconds + 3) * output.sample_rate_hz), 2))).astype(np.float32)
    played: list[np.ndarray] = []
    place = 0
    tap.start()
    output.start(block)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        piece = noise[place : place + 16_384]
        place += int(write(block.words, block.floats, at.ring_words(0, 0), at.ring_floats(0, 0) + at.RF_DATA, piece, len(piece)))
        played.append(tap.read())
        time.sleep(0.02)
    output.stop()
    np.save(kept, np.concatenate(played))
    return {"xruns": int(block.words[at.W_DEVICE_XRUNS])}


def connect(act: str, source: str, sink: str) -> None:
    """`jack_connect` or `jack_disconnect`, as soon as both ports are there."""
    for _ in range(100):
        done = subprocess.run([act, source, sink], check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(f"{act} {source} {sink}: {done.stderr}")


def hear(seconds: float, kept: Path, block_frames: int | None, *, loop: bool) -> dict[str, object]:
    """An engine with one deck and the default input; what decks hear is kept, shape (T,). `loop` plugs its output into its input."""
    config = EngineConfig(decks=1, block_frames=block_frames, seed=3, input="default")
    with Engine(config) as engine:
        engine.send(do.Load(0, "textures" if loop else "tiny"))
        assert engine.settle(60.0)
        # The first client of its kind on the server is PortAudio, the next PortAudio-01: whoever plays waits for this.
        print("ready", flush=True)
        reader = InputReader(SharedBlock.attach(engine.block.name))
        before = engine.snapshot()
        heard: list[np.ndarray] = []
        guarded_s = opened_s = -1.0
        for side in (0, 1) if not loop else (0,):
            connect("jack_connect", f"{'PortAudio' if loop else 'PortAudio-01'}:out_{side}", f"PortAudio:in_{side}")
        reader.skip()
        started = time.monotonic()
        while (now_s := time.monotonic() - started) < seconds:
            heard.append(reader.read().copy())
            guarded = engine.snapshot().input_guarded
            if guarded and guarded_s < 0:
                guarded_s = now_s
                connect("jack_disconnect", "PortAudio:out_0", "PortAudio:in_0")
            if guarded_s >= 0 and not guarded and opened_s < 0:
                opened_s = now_s
                # What is heard once it is open again, and no more.
                seconds = min(seconds, now_s + 1.0)
            time.sleep(0.02)
        after = engine.snapshot()
    np.save(kept, np.concatenate(heard))
    return {
        "input": after.input_name,
        "latency_ms": after.input_latency_ms,
        "rms_db": after.input_rms_db,
        "underruns": after.underruns - before.underruns,
        "skipped_frames": reader.skipped_frames,
        "nonfinite": after.input_nonfinite,
        "guards": after.input_guards,
        "guarded_s": guarded_s,
        "opened_s": opened_s,
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("end", choices=["send", "hear", "loop"])
    options.add_argument("kept", type=Path)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--block-frames", type=int)
    given = options.parse_args()
    if given.end == "send":
        result = send(given.seconds, given.kept)
    else:
        result = hear(given.seconds, given.kept, given.block_frames, loop=given.end == "loop")
    print(json.dumps(result))
