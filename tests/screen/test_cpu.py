"""Processor time of processes that are really there."""

import os
import subprocess
import sys
import time

from realtime.screen.cpu import EVERY_S, CpuMeter


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_process_that_works_is_seen_to_work() -> None:
    meter, pid = CpuMeter(), os.getpid()
    meter.look([pid], 10.0)
    assert meter.percent(pid) is None
    burn(0.1)
    meter.look([pid], 10.0 + EVERY_S / 2)
    assert meter.percent(pid) is None
    meter.look([pid], 10.0 + EVERY_S)
    share = meter.percent(pid)
    assert share is not None
    assert share > 0.0


def test_a_process_that_went_is_not_known_and_no_error() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    meter = CpuMeter()
    meter.look([child.pid], 1.0)
    meter.look([child.pid], 2.0)
    assert meter.percent(child.pid) is not None
    child.communicate(b"\n")
    meter.look([child.pid], 3.0)
    assert meter.percent(child.pid) is None
    meter.look([child.pid], 4.0)
    assert meter.percent(child.pid) is None


def test_nobody_has_the_number_nothing() -> None:
    meter = CpuMeter()
    meter.look([0, -1, 2**30], 1.0)
    meter.look([0, -1, 2**30], 2.0)
    assert [meter.percent(pid) for pid in (0, -1, 2**30)] == [None, None, None]


def test_one_that_is_looked_at_no_more_is_forgotten() -> None:
    meter, pid = CpuMeter(), os.getpid()
    meter.look([pid], 1.0)
    meter.look([pid], 2.0)
    meter.look([], 3.0)
    assert meter.percent(pid) is None
