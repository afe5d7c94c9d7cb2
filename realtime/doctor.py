"""`doctor` and `devices`: what this machine has, what it allows, how fast each patch is here, and what to do about it.

It plays nothing and changes nothing.
"""

import importlib.metadata
import os
import platform
import socket
import sys
import time
from collections.abc import Iterator

import numpy as np

from patches.errors import PatchError
from patches.library import available
from patches.reader import read_manifest
from realtime.device_list import DeviceInfo, input_devices, output_devices
from realtime.errors import DeviceError, StageError
from realtime.lead import choose_lead
from realtime.stream import VoiceStream, default_controls
from realtime.voices.voice import make_voice

MEASURED_STEPS = 200
_LIBRARIES = ("numpy", "numba", "sounddevice", "soundfile", "soxr")
_LIMITS = r"@audio - rtprio 95\n@audio - nice -19\n@audio - memlock unlimited\n"
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")


def device_lines() -> Iterator[str]:
    """One line per output device, then one per input device; the defaults are marked.

    Raises
    ------
    PortAudioMissingError — the library is not installed.
    """
    devices = output_devices()
    if not devices:
        yield "no stereo output device: start JACK or PipeWire, or play with --device null"
    yield from (_device_line(device) for device in devices)
    yield "    null  no sound hardware, paced by the clock"
    yield "inputs, each beside an output of the same system:"
    yield from (_device_line(device) for device in input_devices())
    yield "    null  silence"


def _device_line(device: DeviceInfo) -> str:
    mark = "*" if device.is_default else " "
    return f"{mark} {device.index:3d}  {device.name}  [{device.system}]  {device.channels} channels, {device.default_rate_hz} Hz"


def doctor_lines() -> Iterator[str]:
    """The whole report, line by line; what needs doing begins with ``->``."""
    yield from machine_lines()
    yield from _port_lines()
    yield from _patch_lines()


def machine_lines() -> Iterator[str]:
    """What can be said while a stage plays: nothing is measured, and its port is not taken for another program's."""
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    yield f"machine     {platform.machine()}, {os.cpu_count()} cores, {system}"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    yield f"libraries   {', '.join([*versions, *_runtime_versions()])}"
    yield from _audio_lines()
    yield from _priority_lines()
    yield from _provider_lines()
    yield from _midi_lines()
    yield from _governor_lines()


def _runtime_versions() -> Iterator[str]:
    for name in _RUNTIMES:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue


def _audio_lines() -> Iterator[str]:
    try:
        import sounddevice

        yield f"PortAudio   {sounddevice.get_portaudio_version()[1]}"
        for i, line in enumerate(device_lines()):
            yield f"{'devices' if i == 0 else '':11s} {line}"
    except (DeviceError, OSError) as error:
        yield "PortAudio   missing"
        yield f"-> {error}" if isinstance(error, DeviceError) else "-> install it: sudo apt-get install libportaudio2"


def _priority_lines() -> Iterator[str]:
    if sys.platform != "linux":
        yield "priority    as the system gives it"
        return
    import resource

    realtime, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    nice, _ = resource.getrlimit(resource.RLIMIT_NICE)
    root = os.geteuid() == 0
    yield f"priority    real-time {'yes' if root or realtime != 0 else 'no'}, high (negative nice) {'yes' if root or nice > 20 else 'no'}"
    if not root and (realtime == 0 or nice <= 20):
        yield "-> for fewer drop-outs put your user in the group `audio` and give it rights, then log in again:"
        yield f"   printf '{_LIMITS}' | sudo tee /etc/security/limits.d/95-audio.conf"
        yield '   sudo usermod -aG audio "$USER"'


def _provider_lines() -> Iterator[str]:
    import onnxruntime

    yield f"providers   {', '.join(onnxruntime.get_available_providers())} (decks use the CPU)"


def _port_lines() -> Iterator[str]:
    """Whether other programs can reach the stage."""
    from realtime.osc.server import HOST, PORT

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, PORT))
            yield f"OSC         {HOST}:{PORT} is free"
        except OSError:
            yield f"OSC         {HOST}:{PORT} is taken by another program"
            yield "-> end it, or start with another port: --osc-port 9010"


def _midi_lines() -> Iterator[str]:
    """Whether controllers can."""
    try:
        compiled = importlib.metadata.version("python-rtmidi")
    except importlib.metadata.PackageNotFoundError:
        yield "MIDI        python-rtmidi is missing"
        yield "-> install it: pip install python-rtmidi"
        return
    yield f"MIDI        python-rtmidi {compiled}"
    if sys.platform == "linux" and not os.path.exists("/dev/snd/seq"):  # noqa: PTH110 - a device, not a path of ours
        yield "-> no ALSA sequencer here: controllers come through JACK, or load it: sudo modprobe snd-seq"


def _governor_lines() -> Iterator[str]:
    path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    if not os.path.exists(path):  # noqa: PTH110 - a system file, not a path of ours
        return
    with open(path) as file:  # noqa: PTH123
        governor = file.read().strip()
    yield f"governor    {governor}"
    if governor == "powersave":
        yield "-> a sleeping processor is late: sudo cpupower frequency-set -g performance"


def _patch_lines() -> Iterator[str]:
    for entry in available():
        try:
            manifest = read_manifest(entry.folder)
            voice = make_voice(entry.folder, manifest)
            started = time.perf_counter()
            voice.prepare()
            load_ms = 1000 * (time.perf_counter() - started)
            stream = VoiceStream(voice, manifest, manifest.audio.sample_rate_hz)
            stream.start(0)
            taken = []
            for _ in range(MEASURED_STEPS):
                started = time.perf_counter()
                stream.next(default_controls(manifest), False)
                taken.append(1000 * (time.perf_counter() - started))
        except (PatchError, StageError) as error:
            yield f"patch       {entry.slug}: {error}"
            continue
        p50, p99 = (float(np.percentile(taken, q)) for q in (50, 99))
        budget_ms = 1000 * stream.step_s
        lead = choose_lead(p99, 256, manifest.audio.sample_rate_hz)
        yield (
            f"patch       {entry.slug}: step {p50:.2f} ms (p99 {p99:.2f}) of {budget_ms:.1f} ms, loads in {load_ms:.0f} ms, "
            f"lead {lead} frames ({1000 * lead / manifest.audio.sample_rate_hz:.0f} ms)"
        )
        if p99 > 0.7 * budget_ms:
            yield f"-> {entry.slug} is too slow for this machine: close other programs, or give it a longer lead and expect a cheaper mode"
