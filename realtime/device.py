"""Where the sound goes and comes from: a PortAudio stream, or `null`, which paces the same callback without sound hardware.

It knows the shared block's address and the compiled callback, not decks. Input and output are one stream with one callback.
"""

import atexit
import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from realtime.device_list import DEFAULT_INPUT, NULL_DEVICE, DeviceInfo, find_device, find_input, portaudio
from realtime.errors import DeviceError, InputDeviceError, PortAudioMissingError, RateRefusedError
from realtime.kernels import callback
from realtime.kernels import layout as at
from realtime.shared import SharedBlock

NULL_RATE_HZ = 44_100
NULL_BLOCK_FRAMES = 256
MAX_INPUT_CHANNELS = 2
"""More are not opened: the two are averaged to one."""
JACK = "JACK Audio Connection Kit"
"""PortAudio's name of it."""
_ABANDONED: list[Any] = []
"""Outputs that may still call: what they call with has to stay where it is."""


class Output(Protocol):
    """An opened output, with an input where one was asked for. Thread: control; the callback runs between `start` and `stop`."""

    name: str
    sample_rate_hz: int
    block_frames: int
    latency_s: float
    input_name: str
    """Empty: no input."""
    input_latency_s: float
    notice: str
    """What the performer should know after `start`; empty: nothing."""

    def start(self, block: SharedBlock) -> None:
        """Call the mixer for every block from now on."""

    def stop(self) -> None:
        """Stop and close; returns when the callback will not be called again."""

    def abandon(self) -> None:
        """Let go of a device that has stopped calling: should it call again, it mixes nothing. Never waits."""


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
        self._sounddevice = portaudio()
        self.device = device
        self._source: DeviceInfo | None = None
        self._must_hear = False
        self.input_name = ""
        self.input_latency_s = 0.0
        self.notice = ""
        self._stream: Any = None
        self._line: callback.Line | None = None
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

    def hear(self, name: str) -> None:
        """Take an input into the stream; call before `start`. `DEFAULT_INPUT` is done without where it cannot be had, and `notice` says so.

        Raises
        ------
        UnknownDeviceError, InputDeviceError — an input asked for by name cannot be had beside this output, or not at its rate.
        """
        if name == NULL_DEVICE:
            self.input_name = NULL_DEVICE
            return
        self._must_hear = name != DEFAULT_INPUT
        try:
            source = find_input(name, self.device)
            channels = min(source.channels, MAX_INPUT_CHANNELS)
            self._sounddevice.check_input_settings(device=source.index, channels=channels, dtype="float32", samplerate=self.sample_rate_hz)
        except self._sounddevice.PortAudioError as error:
            self._go_deaf(f"input device {source.name} does not open at {self.sample_rate_hz} Hz, the output's rate", str(error))
        except DeviceError as error:
            self._go_deaf(error.what, "")
        else:
            self._source = source
            self.input_name = f"{source.name} ({source.system})"

    def _go_deaf(self, reason: str, got: str) -> None:
        """Do without an input, or refuse to where one was asked for by name."""
        if self._must_hear:
            raise InputDeviceError(reason, got=got, hint="python -m realtime devices lists the inputs; leave out --input to play without")
        self._source = None
        self.input_name = ""
        self.notice = f"playing without an input: {reason}{f' ({got})' if got else ''}"

    def prepare(self, block: SharedBlock) -> None:
        """Start the stream, cut off from the mixer: what takes time, or fails, does so while another device calls it.

        Raises
        ------
        DeviceError — it did not start.
        """
        self._attempt(lambda: self._begin(block, joined=False))

    @property
    def calls(self) -> bool:
        """Whether a stream that was prepared has called."""
        return self._line is not None and self._line.idle_calls > 0

    @property
    def asked_frames(self) -> int:
        """The block that a stream which was prepared asks for; 0 before it has called."""
        return self._line.idle_frames if self._line is not None else 0

    def start(self, block: SharedBlock) -> None:
        """Start the stream, or let the one that was prepared mix; see `Output.start`."""
        if self._stream is None:
            self._attempt(lambda: self._begin(block, joined=True))
        elif self._line is not None:
            self._line.join()
        if self._source is None:
            self.latency_s = float(self._stream.latency)
        else:
            self.input_latency_s, self.latency_s = (float(latency_s) for latency_s in self._stream.latency)

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do something with the stream; without its input where it does not go with it."""
        refused = self._sounddevice.PortAudioError
        try:
            try:
                act()
            except refused as error:
                self.stop()
                if self._source is None:
                    raise
                self._go_deaf(f"input device {self.input_name} did not start together with output {self.name}", str(error))
                act()
        except refused as error:
            self.stop()
            raise DeviceError(f"device {self.name} did not start", got=str(error), hint="is another program using it?") from None

    def _begin(self, block: SharedBlock, *, joined: bool) -> None:
        base = self._sounddevice._StreamBase  # documented as the base class for authors of stream classes
        ffi = self._sounddevice._ffi

        line = self._line = callback.Line(block.address)
        if not joined:
            line.cut()

        class CompiledStream(base):  # type: ignore[misc, valid-type]
            """A stream that calls machine code."""

            def __init__(self, **settings: Any) -> None:
                super().__init__(
                    callback=ffi.cast("PaStreamCallback*", callback.stream_callback.address),
                    wrap_callback=None,
                    userdata=ffi.cast("void*", line.address),
                    **settings,
                )

        source = self._source
        heard = min(source.channels, MAX_INPUT_CHANNELS) if source else 0
        block.words[at.W_INPUT_CHANNELS] = heard or (1 if self.input_name else 0)
        self._stream = CompiledStream(
            samplerate=self.sample_rate_hz,
            blocksize=self.block_frames,
            dtype="float32",
            latency="low",
            kind="duplex" if source else "output",
            device=(source.index, self.device.index) if source else self.device.index,
            channels=(heard, at.CHANNELS) if source else at.CHANNELS,
        )
        self._stream.start()

    def stop(self) -> None:
        """See `Output.stop`."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def abandon(self) -> None:
        """See `Output.abandon`."""
        if self._line is not None:
            self._line.cut()
        _ABANDONED.append(self)
        # PortAudio aborts the whole program when it says goodbye to a JACK server that has gone, also to one that came again: never.
        atexit.unregister(self._sounddevice._exit_handler)
        if self.device.system != JACK:
            # It may never return; where it does, the device can be opened again.
            threading.Thread(target=self.stop, name="device-close", daemon=True).start()


