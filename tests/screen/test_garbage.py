"""When the screen clears its memory."""

import subprocess
import sys

from realtime.screen.garbage import BUILT_S, CALM_S, EVERY_S, LONGEST_S, Garbage
from tests.screen.desk import HandClock


class Collector:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.cleared = 0

    def collect(self) -> None:
        self.cleared += 1

    def freeze(self) -> None:
        pass

    def get_threshold(self) -> tuple[int, int, int]:
        return (700, 10, 10)

    def set_threshold(self, *_: int) -> None:
        pass


def held(clock: HandClock) -> tuple[Garbage, Collector]:
    """One that has begun, and has cleared nothing since."""
    collector = Collector()
    garbage = Garbage(clock, collector)
    clock.now += BUILT_S
    garbage.look()
    collector.cleared = 0
    return garbage, collector


def looks(garbage: Garbage, clock: HandClock, seconds: float, key_every_s: float = 0.0) -> None:
    """Twenty looks a second, and a key every so often."""
    keyed_s = clock.now
    for _ in range(round(20 * seconds)):
        clock.now += 0.05
        if key_every_s and clock.now - keyed_s >= key_every_s:
            garbage.key()
            keyed_s = clock.now
        garbage.look()


def test_it_clears_when_it_is_calm() -> None:
    clock = HandClock()
    garbage, collector = held(clock)
    looks(garbage, clock, EVERY_S - 0.5)
    garbage.key()
    looks(garbage, clock, CALM_S - 0.1)
    assert collector.cleared == 0
    looks(garbage, clock, 0.2)
    assert collector.cleared == 1
    looks(garbage, clock, 5.5 * EVERY_S)
    assert collector.cleared == 6


def test_hands_that_never_rest_are_not_waited_for_for_ever() -> None:
    clock = HandClock()
    garbage, collector = held(clock)
    looks(garbage, clock, LONGEST_S - 1.0, key_every_s=0.5)
    assert collector.cleared == 0
    looks(garbage, clock, 2.0, key_every_s=0.5)
    assert collector.cleared == 1


def test_what_is_held_is_not_gone_through_and_what_comes_later_is_cleared() -> None:
    # In a process of its own: it changes the collector for good.
    code = """
import gc, weakref
from realtime.screen.garbage import Garbage
class Node: pass
def cycle():
    one = Node(); one.self = one
    return weakref.ref(one)
kept = [Node() for _ in range(1000)]
now = 0.0
garbage = Garbage(lambda: now)
now = 3.0
garbage.look()
assert gc.get_freeze_count() > 1000
assert not {id(node) for node in kept} & {id(found) for found in gc.get_objects()}
assert gc.get_threshold()[2] > 100_000
young = cycle()
gc.collect(0)
assert young() is None
late = cycle()
now = 14.0
garbage.look()
assert late() is None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
