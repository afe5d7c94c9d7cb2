"""An engine with the sound of the stage before, or as near to it as this machine has one now. It knows no rack and no command line."""

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace

from realtime.device_list import DEFAULT_INPUT, find_again
from realtime.engine import Engine, EngineConfig
from realtime.errors import DeviceError, UnknownDeviceError


def start_engine(opened: ExitStack, config: EngineConfig, kept: Collection[str] = ()) -> Engine:
    """Start an engine, which is closed with `opened`.

    What cannot be had of `kept`, names of fields of `config` that nobody asks for now, is done without; `Engine.notice` says so then.

    Raises
    ------
    StageError — as `Engine.start`, where it cannot begin without what is kept either.
    """
    *nearer, last = in_turn(config, kept)
    first: DeviceError | UnknownDeviceError | None = None
    for tried in nearer:
        try:
            engine = _start(opened, tried)
        except (DeviceError, UnknownDeviceError) as error:
            first = first or error
        else:
            break
    else:
        tried, engine = last, _start(opened, last)
    if first is not None:
        engine.notice = " ".join(filter(None, (_said(first, config, tried, engine), engine.notice)))
    return engine


def in_turn(config: EngineConfig, kept: Collection[str]) -> list[EngineConfig]:
    """What to try, one after the other: without the input, at the device's own rate, at last on the system's own device; where there is
    none, that is `null` at the rate that the device had.
    """
    rate_hz = None if "sample_rate_hz" in kept else config.sample_rate_hz
    own_rate = replace(config, sample_rate_hz=rate_hz, block_frames=None if "block_frames" in kept else config.block_frames)
    own_device = replace(config, device=None if "device" in kept else config.device)
    # The default input is done without by itself.
    source = None if "input" in kept and config.input != DEFAULT_INPUT else config.input
    outputs = (config, own_rate, own_device, replace(own_rate, device=own_device.device))
    return list(dict.fromkeys(tried for output in outputs for tried in (output, replace(output, input=source))))


def _start(opened: ExitStack, config: EngineConfig) -> Engine:
    return opened.enter_context(Engine(replace(config, device=_present(config.device))))


def _present(asked: str | None) -> str | None:
    """A device that is asked for as it is shown, `USB Audio (ALSA)`, by the number that it has now; any other as it is asked for.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    name, _, system = (asked or "").removesuffix(")").rpartition(" (")
    found = find_again(name, system) if name else None
    return asked if found is None else str(found.index)


def _said(first: DeviceError | UnknownDeviceError, wanted: EngineConfig, tried: EngineConfig, engine: Engine) -> str:
    got = f" ({first.got})" if first.got else ""
    deaf = ", without an input" if wanted.input != tried.input else ""
    now = engine.snapshot()
    again = "; once it is there, end Starling and start it with --resume again" if wanted.device != tried.device else ""
    return f"not the sound of before: {first.what}{got}; playing on {now.device} at {now.sample_rate_hz} Hz{deaf}{again}."
