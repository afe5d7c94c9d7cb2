"""Somebody else's text as a terminal can be given it: nothing in it moves the cursor, sets a colour or turns the line around.

It knows characters, not where they come from. Names that other programs, files and devices have are shown as they are written otherwise.
"""

import re
from typing import Final

# Controls of both sets, marks and embeddings of the writing direction, separators of lines, and halves of characters.
_ODD: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """The text on one line; characters that a terminal would act on are written out, as `\\x1b`."""
    return _ODD.sub(_written, text) if _ODD.search(text) else text


def _written(found: re.Match[str]) -> str:
    # What breaks a line parts words, as a blank does.
    return " " if found[0] in "\t\n\r" else found[0].encode("unicode_escape").decode("ascii")
