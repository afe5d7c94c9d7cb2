"""A flood by a hand-turned clock: the last value of each address and every other packet that had room come through, in order."""

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.osc.flood import Bucket, FloodGate, FloodLimits, Ready, show_peer
from realtime.osc.packet import encode
from realtime.osc.waiting import FOLLOWED, Waiting

LIMITS = FloodLimits(
    peer_rate_hz=10.0,
    peer_burst=5.0,
    total_rate_hz=15.0,
    total_burst=8.0,
    values=4,
    queue=3,
    queue_bytes=100,
    peers=3,
    mistake_rate_hz=1.0,
    mistake_burst=2.0,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _value_path(datagram: bytes) -> str | None:
    """Values are those whose address has one letter."""
    return datagram[:2].decode() if datagram[:1] == b"/" and datagram[2:3] == b"\0" else None


class Gate:
    """A gate and what came through it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gate = FloodGate(LIMITS, _value_path, self.clock)
        self.refused: list[bytes] = []
        self.taken: list[tuple[Hashable, bytes]] = []

    def give(self, key: Hashable, *datagrams: bytes) -> list[bool]:
        begins = []
        for datagram in datagrams:
            admitted = self.gate.admit(key, bytes, datagram)
            begins.append(admitted.begins)
            if admitted.is_refused:
                self.refused.append(datagram)
            self._work(admitted.ready)
        return begins

    def settle(self, seconds: float) -> None:
        self.clock.now_s += seconds
        while (found := self.gate.next_waiting()) is not None:
            self._work(found)

    def _work(self, ready: Ready | None) -> None:
        if ready is not None:
            self.taken.append((ready.key, ready.datagram))
            self.gate.done(ready.peer)


def _value(number: int, path: str = "/a") -> bytes:
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
    gate.give("a", _value(1, "/x"), _value(2, "/y"), _value(3, "/x"), _value(4, "/z"))
    gate.settle(1.0)
    assert [data for _, data in gate.taken[5:]] == [_value(2, "/y"), _value(3, "/x"), _value(4, "/z")]


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


def test_what_is_no_value_is_kept_one_by_one_until_there_is_no_room() -> None:
    gate = Gate()
    gate.give("a", *[_value(0)] * 5)
    packets = [encode("/save", (name,)) for name in ("one", "two", "three", "four")]
    gate.give("a", *packets, _value(7))
    assert gate.refused == packets[3:]
    assert gate.gate.thrown_away == 1
    assert gate.gate.dropped == 0
    gate.settle(1.0)
    assert [data for _, data in gate.taken[5:]] == [*packets[:3], _value(7)]
    # There is room again.
    gate.give("a", *[_value(0)] * 10, packets[3])
    assert gate.refused == packets[3:]


def test_the_bytes_of_what_waits_are_bounded() -> None:
    gate = Gate()
    gate.give("a", *[_value(0)] * 5, bytes(60), bytes(60), bytes(40))
    assert gate.refused == [bytes(60)]
    gate.settle(1.0)
    gate.give("a", *[_value(0)] * 8, bytes(100))
    assert gate.refused == [bytes(60)]


def test_a_value_stays_on_its_side_of_what_is_none() -> None:
    gate = Gate()
    gate.give("a", *[_value(0)] * 5)
    save = encode("/save")
    gate.give("a", _value(1), _value(2), save, _value(3), _value(4), save)
    gate.settle(1.0)
    assert [data for _, data in gate.taken[5:]] == [_value(2), save, _value(4), save]
    assert gate.gate.dropped == 2


def test_values_wait_up_to_so_many_addresses() -> None:
    gate = Gate()
    gate.give("a", *[_value(0)] * 5, *(_value(1, f"/{letter}") for letter in "abcde"), _value(2, "/b"))
    assert gate.refused == [_value(1, "/e")]
    gate.settle(1.0)
    assert [data for _, data in gate.taken[5:]] == [_value(1, "/a"), _value(1, "/c"), _value(1, "/d"), _value(2, "/b")]


def test_values_behind_commands_are_bounded_and_the_oldest_goes_first() -> None:
    waiting = Waiting(4, 10_000, 1 << 30)
    replaced = []
    for number in range(FOLLOWED + 3):
        replaced.append(waiting.put_value("/a", _value(number)))
        assert waiting.put(b"save")
    assert replaced == [False] * (FOLLOWED + 1) + [True] * 2
    left = [waiting.pop() for _ in range(len(waiting))]
    assert [data for data in left if data != b"save"] == [_value(number) for number in range(2, FOLLOWED + 3)]
    assert waiting.put_value("/a", _value(0)) is False


@given(st.lists(st.sampled_from("abcdef+-"), max_size=200))
def test_what_waits_is_bounded_and_the_latest_of_each_is_there(actions: list[str]) -> None:
    waiting = Waiting(4, 3, 100)
    latest: dict[str, bytes] = {}
    others: list[bytes] = []
    for number, action in enumerate(actions):
        datagram = _value(number, f"/{action}")
        if action == "-":
            if len(waiting):
                taken = waiting.pop()
                latest = {path: data for path, data in latest.items() if data != taken}
                others = [data for data in others if data != taken]
        elif action == "+":
            if waiting.put(datagram):
                others.append(datagram)
        elif waiting.put_value(action, datagram) is not None:
            latest[action] = datagram
        assert len(latest) <= 4
        assert len(others) <= 3
    left = [waiting.pop() for _ in range(len(waiting))]
    assert set(latest.values()) <= set(left)
    assert [data for data in left if data in others] == others
    # In the order they came.
    assert left == sorted(left, key=lambda data: int.from_bytes(data[-4:], "big"))


def test_a_new_peer_takes_the_place_of_one_of_which_nothing_waits() -> None:
    gate = Gate()
    gate.give("a", *[_value(0)] * 8, _value(1))
    gate.give("b", _value(2, "/b"))
    gate.give("c", _value(3))
    # Of all three something waits but of one that is gone quiet.
    gate.settle(0.1)
    gate.gate.forget("c")
    for number in range(100):
        gate.give(("127.0.0.1", number), _value(number, "/c"))
    gate.settle(1000.0)
    assert ("a", _value(1)) in gate.taken
    assert ("b", _value(2, "/b")) in gate.taken


def test_where_something_waits_of_all_a_new_peer_is_refused_and_told() -> None:
    gate = Gate()
    gate.give("a", *[_value(0)] * 5)
    gate.give("b", *[_value(0)] * 5)
    for key in "abc":
        gate.give(key, _value(1, "/b"))
    gate.give("d", _value(4))
    assert gate.refused == [_value(4)]
    assert gate.gate.thrown_away == 1
    # Who comes from ever new ports is told of so many mistakes and no more.
    assert [gate.gate.may_complain(gate.gate.peer(number, bytes)) for number in range(4)] == [True, True, False, False]
    gate.settle(1.0)
    assert {key for key, data in gate.taken if data == _value(1, "/b")} == {"a", "b", "c"}
    gate.give("d", _value(5))
    assert gate.taken[-1] == ("d", _value(5))


def test_everybody_of_whom_something_waits_has_a_turn() -> None:
    gate = Gate()
    for key in "abc":
        gate.give(key, *(encode("/save", (number,)) for number in range(5)))
    done = len(gate.taken)
    gate.clock.now_s += 0.1
    # Only one goes on sending, and what comes through is everybody's.
    for _ in range(6):
        gate.clock.now_s += 0.0667
        gate.give("c", encode("/save", (9,)))
    assert {key for key, _ in gate.taken[done:]} >= {"b", "c"}
    gate.settle(10.0)
    gate.settle(10.0)
    assert not gate.gate.is_flooded


def test_where_more_has_come_values_wait_and_all_else_goes_its_way_in_order() -> None:
    gate = Gate()
    save = encode("/save")
    for datagram in (_value(1), _value(2), _value(3, "/b")):
        assert gate.gate.admit("a", bytes, datagram, has_more=True).ready is None
    admitted = gate.gate.admit("a", bytes, save, has_more=True)
    assert admitted.ready is not None
    assert (admitted.ready.datagram, admitted.begins, admitted.is_refused) == (_value(2), False, False)
    gate.gate.done(admitted.peer)
    gate.settle(1.0)
    assert [data for _, data in gate.taken] == [_value(3, "/b"), save]
    assert gate.gate.dropped == 1


def test_of_a_peer_one_packet_is_worked_on_at_a_time() -> None:
    gate = Gate().gate
    first = gate.admit("a", bytes, _value(1))
    assert first.ready is not None
    second = gate.admit("a", bytes, _value(2))
    assert (second.ready, second.begins, second.is_refused) == (None, False, False)
    other = gate.admit("b", bytes, _value(3))
    assert other.ready is not None
    assert gate.next_waiting() is None
    gate.done(first.peer)
    later = gate.next_waiting()
    assert later is not None
    assert later.datagram == _value(2)


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
    assert gate.gate.thrown_away == 1
    assert not gate.gate.is_flooded
    assert gate.gate.next_waiting() is None


@pytest.mark.parametrize("datagram", [b"", b"\0", b"#bundle", b"#bundle\0", b"x" * 9000, bytes(64)])
def test_rubbish_waits_like_anything(datagram: bytes) -> None:
    gate = Gate()
    gate.give("a", *[_value(1)] * 5, datagram, datagram)
    gate.settle(1.0)
    assert len(gate.refused) + len(gate.taken) == 7
    assert (gate.refused == [datagram] * 2) == (len(datagram) > LIMITS.queue_bytes)


def test_peers_in_words() -> None:
    assert show_peer(("127.0.0.1", 57120)) == "127.0.0.1:57120"
    assert show_peer(("::1", 9000, 0, 0)) == "[::1]:9000"
    assert show_peer("socket 3") == "socket 3"
