"""A stage started with the sound of the one before, on a machine that has it, has some of it, or none."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from realtime import device, device_list
from realtime.device_list import DeviceInfo
from realtime.engine import EngineConfig
from realtime.engine_start import in_turn, start_engine
from realtime.errors import DeviceError

ALL = ("device", "sample_rate_hz", "block_frames", "input")
BEFORE = EngineConfig(device="Interface (hw:1,0) (ALSA)", sample_rate_hz=96_000, block_frames=128, lead_frames=2_048, input="Microphone")


def seen(config: EngineConfig) -> tuple[str | None, int | None, int | None, str | None]:
    return config.device, config.sample_rate_hz, config.block_frames, config.input


def test_what_was_is_given_up_part_by_part_and_what_is_asked_for_is_not() -> None:
    name = BEFORE.device
    assert [seen(config) for config in in_turn(BEFORE, ALL)] == [
        (name, 96_000, 128, "Microphone"),
        (name, 96_000, 128, None),
        (name, None, None, "Microphone"),
        (name, None, None, None),
        (None, 96_000, 128, "Microphone"),
        (None, 96_000, 128, None),
        (None, None, None, "Microphone"),
        (None, None, None, None),
    ]
    assert in_turn(BEFORE, ()) == [BEFORE]
    assert in_turn(EngineConfig(input="default"), ALL) == [EngineConfig(input="default")]
    assert [seen(config) for config in in_turn(BEFORE, ("device", "block_frames", "input"))][-1] == (None, 96_000, None, None)
    assert {config.lead_frames for config in in_turn(BEFORE, ALL)} == {2_048}


def test_a_machine_without_the_device_plays_as_without_the_option_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_list, "output_devices", list)
    with ExitStack() as opened:
        engine = start_engine(opened, BEFORE, ALL)
        assert engine.snapshot().device == "null"
        assert engine.config.lead_frames == 2_048
        assert engine.notice.startswith("not the sound of before: this system has no stereo audio output; playing on null at 96000 Hz, ")
        assert (
            ", without an input; once it is there, end Starling and start it with --resume again. "
            "no sound device, playing to null until there is one: " in engine.notice
        )
        assert engine.snapshot().device_awaited == "any device"
    with ExitStack() as opened, pytest.raises(DeviceError, match="no stereo audio output"):
        start_engine(opened, BEFORE)
    with ExitStack() as opened, pytest.raises(DeviceError, match="no stereo audio output"):
        start_engine(opened, BEFORE, ("sample_rate_hz", "block_frames", "input"))


class PortAudioError(Exception):
    """As PortAudio's binding raises it."""


class Stream:
    """One that opens, and never calls."""

    def __init__(self, **settings: object) -> None:
        self.latency = (0.01, 0.02) if settings["kind"] == "duplex" else 0.02

    def start(self) -> None: ...

    def close(self, ignore_errors: bool) -> None: ...


def _refuse_96(samplerate: int, **settings: object) -> None:
    if samplerate == 96_000:
        raise PortAudioError("Invalid sample rate")


def test_a_device_that_has_another_number_and_refuses_the_rate_is_played_on_at_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = [
        DeviceInfo(0, "Speakers", "ALSA", 2, 44_100, is_default=True),
        DeviceInfo(4, "Interface (hw:3,0)", "ALSA", 2, 48_000, is_default=False),
        DeviceInfo(5, "Interface (hw:3,0)", "OSS", 2, 44_100, is_default=False),
    ]
    binding = SimpleNamespace(
        PortAudioError=PortAudioError,
        _ffi=SimpleNamespace(cast=lambda kind, value: value),
        _StreamBase=Stream,
        _exit_handler=None,
        check_output_settings=_refuse_96,
        check_input_settings=lambda **settings: None,
    )
    monkeypatch.setattr(device_list, "output_devices", lambda: outputs)
    monkeypatch.setattr(device_list, "input_devices", lambda: [DeviceInfo(6, "Microphone", "ALSA", 1, 48_000, is_default=True)])
    monkeypatch.setattr(device, "portaudio", lambda: binding)
    with ExitStack() as opened:
        engine = start_engine(opened, BEFORE, ALL)
        now = engine.snapshot()
        assert (now.device, now.sample_rate_hz, now.input_name) == ("Interface (hw:3,0) (ALSA)", 48_000, "Microphone (ALSA)")
        assert "refuses this sample rate (96000 Hz); playing on Interface (hw:3,0) (ALSA) at 48000 Hz." in engine.notice
