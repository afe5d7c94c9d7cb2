"""The control core as OSCQuery sees it: the tree of its addresses, kept up to date. It knows no client."""

from collections.abc import Callable, Mapping
from typing import Protocol

from realtime.control.address import Address, Value
from realtime.oscquery.nodes import Tree, changed_containers


class Core(Protocol):
    """What OSCQuery needs of the control core."""

    def addresses(self) -> Mapping[str, Address]:
        """The namespace now."""

    @property
    def edition(self) -> int:
        """Grows when the namespace changes."""

    def read(self, path: str) -> tuple[Value, ...] | None:
        """Present values."""

    def changes(self, since: int) -> tuple[int, dict[str, tuple[Value, ...]]]:
        """What changed after a cursor."""


class View:
    """The tree of the present namespace.

    Parameters
    ----------
    core : Core

    Thread
    ------
    One: that of the server's loop.
    """

    def __init__(self, core: Core) -> None:
        self.core = core
        self._edition = core.edition
        self.tree = Tree(core.addresses())
        self.on_change: Callable[[list[str]], None] = lambda containers: None
        """Told of the containers whose contents changed, when `refresh` finds that they did."""

    def refresh(self) -> Tree:
        """The tree as it is now."""
        edition = self.core.edition
        if edition != self._edition:
            before, self.tree = self.tree, Tree(self.core.addresses())
            self._edition = edition
            self.on_change(changed_containers(before, self.tree))
        return self.tree
