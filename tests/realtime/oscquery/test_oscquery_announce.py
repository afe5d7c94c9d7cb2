"""Being found by multicast DNS: a real browser on the loopback interface."""

import asyncio
import socket
import threading

import pytest
from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

from realtime.control.event_log import EventLog
from realtime.oscquery import announce
from realtime.oscquery.announce import SERVICES, Announcement, announced_addresses, host_label
from realtime.oscquery.server import OscQueryServer
from tests.realtime.oscquery.hand_core import HandCore

PATIENCE_S = 20.0


class Found:
    """What a browser sees come and go."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.ports: dict[str, int] = {}
        self.addresses: set[str] = set()
        self.came = threading.Event()
        self.went = threading.Event()

    def __call__(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if not name.startswith(self._name):
            return
        if state_change is ServiceStateChange.Removed:
            self.ports.pop(service_type, None)
            if not self.ports:
                self.went.set()
            return
        info = zeroconf.get_service_info(service_type, name, timeout=5000)
        if info is not None and info.port is not None:
            self.ports[service_type] = info.port
            self.addresses.update(info.parsed_addresses())
            if len(self.ports) == len(SERVICES):
                self.came.set()


def test_a_browser_on_this_machine_finds_both_services_and_hears_them_go(log: EventLog) -> None:
    server = OscQueryServer(HandCore(), 9123, "127.0.0.1", 0, log)
    found = Found(server.name)
    browsing = Zeroconf(interfaces=["127.0.0.1"])
    try:
        browser = ServiceBrowser(browsing, list(SERVICES), handlers=[found])
        server.start()
        assert found.came.wait(PATIENCE_S)
        assert found.ports == dict(zip(SERVICES, (server.port, 9123), strict=True))
        assert found.addresses == {"127.0.0.1"}
        server.close()
        assert found.went.wait(PATIENCE_S)
        browser.cancel()
    finally:
        server.close()
        browsing.close()
    assert log.lines() == []


def test_a_network_that_does_not_take_part_is_said_once(log: EventLog) -> None:
    # An address that documentation is written with, and no machine has.
    announcement = Announcement("Starling", "198.51.100.77", (9001, 9000), log)
    assert asyncio.run(announcement.open()) is False
    asyncio.run(announcement.close())
    (line,) = log.lines()
    assert "not announced" in line.text
    assert "9001" in line.text


def test_a_network_that_comes_later_is_announced_on(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    networks: list[list[str]] = [[]]
    monkeypatch.setattr(announce, "WATCH_S", 0.01)
    monkeypatch.setattr(announce, "announced_addresses", lambda host: networks[-1])
    announcement = Announcement("Starling here", "0.0.0.0", (9001, 9000), log)

    async def come_and_go() -> None:
        keeping = asyncio.create_task(announcement.keep())
        while not log.lines():
            await asyncio.sleep(0.01)
        assert not announcement.is_heard
        networks.append(["127.0.0.1"])
        async with asyncio.timeout(PATIENCE_S):
            while not announcement.is_heard:
                await asyncio.sleep(0.01)
        networks.append([])
        async with asyncio.timeout(PATIENCE_S):
            while announcement.is_heard:
                await asyncio.sleep(0.01)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await announcement.close()

    asyncio.run(come_and_go())
    assert len(log.lines()) == 1


def test_only_ipv4_is_announced(log: EventLog) -> None:
    assert asyncio.run(Announcement("Starling", "::1", (9001, 9000), log).open()) is False
    assert "IPv4" in log.lines()[0].text


def test_addresses_of_this_machine_and_of_all_its_interfaces() -> None:
    assert announced_addresses("127.0.0.1") == ["127.0.0.1"]
    assert announced_addresses("localhost") == ["127.0.0.1"]
    everywhere = announced_addresses("0.0.0.0")
    assert everywhere
    assert "0.0.0.0" not in everywhere


@pytest.mark.parametrize(("name", "label"), [("studio.example.org", "studio"), ("Zoë's Mac", "ZosMac"), ("", "host"), ("x" * 80, "x" * 40)])
def test_the_name_of_the_machine_becomes_a_label(name: str, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert host_label() == label
