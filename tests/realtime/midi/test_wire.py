"""What the MIDI process does, on a MIDI system in memory."""

import io
from collections import deque

import pytest

from realtime.midi.driver import QUEUE_MESSAGES
from realtime.midi.frames import Frame, FrameKind, read_frame
from realtime.midi.port_name import BACKENDS, Backend
from realtime.midi.wire import TURN_MESSAGES, Wire


class MemoryPort:
    """Either side of a cable."""

    def __init__(self) -> None:
        self.messages: deque[list[int]] = deque()
        self.closed = False

    def get_message(self) -> tuple[list[int], float] | None:
        return (self.messages.popleft(), 0.0) if self.messages else None

    def send_message(self, message: list[int]) -> None:
        self.messages.append(message)


class MemoryDriver:
    """A MIDI system of lists."""

    def __init__(self) -> None:
        self.backend: Backend = BACKENDS["alsa"]
        self.there: dict[str, MemoryPort] = {}
        self.listeners: dict[str, MemoryPort] = {}
        self.virtual: tuple[MemoryPort, MemoryPort] | None = (MemoryPort(), MemoryPort())
        self.refused: set[str] = set()

    def inputs(self) -> list[str]:
        return list(self.there)

    def outputs(self) -> list[str]:
        return list(self.listeners)

    def open_input(self, raw: str) -> MemoryPort | None:
        return None if raw in self.refused else self.there[raw]

    def open_output(self, raw: str) -> MemoryPort | None:
        return None if raw in self.refused else self.listeners[raw]

    def virtual_ports(self) -> tuple[MemoryPort, MemoryPort] | None:
        return self.virtual

    def close(self, port: object) -> None:
        assert isinstance(port, MemoryPort)
        port.closed = True

    def is_alive(self) -> bool:
        return True


@pytest.fixture
def driver() -> MemoryDriver:
    return MemoryDriver()


class Stage:
    """A wire and what it tells."""

    def __init__(self, driver: MemoryDriver, *patterns: str) -> None:
        self.bytes = bytearray()
        self.wire = Wire(driver, patterns, self.bytes.extend)

    def told(self) -> list[Frame]:
        pipe = io.BytesIO(bytes(self.bytes))
        self.bytes.clear()
        return list(iter(lambda: read_frame(pipe), None))

    def kinds(self) -> list[tuple[FrameKind, str]]:
        return [(frame.kind, frame.text) for frame in self.told() if frame.kind != FrameKind.ALIVE]


LPD8 = "LPD8:LPD8 MIDI 1 20:0"
AGAIN = "LPD8:LPD8 MIDI 1 28:0"
NAME = "LPD8:LPD8 MIDI 1"


def test_it_begins_with_its_own_port(driver: MemoryDriver) -> None:
    stage = Stage(driver)
    assert stage.kinds() == [(FrameKind.BACKEND, "alsa"), (FrameKind.OPENED, "Starling")]
    stage.wire.scan()
    assert stage.kinds() == [(FrameKind.OUTPUTS, "Starling")]
    stage.wire.scan()
    assert stage.kinds() == []
    driver.virtual = None
    assert Stage(driver).kinds() == [(FrameKind.BACKEND, "alsa")]


def test_a_controller_comes_goes_and_comes_back_under_another_number(driver: MemoryDriver) -> None:
    stage = Stage(driver)
    stage.wire.scan()
    stage.told()
    first = driver.there[LPD8] = driver.listeners[LPD8] = MemoryPort()
    stage.wire.scan()
    assert stage.kinds() == [(FrameKind.OPENED, NAME), (FrameKind.OUTPUTS, f"Starling\n{NAME}")]
    driver.there.clear()
    driver.listeners.clear()
    stage.wire.scan()
    assert stage.kinds() == [(FrameKind.GONE, NAME), (FrameKind.OUTPUTS, "Starling")]
    assert first.closed
    driver.there[AGAIN] = driver.listeners[AGAIN] = MemoryPort()
    stage.wire.scan()
    assert (FrameKind.OPENED, NAME) in stage.kinds()


