"""The table of addresses as it stands for these decks and the patches in them. It knows manifests, not values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from patches.manifest import Control, Manifest
from realtime.control.address import Address, Argument, Curve
from realtime.control.table import CLASS_PREFIXES, CLASS_ROW, PARAM_ROW, TABLE, Place, Row


@dataclass(frozen=True)
class Spot:
    """Where a value is: the deck (from 0; -1 none), who holds it, and its id there."""

    place: Place
    deck: int
    control: str


class Namespace:
    """Every address there is now. Immutable: a patch change makes another.

    Parameters
    ----------
    manifests : sequence of Manifest or None
        Of the patch in each deck.
    """

    def __init__(self, manifests: Sequence[Manifest | None]) -> None:
        addresses: dict[str, Address] = {}
        self.spots: dict[str, Spot] = {}
        """Path of each value -> where it is."""
        self.decks: dict[str, int] = {}
        """Path -> deck, from 0, of what belongs to one."""
        for row in TABLE:
            for deck, manifest in _decks(row, manifests):
                for address, spot in _expand(row, deck, manifest):
                    addresses[address.path] = address
                    if row.kind == "value":
                        self.spots[address.path] = spot
                    if deck >= 0:
                        self.decks[address.path] = deck
        self.addresses = MappingProxyType(addresses)
        self.aliases: dict[Spot, list[str]] = {}
        """Every path of a value: a class is a parameter as well."""
        for path, spot in self.spots.items():
            self.aliases.setdefault(spot, []).append(path)


def _decks(row: Row, manifests: Sequence[Manifest | None]) -> Iterator[tuple[int, Manifest | None]]:
    if "{deck}" in row.path:
        yield from enumerate(manifests)
    else:
        yield -1, None


def _expand(row: Row, deck: int, manifest: Manifest | None) -> Iterator[tuple[Address, Spot]]:
    """The addresses a row stands for in one deck."""
    path = row.path.replace("{deck}", str(deck + 1))
    if row.arguments is not None:
        yield Address(path, row.kind, row.arguments, row.summary, row.smoothing_ms, row.path), Spot(row.place, deck, row.control)
        return
    for control in () if manifest is None else manifest.controls:
        found = _of_patch(row, path, control)
        if found is not None:
            argument = Argument(control.id, "f", control.min, control.max, control.unit, control.default, _curve(control))
            yield Address(found, row.kind, (argument,), control.label, control.smoothing_ms, row.path), Spot("patch", deck, control.id)


def _of_patch(row: Row, path: str, control: Control) -> str | None:
    """The path a control of a patch has by a row; None if the row is not about it."""
    if row.path == PARAM_ROW:
        return path.replace("{control}", control.id)
    if row.path == CLASS_ROW:
        short = next((control.id.removeprefix(p) for p in CLASS_PREFIXES if control.id.startswith(p)), "")
        return path.replace("{name}", short) if short else None
    return path if control.id == row.control else None


def _curve(control: Control) -> Curve:
    return "exponential" if control.curve == "exponential" else "linear"
