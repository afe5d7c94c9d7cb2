"""Which addresses an OSC pattern stands for. It knows names and the slashes between them, not what is behind them.

`?` any character, `*` any characters, `[a-f]` `[!a-f]` one of a set or none of it, `{one,two}` either, `//` any number of parts (OSC 1.1).
A part is matched by walking all its possible states at once, and each set of states is worked out once, so the work grows with the length
of what is matched and cannot explode. What it takes all in all is counted, and a pattern that takes too much is refused.

Source: Open Sound Control 1.0 specification (Wright 2002) and 1.1 (Freed and Schmeder 2009); sets of states: Thompson 1968.
"""

import re
from collections.abc import Iterable

WORK = 6000
"""Elementary steps the patterns of a packet may take, about 0.05 µs each."""
_SPECIAL = frozenset("*?[]{}")
_SIGN = re.compile(r"[]*?[{}]|//")
_PATTERN_WORK, _PART_WORK, _PIECE_WORK, _NAME_WORK = 20, 40, 12, 8
"""What a pattern, a part of it with something special, each character of that part, and each name it is held against take besides."""


class PatternError(ValueError):
    """A pattern that is not well formed, or too much work."""


class Work:
    """What is left of the work a pattern may take."""

    def __init__(self, steps: int = WORK) -> None:
        self.left = steps

    def take(self, steps: int) -> None:
        """Count steps.

        Raises
        ------
        PatternError — that was too much.
        """
        self.left -= steps
        if self.left < 0:
            raise PatternError("pattern: too much work; allowed: a simpler one")


def is_pattern(path: str) -> bool:
    """Whether a path stands for others than itself."""
    return _SIGN.search(path) is not None


class PartMatcher:
    """One part of a pattern, between two slashes.

    State n is the place before the n-th piece. `_reach[n]` are, as bits, the states that are there at once when n is: past a `*`, into
    each of the choices in braces.

    Raises
    ------
    PatternError — a bracket or brace that is not closed, or within another, a range that runs backwards, or too much work.
    """

    def __init__(self, part: str, work: Work) -> None:
        self._work = work
        work.take(_PART_WORK)
        self._sets: list[frozenset[str] | None] = []
        self._negated: list[bool] = []
        self._next: list[int] = []
        self._jumps: list[list[int]] = []
        self._read(part)
        states = len(self._next)
        self._end = 1 << states
        self._reach = [0] * states + [self._end]
        # Jumps lead forward only, so the last state's reach is known first.
        for state in reversed(range(states)):
            self._reach[state] = 1 << state
            for jump in self._jumps[state]:
                self._reach[state] |= self._reach[jump]
        self._known: dict[tuple[int, str], int] = {}

    def _add(self, characters: frozenset[str] | None, *, negated: bool = False) -> int:
        """Add a piece that takes one character, of a set or (None) any, and leads on; return its state."""
        self._work.take(_PIECE_WORK)
        state = len(self._next)
        self._sets.append(characters)
        self._negated.append(negated)
        self._next.append(state + 1)
        self._jumps.append([])
        return state

    def _read(self, part: str) -> None:
        position = 0
        while position < len(part):
            letter = part[position]
            position += 1
            if letter == "*":
                if part.startswith("*", position):
                    continue  # Two in a row say no more than one.
                # Takes any character and stays, or is passed.
                state = self._add(None)
                self._next[state] = state
                self._jumps[state].append(state + 1)
            elif letter == "?":
                self._add(None)
            elif letter == "[":
                position = self._read_set(part, position)
            elif letter == "{":
                position = self._read_choices(part, position)
            elif letter in "]}":
                raise PatternError(f"pattern: got {letter} that closes nothing; allowed: after its opening one")
            else:
                self._add(frozenset(letter))

    def _read_set(self, part: str, position: int) -> int:
        end = part.find("]", position)
        if end < 0:
            raise PatternError("pattern: got [ without its ]; allowed: [abc], [a-f], [!a-f]")
        inner = part[position:end]
        negated = inner.startswith("!")
        inner = inner[negated:]
        members: set[str] = set()
        at = 0
        while at < len(inner):
            if at + 2 < len(inner) and inner[at + 1] == "-":
                first, last = ord(inner[at]), ord(inner[at + 2])
                if first > last:
                    raise PatternError(f"pattern: got the range {inner[at : at + 3]}; allowed: from the lower to the higher")
                self._work.take(last - first + 1)
                members.update(map(chr, range(first, last + 1)))
                at += 3
            else:
                members.add(inner[at])
                at += 1
        self._add(frozenset(members), negated=negated)
        return end + 1

    def _read_choices(self, part: str, position: int) -> int:
        end = part.find("}", position)
        inner = part[position:end] if end >= 0 else ""
        if end < 0 or not _SPECIAL.isdisjoint(inner):
            raise PatternError("pattern: got { without its }, or a pattern within; allowed: {one,two}")
        # An empty set takes no character: this state only jumps into the choices, and the one after each only out of them.
        fork = self._add(frozenset())
        exits = []
        for choice in inner.split(","):
            self._jumps[fork].append(len(self._next))
            for letter in choice:
                self._add(frozenset(letter))
            exits.append(self._add(frozenset()))
        for state in exits:
            self._jumps[state].append(len(self._next))
        return end + 1

    def matches(self, name: str) -> bool:
        """Whether a name is one of those that the part stands for.

        Raises
        ------
        PatternError — too much work.
        """
        self._work.take(_NAME_WORK + len(name))
        states = self._reach[0]
        for letter in name:
            following = self._known.get((states, letter))
            if following is None:
                self._work.take(4 + 3 * states.bit_count())
                following = self._known[(states, letter)] = self._follow(states, letter)
            states = following
            if not states:
                return False
        return bool(states & self._end)

    def _follow(self, states: int, letter: str) -> int:
        following = 0
        states &= ~self._end
        while states:
            lowest = states & -states
            states ^= lowest
            state = lowest.bit_length() - 1
            members = self._sets[state]
            if members is None or (letter in members) != self._negated[state]:
                following |= self._reach[self._next[state]]
        return following


