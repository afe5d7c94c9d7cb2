"""Datagrams that a receiver must survive: hostile ones by name, fuzzed ones by a seed. Shared by tests and benchmark."""

import random
import struct
from collections.abc import Iterator

from realtime.osc.bounds import DATAGRAM_BYTES, ELEMENTS
from realtime.osc.packet import bundle, encode
from realtime.osc.time_tag import NTP_TO_UNIX_S

_HEAD = b"#bundle\0"
_NOW = (1).to_bytes(8, "big")


def element(data: bytes) -> bytes:
    """A bundle's element: size, then contents."""
    return struct.pack(">i", len(data)) + data


def from_unix(unix_s: float) -> int:
    """The time tag of a time of the wall clock."""
    return int((unix_s + NTP_TO_UNIX_S) * (1 << 32)) % (1 << 64)


def timed(tag: int, *elements: bytes) -> bytes:
    """A bundle with a time tag."""
    return _HEAD + tag.to_bytes(8, "big") + b"".join(map(element, elements))


def nested(depth: int, inner: bytes = b"") -> bytes:
    """A bundle in a bundle in a bundle."""
    for _ in range(depth):
        inner = timed(1, *([inner] if inner else []))
    return inner


GAIN = encode("/deck/1/gain", (-6.0,))

# What hangs or ends python-osc 1.10.2's own server: facts/anchors.md 4.2, a to e.
FIVE = {
    "negative element size": _HEAD + _NOW + struct.pack(">i", -4) + bytes(4),
    "exponential pattern": encode("/********/********/************Q"),
    "an hour ahead": timed(from_unix(1_800_000_000.0 + 3600.0), GAIN),
    "1500 nested bundles": nested(1500),
    "no UTF-8 in the address": b"/\xff\xfe\xfd\0\0\0\0,f\0\0" + bytes(4),
}

# Malformed: each must be refused before anything of it is done. Where it can be, a valid message stands before what is wrong.
MALFORMED = {
    "empty": b"",
    "one byte": b"/",
    "not a multiple of 4": GAIN + b"\0",
    "no address": b"gain\0\0\0\0,f\0\0" + bytes(4),
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "address without end": b"/" + b"a" * 63,
    "address of 4 kB": encode("/" + "a" * 4096, (1.0,)),
    "space in the address": encode("/deck/1/ga in", (1.0,)),
    "control character in the address": encode("/deck/1/\x1b[2J", (1.0,)),
    "padding is not zero": GAIN[:13] + b"x" + GAIN[14:],
    "no comma": encode("/deck/1/gain").replace(b",\0\0\0", b"f\0\0\0") + bytes(4),
    "type tags without end": b"/deck/1/gain\0\0\0\0" + b"," + b"f" * 7,
    "unknown type tag": b"/deck/1/gain\0\0\0\0,Q\0\0" + bytes(4),
    "blob of negative size": b"/deck/1/gain\0\0\0\0,b\0\0" + struct.pack(">i", -8) + bytes(8),
    "blob of 2 GB": b"/deck/1/gain\0\0\0\0,b\0\0" + struct.pack(">i", 2**31 - 1),
    "array without end": b"/deck/1/gain\0\0\0\0,[f\0" + bytes(4),
    "array end without array": b"/deck/1/gain\0\0\0\0,]\0\0",
    "1000 arrays": b"/deck/1/gain\0\0\0\0," + b"[" * 500 + b"]" * 500 + bytes(3),
    "too few bytes": b"/deck/1/gain\0\0\0\0,ff\0" + bytes(4),
    "too many bytes": GAIN + bytes(4),
    "text without end": b"/scene/save\0,s\0\0" + b"a" * 8,
    "text is not UTF-8": b"/scene/save\0,s\0\0" + b"\xc3\x28\0\0",
    "text is a surrogate": b"/scene/save\0,s\0\0" + b"\xed\xa0\x80\0",
    "text with an escape": b"/scene/save\0,s\0\0" + b"\x1b]0\0",
    "text of 5 kB": encode("/scene/save", ("a" * 5000,)),
    "257 arguments": bundle([encode("/deck/1/gain", (1.0,) * 129), encode("/deck/1/gain", (1.0,) * 128)]),
    "8 kB and more": bundle([GAIN] * 400),
    "64 kB": bundle([GAIN] * 2720),
    "64 kB of slashes": b"/" * 65_504,
    "64 kB of braces": b"/" + b"{" * 65_503,
    "bundle without time tag": _HEAD,
    "bundle with half a time tag": _HEAD + bytes(4),
    "element of no size": bundle([GAIN]) + bytes(4),
    "element of odd size": bundle([GAIN]) + struct.pack(">i", 3) + bytes(4),
    "element beyond the end": bundle([GAIN]) + struct.pack(">i", 64) + bytes(4),
    "element of -2^31": bundle([GAIN]) + struct.pack(">i", -(2**31)) + bytes(4),
    "size without element": bundle([GAIN]) + struct.pack(">i", 4),
    "element is rubbish": bundle([GAIN, b"abcd"]),
    "five deep": nested(5, GAIN),
    "too many messages": bundle([GAIN] * (ELEMENTS + 1)),
    "300 elements": bundle([encode("/a")] * 300),
    "truncated": bundle([GAIN, GAIN])[:-8],
}

