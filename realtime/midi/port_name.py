"""Names of ports that stay the same when a controller is plugged in again, and which ports are meant. It knows names, not ports."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

CLIENT: Final = "Starling"
"""Name of the stage among the programs of the MIDI system, and of its virtual port among sources."""
AUTO: Final = "auto"


@dataclass(frozen=True)
class Backend:
    """One MIDI system. `changing` are the parts of a name that change with every plugging, `software` ports that are no controller."""

    name: str
    api: str
    """Name of the constant in python-rtmidi."""
    changing: tuple[str, ...] = ()
    software: tuple[str, ...] = ()
    hardware: tuple[str, ...] = ()
    """Where given, only these names are controllers."""


BACKENDS: Final = MappingProxyType(
    {
        row.name: row
        for row in (
            # "nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0"; programs have client numbers from 128 on.
            Backend("alsa", "API_LINUX_ALSA", changing=(r" \d+:\d+$",), software=(r"^Midi Through:", r" (12[89]|1[3-9]\d|[2-9]\d\d):\d+$")),
            # "a2j:nanoKONTROL2 [20] (capture): nanoKONTROL2 MIDI 1", "Midi-Bridge:nanoKONTROL2 2:(capture_0) nanoKONTROL2 MIDI 1".
            Backend(
                "jack",
                "API_UNIX_JACK",
                changing=(r" \[\d+\]", r" \d+(?=:\()"),
                software=(r"Midi.Through",),
                hardware=(r"^system:", r"^a2j:", r"^alsa_pcm:", r"^Midi-Bridge:", r"^jackmidi"),
            ),
            Backend("coremidi", "API_MACOSX_CORE"),
            # The library makes names unique by the number of the port.
            Backend("winmm", "API_WINDOWS_MM", changing=(r" \d+$",), software=(r"^Microsoft GS Wavetable Synth",)),
        )
    }
)
_SIDES: Final = (("capture", "playback"), ("MIDI IN", "MIDI OUT"), ("MIDIIN", "MIDIOUT"), ("Input", "Output"), ("input", "output"))
"""How one controller's two ports are told apart, in the words of several systems."""


def is_own(raw: str) -> bool:
    """Whether a port is one of the stage's own."""
    return re.match(rf"{CLIENT}(-[a-z]+)?(-\d+)?:", raw) is not None


def plain_name(raw: str, backend: Backend) -> str:
    """Name without what changes."""
    for part in backend.changing:
        raw = re.sub(part, "", raw)
    return raw


def is_wanted(raw: str, backend: Backend, patterns: Sequence[str]) -> bool:
    """Whether a port is to be opened: one of `patterns` (with * and ?, or a part of the name, in any case); with none every controller."""
    if is_own(raw):
        return False
    if patterns:
        name = plain_name(raw, backend).lower()
        return any(fnmatchcase(name, pattern.lower()) or pattern.lower() in name for pattern in patterns)
    if any(re.search(part, raw) for part in backend.software):
        return False
    return not backend.hardware or any(re.search(part, raw) for part in backend.hardware)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it for a second controller of the same make."""
    number = 1
    free = name
    while free in taken:
        number += 1
        free = f"{name} #{number}"
    return free


def output_of(source: str, outputs: Sequence[str], backend: Backend) -> str | None:
    """The output among raw names that leads to the controller whose input has this name; None: it has none."""
    numbered = re.fullmatch(r"(.*) #(\d+)", source)
    name, place = (numbered[1], int(numbered[2]) - 1) if numbered else (source, 0)
    names = {name}
    for here, there in _SIDES:
        names.add(name.replace(here, there))
    found = [raw for raw in outputs if not is_own(raw) and plain_name(raw, backend) in names]
    return found[place] if place < len(found) else None
