"""The real aalink is an optional extra that most machines do not have; a stand-in with its surface takes its place here."""

import sys
import threading
import time
from types import SimpleNamespace

import pytest

from realtime.control.link import LinkClock
from realtime.control.transport import Transport, TransportError

RATE_HZ = 48_000
LIMIT_S = 10.0


class Link:
    """What `aalink.Link` has of what is used."""

    last: "Link"

    def __init__(self, bpm):
        self.tempo, self.playing, self.enabled, self.num_peers = bpm, False, False, 0
        self.quantum, self.beat = 1.0, 5.25
        Link.last = self


def transport() -> Transport:
    made = Transport(RATE_HZ, lambda: 0, open_link=lambda t: LinkClock(t, lambda: 0))
    made.set_tempo(100.0)
    return made


def wait(until) -> None:
    end = time.monotonic() + LIMIT_S
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_without_aalink_it_is_refused_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "aalink", None)
    one = transport()
    with pytest.raises(TransportError, match=r"not installed.*starling-live\[link\]"):
        one.set_source("link")
    assert one.source == "internal"


def test_a_link_that_does_not_start_is_refused_by_name(monkeypatch):
    def broken(bpm):
        raise OSError("no interface")

    monkeypatch.setitem(sys.modules, "aalink", SimpleNamespace(Link=broken))
    with pytest.raises(TransportError, match="no interface"):
        transport().set_source("link")


def test_it_follows_tempo_beat_and_run_and_tells_its_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "aalink", SimpleNamespace(Link=Link))
    one = transport()
    one.set_source("link")
    link = Link.last
    assert link.enabled
    assert link.tempo == 100.0  # the first in a session brings its tempo
    wait(lambda: one.beat_at(0) == 5.25)
    assert link.quantum == 4.0
    link.playing, link.tempo = True, 140.0
    wait(lambda: one.running and one.tempo_bpm == 140.0)
    one.set_tempo(90.0)
    one.set_running(False)
    wait(lambda: link.tempo == 90.0 and not link.playing)
    wait(lambda: not one.running and one.tempo_bpm == 90.0)
    one.set_source("internal")
    wait(lambda: not link.enabled)
    assert all(thread.name != "link" for thread in threading.enumerate())
