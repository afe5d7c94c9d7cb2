"""A flood by a hand-turned clock: the last value of each address always comes through, in order, and memory stays bounded."""

from collections.abc import Hashable

import pytest

from realtime.osc.flood import Bucket, FloodGate, FloodLimits, show_peer
from realtime.osc.packet import bundle, encode

LIMITS = FloodLimits(
    peer_rate_hz=10.0, peer_burst=5.0, total_rate_hz=15.0, total_burst=8.0, waiting=4, peers=3, mistake_rate_hz=1.0, mistake_burst=2.0
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Gate:
    """A gate and what came through it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gate = FloodGate(LIMITS, self.clock)
        self.taken: list[tuple[Hashable, bytes]] = []

    def give(self, key: Hashable, *datagrams: bytes) -> list[bool]:
        begins = []
        for datagram in datagrams:
            _, ready, begun = self.gate.admit(key, bytes, datagram)
            begins.append(begun)
            if ready is not None:
                self.taken.append((key, ready))
        return begins

    def settle(self, seconds: float) -> None:
        self.clock.now_s += seconds
        while (found := self.gate.next_waiting()) is not None:
            self.taken.append((found[0], found[2]))


def _value(number: int, path: str = "/deck/1/gain") -> bytes:
    return encode(path, (number,))


def test_what_is_in_bounds_goes_through_at_once() -> None:
    gate = Gate()
    packets = [_value(number) for number in range(5)]
    assert gate.give("a", *packets) == [False] * 5
    assert [data for _, data in gate.taken] == packets
    assert not gate.gate.is_flooded


def test_the_last_value_waits_and_is_taken_when_it_ebbs() -> None:
    gate = Gate()
    begins = gate.give("a", *(_value(number) for number in range(1000)))
    assert begins == [False] * 5 + [True] + [False] * 994
    assert gate.gate.dropped == 994
    gate.settle(0.2)
    assert gate.taken[5:] == [("a", _value(999))]
    assert not gate.gate.is_flooded


def test_the_latest_of_each_address_in_the_order_they_came() -> None:
    gate = Gate()
    gate.give("a", *(_value(0) for _ in range(5)))
    gate.give("a", _value(1, "/x"), _value(2, "/y"), _value(3, "/x"), bundle([_value(4, "/z")]))
    gate.settle(1.0)
    assert [data for _, data in gate.taken[5:]] == [_value(2, "/y"), _value(3, "/x"), bundle([_value(4, "/z")])]


def test_nothing_overtakes_what_waits() -> None:
    gate = Gate()
    gate.give("a", *(_value(number) for number in range(6)))
    gate.clock.now_s += 0.1
    # A token is there, and what waits is first.
    gate.give("a", _value(7, "/other"))
    assert gate.taken[-1] == ("a", _value(5))
    gate.settle(0.1)
    assert gate.taken[-1] == ("a", _value(7, "/other"))


def test_a_flood_of_one_leaves_room_for_another() -> None:
    gate = Gate()
    gate.give("a", *(_value(number) for number in range(1000)))
    gate.give("b", _value(1))
    assert gate.taken[-1] == ("b", _value(1))


def test_all_together_are_bounded_too() -> None:
    gate = Gate()
    for key in "abc":
        gate.give(key, *(_value(number) for number in range(5)))
    assert len(gate.taken) == 8
    gate.settle(10.0)
    assert len(gate.taken) <= 8 + 2
    # Everybody's last value came through.
    assert {key: data for key, data in gate.taken} == dict.fromkeys("abc", _value(4))


def test_memory_is_bounded() -> None:
    gate = Gate()
    gate.give("a", *(_value(number, f"/address/{number}") for number in range(100)))
    assert len(gate.gate.peer("a", bytes).waiting) == LIMITS.waiting
    for number in range(100):
        gate.give(("127.0.0.1", number), _value(1))
    gate.settle(1000.0)
    assert gate.gate.dropped >= 91


def test_a_long_packet_leaves_a_debt_that_time_pays() -> None:
    gate = Gate()
    gate.give("a", _value(1))
    gate.gate.charge(gate.gate.peer("a", bytes), 9.0)
    gate.give("a", _value(2))
    assert len(gate.taken) == 1
    gate.settle(0.5)
    assert len(gate.taken) == 1
    gate.settle(0.2)
    assert len(gate.taken) == 2


def test_a_debt_is_bounded() -> None:
    bucket = Bucket(10.0, 5.0, 0.0)
    bucket.take(1e9)
    assert not bucket.has_any(0.5)
    assert bucket.has_any(0.7)


def test_mistakes_are_told_up_to_a_rate() -> None:
    gate = Gate()
    peer = gate.gate.peer("a", bytes)
    assert [gate.gate.may_complain(peer) for _ in range(4)] == [True, True, False, False]
    gate.clock.now_s = 1.0
    assert gate.gate.may_complain(peer)


def test_a_peer_that_is_gone_leaves_nothing() -> None:
    gate = Gate()
    gate.give("a", *(_value(number) for number in range(10)))
    gate.gate.forget("a")
    gate.gate.forget("a")
    assert not gate.gate.is_flooded
    assert gate.gate.next_waiting() is None


@pytest.mark.parametrize("datagram", [b"", b"\0", b"#bundle", b"#bundle\0", b"x" * 9000, bytes(64)])
def test_rubbish_waits_like_anything(datagram: bytes) -> None:
    gate = Gate()
    gate.give("a", *[_value(1)] * 5, datagram, datagram)
    gate.settle(1.0)
    assert gate.taken[-1] == ("a", datagram)


def test_peers_in_words() -> None:
    assert show_peer(("127.0.0.1", 57120)) == "127.0.0.1:57120"
    assert show_peer(("::1", 9000, 0, 0)) == "[::1]:9000"
    assert show_peer("socket 3") == "socket 3"
