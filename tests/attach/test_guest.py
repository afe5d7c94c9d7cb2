"""A client's patience and its turns, by a clock that the test holds; and the connection under it."""

import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from realtime.attach.answers import MOST_WAITING, Answers
from realtime.attach.connection import OUT_BYTES, Connection
from realtime.attach.endpoint import VERSION
from realtime.attach.guest import AT_ONCE, HELLO_S, HOLD_BYTES, LOOK_S, PAUSE_S, STALLED_S, Desk, Guest, RefusedError
from realtime.attach.librarian import Librarian
from realtime.attach.messages import TO_SCREEN, TO_STAGE, TO_STAGE_BYTES, Lines, MessageError, write_message
from realtime.attach.viewer import Viewer
from realtime.engine import Engine
from realtime.show import Show
from tests.attach.stage import quiet_settings

TOKEN = "0123456789abcdef" * 2
BUFFER_BYTES = 4096
HELLO = write_message("hello", VERSION, TOKEN)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection that holds little."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        near.connect(door.getsockname())
        far, _ = door.accept()
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    return near, far


@pytest.fixture(name="desk", scope="module")
def _desk(running: Engine, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    show = Show(running, quiet_settings(tmp_path_factory.mktemp("desk")))
    return Desk(TOKEN, lambda: True, Viewer(show, running), show.core, Librarian(), lambda guest, call: call(), lambda: None)


@pytest.fixture(name="ends")
def _ends(desk: Desk) -> Iterator[tuple[socket.socket, Guest]]:
    near, far = _pair()
    guest = Guest(Connection(far, TO_STAGE, TO_STAGE_BYTES), desk, 100.0)
    yield near, guest
    guest.end()
    near.close()


def _come(guest: Guest, near: socket.socket, data: bytes, now_s: float) -> None:
    near.sendall(data)
    # It has crossed the machine before it is looked for.
    guest.connection._socket.setblocking(True)
    guest.connection.receive()
    guest.connection._socket.setblocking(False)
    guest.take(now_s)


def test_a_stranger_has_a_while(ends: tuple[socket.socket, Guest]) -> None:
    _, guest = ends
    assert guest.due_s() == 100.0 + HELLO_S
    guest.look_after(100.0 + HELLO_S - 0.01)
    with pytest.raises(RefusedError, match="says nothing"):
        guest.look_after(100.0 + HELLO_S)


def test_who_has_said_hello_may_be_silent(ends: tuple[socket.socket, Guest]) -> None:
    near, guest = ends
    _come(guest, near, HELLO, 100.5)
    assert guest.attached
    assert guest.due_s() == float("inf")
    guest.look_after(1e6)


def test_messages_have_turns(ends: tuple[socket.socket, Guest]) -> None:
    near, guest = ends
    values = b"".join(write_message("ask", 0, "/master/gain", [-0.01 * step]) for step in range(1, 151))
    core = guest._desk.core
    _come(guest, near, HELLO + values, 200.0)
    assert not guest.listens
    assert core.read("/master/gain") == (-0.01 * (AT_ONCE - 1),)
    guest.look_after(200.0 + PAUSE_S - 0.001)
    assert core.read("/master/gain") == (-0.01 * (AT_ONCE - 1),)
    assert guest.due_s() == 200.0 + PAUSE_S
    guest.look_after(200.0 + PAUSE_S)
    assert core.read("/master/gain") == (-0.01 * (2 * AT_ONCE - 1),)
    guest.look_after(200.0 + 2 * PAUSE_S)
    assert core.read("/master/gain") == (-1.5,)
    assert guest.listens


def test_who_takes_nothing_is_closed_and_who_takes_a_little_is_not(ends: tuple[socket.socket, Guest]) -> None:
    near, guest = ends
    _come(guest, near, HELLO + write_message("look", False, False), 300.0)
    guest.look_after(300.0)
    # All addresses are more than such a connection holds.
    assert guest.connection.out_bytes > 0
    assert guest.due_s() == 300.0 + STALLED_S
    guest.look_after(300.0 + STALLED_S - 0.1)
    near.setblocking(False)
    waiting = guest.connection.out_bytes
    while guest.connection.out_bytes == waiting:
        with suppress(BlockingIOError):
            near.recv(2048)
        guest.flush(309.0)
    guest.look_after(309.0 + STALLED_S - 0.1)
    with pytest.raises(RefusedError, match="reads nothing"):
        guest.look_after(309.0 + STALLED_S)


def test_views_come_no_faster_than_they_are_made(ends: tuple[socket.socket, Guest]) -> None:
    near, guest = ends
    seen: list[float] = []
    viewer = guest._desk.viewer
    look = viewer.look
    viewer.look = lambda *args, **kwargs: (seen.append(now_s), look(*args, **kwargs))[1]  # type: ignore[method-assign]
    try:
        _come(guest, near, HELLO, 400.0)
        for step in range(100):
            now_s = 400.0 + 0.001 * step
            _come(guest, near, write_message("look", False, False), now_s)
            guest.look_after(now_s)
            with suppress(BlockingIOError):
                near.recv(1 << 20, socket.MSG_DONTWAIT)
            guest.flush(now_s)
    finally:
        viewer.look = look  # type: ignore[method-assign]
    assert len(seen) == 5
    assert all(b - a >= LOOK_S - 1e-9 for a, b in pairwise(seen))


def test_who_does_not_read_is_not_heard(ends: tuple[socket.socket, Guest]) -> None:
    near, guest = ends
    _come(guest, near, HELLO, 500.0)
    while guest.connection.out_bytes < HOLD_BYTES:
        assert guest.listens
        guest.connection.send(b"x" * 100_000)
    assert not guest.listens


def test_lines_cross_whole_however_they_are_read_and_no_more_wait_than_may(tmp_path: Path) -> None:
    near, far = _pair()
    dice = random.Random(3)
    sent = [dice.randbytes(dice.choice((1, 100, 70_000))).replace(b"\n", b"") + b"\n" for _ in range(100)]
    connection = Connection(far, TO_SCREEN, 1000)
    lines, got = Lines(1 << 20), []
    with near:
        for line in sent:
            connection.send(line)
        while len(got) < len(sent):
            lines.feed(near.recv(dice.randint(1, 50_000)))
            connection.flush()
            while (line_got := lines.next()) is not None:
                got.append(line_got + b"\n")
        assert got == sent
        assert connection.out_bytes == 0
        while connection.out_bytes < OUT_BYTES - 100_000:
            connection.send(b"y" * 100_000)
        with pytest.raises(MessageError, match="not read"):
            connection.send(b"y" * 100_001)
        assert connection.out_bytes <= OUT_BYTES
        connection.close()
        assert connection.fileno() == -1


def test_the_oldest_who_waits_goes_first_and_a_fader_pushes_out_nobody() -> None:
    answers, heard = Answers(), []
    first = answers.expect(lambda answer: heard.append(("first", answer)))
    for step in range(3 * MOST_WAITING):
        number = answers.expect(lambda answer, step=step: heard.append((step, answer)), "/deck/1/gain")
    answers.take(first, "a")
    answers.take(number, "b")
    answers.deliver()
    assert heard == [("first", "a"), (3 * MOST_WAITING - 1, "b")]
    for _ in range(MOST_WAITING):
        answers.expect(lambda answer: None)
    answers.take(first, "c")
    answers.deliver()
    assert len(heard) == 2
    assert answers.expect(None) == 0


def test_one_who_stumbles_over_an_answer_keeps_it_from_nobody() -> None:
    answers, heard = Answers(), []
    answers.tell(lambda answer: 1 / 0, "a")
    answers.tell(heard.append, "b")
    answers.deliver()
    assert heard == ["b"]
