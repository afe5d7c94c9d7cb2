"""A show that is recorded, in a process of its own that a test may end.

Run as ``python -m tests.integration.record_show PATH RESCUE``: prints how many seconds of the take were heard. A second after the take has
ended by itself, the pre-roll is saved as RESCUE.
"""

import sys
import time
from pathlib import Path

from realtime.commands import Load
from realtime.compiled import use_kernel_cache
from realtime.control.event_log import EventLog
from realtime.engine import Engine, EngineConfig
from realtime.recording.recorder import Recorder

SETTLE_S = 60.0
TELL_S = 0.02
RESCUE_S = 1.0


def main(path: Path, rescue: Path) -> None:
    """Play `tiny` to nobody and record it with its stem, until killed."""
    use_kernel_cache()
    log = EventLog()
    with Engine(EngineConfig(decks=1, device="null", sample_rate_hz=44_100, block_frames=128, seed=11)) as engine:
        recorder = Recorder(engine.block, 1, log, path.parent)
        recorder.start()
        engine.send(Load(0, "tiny"))
        assert engine.settle(SETTLE_S)
        before = engine.snapshot().clock_frames
        recorder.record(str(path), stems=True)
        said = 0
        ended_s = 0.0
        while True:
            snapshot = engine.snapshot()
            heard_s = (snapshot.clock_frames - before) / snapshot.sample_rate_hz
            for line in log.lines(said):
                said = line.number
                print("said", line.text, flush=True)
            print("heard", heard_s, flush=True)
            if not ended_s and not recorder.snapshot().recording:
                ended_s = heard_s
                print("ended", heard_s, flush=True)
            if ended_s and heard_s > ended_s + RESCUE_S and not rescue.exists():
                recorder.preroll(str(rescue))
                print("saved", heard_s, flush=True)
            time.sleep(TELL_S)


if __name__ == "__main__":
    main(*(Path(name) for name in sys.argv[1:]))