def test_its_last_messages_come_before_it_is_gone(driver: MemoryDriver) -> None:
    driver.virtual = None
    port = driver.there[LPD8] = MemoryPort()
    stage = Stage(driver)
    stage.wire.scan()
    stage.told()
    port.messages.append([0x80, 60, 0])
    driver.there.clear()
    stage.wire.scan()
    assert [frame.kind for frame in stage.told()] == [FrameKind.MESSAGE, FrameKind.GONE, FrameKind.ALIVE]


def test_all_that_waits_of_a_port_comes_before_it_is_gone(driver: MemoryDriver) -> None:
    driver.virtual = None
    port = driver.there[LPD8] = MemoryPort()
    stage = Stage(driver)
    stage.wire.scan()
    stage.told()
    port.messages.extend([0xB0, 7, number % 128] for number in range(QUEUE_MESSAGES))
    driver.there.clear()
    stage.wire.scan()
    heard = [frame.kind for frame in stage.told()]
    assert heard.count(FrameKind.MESSAGE) == QUEUE_MESSAGES
    assert heard[QUEUE_MESSAGES] == FrameKind.GONE


def test_messages_pass_in_order_and_quiet_is_told_once(driver: MemoryDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000]
    monkeypatch.setattr("realtime.midi.wire.time.monotonic_ns", lambda: now[0])
    port = driver.there[LPD8] = MemoryPort()
    stage = Stage(driver)
    stage.wire.scan()
    stage.told()
    port.messages.extend([[0xB0, 1, value] for value in range(5)])
    stage.wire.poll()
    assert [(frame.port, frame.ns, frame.data[2]) for frame in stage.told()] == [(1, 1_000, value) for value in range(5)]
    now[0] += 20_000_000
    for _ in range(3):
        stage.wire.poll()
    assert [frame.kind for frame in stage.told()] == [FrameKind.QUIET]


def test_a_flood_does_not_keep_other_ports_waiting(driver: MemoryDriver) -> None:
    flood = driver.there[LPD8] = MemoryPort()
    other = driver.there["other:other 24:0"] = MemoryPort()
    stage = Stage(driver)
    stage.wire.scan()
    stage.told()
    flood.messages.extend([[0xB0, 1, 1]] * 10_000)
    other.messages.append([0xB0, 2, 2])
    stage.wire.poll()
    frames = stage.told()
    assert len(frames) == TURN_MESSAGES + 1
    assert frames[-1].port == 2
    stage.wire.scan()
    assert [kind for kind, _ in stage.kinds()] == [FrameKind.SAID]
    stage.wire.scan()
    assert stage.kinds() == []


def test_a_port_that_does_not_open_is_tried_again(driver: MemoryDriver) -> None:
    driver.there[LPD8] = MemoryPort()
    driver.refused.add(LPD8)
    stage = Stage(driver)
    stage.wire.scan()
    assert (FrameKind.OPENED, NAME) not in stage.kinds()
    driver.refused.clear()
    stage.wire.scan()
    assert (FrameKind.OPENED, NAME) in stage.kinds()


def test_an_output_that_does_not_open_is_told_and_one_that_is_not_there_is_not(driver: MemoryDriver) -> None:
    driver.there[LPD8] = driver.listeners[LPD8] = MemoryPort()
    stage = Stage(driver)
    stage.wire.scan()
    driver.refused.add(LPD8)
    stage.told()
    stage.wire.send(NAME, b"\xb0\x01\x02")
    stage.wire.send("nobody", b"\xb0\x01\x02")
    assert stage.kinds() == [(FrameKind.SAID, f"{NAME} takes nothing: its output does not open")]


def test_sending_finds_the_controllers_own_output(driver: MemoryDriver) -> None:
    driver.there[LPD8] = MemoryPort()
    out = driver.listeners[LPD8] = MemoryPort()
    stage = Stage(driver)
    stage.wire.scan()
    stage.wire.send(NAME, b"\xb0\x01\x02")
    stage.wire.send("Starling", b"\xb0\x03\x04")
    stage.wire.send("nobody", b"\xb0\x03\x04")
    assert list(out.messages) == [[0xB0, 1, 2]]
    assert driver.virtual is not None
    assert list(driver.virtual[1].messages) == [[0xB0, 3, 4]]
    stage.wire.close()
    assert out.closed