class AddressTree:
    """Addresses by their parts.

    Parameters
    ----------
    paths : iterable of str
        `/deck/1/gain`, ...
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._root = _Node()
        for path in paths:
            node = self._root
            for name in path.split("/")[1:]:
                below = node.below.get(name)
                if below is None:
                    below = node.below[name] = _Node()
                node = below
            node.path = path

    def find(self, pattern: str, work: Work | None = None) -> tuple[str, ...]:
        """Every address that a pattern stands for, in the tree's order.

        Raises
        ------
        PatternError — not well formed, or too much work.
        """
        work = work or Work()
        work.take(_PATTERN_WORK)
        nodes = [self._root]
        parts = pattern.split("/")[1:]
        if not parts or not parts[-1]:
            raise PatternError("pattern: it ends in /; allowed: a name there")
        for part in parts:
            if not part:
                nodes = _all_below(nodes, work)
            elif _SPECIAL.isdisjoint(part):
                work.take(len(nodes))
                nodes = [node.below[part] for node in nodes if part in node.below]
            else:
                matcher = PartMatcher(part, work)
                nodes = [below for node in nodes for name, below in node.below.items() if matcher.matches(name)]
        return tuple(dict.fromkeys(node.path for node in nodes if node.path))


class _Node:
    """A part of an address: what is below it, and the whole path where an address ends here."""

    __slots__ = ("below", "path")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.path = ""


def _all_below(nodes: list[_Node], work: Work) -> list[_Node]:
    """The nodes and everything below them, each once."""
    found: dict[int, _Node] = {}
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            work.take(5 + len(node.below))
            found[id(node)] = node
            waiting.extend(reversed(node.below.values()))
    return list(found.values())
