"""Places for clients: who gets one, who loses it."""

from realtime.osc.clients import SILENT_S, Clients


def _clients(places: int = 3) -> tuple[Clients, list[float]]:
    now = [0.0]
    return Clients(places, lambda: now[0]), now


def test_the_lowest_free_place_or_the_wanted_one() -> None:
    clients, _ = _clients()
    places = [clients.add(key, bytes, wanted) for key, wanted in (("a", None), ("b", 2), ("c", 2))]
    assert [client.number if client else None for client in places] == [0, 2, 1]


def test_asking_again_keeps_the_place_and_begins_anew() -> None:
    clients, _ = _clients()
    first = clients.add("a", bytes)
    assert first is not None
    first.cursor = 7
    again = clients.add("a", repr, 2)
    assert again is first
    assert (again.number, again.cursor, again.send) == (0, 0, repr)
    assert len(clients) == 1


def test_when_all_are_taken_the_one_silent_for_longest_goes_if_it_is_silent() -> None:
    clients, now = _clients(2)
    clients.add("a", bytes)
    clients.add("b", bytes)
    now[0] = SILENT_S - 1.0
    assert clients.add("c", bytes) is None
    clients.hear("a")
    clients.hear("nobody")
    now[0] = SILENT_S + 1.0
    given = clients.add("c", bytes)
    assert given is not None
    assert given.number == 1
    assert [client.key for client in clients.all()] == ["a", "c"]


def test_silence_alone_drops_nobody() -> None:
    clients, now = _clients()
    clients.add("a", bytes)
    now[0] = 1e6
    clients.add("b", bytes)
    assert len(clients) == 2


def test_leaving() -> None:
    clients, _ = _clients()
    clients.add("a", bytes)
    gone = clients.remove("a")
    assert gone is not None
    assert clients.remove("a") is None
    assert not clients.all()
