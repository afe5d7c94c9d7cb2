"""What patterns stand for in the namespace as it is now, remembered until it changes. It knows paths, not what they do."""

import threading
from collections import OrderedDict
from collections.abc import Mapping

from realtime.control.address import Address
from realtime.osc.pattern import AddressTree, Work

KEPT = 128


class PatternMemory:
    """Patterns that were asked for lately.

    Thread
    ------
    Any: one lock, for less than a millisecond.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tree: tuple[Mapping[str, Address], AddressTree] | None = None
        self._known: OrderedDict[str, tuple[tuple[str, ...], int]] = OrderedDict()

    def find(self, pattern: str, addresses: Mapping[str, Address], work: Work) -> tuple[str, ...]:
        """The paths that a pattern stands for; `addresses` are another mapping whenever they changed.

        Raises
        ------
        PatternError — not well formed, or too much work. A pattern that is known is counted as if it were new, so that whether a packet is
        refused does not depend on those before it.
        """
        if pattern in addresses:
            return (pattern,)
        with self._lock:
            if self._tree is None or self._tree[0] is not addresses:
                self._tree = (addresses, AddressTree(addresses))
                self._known.clear()
            known = self._known.get(pattern)
            if known is None:
                before = work.left
                known = self._known[pattern] = (self._tree[1].find(pattern, work), before - work.left)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            else:
                work.take(known[1])
            return known[0]
