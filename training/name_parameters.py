"""Class and parameters from a file's name, as the DACSynthformer writes them: ``Wind--Gust-00.70--c-02--x-88.dac``.

A number with a decimal point is a parameter's value; one without counts takes and says nothing about the sound.
"""

import re
from pathlib import PurePath
from typing import NamedTuple

from training.data_errors import NameParametersError

__all__ = ["NameParameters", "name_parameters"]

NAME = re.compile(r"(?P<class>[^-]+)(?P<pieces>(?:--[^-]+-[0-9]+(?:\.[0-9]+)?)+)")
PIECE = re.compile(r"--(?P<name>[^-]+)-(?P<value>[0-9]+\.[0-9]+)(?=--|\Z)")


class NameParameters(NamedTuple):
    """What a file's name says."""

    class_name: str
    values: dict[str, float]


def name_parameters(path: PurePath) -> NameParameters | None:
    """Return what a name says, or None where it does not follow the convention from its first to its last piece.

    Parameters
    ----------
    path : PurePath
        Only its last part is read, without its suffix.

    Raises
    ------
    NameParametersError
        It says a parameter twice.

    Source
    ------
    lonce wyse, DACSynthformer: ``Class--Param-01.00--c-02--x-88.dac``, names without hyphens, values not negative.
    """
    match = NAME.fullmatch(path.stem)
    if match is None or not match["class"].strip() or not path.stem.isprintable():
        return None
    values: dict[str, float] = {}
    for piece in PIECE.finditer(match["pieces"]):
        name = piece["name"].strip()
        if name in values:
            got = f"{values[name]:g} and {float(piece['value']):g}"
            raise NameParametersError(f"the name says {name!r} twice", where=path, got=got, hint="Rename the file")
        values[name] = float(piece["value"])
    return NameParameters(match["class"].strip(), values)
