"""Which devices there are, and the one that is meant by a name or number. It opens nothing.

Input and output are one stream with one callback, so an input is only looked for beside an output: among the devices of its host API.
"""

import re
import sys
from dataclasses import dataclass
from typing import Any

from realtime.errors import DeviceError, InputDeviceError, PortAudioMissingError, UnknownDeviceError
from realtime.kernels import layout as at

NULL_DEVICE = "null"
"""As an output no sound hardware, as an input silence."""
ANY_DEVICE = "any device"
"""What is waited for where there was none at the start, and nobody asked for one."""
DEFAULT_INPUT = "default"
"""The output's own device where it also hears, else the input its host API calls its default."""
_CARD = re.compile(r" \(hw:\d+,\d+\)$")
"""What ALSA puts behind a name: it counts cards in the order in which they were plugged in."""
INSTALL_PORTAUDIO = {
    "linux": "install it: sudo apt-get install libportaudio2 (Debian, Ubuntu) or your system's PortAudio package",
    "darwin": "reinstall sounddevice: pip install --force-reinstall sounddevice",
    "win32": "reinstall sounddevice: pip install --force-reinstall sounddevice",
}


@dataclass(frozen=True)
class DeviceInfo:
    """One device, as an output or as an input, as the system lists it."""

    index: int
    name: str
    system: str
    channels: int
    default_rate_hz: int
    is_default: bool


def portaudio() -> Any:
    """The PortAudio binding.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    try:
        import sounddevice
    except OSError:
        raise PortAudioMissingError(
            "the PortAudio library is not installed", hint=INSTALL_PORTAUDIO.get(sys.platform, "install PortAudio")
        ) from None
    return sounddevice


def output_devices() -> list[DeviceInfo]:
    """Every output device of the system, in its order.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    return [device for device in _devices("output") if device.channels >= at.CHANNELS]


def input_devices() -> list[DeviceInfo]:
    """Every input device of the system, in its order.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    return [device for device in _devices("input") if device.channels >= 1]


def _devices(kind: str) -> list[DeviceInfo]:
    """Every device with its channels as an `input` or `output`."""
    sounddevice = portaudio()
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[("input", "output").index(kind)]
    if default < 0:
        default = next((api[f"default_{kind}_device"] for api in apis if api[f"default_{kind}_device"] >= 0), -1)
    return [
        DeviceInfo(
            index=i,
            name=device["name"],
            system=apis[device["hostapi"]]["name"],
            channels=device[f"max_{kind}_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            is_default=i == default,
        )
        for i, device in enumerate(sounddevice.query_devices())
    ]


def find_device(name: str | None) -> DeviceInfo:
    """The device whose name is, or contains, `name` (any case), or whose number it is; None: the system's default.

    Raises
    ------
    UnknownDeviceError — none or several.
    DeviceError — the system has no stereo output at all.
    """
    devices = output_devices()
    if not devices:
        raise DeviceError(
            "this system has no stereo audio output", hint="start your audio system (JACK, PipeWire), or play with --device null"
        )
    if name is None:
        return _default(devices)
    return _only(_named(devices, name), devices, name, "output")


def find_any() -> DeviceInfo | None:
    """The system's default output device; None: it has no output device yet.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    devices = output_devices()
    return _default(devices) if devices else None


def _default(devices: list[DeviceInfo]) -> DeviceInfo:
    return next((device for device in devices if device.is_default), devices[0])


def find_again(name: str, system: str) -> DeviceInfo | None:
    """The output device that had this name at this host API, whatever number it or its card has now; None: it is not there.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    beside = [device for device in output_devices() if device.system == system]
    same = [device for device in beside if device.name == name]
    alike = [device for device in beside if _CARD.sub("", device.name) == _CARD.sub("", name)]
    # Two interfaces of one make differ only in the number of their card.
    return same[0] if same else alike[0] if len(alike) == 1 else None


def find_input(name: str, output: DeviceInfo) -> DeviceInfo:
    """The input device of this name or number (as `find_device`), or `DEFAULT_INPUT`, that can be one stream with `output`.

    Raises
    ------
    UnknownDeviceError — none or several.
    InputDeviceError — it belongs to another host API than the output, or that API has no input.
    """
    devices = input_devices()
    beside = [d for d in devices if d.system == output.system]
    if name == DEFAULT_INPUT:
        if not beside:
            raise InputDeviceError(f"{output.system}, through which the sound goes out, has no input device")
        # The device the sound goes out of, where it also hears: one clock, and on JACK all there is.
        return next((d for d in beside if d.index == output.index), next((d for d in beside if d.is_default), beside[0]))
    matches = _named(beside, name)
    elsewhere = _named(devices, name)
    if not matches and elsewhere:
        raise InputDeviceError(
            f"input device {elsewhere[0].name} belongs to {elsewhere[0].system}, the output {output.name} to {output.system}",
            got=name,
            allowed=", ".join(f"{d.index}: {d.name}" for d in beside),
            hint=f"choose an output of {elsewhere[0].system} with --device (python -m realtime devices)",
        )
    return _only(matches, beside, name, "input")


def _named(devices: list[DeviceInfo], name: str) -> list[DeviceInfo]:
    """Devices of this name or number; if there are none, those whose name contains it."""
    exact = [d for d in devices if d.name == name or (re.fullmatch(r"\d+", name) and d.index == int(name))]
    return exact or [d for d in devices if name.lower() in d.name.lower()]


def _only(matches: list[DeviceInfo], devices: list[DeviceInfo], name: str, kind: str) -> DeviceInfo:
    if len(matches) != 1:
        raise UnknownDeviceError(
            "several devices have this name" if matches else f"no {kind} device has this name",
            got=name,
            allowed=", ".join([*(f"{d.index}: {d.name}" for d in (matches or devices)), NULL_DEVICE]),
        )
    return matches[0]