# Well-formed, and as much work as the bounds let through.
HEAVY = {
    "as many messages as may be": bundle([encode("/deck/1/gain", (float(-n),)) for n in range(ELEMENTS)]),
    "addresses that are none": bundle([encode(f"/no/such/address/{n}", (1.0,)) for n in range(ELEMENTS)]),
    "patterns": bundle([encode(f"/deck/{{1,{n}}}/g*n", (1.0,)) for n in range(ELEMENTS)]),
    "patterns on everything": bundle([encode(f"//*{n}", (1.0,)) for n in range(ELEMENTS)]),
    "stars between letters": encode("/deck/1/param/" + "*a" * 110 + "Q", (1.0,)),
    "choices between letters": encode("/deck/1/param/" + "{a,b,}" * 40, (1.0,)),
    "sets": encode("/deck/1/param/" + "[!-~]*" * 38, (1.0,)),
    "any parts": encode("/" + "/*/" * 80 + "gain", (1.0,)),
    "everything": encode("//*", (0.5,)),
    "8 kB of text": bundle([encode("/scene/save", ("a" * 4000,)), encode("/scene/save", ("b" * 4000,))]),
    "256 arguments": encode("/deck/1/corpora", ("a",) * 256),
    "all with 4 arguments": bundle([encode("/deck/1/gain", (1.0,) * 4)] * ELEMENTS),
    "four deep": nested(4, GAIN),
    "queries": bundle([encode("/q/deck/1/gain")] * ELEMENTS),
    "values and queries in turn": bundle([encode("/deck/1/gain", (-1.0,)), encode("/q/deck/1/gain")] * (ELEMENTS // 2)),
    "values and patterns in turn": bundle([encode("/deck/1/gain", (-2.0,)), encode("/deck/1/g*n", (-3.0,))] * (ELEMENTS // 2)),
    "queries of the stage": bundle([encode("/status")] * ELEMENTS),
    "syncs": bundle([encode("/sync", (1,))] * ELEMENTS),
    "everything, many times": bundle([encode("/q/all")] * ELEMENTS),
    "one pattern, many times": bundle([encode("/{deck,master}/*/gain", (0.0,))] * 16),
    "everything later": timed(from_unix(1_800_000_001.0), encode("//*", (0.5,))),
    "not a number": bundle([encode("/deck/1/gain", (value,)) for value in (float("nan"), float("inf"), -float("inf"))]),
    "wide numbers": b"/deck/1/gain\0\0\0\0,h\0\0" + b"\x7f" + b"\xff" * 7,
}

_SOUND = (
    GAIN,
    encode("/master/gain", (-3.0,)),
    encode("/deck/2/param/density", (0.5,)),
    encode("/deck/1/class/bees", (1,)),
    encode("/deck/*/{gain,pan}", (0.5,)),
    encode("//mute", (1,)),
    encode("/deck/[12]/ga?n", (0.25,)),
    encode("/scene/morph", ("night", 4.0)),
    encode("/deck/1/load", ("tiny", 7)),
    encode("/notify", (1, 3)),
    encode("/sync", (77,)),
    encode("/q/deck/1/gain"),
    encode("/q/all"),
    encode("/status"),
    encode("/panic", (0,)),
    bundle([GAIN, encode("/deck/1/pan", (0.1,)), encode("/sync", (1,))]),
    timed(from_unix(1_800_000_000.5), GAIN, timed(from_unix(1_800_000_001.0), encode("/deck/2/gain", (-9.0,)))),
    nested(3, GAIN),
)
_SEEDS = (
    *_SOUND,
    *FIVE.values(),
    *(packet for packet in MALFORMED.values() if len(packet) <= 512),
    *(packet for packet in HEAVY.values() if len(packet) <= 2048),
)
_LETTERS = b"/*?[]{}!-,#bundle\0ifsdhTFbQ\xff\x80deckgain12"
# How often each kind of change is made; the first ones leave most packets nearly right.
_SHARES = (6, 8, 4, 1, 2, 4, 2, 1, 2)
_NUMBERS = (0, 1, 4, 8, 16, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4, 0x7FC00000, 0x7F800000)


def hostile() -> dict[str, bytes]:
    """Every packet that has a name."""
    return {**FIVE, **MALFORMED, **HEAVY}


def fuzzed(count: int, seed: int) -> Iterator[bytes]:
    """Packets from nearly right to rubbish: known ones with a few bytes turned, put in, cut out or put together, and plain noise."""
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(dice.choice(_SOUND if dice.random() < 0.6 else _SEEDS))
        for _ in range(1 if dice.random() < 0.6 else dice.randrange(2, 5)):
            _turn(dice, data)
        yield bytes(data[: DATAGRAM_BYTES + 64])


def _turn(dice: random.Random, data: bytearray) -> None:
    """Change something, in place."""
    kind = dice.choices(range(9), _SHARES)[0]
    place = dice.randrange(len(data) + 1)
    if kind == 0:
        data[place : place + 1] = bytes([dice.randrange(256)])
    elif kind == 1:
        data[place : place + 1] = bytes([dice.choice(_LETTERS)])
    elif kind == 2:
        # Sizes and numbers stand at multiples of 4.
        data[place & ~3 : (place & ~3) + 4] = struct.pack(">I", dice.choice(_NUMBERS))
    elif kind == 3:
        data[place & ~3 : place & ~3] = dice.randbytes(4 * dice.randrange(1, 9))
    elif kind == 4:
        del data[place & ~3 : (place & ~3) + 4 * dice.randrange(1, 5)]
    elif kind == 5:
        # A piece of another packet, or all of it in a bundle.
        other = dice.choice(_SEEDS)
        data[:] = bundle([bytes(data), other]) if dice.random() < 0.5 else data[: place & ~3] + other
    elif kind == 6:
        piece = bytes(data[place & ~3 : (place & ~3) + 4 * dice.randrange(1, 17)])
        data[place:place] = piece * dice.randrange(1, 9)
    elif kind == 7:
        data[:] = dice.randbytes(dice.randrange(257))
    else:
        data[place:place] = bytes(dice.choices(_LETTERS, k=4 * dice.randrange(1, 17)))
