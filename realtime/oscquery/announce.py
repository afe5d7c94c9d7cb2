"""Says on the network, by multicast DNS, that the instrument is here: `_oscjson._tcp`, `_osc._udp`. It knows addresses and ports, not OSC.

Where the server listens on this machine only, the announcement stays on the loopback interface: nothing leaves the machine, and nobody
elsewhere is told an address that means another machine to them.

Source: RFC 6763 (service discovery); service names by the OSCQuery proposal and its users' practice (`_osc._udp` beside `_oscjson._tcp`).
"""

import asyncio
import ipaddress
import logging
import socket
from typing import TYPE_CHECKING

from realtime.control.event_log import EventLog

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

SERVICES = ("_oscjson._tcp.local.", "_osc._udp.local.")
NAME_CHARACTERS = 40
"""A service name has at most 63 bytes; a number may be added to it."""
WATCH_S = 10.0
"""How often the machine's addresses are looked at: a laptop finds its network after the instrument has started, or changes it."""
LIMIT_S = 5.0
"""For the network to answer when the announcement is made or taken back."""


def host_label() -> str:
    """The name of this machine, fit to be a label of a DNS name."""
    first = socket.gethostname().partition(".")[0]
    return (
        "".join(character for character in first if character.isascii() and (character.isalnum() or character == "-"))[:NAME_CHARACTERS]
        or "host"
    )


def announced_addresses(host: str) -> list[str]:
    """IPv4 addresses at which a server bound to `host` is reached: for 0.0.0.0 those of every interface but loopback, if there is any."""
    import ifaddr

    try:
        bound = ipaddress.ip_address(host)
    except ValueError:
        bound = ipaddress.ip_address(socket.gethostbyname(host))
    if bound.version != 4:
        return []
    if not bound.is_unspecified:
        return [str(bound)]
    found = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [address for address in found if not ipaddress.ip_address(address).is_loopback] or ["127.0.0.1"]


class Announcement:
    """What is said of one server.

    Parameters
    ----------
    name : str
        Under which it is found.
    host : str
        The server's.
    ports : (int, int)
        Of OSCQuery (TCP) and of OSC (UDP); 0: there is none, and it is not announced.
    log : EventLog
        Is told, once, when the network does not take part.

    Thread
    ------
    One: that of the loop it is opened in. zeroconf answers others in that loop.
    """

    def __init__(self, name: str, host: str, ports: tuple[int, int], log: EventLog) -> None:
        self._name = name
        self._host = host
        self._ports = ports
        self._log = log
        self._zeroconf: AsyncZeroconf | None = None
        self._closing: asyncio.Task[None] | None = None
        self.is_heard = False
        """Whether the announcement stands."""

    async def keep(self) -> None:
        """Announce, and announce anew whenever the machine's addresses change. Runs until it is cancelled; then `close`."""
        while True:
            addresses = self._addresses()
            await self.open()
            while self._addresses() == addresses:
                await asyncio.sleep(WATCH_S)
            await self.close()

    async def open(self) -> bool:
        """Announce. False, and said in the log, where that cannot be done."""
        try:
            async with asyncio.timeout(LIMIT_S):
                self.is_heard = await self._register()
                return self.is_heard
        except ImportError as error:
            why = f"{error.name or 'zeroconf'} is not installed"
        except TimeoutError:
            why = "the network does not answer"
        except OSError as error:
            why = error.strerror or str(error)
        except Exception as error:  # noqa: BLE001 - discovery is a convenience: whatever the library meets on a strange network, OSC goes on
            why = f"{type(error).__name__}: {error}"
        self._log.say(
            "oscquery", f"not announced on the network: {why}; other programs need {self._host} and port {self._ports[0]}", "mdns"
        )
        await self.close()
        return False

    async def _register(self) -> bool:
        from zeroconf import IPVersion
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

        logging.getLogger("zeroconf").setLevel(logging.CRITICAL)
        addresses = announced_addresses(self._host)
        if not addresses:
            self._log.say("oscquery", "not announced on the network: only IPv4 addresses are", "mdns")
            return False
        for address in addresses:
            # zeroconf would fail too, and leave sockets open.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
                trial.bind((address, 0))
        zeroconf = self._zeroconf = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
        infos = [
            AsyncServiceInfo(
                service,
                f"{self._name}.{service}",
                port=port,
                properties={"txtvers": "1"},
                server=f"starling-{host_label()}.local.",
                parsed_addresses=addresses,
            )
            for service, port in zip(SERVICES, self._ports, strict=True)
            if port
        ]
        announced = await asyncio.gather(*(zeroconf.async_register_service(info, allow_name_change=True) for info in infos))
        await asyncio.gather(*announced)
        return True

    def _addresses(self) -> list[str]:
        try:
            return announced_addresses(self._host)
        except (ImportError, OSError):
            return []

    async def close(self) -> None:
        """Take it back; others hear at once that it is gone."""
        if self._zeroconf is not None:
            self._closing = asyncio.create_task(self._take_back(self._zeroconf))
            self._zeroconf = None
            self.is_heard = False
        if self._closing is not None:
            # Whoever waits for it may be cancelled; half closed it would stay.
            await asyncio.shield(self._closing)

    async def _take_back(self, zeroconf: "AsyncZeroconf") -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                await zeroconf.async_unregister_all_services()
                await zeroconf.async_close()
        except (OSError, TimeoutError) as error:
            self._log.say("oscquery", f"the announcement could not be taken back: {error}", "mdns")
