"""A mapping as TOML: strict reading, and writing. It knows text, no controller and no value.

::

    takeover = "pickup"
    feedback = "show"

    [[binding]]
    source = "cc 70"
    address = "/deck/1/param/@1"

    [[binding]]
    source = "note 36"
    channel = 10
    address = "/deck/1/class/@1"
    action = "select"

    [[program]]
    program = 3
    address = "/scene/recall"
    arguments = ["verse"]

    [[zone]]
    port = "Seaboard"
"""

import os
import tomllib
from collections.abc import Mapping as Table
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import tomli_w

from realtime.midi.mapping import Binding, Mapping
from realtime.midi.mapping_fields import BINDING_FIELDS, FILE_FIELDS, PROGRAM_FIELDS, ZONE_FIELDS, Field
from realtime.midi.programs import ProgramRule
from realtime.midi.source_pattern import MappingError, SourcePattern, parse_source
from realtime.midi.zones import Zone

MAX_MAPPING_BYTES = 1 << 18
MAX_ARGUMENTS = 8
READY = "eight-knobs-eight-pads"
"""The mapping of a stage that was given none."""
_BUNDLED = resources.files("realtime.midi") / "mappings"


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises
    ------
    MappingError — missing, too big, not TOML, an unknown key, a value of the wrong kind or out of range, an address that no patch could
    have, or the same binding twice.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MAPPING_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MappingError(f"mapping {path}: cannot be read", got=why, hint="name a TOML file, see docs/midi.md") from None
    return _parse(f"mapping {path}", content)


def ready_mapping(name: str = READY) -> Mapping:
    """A mapping that comes with the program.

    Raises
    ------
    MappingError — none is called this.
    """
    if name not in ready_names():
        raise MappingError("no mapping is called this", got=repr(name[:64]), allowed=", ".join(ready_names()), hint="or name a file")
    return _parse(f"mapping {name}", (_BUNDLED / f"{name}.toml").read_bytes())


@cache
def ready_names() -> tuple[str, ...]:
    """Names of the mappings that come with the program."""
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in _BUNDLED.iterdir() if entry.name.endswith(".toml")))


def find_mapping(name: str) -> Mapping:
    """The mapping of a name that comes with the program, or of a file.

    Raises
    ------
    MappingError
    """
    return ready_mapping(name) if name in ready_names() else read_mapping(Path(name))


def from_table(raw: Table[str, Any], where: str) -> Mapping:
    """A mapping from a table as TOML gives it: of a file of its own, or of a rack. `where` begins every message.

    Raises
    ------
    MappingError
    """
    table = _checked(raw, FILE_FIELDS, where)
    bindings, programs, zones = [], [], []
    try:
        for number, entry in enumerate(table["binding"], 1):
            bindings.append(_binding(entry, f"{where}: binding {number}"))
        for number, entry in enumerate(table["program"], 1):
            programs.append(_program(entry, f"{where}: program {number}"))
        for number, entry in enumerate(table["zone"], 1):
            zones.append(Zone(**_checked(entry, ZONE_FIELDS, f"{where}: zone {number}")))
        return Mapping(tuple(bindings), tuple(programs), table["takeover"], table["feedback"], tuple(zones))
    except MappingError as error:
        if error.what.startswith(where):
            raise
        raise MappingError(f"{where}: {error.what}", got=error.got, allowed=error.allowed, hint=error.hint) from None


def to_table(mapping: Mapping) -> dict[str, Any]:
    """The table that `from_table` reads as this mapping; what a missing key means is left out."""
    bindings = [
        _written(BINDING_FIELDS, {**vars(binding), "source": binding.source.text, **_where(binding.source)}) for binding in mapping.bindings
    ]
    programs = [_written(PROGRAM_FIELDS, {**vars(rule), "channel": rule.channel or None}) for rule in mapping.programs]
    zones = [_written(ZONE_FIELDS, vars(zone)) for zone in mapping.zones]
    # The two rules are written always: they are what a player looks for first.
    table: dict[str, Any] = {"takeover": mapping.takeover, "feedback": mapping.feedback}
    return table | {key: entries for key, entries in (("binding", bindings), ("program", programs), ("zone", zones)) if entries}


