import numpy as np
import pytest

from realtime import device
from realtime.device import DeviceInfo, NullOutput, choose_output, find_device
from realtime.errors import DeviceError, PortAudioMissingError, UnknownDeviceError
from realtime.kernels import layout as at
from realtime.shared import SharedBlock

DEVICES = [
    DeviceInfo(0, "USB Audio: front", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(1, "USB Audio: rear", "ALSA", 2, 48_000, is_default=False),
    DeviceInfo(2, "Speakers", "ALSA", 2, 44_100, is_default=True),
]


@pytest.fixture(name="system")
def _system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "output_devices", lambda: DEVICES)


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
        monkeypatch.setattr(device, "output_devices", devices)
        output, notice = choose_output(None, 32_000, 64)
        assert (output.name, output.sample_rate_hz, output.block_frames) == ("null", 32_000, 64)
        assert reason in notice
        with pytest.raises(DeviceError):
            choose_output("Speakers", None, None)


def test_null_calls_the_mixer_at_the_pace_of_its_rate() -> None:
    block = SharedBlock.private(48_000)
    output = NullOutput(48_000, 480)
    output.start(block)
    import time

    started = time.monotonic()
    time.sleep(1.0)
    output.stop()
    elapsed = time.monotonic() - started
    clock = int(block.words[at.W_CLOCK])
    # Never ahead of the clock, whatever the machine does; behind only if it stood still, which is counted.
    assert clock <= (elapsed + 0.05) * 48_000
    assert clock >= 0.5 * 48_000 or block.words[at.W_DEVICE_XRUNS] > 0
    assert block.words[at.W_CALLBACKS] == clock // 480
    before = int(block.words[at.W_CLOCK])
    time.sleep(0.05)
    assert block.words[at.W_CLOCK] == before
    assert np.count_nonzero(block.words[at.W_TIMINGS : at.W_TIMINGS + 10]) > 0
