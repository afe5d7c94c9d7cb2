"""Things at their time on a clock turned by hand, and in the thread of its own."""

import threading
import time

import pytest

from realtime.control import conductor as module
from realtime.control.conductor import LOOK_S, Conductor
from tests.memory_stage import RATE_HZ, HandClock

LIMIT_S = 10.0


class Hall:
    """A conductor, its clock, and what it did."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.said: list[str] = []
        self.done: list[object] = []
        self.conductor = Conductor(self.clock, RATE_HZ, self.said.append)

    def at(self, frame: int, name: object, **options: bool) -> bool:
        return self.conductor.at(frame, lambda: self.done.append(name), **options)

    def turn(self, frame: int) -> int | None:
        self.clock.frame = frame
        return self.conductor.turn()


class Pulse:
    """A ticker that wants to be called every `every` frames, or raises."""

    def __init__(self, every: int | None, fault: Exception | None = None) -> None:
        self.every, self.fault = every, fault
        self.frames: list[int] = []

    def tick(self, frame: int) -> int | None:
        self.frames.append(frame)
        if self.fault is not None:
            raise self.fault
        return None if self.every is None else frame + self.every


@pytest.fixture(name="hall")
def _hall():
    return Hall()


def test_jobs_are_done_at_their_frame_and_those_of_one_frame_in_order(hall):
    hall.at(200, "late")
    for name in "abc":
        hall.at(100, name)
    hall.at(-5, "past")
    assert hall.turn(0) == 100
    assert hall.done == ["past"]
    assert hall.turn(150) == 200
    assert hall.done == ["past", "a", "b", "c"]
    assert hall.turn(10_000) is None
    assert hall.done[-1] == "late"
    assert hall.conductor.waiting == 0


def test_a_job_may_ask_for_another_at_once(hall):
    hall.conductor.at(10, lambda: hall.at(5, "inner"))
    hall.turn(10)
    assert hall.done == ["inner"]


def test_a_job_that_goes_wrong_stops_no_other(hall):
    hall.conductor.at(10, lambda: 1 // 0)
    hall.at(10, "next")
    hall.turn(10)
    assert hall.done == ["next"]
    assert hall.said == ["something scheduled went wrong: ZeroDivisionError: integer division or modulo by zero"]


def test_a_ticker_that_raises_is_said_and_tried_again_a_second_later_and_stops_no_other(hall):
    broken, well = Pulse(64, ValueError("off")), Pulse(64)
    hall.conductor.add(broken)
    hall.conductor.add(well)
    for frame in range(0, RATE_HZ + 65, 64):
        hall.turn(frame)
    assert broken.frames == [0, pytest.approx(RATE_HZ, abs=64)]
    assert len(well.frames) > 600
    assert set(hall.said) == {"Pulse stumbled: ValueError: off"}


def test_a_ticker_sleeps_until_it_is_woken(hall):
    asleep = Pulse(None)
    hall.conductor.add(asleep)
    assert hall.turn(0) is None
    hall.turn(100_000)
    assert asleep.frames == [0]
    hall.conductor.wake()
    hall.turn(100_001)
    assert asleep.frames == [0, 100_001]


def test_too_many_are_refused_but_what_is_begun_can_be_ended(hall, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    assert [hall.at(100, number) for number in range(5)] == [True, True, True, False, False]
    assert hall.at(50, "sure", sure=True)
    hall.conductor.clear()
    assert hall.conductor.waiting == 1
    hall.turn(100)
    assert hall.done == ["sure"]


def test_its_thread_does_what_is_due_without_being_asked(hall):
    done = threading.Event()
    pulse = Pulse(None)
    hall.conductor.add(pulse)
    hall.conductor.start()
    hall.conductor.at(0, done.set)
    assert done.wait(LIMIT_S)
    later = threading.Event()
    hall.conductor.at(500, later.set)
    time.sleep(2 * LOOK_S)
    assert not later.is_set()
    hall.clock.frame = 500
    assert later.wait(LIMIT_S)
    hall.conductor.wake()
    end = time.monotonic() + LIMIT_S
    while len(pulse.frames) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(pulse.frames) >= 2
    hall.conductor.close(LIMIT_S)
    hall.at(0, "after the end")
    assert hall.done == []


def test_a_ticker_is_never_called_by_two_threads_at_a_time(hall):
    class Slow:
        def __init__(self) -> None:
            self.threads: set[int] = set()
            self.calls = 0

        def tick(self, frame: int) -> int | None:
            self.threads.add(threading.get_ident())
            self.calls += 1
            return frame

    slow = Slow()
    hall.conductor.add(slow)
    hall.conductor.start()
    for _ in range(50):
        hall.conductor.wake()
    end = time.monotonic() + LIMIT_S
    while slow.calls < 3 and time.monotonic() < end:
        time.sleep(0.001)
    hall.conductor.close(LIMIT_S)
    assert len(slow.threads) == 1
