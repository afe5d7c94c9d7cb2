"""One thing after another, in a thread of its own."""

import threading

from realtime.control import clerk as module
from realtime.control.clerk import Clerk

LIMIT_S = 10.0


def test_jobs_are_done_in_order_and_one_that_goes_wrong_stops_nothing():
    said, done, end = [], [], threading.Event()
    clerk = Clerk("clerk of tests", said.append)
    clerk.start()
    for number in range(100):
        clerk.do(lambda number=number: done.append(number))
    clerk.do(lambda: done.append(1 // 0))
    clerk.do(end.set)
    assert end.wait(LIMIT_S)
    assert done == list(range(100))
    assert said == ["clerk of tests stumbled: ZeroDivisionError: integer division or modulo by zero"]
    clerk.close(LIMIT_S)


def test_idle_only_when_nothing_waits_and_nothing_is_done():
    clerk = Clerk("clerk", print)
    begun, go = threading.Event(), threading.Event()
    inside: list[bool] = []
    clerk.start()
    clerk.do(lambda: (begun.set(), inside.append(clerk.inside), go.wait(LIMIT_S)))
    assert begun.wait(LIMIT_S)
    assert not clerk.idle
    assert inside == [True]
    assert not clerk.inside
    go.set()
    clerk.close(LIMIT_S)
    assert clerk.idle


def test_close_finishes_what_waits_and_takes_nothing_more():
    clerk, done = Clerk("clerk", print), []
    for number in range(50):
        clerk.do(lambda number=number: done.append(number))
    clerk.start()
    clerk.close(LIMIT_S)
    assert done == list(range(50))
    assert not clerk.do(lambda: done.append(-1))


def test_too_many_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    clerk, done = Clerk("clerk", print), []
    assert [clerk.do(lambda: done.append(1)) for _ in range(5)] == [True, True, True, False, False]
    clerk.drain()
    assert done == [1, 1, 1]
    assert clerk.do(lambda: done.append(2))


def test_what_a_job_asks_for_is_drained_as_well():
    clerk, done = Clerk("clerk", print), []
    clerk.do(lambda: clerk.do(lambda: done.append("inner")))
    clerk.drain()
    assert done == ["inner"]
