"""The addresses as a tree of containers and methods, as OSCQuery shows them. It knows paths, not values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from realtime.control.address import Address


@dataclass
class Node:
    """A container, a method, or both at once (`/midi/learn` has `/midi/learn/cancel` under it)."""

    path: str
    address: Address | None = None
    children: dict[str, "Node"] = field(default_factory=dict)
    count: int = 1
    """Nodes from here down, this one included."""

    def walk(self) -> Iterator["Node"]:
        """The node and all under it."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def parent_path(path: str) -> str:
    """The path of the container a path is in; the root is in itself."""
    return path.rpartition("/")[0] or "/"


class Tree:
    """All nodes of one state of the namespace. Not changed after it is built.

    Parameters
    ----------
    addresses : mapping of path to Address
    """

    def __init__(self, addresses: Mapping[str, Address]) -> None:
        self.addresses = addresses
        self.root = Node("/")
        self._nodes = {"/": self.root}
        for path, address in addresses.items():
            self._node(path).address = address
        # A child's path is longer than its parent's: from the longest on, every count is complete when it is added.
        for node in sorted(self._nodes.values(), key=lambda node: len(node.path), reverse=True):
            if node is not self.root:
                self._nodes[parent_path(node.path)].count += node.count

    def _node(self, path: str) -> Node:
        if path not in self._nodes:
            node = self._nodes[path] = Node(path)
            self._node(parent_path(path)).children[path.rpartition("/")[2]] = node
        return self._nodes[path]

    def find(self, path: str) -> Node | None:
        """The node at a path, with or without a stroke at its end."""
        return self._nodes.get(path.rstrip("/") or "/")

    def below(self, path: str) -> tuple[str, ...]:
        """Paths of the values a client hears of that listens to `path`: its own, or all under it where it is only a container."""
        node = self.find(path)
        if node is None:
            return ()
        if node.address is not None:
            return (node.path,)
        return tuple(child.path for child in node.walk() if child.address is not None and child.address.kind == "value")


def changed_containers(before: Tree, after: Tree) -> list[str]:
    """The containers whose contents differ between two trees: what PATH_CHANGED names.

    Every one exists in both trees, none is inside another, and all that came, went or means something else now is under one of them.
    """
    paths = before.addresses.keys() | after.addresses.keys()
    found = set()
    for path in paths:
        if before.addresses.get(path) == after.addresses.get(path):
            continue
        container = parent_path(path)
        while before.find(container) is None or after.find(container) is None:
            container = parent_path(container)
        found.add(container)
    return sorted(container for container in found if not any(_inside(container, other) for other in found))


def _inside(path: str, container: str) -> bool:
    return path != container and path.startswith(container.rstrip("/") + "/")
