"""What went by: numbered without a gap, bounded, and told to each who asks once."""

import threading

from realtime.control.traffic import KEPT, Passed, Traffic


def passed(traffic: Traffic, number: int, most: int = KEPT) -> list[int]:
    return [place for place, _ in traffic.since(number, most)]


def test_messages_are_told_in_order_with_their_time_and_number() -> None:
    now = [10.0]
    traffic = Traffic(lambda: now[0])
    traffic.note("osc in", "a:1", [("/x", (1.0,)), ("/y", ())])
    now[0] = 11.0
    traffic.note("midi in", "knobs", (b"\xb0\x01\x02",))
    assert traffic.since(0, KEPT) == [
        (1, Passed(10.0, "osc in", "a:1", ("/x", (1.0,)))),
        (2, Passed(10.0, "osc in", "a:1", ("/y", ()))),
        (3, Passed(11.0, "midi in", "knobs", b"\xb0\x01\x02")),
    ]
    traffic.note("osc out", "a:1", ())
    assert traffic.since(3, KEPT) == []


def test_a_burst_is_told_in_parts_and_nothing_twice() -> None:
    traffic = Traffic()
    for number in range(100):
        traffic.note("osc in", "a:1", [("/x", (number,))])
    told: list[int] = []
    while part := passed(traffic, told[-1] if told else 0, 40):
        assert len(part) <= 40
        told += part
    assert told == list(range(1, 101))


def test_what_is_no_longer_kept_is_a_gap_in_the_numbers() -> None:
    traffic = Traffic()
    traffic.note("osc out", "a:1", [("/x", (number,)) for number in range(5_000)])
    assert passed(traffic, 0) == list(range(5_001 - KEPT, 5_001))
    assert passed(traffic, 0, 40) == list(range(5_001 - KEPT, 5_041 - KEPT))
    # The newest of a large packet are kept, under their own numbers.
    assert [said for _, (_, _, _, said) in traffic.since(4_999, KEPT)] == [("/x", (4_999,))]


def test_those_who_note_at_the_same_time_lose_no_number() -> None:
    traffic = Traffic()
    threads = [threading.Thread(target=lambda: [traffic.note("osc in", "a:1", [("/x", ())]) for _ in range(2_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = traffic.since(0, KEPT)
    assert [number for number, _ in found] == list(range(8_001 - KEPT, 8_001))
    # Whoever puts them in order by time has them in that of their numbers.
    times = [one.time_s for _, one in found]
    assert times == sorted(times)
