"""A server on a real port over a control core that a test turns by hand: fixtures for whoever takes them by name."""

from collections.abc import Iterator

import pytest

from realtime.control.event_log import EventLog
from realtime.control.traffic import Traffic
from realtime.oscquery.server import OscQueryServer
from tests.realtime.oscquery.hand_core import HandCore, HandReceiver


@pytest.fixture
def core() -> HandCore:
    return HandCore()


@pytest.fixture
def receiver() -> HandReceiver:
    return HandReceiver()


@pytest.fixture
def log() -> EventLog:
    return EventLog()


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
def server(core: HandCore, receiver: HandReceiver, log: EventLog, traffic: Traffic) -> Iterator[OscQueryServer]:
    running = OscQueryServer(core, 9000, "127.0.0.1", 0, log, receiver, traffic, announce=False)
    running.start()
    yield running
    running.close()
    assert [line for line in log.lines() if "ended" in line.text or "were not sent" in line.text] == []
