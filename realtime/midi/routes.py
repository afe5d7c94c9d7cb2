"""A mapping as it stands in the namespace now: which control moves which address over which range. It knows no value and no port.

A patch change makes another namespace and so other routes. A binding whose address is not there sleeps until it is.
"""

from collections.abc import Mapping as Namespace
from dataclasses import dataclass, replace

from realtime.control.address import Address, Argument, Value, take_arguments, to_share, to_value
from realtime.control.table import CLASS_PREFIXES, PARAM_ROW
from realtime.midi.event import Kind, Source
from realtime.midi.mapping import Binding, Mapping, place_of
from realtime.midi.place import from_middle, to_step

_BENDS = ("bend", "mpe_bend")
"""Their events are in the middle at rest, whatever they are bound to."""
_WIDEST = 128
"""A source of more numbers than this is looked through, not looked up."""


@dataclass(frozen=True)
class Route:
    """A binding that is awake. `argument` spans what its control can reach; `siblings` are what `select` turns down."""

    binding: Binding
    address: Address
    argument: Argument
    siblings: "tuple[Route, ...]" = ()

    @property
    def path(self) -> str:
        """The address it moves."""
        return self.address.path

    @property
    def has_middle(self) -> bool:
        """Whether 0 lies in the middle of its range, so that its control must be able to stand there."""
        return not self.argument.choices and self.argument.minimum == -self.argument.maximum

    def place_heard(self, value: float, top: int) -> float:
        """Where a control of `top` steps stands that says `value`, 0 to 1."""
        return from_middle(value, top) if self.has_middle and self.binding.source.kind not in _BENDS else value

    def step_shown(self, value: Value, top: int) -> int:
        """Which of its `top` steps a control stands on, or is sent, where it shows this value."""
        place = self.place_of(value)
        return to_step(place, top) if self.has_middle or self.binding.source.kind in _BENDS else round(place * top)

    def value_at(self, place: float) -> Value:
        """The value where the control stands at `place`, 0 to 1."""
        share = 1.0 - place if self.binding.invert else place
        choices = self.argument.choices
        if choices:
            return choices[min(int(share * len(choices)), len(choices) - 1)]
        return to_value(share, self.argument, self.binding.curve)

    def place_of(self, value: Value) -> float:
        """Where the control would stand for this value, 0 to 1; the nearest end for one it cannot reach."""
        choices = self.argument.choices
        if isinstance(value, str):
            share = choices.index(value) / max(len(choices) - 1, 1) if value in choices else 0.0
        else:
            share = to_share(value, self.argument, self.binding.curve)
        return 1.0 - share if self.binding.invert else share

    def rounded(self, place: float) -> float:
        """Where the value is read after it was set at `place`."""
        return self.place_of(self.value_at(place))


class Routes:
    """Every binding that is awake, to be looked up by source and by address. Immutable.

    Parameters
    ----------
    mapping : Mapping
    addresses : mapping of path to Address
        The namespace now.
    """

    def __init__(self, mapping: Mapping, addresses: Namespace[str, Address]) -> None:
        self.mapping = mapping
        self.by_path: dict[str, list[Route]] = {}
        self.faults: list[str] = []
        """Bindings that are awake in name but cannot do what they say, in words."""
        self._numbered: dict[tuple[Kind, int], list[Route]] = {}
        self._wide: dict[Kind, list[Route]] = {}
        self._places: dict[str, list[str]] = {}
        for binding in mapping.bindings:
            path = self._path(binding.address, addresses)
            if path is None:
                continue
            route = _route(binding, addresses[path], addresses)
            if isinstance(route, str):
                self.faults.append(f"{binding.source.where} to {path}: {route}")
                continue
            self.by_path.setdefault(path, []).append(route)
            source = binding.source
            if source.high - source.low < _WIDEST:
                for number in range(source.low, source.high + 1):
                    self._numbered.setdefault((source.kind, number), []).append(route)
            else:
                self._wide.setdefault(source.kind, []).append(route)

    def of(self, source: Source) -> list[Route]:
        """Routes that a source moves, in the order of the mapping."""
        found = self._numbered.get((source.kind, source.number), []) + self._wide.get(source.kind, [])
        return [route for route in found if route.binding.source.matches(source)]

    def _path(self, path: str, addresses: Namespace[str, Address]) -> str | None:
        place = place_of(path)
        if place is None:
            return path if path in addresses else None
        parent, number = place
        if parent not in self._places:
            self._places[parent] = _counted(parent, addresses)
        there = self._places[parent]
        return there[number - 1] if 1 <= number <= len(there) else None


def _counted(parent: str, addresses: Namespace[str, Address]) -> list[str]:
    """Addresses under a parent in the order of the patch. Parameters that are classes are counted as classes only."""
    there = [path for path in addresses if path.rpartition("/")[0] == parent]
    return [p for p in there if not (addresses[p].row == PARAM_ROW and p.rpartition("/")[2].startswith(CLASS_PREFIXES))]


def _route(binding: Binding, address: Address, addresses: Namespace[str, Address]) -> Route | str:
    """The route of a binding, or why there is none."""
    if binding.action == "trigger" and (address.kind == "command" or binding.arguments):
        try:
            take_arguments(address, binding.arguments)
        except ValueError as error:
            return str(error)
        return Route(binding, address, Argument("pressed", "f", 0.0, 1.0))
    argument = address.argument
    if argument.tag == "s":
        return Route(binding, address, argument) if argument.choices else "a text cannot be moved to"
    low = argument.minimum if binding.minimum is None else max(binding.minimum, argument.minimum)
    high = argument.maximum if binding.maximum is None else min(binding.maximum, argument.maximum)
    if not low < high:
        return f"nothing between {low:g} and {high:g}; allowed: {argument.allowed}"
    siblings: tuple[Route, ...] = ()
    if binding.action == "select":
        others = [other for other in addresses.values() if _are_siblings(address, other)]
        siblings = tuple(Route(binding, other, _within(other.argument, binding)) for other in others)
    return Route(binding, address, replace(argument, minimum=low, maximum=high), siblings)


def _within(argument: Argument, binding: Binding) -> Argument:
    """The range of a sibling: the binding's, where its own allows it."""
    low = argument.minimum if binding.minimum is None else min(max(binding.minimum, argument.minimum), argument.maximum)
    high = argument.maximum if binding.maximum is None else min(max(binding.maximum, argument.minimum), argument.maximum)
    return replace(argument, minimum=low, maximum=high)


def _are_siblings(one: Address, other: Address) -> bool:
    """Whether two addresses stand for the same thing of different names: classes of one deck, the solo of each deck."""
    if one.row != other.row or one.path == other.path:
        return False
    parts = zip(one.row.split("/"), one.path.split("/"), other.path.split("/"), strict=True)
    named = [(mine, yours) for row, mine, yours in parts if row.startswith("{")]
    return bool(named) and all(mine == yours for mine, yours in named[:-1])
