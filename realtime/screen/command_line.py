"""A line typed as for OSC: an address and its arguments. Pure: it knows addresses, not who is asked."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from realtime.control.address import Address, Argument, Value, take_arguments
from realtime.errors import UsageError
from realtime.screen.control_actions import shown_value, typed_value

MOST_ANSWER: Final = 240
"""Characters of an answer that are shown: three lines of a narrow terminal."""
_NEAR: Final = 3
"""Addresses that are offered in place of one that is not there."""


class LineError(UsageError):
    """A line that asks for nothing there is."""


@dataclass(frozen=True)
class Line:
    """What a line asks for. `clipped`: an argument had to be brought into range."""

    address: Address
    values: tuple[Value, ...] = ()
    clipped: bool = False

    @property
    def text(self) -> str:
        """As it will be asked for."""
        return said(self.address.path, self.values)


def read_line(text: str, deck: int, addresses: Mapping[str, Address]) -> Line:
    """What a typed line asks for.

    Parameters
    ----------
    text : str
        An address and its arguments, with blanks between; quotes around an argument that has some. What does not begin with `/` is meant
        for the selected deck, or where a deck has none such, for the whole.
    deck : int
        The selected one, from 1.
    addresses : mapping of str to Address
        What there is.

    Raises
    ------
    LineError — no address, none that there is, or arguments that it does not take.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise LineError("this line cannot be read", got=str(error).lower(), allowed='quotes in pairs: "a name"') from None
    if not words:
        raise LineError("no address", allowed="/scene/morph verse 8, or for the selected deck: seed 7")
    first = words[0]
    paths = [first] if first.startswith("/") else [f"/deck/{deck}/{first}", f"/{first}"]
    for path in paths:
        if path in addresses:
            return take_words(addresses[path], words[1:])
    near = ", ".join(get_close_matches(paths[0], addresses, _NEAR))
    raise LineError("no such address now", got=paths[0], allowed=near, hint="" if near else "docs/osc.md lists all there are")


def take_words(address: Address, words: Sequence[str]) -> Line:
    """Arguments as they were typed, as the address takes them. A value without any is asked for, not set.

    Raises
    ------
    LineError — too few, too many, or one that is not allowed.
    """
    wanted = address.arguments
    if address.kind == "value" and not words:
        return Line(address)
    try:
        # What is too many is refused below, whatever it is.
        typed = [_take(wanted[min(place, len(wanted) - 1)], word) if wanted else (word, False) for place, word in enumerate(words)]
        values, clipped = take_arguments(address, [value for value, _ in typed])
    except ValueError as error:
        raise LineError(f"{address.path}: {error}") from None
    return Line(address, values, clipped or any(cut for _, cut in typed))


def said(path: str, values: Iterable[Value]) -> str:
    """An address and what it is, for people; what is too long is cut."""
    text = " ".join([path, *(shlex.quote(value) if isinstance(value, str) else shown_value(value) for value in values)])
    return text if len(text) <= MOST_ANSWER else text[: MOST_ANSWER - 1] + "…"


def beginnings(deck: int, addresses: Iterable[str]) -> list[str]:
    """What a line can begin with: what is short for the selected deck first."""
    mine = f"/deck/{deck}/"
    every = list(addresses)
    return [*(path.removeprefix(mine) for path in every if path.startswith(mine)), *every]


def _take(argument: Argument, word: str) -> tuple[Value, bool]:
    """One argument.

    Raises
    ------
    ValueError — not what is allowed.
    """
    if argument.tag == "s":
        return str(Path(word).expanduser()) if word.startswith("~/") else word, False
    return typed_value(word, argument)
