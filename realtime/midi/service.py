"""The addresses under `/midi`: learn, unlearn, save, load, takeover, and what is mapped. It knows the mapper, no port library."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from realtime.control.address import Address, Value
from realtime.control.core import ControlCore, Handler
from realtime.control.outcome import Origin
from realtime.midi.event import ControlEvent, Event, NoteEvent, PanicEvent, ProgramEvent
from realtime.midi.learn import Wish
from realtime.midi.mapper import MidiMapper
from realtime.midi.mapping import Binding, place_of, row_of
from realtime.midi.mapping_file import find_mapping, write_mapping
from realtime.midi.source_pattern import MappingError, exactly, parse_source
from realtime.midi.takeover import TAKEOVERS

Values = tuple[Value, ...]


def serve_midi(core: ControlCore, mapper: MidiMapper) -> None:
    """Have the rows under `/midi` served by a mapper."""
    for path, (served, slow) in _SERVED.items():
        handler: Handler = partial(_call, served, core, mapper)
        core.serve(path, handler, slow=slow)
    core.hold("/midi/takeover", lambda: mapper.assignments.takeover, lambda value: _take_over(mapper, value))


def _call(served: "Served", core: ControlCore, mapper: MidiMapper, address: Address, values: Values, origin: Origin) -> Values:
    return served(core, mapper, values, origin)


def _learn(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    """Arm an address. Later `origin` is answered with the address, the control, its action, and what was taken away."""
    path, minimum, maximum, curve = (*values, None, None, None)[:4]
    assert isinstance(path, str)
    if row_of(path).kind == "command":
        # The binding that a pad would be: a command that needs arguments cannot be learned, and says so.
        Binding(parse_source("note 0"), path, "trigger")
    elif path not in core.addresses() and place_of(path) is None:
        raise MappingError("learn: no such address now", got=path, hint="load the patch that has it, or write it in a mapping file")
    numbers = [float(number) if isinstance(number, (int, float)) else None for number in (minimum, maximum)]
    if numbers[0] is not None and numbers[0] == numbers[1]:
        raise MappingError(f"learn {path}: minimum and maximum are the same", got=f"{numbers[0]:g}", allowed="two different numbers")
    mapper.arm(Wish(path, numbers[0], numbers[1], "exponential" if curve == "exponential" else "linear" if curve else None), origin)
    return values


def _cancel(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    wish = mapper.cancel()
    return () if wish is None else (wish.address,)


def _unlearn(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    path = str(values[0])
    gone = mapper.unlearn(path)
    if not gone:
        raise MappingError("unlearn: no control moves this address", got=path, hint="/midi/map lists every binding")
    return (path, *(binding.source.where for binding in gone))


def _save(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    write_mapping(Path(str(values[0])), mapper.mapping)
    return values


def _load(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    mapper.use(find_mapping(str(values[0])))
    return values


def _map(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    return tuple(text for binding, path in mapper.table() for text in (binding.source.where, path or f"{binding.address} (asleep)"))


def _waiting(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    return tuple(said for source, path, way in mapper.waiting() for said in (exactly(source).where, path, way))


def _ports(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    return tuple(mapper.ports())


def _report(core: ControlCore, mapper: MidiMapper, values: Values, origin: Origin) -> Values:
    return () if mapper.last is None else (mapper.last.source.port, describe(mapper.last))


Served = Callable[[ControlCore, MidiMapper, Values, Origin], Values]
_SERVED: dict[str, tuple[Served, bool]] = {
    "/midi/learn": (_learn, False),
    "/midi/learn/cancel": (_cancel, False),
    "/midi/unlearn": (_unlearn, False),
    "/midi/save": (_save, True),
    "/midi/load": (_load, True),
    "/midi/map": (_map, False),
    "/midi/waiting": (_waiting, False),
    "/midi/ports": (_ports, False),
    "/midi/report": (_report, False),
}
"""Row -> who serves it, and whether it touches files."""


def describe(event: Event) -> str:
    """An event, for a person."""
    source = event.source
    what: str
    if isinstance(event, PanicEvent):
        what = event.kind
    elif isinstance(event, ProgramEvent):
        what = f"program {event.program} of bank {event.bank}"
    elif isinstance(event, NoteEvent):
        what = f"note {source.number} {'on' if event.on else 'off'} {event.raw}"
    elif isinstance(event, ControlEvent):
        number = f" {source.number}" if source.kind in ("cc", "cc14", "nrpn", "rpn", "poly") else ""
        value = f"{event.step:+d}" if event.step is not None else f"{event.raw} of {event.top}"
        what = f"{source.kind}{number} {value}"
    else:
        what = event.action
    return f"channel {source.channel} {what}" if source.channel else what


def _take_over(mapper: MidiMapper, value: Value) -> None:
    mapper.assignments.takeover = next(mode for mode in TAKEOVERS if mode == value)