class NullOutput:
    """No sound hardware: a thread in machine code asks for blocks at the pace a device would."""

    def __init__(self, sample_rate_hz: int | None, block_frames: int | None) -> None:
        self.name = NULL_DEVICE
        self.input_name = ""
        self.input_latency_s = 0.0
        self.notice = ""
        self.sample_rate_hz = sample_rate_hz or NULL_RATE_HZ
        self.block_frames = block_frames or NULL_BLOCK_FRAMES
        self.latency_s = self.block_frames / self.sample_rate_hz
        self.stands_in = False
        """Whether a device is wanted, and there is none."""
        self._stop = np.zeros(1, np.int64)
        self._thread: threading.Thread | None = None

    def start(self, block: SharedBlock) -> None:
        """See `Output.start`."""
        block.words[at.W_INPUT_CHANNELS] = 1 if self.input_name else 0
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

    def abandon(self) -> None:
        """See `Output.abandon`."""
        self.stop()

    def hear(self, name: str) -> None:
        """Hear silence.

        Raises
        ------
        InputDeviceError — a real input was asked for by name.
        """
        if name not in (NULL_DEVICE, DEFAULT_INPUT):
            raise InputDeviceError(
                f"output {NULL_DEVICE} has no input devices", got=name, allowed=f"{NULL_DEVICE}, {DEFAULT_INPUT}: silence"
            )
        self.input_name = NULL_DEVICE


def is_any_abandoned() -> bool:
    """Whether an output that was let go may still call."""
    return bool(_ABANDONED)


def choose_output(
    name: str | None, sample_rate_hz: int | None, block_frames: int | None, input_name: str | None = None
) -> tuple[Output, str]:
    """The output to play through, and a notice for the performer (empty when there is nothing to say).

    Where nobody asked for a device and none can be had, the show goes on with `null` and says what to do or to install. A device asked for
    by name is never replaced by another, an input neither; the default input is done without where it cannot be had.

    Raises
    ------
    UnknownDeviceError, RateRefusedError, DeviceError — the device or input asked for cannot be had.
    """
    output, notice = _output(name, sample_rate_hz, block_frames)
    if input_name is not None:
        output.hear(input_name)
    deaf = ""
    if input_name == DEFAULT_INPUT and output.input_name == NULL_DEVICE:
        deaf = f"output {NULL_DEVICE} has no input: decks hear silence"
    return output, " ".join(text for text in (notice, output.notice, deaf) if text)


def _output(name: str | None, sample_rate_hz: int | None, block_frames: int | None) -> tuple["PortAudioOutput | NullOutput", str]:
    if name == NULL_DEVICE:
        return NullOutput(sample_rate_hz, block_frames), ""
    try:
        return PortAudioOutput(find_device(name), sample_rate_hz, block_frames), ""
    except RateRefusedError:
        raise
    except DeviceError as error:
        if name is not None:
            raise
        null = NullOutput(sample_rate_hz, block_frames)
        # Without the library there is nothing to wait with.
        null.stands_in = not isinstance(error, PortAudioMissingError)
        until = " until there is one" if null.stands_in else ""
        return null, f"no sound device, playing to {NULL_DEVICE}{until}: {error}"
