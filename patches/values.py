"""Checks one simple value against one row of the table of fields.

Does not know where rows come from: the manifest's table and the settings of each kind use it alike.
"""

from typing import Any

from patches.errors import WrongTypeError, WrongValueError, shown
from patches.fields import Field

MAX_MAP_KEY_CHARACTERS = 256
"""Keys of maps are tensor names, score names and setting names."""
MAX_SETTING_CHARACTERS = 256
MAX_SETTING = 1e12


def check_value(field: Field, value: Any, *, where: str, file: str) -> bool | int | float | str:
    """Return one simple value, checked; numbers come back as float, and minus zero as zero.

    Parameters
    ----------
    field : Field
        The row to check against: text, integer, number or scalar.
    value : Any
        The plain JSON value.
    where, file : str
        Where it stands, for the message.

    Raises
    ------
    WrongTypeError
        Not of the row's type. A boolean is not a number, and 1.0 is not an integer.
    WrongValueError
        Outside the row's bounds, not one of its texts, or not printable.

    Thread
    ------
    Any.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    wanted = {
        "text": isinstance(value, str),
        "integer": is_number and isinstance(value, int),
        "number": is_number,
        "scalar": isinstance(value, (bool, int, float, str)),
    }
    if not wanted[field.type]:
        raise WrongTypeError(file=file, field=where, got=shown(value), allowed=field.allowed)
    if isinstance(value, str):
        low, high = (0, MAX_SETTING_CHARACTERS) if field.type == "scalar" else (field.low, field.high)
        good = low <= len(value) <= high and value.isprintable()
        good = good and (not field.one_of or value in field.one_of)
        good = good and (field.pattern is None or field.pattern.fullmatch(value) is not None)
    elif isinstance(value, bool):
        return value
    else:
        low, high = (-MAX_SETTING, MAX_SETTING) if field.type == "scalar" else (field.low, field.high)
        good = low <= value <= high  # False for NaN too
    if not good:
        raise WrongValueError(file=file, field=where, got=shown(value), allowed=field.allowed)
    if field.type == "number":
        return float(value) + 0.0
    checked: int | float | str = value
    return checked
