"""What anybody on this machine may do to the control socket: at worst their own connection is closed."""

import gc
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from realtime.attach.connection import OUT_BYTES
from realtime.attach.endpoint import VERSION, Endpoint, write_endpoint
from realtime.attach.errors import AttachError
from realtime.attach.guest import HELLO_S
from realtime.attach.messages import TO_STAGE_BYTES
from realtime.attach.server import MOST_SCREENS, MOST_STRANGERS
from realtime.engine import Engine
from tests.attach.stage import LIMIT_S, Raw, Stage, ask, until


@pytest.fixture(name="stage", scope="module")
def _stage(running: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One stage for all that is done to it: none of it leaves anything behind."""
    with Stage(running, tmp_path_factory.mktemp("hostile")) as stage:
        yield stage


@pytest.fixture(autouse=True)
def _stays_well(stage: Stage) -> Iterator[None]:
    """After everything: somebody new gets in, nothing stumbled, no connection and no thread is left."""
    yield
    stage.is_well()
    until(lambda: stage.server.screens == 0)
    until(lambda: not stage.server._guests)
    assert not [line for line in stage.said() if "stumbled" in line]
    assert not stage.server.quit_asked.is_set()


def _open_files() -> int:
    """How many this process has; 0 where nobody can say."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


@pytest.mark.parametrize(
    "text",
    [
        b"\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\x00" * 1000 + b"\n", b"[" * 60_000 + b"\n", b'["look",true,true]\n',
        b'["quit"]\n',
        b'["ask",1,"/panic",[1]]\n', b'["hello"]\n', b'["hello",1,null]\n', b'["hello",1,"\\ud800"]\n', b"\xff\xfe\xfd\n",
        b'["hello",1,""]\n', b'["hello",1,"' + b"0" * 32 + b'"]\n', b'["hello",1,"' + "é".encode() * 16 + b'"]\n',
    ],
)  # fmt: skip
def test_strangers_are_shown_out(stage: Stage, text: bytes) -> None:
    with stage.raw() as raw:
        raw.socket.sendall(text)
        assert raw.is_closed()
    assert not stage.engine.snapshot().panicked


def test_another_version_is_told_so(stage: Stage) -> None:
    with stage.raw() as raw:
        raw.say("hello", VERSION + 1, raw.endpoint.token)
        assert raw.hear() == ("refused", [f"a screen of another version of Starling; got {VERSION + 1}; allowed: {VERSION}"])
        assert raw.is_closed()


def test_a_screen_with_a_wrong_token_says_why(stage: Stage, tmp_path: Path) -> None:
    write_endpoint(tmp_path, Endpoint(stage.endpoint.port, "0" * 32, os.getpid()))
    with pytest.raises(AttachError, match="a wrong token"):
        type(stage.link())(tmp_path).open()


@pytest.mark.parametrize("attached", [False, True])
def test_a_line_without_end_is_cut(stage: Stage, attached: bool) -> None:
    with stage.raw(hello=attached) as raw:
        with pytest.raises(ConnectionError):
            raw.socket.sendall(b"x" * (1000 * TO_STAGE_BYTES))
        assert raw.is_closed()


def test_garbage_of_a_screen_ends_it_alone(stage: Stage) -> None:
    dice = random.Random(7)
    with stage.link() as link:
        for _ in range(20):
            with stage.raw(hello=True) as raw:
                raw.socket.sendall(dice.randbytes(dice.randint(1, 4000)) + b"\n")
                assert raw.is_closed()
        assert link.gone == ""


def test_half_a_hello_is_waited_for_so_long_and_no_longer(stage: Stage) -> None:
    with stage.raw() as silent, stage.raw() as slow:
        start = time.monotonic()
        slow.socket.sendall(b'["hello",1,')
        # Others are not held up by it.
        stage.is_well()
        assert silent.is_closed()
        assert slow.is_closed()
        assert HELLO_S - 0.5 < time.monotonic() - start < LIMIT_S / 2


def test_a_hello_that_comes_byte_by_byte_is_one(stage: Stage) -> None:
    with stage.raw() as raw:
        for byte in f'["hello",{VERSION},"{raw.endpoint.token}"]\n'.encode():
            raw.socket.sendall(bytes([byte]))
        assert raw.hear() == ("welcome", [os.getpid()])


def test_two_hundred_connections_keep_no_screen_out(stage: Stage) -> None:
    before = _open_files()
    with ExitStack() as stack:
        strangers = [stack.enter_context(Raw(stage.endpoint)) for _ in range(200)]
        stage.is_well()
        assert len(stage.server._guests) <= MOST_STRANGERS + MOST_SCREENS
        assert sum(stranger.is_closed() for stranger in strangers) == 200
    until(lambda: not stage.server._guests)
    gc.collect()
    # Others of the process may have opened one meanwhile.
    until(lambda: _open_files() <= before + 2)


def test_one_screen_too_many_is_told_so_and_a_place_that_is_left_is_free(stage: Stage) -> None:
    with ExitStack() as stack:
        screens = [stack.enter_context(stage.raw(hello=True)) for _ in range(MOST_SCREENS)]
        with pytest.raises(AttachError, match="too many screens"):
            stage.link().open()
        assert stage.server.screens == MOST_SCREENS
        # One that says hello again has its place.
        screens[0].hello()
        screens.pop().socket.close()
        until(lambda: stage.server.screens == MOST_SCREENS - 1)
        stage.is_well()


def test_a_screen_that_reads_nothing_is_closed_and_nothing_grows(stage: Stage) -> None:
    with stage.link() as link, stage.raw(hello=True) as raw:
        raw.socket.settimeout(0.2)
        sent = 0
        for _ in range(5_000):
            try:
                raw.say("patches", 1)
                sent += 1
            except OSError:
                break
        (guest, *_) = [guest for guest in stage.server._guests if guest.connection.out_bytes] or [None]
        assert guest is None or guest.connection.out_bytes <= OUT_BYTES
        assert sent > 10
        # The others are answered as quickly as ever.
        assert ask(link, "/status").state == "answer"


def test_a_flood_of_a_screen_waits_and_the_others_do_not(stage: Stage) -> None:
    stop = threading.Event()

    def flood() -> None:
        with stage.raw(hello=True) as raw:
            lines = b'["look",true,true]\n["ask",1,"/deck/1/gain",[-3.0]]\n["ask",1,"/nowhere",[]]\n' * 300
            raw.socket.settimeout(0.1)
            while not stop.is_set():
                try:
                    raw.socket.sendall(lines)
                except TimeoutError:
                    raw.socket.recv(1 << 16)
                except OSError:
                    return

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with stage.link() as link:
            frames = link.look().clock_frames
            times = []
            for _ in range(10):
                start = time.monotonic()
                assert ask(link, "/status").state == "answer"
                times.append(time.monotonic() - start)
            until(lambda: link.look().clock_frames > frames + 4_410)
            assert sorted(times)[5] < 1.0
    finally:
        stop.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_views_are_not_made_faster_than_they_can_be_seen(stage: Stage) -> None:
    with stage.raw(hello=True) as raw:
        raw.socket.settimeout(0.05)
        end, views = time.monotonic() + 1.0, 0
        while time.monotonic() < end:
            raw.say("look", False, False)
            try:
                views += raw.hear()[0] == "view"
            except TimeoutError:
                continue
        assert 5 < views <= 51


def test_a_port_that_another_program_has_taken_is_no_stage(tmp_path: Path, stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        write_endpoint(tmp_path, Endpoint(other.getsockname()[1], "0" * 32, os.getpid()))

        def answer() -> None:
            opened, _ = other.accept()
            with opened:
                opened.recv(100)
                opened.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(AttachError, match="no stage of this version"):
            type(stage.link())(tmp_path).open()
        thread.join(LIMIT_S)


def test_the_stage_listens_to_this_machine_only(stage: Stage) -> None:
    door = stage.server._door
    assert door is not None
    assert door.getsockname()[0] == "127.0.0.1"
    assert not door.get_inheritable()
