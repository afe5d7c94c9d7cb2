"""What happened is said once, and not a thousand times."""

import threading

import pytest

from realtime.control import event_log
from realtime.control.event_log import KEPT, REPEAT_S, EventLog


@pytest.fixture(name="clock")
def _clock(monkeypatch):
    """Seconds, turned by hand."""
    now = [1_000.0]
    monkeypatch.setattr(event_log.time, "monotonic", lambda: now[0])
    return now


def test_a_thing_that_repeats_is_said_once_and_later_with_its_number(clock):
    log = EventLog()
    for _ in range(1_000):
        log.say("osc", "no such address")
    (line,) = log.lines()
    assert (line.number, line.channel, line.text, line.count) == (1, "osc", "no such address", 1)
    clock[0] += REPEAT_S
    log.say("osc", "no such address")
    assert [(line.number, line.count) for line in log.lines()] == [(1, 1), (2, 1_000)]
    assert [line.number for line in log.lines(after=1)] == [2]


def test_one_key_is_one_thing_and_channels_are_apart(clock):
    log = EventLog()
    log.say("osc", "packet 1 refused", "refused")
    log.say("osc", "packet 2 refused", "refused")
    log.say("midi", "packet 3 refused", "refused")
    log.say("osc", "another")
    assert [line.text for line in log.lines()] == ["packet 1 refused", "packet 3 refused", "another"]


def test_it_stays_small(clock):
    log = EventLog()
    for number in range(5_000):
        log.say("osc", f"thing {number}")
    lines = log.lines()
    assert len(lines) == KEPT
    assert lines[-1].number == 5_000
    assert len(log._said) <= event_log._KEYS


def test_many_threads_lose_no_count(clock):
    log = EventLog()

    def shout():
        for _ in range(500):
            log.say("osc", "again")

    threads = [threading.Thread(target=shout) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock[0] += REPEAT_S
    log.say("osc", "again")
    assert sum(line.count for line in log.lines()) == 2_001
