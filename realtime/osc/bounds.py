"""Whether a datagram is a well-formed packet of a size we work on. It reads bytes, decodes no value and knows no address.

Everything that a decoder could stumble over is refused here, in time that the constants below bound: lengths, nesting, type tags, ends of
strings, UTF-8.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

DATAGRAM_BYTES = 8192
"""The longest packet. A path of 4096 characters fits; all of it as text takes python-osc 0.3 ms."""
ELEMENTS = 32
"""Messages in one packet, all bundles together: what a performer turns at once, in well under a millisecond with the core behind it."""
DEPTH = 4
"""Bundles in bundles, the outer one counted."""
ARGUMENTS = 256
"""Arguments in one packet, all messages together."""
ADDRESS_BYTES = 255
TEXT_BYTES = 4096
IMMEDIATELY = 1
"""The time tag that means now."""

_BUNDLE = b"#bundle\0"
_HEAD_BYTES = 16
_SLASH, _COMMA, _TEXT = b"/,s"
_SIZES = {ord(tag): size for tag, size in {"i": 4, "f": 4, "h": 8, "d": 8, "T": 0, "F": 0, "N": 0}.items()}
TAGS = "ifsdhTFN"
"""Type tags that an address of ours can take; the wider numbers and the truths are taken as numbers."""
_KNOWN = TAGS.encode()
_PRINTABLE = bytes(range(0x21, 0x7F))
# A control character in a name would be carried out by the terminal it is shown on.
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]")


class Element(NamedTuple):
    """A message's place in the datagram, bytes from `start` to before `stop`, and the time tag it is meant for."""

    start: int
    stop: int
    tag: int


def check(datagram: bytes) -> tuple[Element, ...] | str:
    """The messages of a well-formed packet in order, or the reason why it is none.

    Parameters
    ----------
    datagram : bytes
        Anything at all.

    Returns
    -------
    tuple of Element, or str
        Each message's place; a bundle in a bundle is never earlier than the one around it. A text is a reason: what, got, allowed.

    Raises
    ------
    Nothing.

    Thread
    ------
    Any. Pure.

    Source
    ------
    Open Sound Control 1.0 specification, Wright 2002: alignment, strings, bundles, type tags.
    """
    size = len(datagram)
    if size > DATAGRAM_BYTES:
        return f"size: got {size} bytes; allowed: at most {DATAGRAM_BYTES}"
    if size == 0 or size % 4:
        return f"size: got {size} bytes; allowed: a multiple of 4"
    found = _Found([], 0)
    return _check_element(datagram, 0, size, IMMEDIATELY, 1, found) or tuple(found.elements)


@dataclass(slots=True)
class _Found:
    """What was found so far: messages, and how many arguments they have together."""

    elements: list[Element]
    arguments: int


def _check_element(datagram: bytes, start: int, stop: int, tag: int, depth: int, found: _Found) -> str:
    """Check what stands between two places, message or bundle; `depth` counts the bundle that it would be."""
    if datagram[start] == _SLASH:
        if len(found.elements) >= ELEMENTS:
            return f"messages: got more than {ELEMENTS}; allowed: at most {ELEMENTS}"
        found.elements.append(Element(start, stop, tag))
        return _check_message(datagram, start, stop, found)
    if not datagram.startswith(_BUNDLE, start, stop):
        return f"start: got {datagram[start : start + 8]!r}; allowed: / or #bundle"
    if depth > DEPTH:
        return f"bundles in bundles: got more than {DEPTH}; allowed: at most {DEPTH}"
    position = start + _HEAD_BYTES
    if position > stop:
        return "bundle: it ends before its time tag does"
    own = max(tag, int.from_bytes(datagram[start + 8 : position], "big"))
    while position < stop:
        size = int.from_bytes(datagram[position : position + 4], "big", signed=True)
        position += 4
        # A multiple of 4 from a multiple of 4: at least the size's own four bytes were there.
        if size <= 0 or size % 4 or position + size > stop:
            return f"size of an element: got {size} bytes; allowed: a multiple of 4 up to the {stop - position} that are left"
        why = _check_element(datagram, position, position + size, own, depth + 1, found)
        if why:
            return why
        position += size
    return ""


def _check_message(datagram: bytes, start: int, stop: int, found: _Found) -> str:
    end = datagram.find(0, start, min(stop, start + ADDRESS_BYTES + 1))
    if end < 0:
        return f"address: it does not end; allowed: at most {ADDRESS_BYTES} characters and a zero"
    if datagram[start:end].translate(None, _PRINTABLE):
        return f"address: got {datagram[start : min(end, start + 32)]!r}; allowed: printable ASCII without spaces"
    position = (end + 4) & ~3
    if any(datagram[end:position]):
        return "address: what fills it up to a multiple of 4 is not zero"
    if position == stop:
        return ""  # Old senders leave the type tags out where there are no arguments.
    if datagram[position] != _COMMA:
        return f"type tags: got {datagram[position : position + 4]!r}; allowed: a comma, then of {TAGS}"
    end = datagram.find(0, position, min(stop, position + ARGUMENTS + 2))
    if end < 0:
        return f"type tags: they do not end; allowed: at most {ARGUMENTS} and a zero"
    tags = datagram[position + 1 : end]
    found.arguments += len(tags)
    if found.arguments > ARGUMENTS:
        return f"arguments: got more than {ARGUMENTS}; allowed: at most {ARGUMENTS} in a packet"
    unknown = tags.translate(None, _KNOWN)
    if unknown:
        return f"type tags: got {unknown[:1]!r}; allowed: of {TAGS}"
    position = (end + 4) & ~3
    if any(datagram[end:position]):
        return "type tags: what fills them up to a multiple of 4 is not zero"
    for tag in tags:
        if tag != _TEXT:
            position += _SIZES[tag]
            continue
        end = datagram.find(0, position, min(stop, position + TEXT_BYTES + 1)) if position < stop else -1
        if end < 0:
            return f"text: it does not end; allowed: at most {TEXT_BYTES} bytes and a zero"
        why = _check_text(datagram[position:end])
        if why:
            return why
        position = (end + 4) & ~3
        if any(datagram[end:position]):
            return "text: what fills it up to a multiple of 4 is not zero"
    if position != stop:
        return f"arguments: got {stop - start} bytes of message; allowed: the {position - start} that its type tags say"
    return ""


def _check_text(text: bytes) -> str:
    if _CONTROL.search(text):
        return "text: got a control character; allowed: none"
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return f"text: got {text[:32]!r}; allowed: UTF-8"
    return ""
