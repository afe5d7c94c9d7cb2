"""Where the sound goes: a PortAudio device by name, or `null`, which paces the same callback without sound hardware.

It knows the shared block's address and the compiled callback, not decks.
"""

import atexit
import re
import sys
import threading
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from realtime.errors import DeviceError, PortAudioMissingError, RateRefusedError, UnknownDeviceError
from realtime.kernels import callback
from realtime.kernels import layout as at
from realtime.shared import SharedBlock

NULL_DEVICE = "null"
NULL_RATE_HZ = 44_100
NULL_BLOCK_FRAMES = 256
INSTALL_PORTAUDIO = {
    "linux": "install it: sudo apt-get install libportaudio2 (Debian, Ubuntu) or your system's PortAudio package",
    "darwin": "reinstall sounddevice: pip install --force-reinstall sounddevice",
    "win32": "reinstall sounddevice: pip install --force-reinstall sounddevice",
}


@dataclass(frozen=True)
class DeviceInfo:
    """One output device as the system lists it."""

    index: int
    name: str
    system: str
    channels: int
    default_rate_hz: int
    is_default: bool


class Output(Protocol):
    """An opened output. Thread: control; the callback runs on the output's own thread between `start` and `stop`."""

    name: str
    sample_rate_hz: int
    block_frames: int
    latency_s: float

    def start(self, block: SharedBlock) -> None:
        """Call the mixer for every block from now on."""

    def stop(self) -> None:
        """Stop and close; returns when the callback will not be called again."""

    def abandon(self, limit_s: float) -> bool:
        """Close a device that has stopped calling, which may never return; true when it will certainly not call again."""


def _portaudio() -> Any:
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
    sounddevice = _portaudio()
    systems = [api["name"] for api in sounddevice.query_hostapis()]
    default = sounddevice.default.device[1]
    if default < 0:
        default = next((api["default_output_device"] for api in sounddevice.query_hostapis() if api["default_output_device"] >= 0), -1)
    return [
        DeviceInfo(
            index=i,
            name=device["name"],
            system=systems[device["hostapi"]],
            channels=device["max_output_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            is_default=i == default,
        )
        for i, device in enumerate(sounddevice.query_devices())
        if device["max_output_channels"] >= at.CHANNELS
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
        return next((device for device in devices if device.is_default), devices[0])
    exact = [d for d in devices if d.name == name or (re.fullmatch(r"\d+", name) and d.index == int(name))]
    matches = exact or [d for d in devices if name.lower() in d.name.lower()]
    if len(matches) != 1:
        raise UnknownDeviceError(
            "several devices have this name" if matches else "no output device has this name",
            got=name,
            allowed=", ".join(f"{d.index}: {d.name}" for d in (matches or devices)) + f", {NULL_DEVICE}",
        )
    return matches[0]


class PortAudioOutput:
    """A PortAudio stream whose callback is machine code.

    Parameters
    ----------
    device : DeviceInfo
    sample_rate_hz, block_frames : int, optional
        None: the device's own.

    Raises
    ------
    RateRefusedError — the device does not run at this rate.
    DeviceError — it did not open for another reason.
    """

    def __init__(self, device: DeviceInfo, sample_rate_hz: int | None, block_frames: int | None) -> None:
        self._sounddevice = _portaudio()
        self._device = device
        self._stream: Any = None
        self._closing: threading.Thread | None = None
        self.name = f"{device.name} ({device.system})"
        self.sample_rate_hz = sample_rate_hz or device.default_rate_hz
        self.block_frames = block_frames or 0
        self.latency_s = 0.0
        try:
            self._sounddevice.check_output_settings(
                device=device.index, channels=at.CHANNELS, dtype="float32", samplerate=self.sample_rate_hz
            )
        except self._sounddevice.PortAudioError as error:
            if "sample rate" in str(error).lower():
                raise RateRefusedError(
                    f"device {self.name} refuses this sample rate",
                    got=f"{self.sample_rate_hz} Hz",
                    allowed=f"{device.default_rate_hz} Hz",
                    hint="leave out --sample-rate: patches are resampled to the device's rate",
                ) from None
            raise DeviceError(f"device {self.name} did not open", got=str(error)) from None

    def start(self, block: SharedBlock) -> None:
        """Open the stream and start it; see `Output.start`."""
        sounddevice = self._sounddevice
        base = sounddevice._StreamBase  # documented as the base class for authors of stream classes
        ffi = sounddevice._ffi

        class CompiledStream(base):  # type: ignore[misc, valid-type]
            """An output stream that calls machine code."""

            def __init__(self, **settings: Any) -> None:
                super().__init__(
                    kind="output",
                    callback=ffi.cast("PaStreamCallback*", callback.stream_callback.address),
                    wrap_callback=None,
                    userdata=ffi.cast("void*", block.address),
                    **settings,
                )

        try:
            self._stream = CompiledStream(
                samplerate=self.sample_rate_hz,
                blocksize=self.block_frames,
                device=self._device.index,
                channels=at.CHANNELS,
                dtype="float32",
                latency="low",
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self.stop()
            raise DeviceError(f"device {self.name} did not start", got=str(error), hint="is another program using it?") from None
        self.latency_s = float(self._stream.latency)

    def stop(self) -> None:
        """See `Output.stop`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def abandon(self, limit_s: float) -> bool:
        """See `Output.abandon`."""
        if self._closing is None:
            # PortAudio aborts the whole program when it says goodbye to a JACK server that has gone: it must not try at exit.
            atexit.unregister(self._sounddevice._exit_handler)
            self._closing = threading.Thread(target=self.stop, name="device-close", daemon=True)
            self._closing.start()
        self._closing.join(limit_s)
        return not self._closing.is_alive()


class NullOutput:
    """No sound hardware: a thread in machine code asks for blocks at the pace a device would."""

    def __init__(self, sample_rate_hz: int | None, block_frames: int | None) -> None:
        self.name = NULL_DEVICE
        self.sample_rate_hz = sample_rate_hz or NULL_RATE_HZ
        self.block_frames = block_frames or NULL_BLOCK_FRAMES
        self.latency_s = self.block_frames / self.sample_rate_hz
        self._stop = np.zeros(1, np.int64)
        self._thread: threading.Thread | None = None

    def start(self, block: SharedBlock) -> None:
        """See `Output.start`."""
        out = np.zeros((self.block_frames, at.CHANNELS), np.float32)
        scratch = np.zeros(2, np.int64)
        self._stop[0] = 0
        arguments = (block.words, block.floats, out, self._stop, scratch)
        self._thread = threading.Thread(target=callback.pace, args=arguments, name="null-device", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """See `Output.stop`."""
        self._stop[0] = 1
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def abandon(self, limit_s: float) -> bool:
        """See `Output.abandon`."""
        self.stop()
        return True


def choose_output(name: str | None, sample_rate_hz: int | None, block_frames: int | None) -> tuple[Output, str]:
    """The output to play through, and a notice for the performer (empty when there is nothing to say).

    Where nobody asked for a device and none can be had, the show goes on with `null` and says what to install. A device asked for by name
    is never replaced by another.

    Raises
    ------
    UnknownDeviceError, RateRefusedError, DeviceError — the device asked for cannot be had.
    """
    if name == NULL_DEVICE:
        return NullOutput(sample_rate_hz, block_frames), ""
    try:
        return PortAudioOutput(find_device(name), sample_rate_hz, block_frames), ""
    except RateRefusedError:
        raise
    except DeviceError as error:
        if name is not None:
            raise
        return NullOutput(sample_rate_hz, block_frames), f"no sound device, playing to {NULL_DEVICE}: {error}"
