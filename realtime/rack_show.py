"""The parts of a rack file that are not decks: sound, OSC, MIDI, recording, clock, scenes. It knows tables and their keys.

::

    [sound]
    device = "USB Audio"    # sample_rate, block_frames, lead_frames; not written by /rack/save: the next machine has another

    [input]
    device = "USB Audio"

    [osc]
    port = 9000             # on, host, query_port

    [midi]
    mapping = "knobs.toml"  # or the tables of a mapping file here; on, backend, ports

    [record]
    folder = "takes"        # stems

    [transport]
    tempo = 96.0            # quantum, source, run

    [[scene]]
    name = "verse"          # as saved by /rack/save
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from realtime.control.scene_store import read_scenes
from realtime.control.table import BY_PATH, MAX_QUANTUM, TEMPO_MAX, TEMPO_MIN
from realtime.errors import RackError
from realtime.kernels.layout import MAX_LEAD_FRAMES
from realtime.midi.mapping_file import find_mapping, from_table
from realtime.midi.port_name import BACKENDS
from realtime.render import MAX_BLOCK_FRAMES, MAX_RATE_HZ, MIN_RATE_HZ
from realtime.show_settings import (
    LEAST_BLOCK_FRAMES,
    MidiSettings,
    OscSettings,
    RecordSettings,
    ShowSettings,
    SoundSettings,
    TransportSettings,
)

_Range = tuple[float, float] | tuple[str, ...] | None
AUTO_BACKEND = "auto"

_FIELDS: dict[str, dict[str, tuple[type, _Range]]] = {
    "sound": {
        "device": (str, None),
        "sample_rate": (int, (MIN_RATE_HZ, MAX_RATE_HZ)),
        "block_frames": (int, (LEAST_BLOCK_FRAMES, MAX_BLOCK_FRAMES)),
        "lead_frames": (int, (1, MAX_LEAD_FRAMES)),
    },
    "input": {"device": (str, None)},
    "osc": {"on": (bool, None), "host": (str, None), "port": (int, (0, 65535)), "query_port": (int, (0, 65535))},
    "midi": {"on": (bool, None), "backend": (str, (AUTO_BACKEND, *BACKENDS)), "ports": (list, None), "mapping": (str, None)},
    "record": {"folder": (str, None), "stems": (bool, None)},
    "transport": {
        "tempo": (float, (TEMPO_MIN, TEMPO_MAX)),
        "quantum": (int, (0, MAX_QUANTUM)),
        "source": (str, BY_PATH["/transport/source"].arguments[0].choices if BY_PATH["/transport/source"].arguments else ()),
        "run": (bool, None),
    },
}
_MAPPING_KEYS = frozenset({"takeover", "feedback", "binding", "program", "zone"})
SHOW_KEYS: dict[str, type] = {**dict.fromkeys(_FIELDS, dict), "scene": list}
"""Keys of a rack file that are read here -> what has to stand there."""


def read_show(path: Path, raw: dict[str, Any]) -> ShowSettings:
    """Read what of `raw`, a rack file's table, is about the show. Files named in it are meant from the rack's own folder.

    Raises
    ------
    RackError, MappingError, SceneError
    """
    sound, source = (_checked(path, table, raw.get(table, {})) for table in ("sound", "input"))
    osc = _checked(path, "osc", raw.get("osc", {}))
    midi = dict(raw.get("midi", {}))
    inline = {key: midi.pop(key) for key in list(midi) if key in _MAPPING_KEYS}
    midi = _checked(path, "midi", midi)
    record = _checked(path, "record", raw.get("record", {}))
    transport = _checked(path, "transport", raw.get("transport", {}))
    if inline and "mapping" in midi:
        raise RackError(f"rack {path}: midi: a mapping file and a mapping", got=midi["mapping"], allowed="one of them")
    mapping = None
    if "mapping" in midi:
        named = path.parent / midi["mapping"]
        mapping = find_mapping(str(named) if named.is_file() else midi["mapping"])
    elif inline:
        mapping = from_table(inline, f"rack {path}: midi")
    ports = tuple(midi.get("ports", ()))
    if not all(isinstance(port, str) and port and "\0" not in port for port in ports):
        raise RackError(f"rack {path}: midi: ports", got=repr(midi["ports"]), allowed="a list of names")
    return ShowSettings(
        OscSettings(**osc),
        replace(MidiSettings(mapping=mapping, ports=ports), **{key: midi[key] for key in ("on", "backend") if key in midi}),
        RecordSettings(path.parent / record["folder"] if "folder" in record else None, record.get("stems", False)),
        TransportSettings(
            tempo_bpm=transport.get("tempo", TransportSettings.tempo_bpm),
            quantum_beats=transport.get("quantum", TransportSettings.quantum_beats),
            source=transport.get("source", TransportSettings.source),
            run=transport.get("run", TransportSettings.run),
        ),
        read_scenes(raw.get("scene", []), f"rack {path}"),
        SoundSettings(
            device=sound.get("device"),
            sample_rate_hz=sound.get("sample_rate"),
            block_frames=sound.get("block_frames"),
            lead_frames=sound.get("lead_frames"),
            input=source.get("device"),
        ),
    )


def to_float(number: float) -> float:
    """A number of a TOML file: its whole numbers can be longer than any float, and are infinite then."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _checked(path: Path, table: str, raw: dict[str, Any]) -> dict[str, Any]:
    """`raw` with known keys, right kinds and values in range only."""
    fields = _FIELDS[table]
    taken: dict[str, Any] = {}
    for key, value in raw.items():
        kind, allowed = fields.get(key, (None, None))
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = to_float(value)
        if kind is None or not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise RackError(f"rack {path}: {table}: unknown key or wrong kind", got=f"{key} = {value!r}", allowed=", ".join(fields))
        if isinstance(value, str) and (not value or "\0" in value):
            # An empty host would listen to everybody, and no name of anything has a zero in it.
            raise RackError(f"rack {path}: {table}: {key} is empty or has a zero in it", hint="leave the key out")
        if allowed and isinstance(value, str) and value not in allowed:
            raise RackError(f"rack {path}: {table}: {key}", got=value, allowed=", ".join(map(str, allowed)))
        if allowed and isinstance(value, (int, float)) and not allowed[0] <= value <= allowed[1]:  # type: ignore[operator]
            raise RackError(f"rack {path}: {table}: {key}", got=str(value), allowed=f"{allowed[0]:g} to {allowed[1]:g}")
        taken[key] = value
    return taken
