"""Which requests may come from a web page, and which page. It reads two headers and knows no socket.

A browser lets any page on the internet open a WebSocket to this machine, or call a name of its own "this machine". Programs that are no
browser send no `Origin`; they are let in.
"""

import ipaddress
from urllib.parse import urlsplit

PRIVATE_SUFFIXES = (".local", ".localhost", ".localdomain", ".lan", ".home.arpa", ".internal")
"""Ends of names that no public name server answers for (RFC 6761, 6762 and 8375; `.internal`, `.lan`, `.localdomain` by custom)."""


def refusal(host: str | None, origin: str | None) -> str:
    """Why a request with these `Host` and `Origin` headers is refused; empty where it is not."""
    if host is not None and not _names_us(_hostname(f"//{host}")):
        return "its Host header names a machine on the internet"
    if origin is None:
        return ""
    if origin == "null":
        return "it comes from a web page that hides where it is from"
    scheme, _, _ = origin.partition(":")
    # A page has http or https; other schemes are programs that happen to be built on a browser.
    if scheme.lower() in ("http", "https") and not _near(_hostname(origin)):
        return "it comes from a web page on the internet"
    return ""


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


def _names_us(name: str) -> bool:
    """Whether nobody on the internet can have made this name point here: an address, a name without a dot, or a private one."""
    return name != "" and (_address(name) is not None or "." not in name or name.endswith(PRIVATE_SUFFIXES))


def _near(name: str) -> bool:
    address = _address(name)
    return _names_us(name) and (address is None or address.is_private or address.is_loopback or address.is_link_local)
