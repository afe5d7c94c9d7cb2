"""Two ends of a cable on a JACK server: `play` sends a sound file, `follow` is an engine that follows it and keeps all.

Run as ``python -m tests.integration.jack_follow``; the last line is one JSON object. JACK is told by the environment.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import soundfile

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
from tests.integration.jack_input import connect  # noqa: E402


def play(sound: Path) -> dict[str, object]:
    """Send a file through a deck's ring of a private block: a player that is not Starling's engine."""
    output = PortAudioOutput(find_device(None), None, None)
    block = SharedBlock.private(output.sample_rate_hz)
    block.open_ring(0, 0)
    block.words[at.deck_words(0) + at.D_ACTIVE] = 0
    audio, _ = soundfile.read(sound, dtype="float32")
    stereo = np.ascontiguousarray(np.stack([audio, audio], axis=1))
    output.start(block)
    place = 0
    while place < len(stereo):
        piece = np.ascontiguousarray(stereo[place : place + 8_192])
        place += int(write(block.words, block.floats, at.ring_words(0, 0), at.ring_floats(0, 0) + at.RF_DATA, piece, len(piece)))
        time.sleep(0.02)
    time.sleep(3.0)
    output.stop()
    return {"xruns": int(block.words[at.W_DEVICE_XRUNS])}


def follow(patch: str, seconds: float, kept: Path, lead_frames: int) -> dict[str, object]:
    """An engine that follows its input. What came in and what went out is kept, both from the same block on."""
    with Engine(EngineConfig(decks=1, seed=3, input="default", lead_frames=lead_frames)) as engine:
        engine.send(do.Load(0, patch, controls=(("follow", 1.0), ("temperature", 0.0))))
        assert engine.settle(60.0)
        print("ready", flush=True)
        for side in (0, 1):
            connect("jack_connect", f"PortAudio-01:out_{side}", f"PortAudio:in_{side}")
        before = engine.snapshot()
        reader = InputReader(engine.block, (at.F_INPUT_RAW, at.F_INPUT_OUTPUT))
        kept_frames = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            kept_frames.append(reader.read_channels().copy())
            time.sleep(0.02)
        after = engine.snapshot()
    np.save(kept, np.concatenate(kept_frames, axis=1))
    return {
        "underruns": after.underruns - before.underruns,
        "guards": after.input_guards,
        "skipped_frames": reader.skipped_frames,
        "lead_frames": after.decks[0].lead_frames,
        "late_steps": after.decks[0].late_steps - before.decks[0].late_steps,
    }


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("end", choices=["play", "follow"])
    options.add_argument("what")
    options.add_argument("kept", type=Path, nargs="?")
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--lead-frames", type=int, default=1_024)
    given = options.parse_args()
    done = play(Path(given.what)) if given.end == "play" else follow(given.what, given.seconds, given.kept, given.lead_frames)
    print(json.dumps(done))