def write_mapping(path: Path, mapping: Mapping) -> None:
    """Write a mapping file, whole or not at all.

    Raises
    ------
    MappingError — the place cannot be written to; what was there before is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            part.write_bytes(_text(to_table(mapping)).encode())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MappingError(f"mapping {path}: not written", got=why, hint="choose another place") from None


def _text(table: dict[str, Any]) -> str:
    """TOML with one heading for each binding: tomli_w puts short tables on one line, which nobody would want to edit."""
    rules = {key: value for key, value in table.items() if not isinstance(value, list)}
    entries = [(key, entry) for key, value in table.items() if isinstance(value, list) for entry in value]
    return tomli_w.dumps(rules) + "".join(f"\n[[{key}]]\n{tomli_w.dumps(entry)}" for key, entry in entries)


def _parse(where: str, content: bytes) -> Mapping:
    if len(content) > MAX_MAPPING_BYTES:
        raise MappingError(f"{where}: too big", got=f"over {MAX_MAPPING_BYTES} bytes", allowed=f"up to {MAX_MAPPING_BYTES}")
    try:
        raw = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # Also what is no UTF-8, and a number longer than Python reads.
        raise MappingError(f"{where}: not TOML", got=str(error)) from None
    return from_table(raw, where)


def _binding(entry: Any, where: str) -> Binding:
    table = _checked(entry, BINDING_FIELDS, where)
    try:
        pattern = parse_source(table.pop("source"), table.pop("channel") or 0, table.pop("port"))
        action = entry.get("action", "momentary" if pattern.kind == "note" else "follow")
        return Binding(**table | {"source": pattern, "action": action, "arguments": _arguments(table["arguments"], where)})
    except MappingError as error:
        raise MappingError(f"{where}: {error.what}", got=error.got, allowed=error.allowed, hint=error.hint) from None


def _program(entry: Any, where: str) -> ProgramRule:
    table = _checked(entry, PROGRAM_FIELDS, where)
    return ProgramRule(**table | {"channel": table["channel"] or 0, "arguments": _arguments(table["arguments"], where)})


def _arguments(raw: Any, where: str) -> tuple[float | int | str, ...]:
    for argument in raw:
        if isinstance(argument, bool) or not isinstance(argument, int | float | str):
            raise MappingError(f"{where}: arguments", got=repr(argument)[:64], allowed="numbers and texts")
    if len(raw) > MAX_ARGUMENTS:
        raise MappingError(f"{where}: arguments", got=str(len(raw)), allowed=f"up to {MAX_ARGUMENTS}")
    return tuple(raw)


def _checked(raw: Any, fields: tuple[Field, ...], where: str) -> dict[str, Any]:
    """Every field of a table, as given or as its default."""
    if not isinstance(raw, dict):
        raise MappingError(f"{where}: is no table", got=repr(raw)[:64])
    known = {field.name: field for field in fields}
    for key, value in raw.items():
        field = known.get(key)
        fits = field is not None and isinstance(value, field.kinds) and (not isinstance(value, bool) or bool in field.kinds)
        if field is None or not fits:
            got = f"{key} = {value!r}"[:96]
            raise MappingError(f"{where}: unknown key or wrong kind", got=got, allowed=", ".join(known))
        if not isinstance(value, bool | str | list) and not field.least <= value <= field.most:
            raise MappingError(f"{where}: {key}", got=str(value), allowed=f"{field.least:g} to {field.most:g}")
    for field in fields:
        if field.required and field.name not in raw:
            raise MappingError(f"{where}: a key is missing", got="no " + field.name, allowed=", ".join(known))
    return {field.name: raw.get(field.name, field.default) for field in fields}


def _where(source: SourcePattern) -> dict[str, Any]:
    return {"channel": source.channel or None, "port": source.port}


def _written(fields: tuple[Field, ...], values: dict[str, Any]) -> dict[str, Any]:
    """The keys that differ from what a missing one means."""
    table = {}
    for field in fields:
        value = values[field.name]
        value = list(value) if isinstance(value, tuple) else value
        # What a missing action means depends on the source, so it is always written.
        if value is not None and (field.name == "action" or cast(Any, value) != field.default) and value != []:
            table[field.name] = value
    return table
