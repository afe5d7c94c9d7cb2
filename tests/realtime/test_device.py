import time
from types import SimpleNamespace

import numpy as np
import pytest

from realtime import device, device_list
from realtime.device import NullOutput, PortAudioOutput, choose_output
from realtime.device_list import DeviceInfo, find_again, find_device, find_input
from realtime.errors import DeviceError, InputDeviceError, PortAudioMissingError, UnknownDeviceError
from realtime.input_ring import InputReader
from realtime.kernels import layout as at
from realtime.shared import SharedBlock

DEVICES = [
    DeviceInfo(0, "USB Audio: front", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(1, "USB Audio: rear", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(2, "Speakers", "ALSA", 2, 44_100, is_default=True),
]

CARDS = [
    DeviceInfo(0, "Scarlett: USB Audio (hw:3,0)", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(1, "Twin: front (hw:1,0)", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(2, "Twin: front (hw:2,0)", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(3, "Scarlett: USB Audio (hw:1,0)", "OSS", 2, 48_000, is_default=True),
]

INPUTS = [
    DeviceInfo(0, "USB Audio: front", "ALSA", 1, 48_000, is_default=False),
    DeviceInfo(4, "Microphone", "ALSA", 6, 48_000, is_default=True),
    DeviceInfo(5, "Microphone array", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(6, "Guitar", "OSS", 2, 48_000, is_default=False),
]


@pytest.fixture(name="system")
def _system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_list, "output_devices", lambda: DEVICES)
    monkeypatch.setattr(device_list, "input_devices", lambda: INPUTS)


class PortAudioError(Exception):
    """As PortAudio's binding raises it."""


class Opened:
    """PortAudio's binding, but for the devices: it notes how streams were opened and refuses what it is told to refuse."""

    def __init__(self, refuse: str = "") -> None:
        self.streams: list[dict[str, object]] = []
        self.PortAudioError = PortAudioError
        self._ffi = SimpleNamespace(cast=lambda kind, value: value)
        opened = self.streams

        class Stream:
            def __init__(self, **settings: object) -> None:
                if settings["kind"] == refuse:
                    raise PortAudioError(f"no {refuse}")
                opened.append(settings)
                self.latency = (0.01, 0.02) if settings["kind"] == "duplex" else 0.02

            def start(self) -> None: ...

            def close(self, ignore_errors: bool) -> None: ...

        self._StreamBase = Stream
        self._refuse = refuse

    def check_output_settings(self, **settings: object) -> None: ...

    def check_input_settings(self, **settings: object) -> None:
        if self._refuse == "rate":
            raise PortAudioError("Invalid sample rate")


def started(monkeypatch: pytest.MonkeyPatch, source: str, refuse: str = "") -> tuple[PortAudioOutput, Opened, SharedBlock]:
    binding = Opened(refuse)
    monkeypatch.setattr(device, "portaudio", lambda: binding)
    output, _ = choose_output("Speakers", None, 64, source)
    block = SharedBlock.private(44_100)
    output.start(block)
    assert isinstance(output, PortAudioOutput)
    return output, binding, block


@pytest.mark.usefixtures("system")
def test_by_name_part_of_a_name_number_and_default() -> None:
    assert find_device("Speakers").index == 2
    assert find_device("speak").index == 2
    assert find_device("1").index == 1
    assert find_device(None).index == 2


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize(
    ("name", "message"), [("USB", "several"), ("Moon", "no output device"), ("9", "no output device"), ("", "several")]
)
def test_none_or_several_is_refused_with_what_there_is(name: str, message: str) -> None:
    with pytest.raises(UnknownDeviceError, match=message) as caught:
        find_device(name)
    assert "0: USB Audio: front" in str(caught.value)


def test_without_a_device_null_plays_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[DeviceInfo]:
        raise PortAudioMissingError("the PortAudio library is not installed", hint="install it")

    for devices, reason in ((missing, "install it"), (list, "start your audio system")):
        monkeypatch.setattr(device_list, "output_devices", devices)
        output, notice = choose_output(None, 32_000, 64)
        assert (output.name, output.sample_rate_hz, output.block_frames) == ("null", 32_000, 64)
        assert reason in notice
        with pytest.raises(DeviceError):
            choose_output("Speakers", None, None)


@pytest.mark.usefixtures("system")
def test_an_input_is_looked_for_beside_the_output() -> None:
    speakers, front = DEVICES[2], DEVICES[0]
    assert find_input("default", speakers).index == 4
    assert find_input("default", front).index == 0  # the device that also plays, before the system's default
    assert find_input("Microphone", speakers).index == 4
    assert find_input("array", speakers).index == 5
    with pytest.raises(InputDeviceError, match=r"Guitar belongs to OSS, the output Speakers to ALSA.*choose an output of OSS"):
        find_input("guitar", speakers)
    for name, message in (("Moon", "no input device"), ("Micro", "several"), ("2", "no input device")):
        with pytest.raises(UnknownDeviceError, match=message):
            find_input(name, speakers)
    with pytest.raises(InputDeviceError, match=r"CoreAudio.* has no input"):
        find_input("default", DeviceInfo(9, "Built-in", "CoreAudio", 2, 48_000, is_default=True))


@pytest.mark.usefixtures("system")
def test_input_and_output_are_one_stream_of_at_most_two_input_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    output, binding, block = started(monkeypatch, "Microphone")
    (settings,) = binding.streams
    assert (settings["kind"], settings["device"], settings["channels"]) == ("duplex", (4, 2), (2, 2))
    assert (output.input_name, output.input_latency_s, output.latency_s) == ("Microphone (ALSA)", 0.01, 0.02)
    assert block.words[at.W_INPUT_CHANNELS] == 2


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("refuse", ["duplex", "rate"])
def test_the_default_input_that_cannot_be_had_is_done_without_and_one_by_name_is_not(monkeypatch: pytest.MonkeyPatch, refuse: str) -> None:
    output, binding, block = started(monkeypatch, "default", refuse)
    assert [settings["kind"] for settings in binding.streams] == ["output"]
    assert output.input_name == ""
    assert output.latency_s == 0.02
    assert "playing without an input: input device Microphone" in output.notice
    assert block.words[at.W_INPUT_CHANNELS] == 0
    with pytest.raises(InputDeviceError, match="Microphone"):
        started(monkeypatch, "Microphone", refuse)


@pytest.mark.usefixtures("system")
def test_a_system_without_any_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_list, "input_devices", list)
    output, binding, _ = started(monkeypatch, "default")
    assert "ALSA, through which the sound goes out, has no input device" in output.notice
    assert [settings["kind"] for settings in binding.streams] == ["output"]


@pytest.mark.usefixtures("system")
def test_a_real_output_can_hear_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    output, binding, block = started(monkeypatch, "null")
    assert [settings["kind"] for settings in binding.streams] == ["output"]
    assert output.input_name == "null"
    assert block.words[at.W_INPUT_CHANNELS] == 1


def test_null_hears_silence_and_nothing_by_name() -> None:
    output, notice = choose_output("null", 48_000, 64, "default")
    block = SharedBlock.private(48_000)
    reader = InputReader(block)
    output.start(block)
    time.sleep(0.1)
    output.stop()
    assert (output.input_name, notice) == ("null", "output null has no input: decks hear silence")
    heard = reader.read()
    assert len(heard) == block.words[at.W_CLOCK] > 0
    assert not heard.any()
    with pytest.raises(InputDeviceError, match="output null has no input devices; got Guitar"):
        choose_output("null", None, None, "Guitar")
    deaf, _ = choose_output("null", 48_000, 64)
    deaf.start(block)
    deaf.stop()
    assert block.words[at.W_INPUT_CHANNELS] == 0


def test_null_calls_the_mixer_at_the_pace_of_its_rate() -> None:
    block = SharedBlock.private(48_000)
    output = NullOutput(48_000, 480)
    output.start(block)
    began = time.monotonic()
    time.sleep(1.0)
    output.stop()
    elapsed = time.monotonic() - began
    clock = int(block.words[at.W_CLOCK])
    # Never ahead of the clock, whatever the machine does; behind only if it stood still, which is counted.
    assert clock <= (elapsed + 0.05) * 48_000
    assert clock >= 0.5 * 48_000 or block.words[at.W_DEVICE_XRUNS] > 0
    assert block.words[at.W_CALLBACKS] == clock // 480
    before = int(block.words[at.W_CLOCK])
    time.sleep(0.05)
    assert block.words[at.W_CLOCK] == before
    assert np.count_nonzero(block.words[at.W_TIMINGS : at.W_TIMINGS + 10]) > 0


@pytest.mark.parametrize(
    ("name", "system", "index"),
    [
        ("Scarlett: USB Audio (hw:3,0)", "ALSA", 0),
        # Plugged in again it is another card.
        ("Scarlett: USB Audio (hw:1,0)", "ALSA", 0),
        ("Twin: front (hw:2,0)", "ALSA", 2),
        ("Twin: front (hw:5,0)", "ALSA", None),
        ("Scarlett", "ALSA", None),
        ("Scarlett: USB Audio (hw:3,0)", "JACK", None),
    ],
)
def test_a_device_is_found_again_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, system: str, index: int | None) -> None:
    monkeypatch.setattr(device_list, "output_devices", lambda: CARDS)
    found = find_again(name, system)
    assert (found.index if found else None) == index
