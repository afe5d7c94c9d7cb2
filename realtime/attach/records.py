"""Frozen records as plain tables and back, whole or only what is different. It knows dataclasses and their types, no field by name.

What a record may hold: numbers, texts, yes and no, tuples and text-keyed mappings of them, and records. Texts are read as a terminal can
show them, and numbers no greater than anything that is counted or measured: whoever draws them need not ask.
"""

import functools
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from operator import attrgetter
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from realtime.attach.messages import MessageError
from realtime.plain import plain

Record = TypeVar("Record")
Made = TypeVar("Made")
Reader = Callable[[Any, Any], Any]
"""Makes a value of what it was and what JSON says."""

_MOST: Final = 2.0**63
"""Beyond it a sum or a product may be infinite."""
_ZERO: Final[dict[Any, Any]] = {int: 0, float: 0.0, str: "", bool: False}


def _once(make: Callable[[Any], Made]) -> Callable[[Any], Made]:
    """Have what is made of a class made once."""
    return functools.cache(make)


@_once
def blank(kind: Any) -> Any:
    """A record of a class with nothing in it: defaults, and zero or empty where there is none. A whole record is the difference from it."""
    hints = get_type_hints(kind)
    needed = [field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING]
    return kind(**{name: _zero(hints[name]) for name in needed})


def difference(before: Any, after: Any, apart: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Fields of `after` that are not as in `before`, a record of the same type, as a plain table; fields `apart` are left out."""
    names, take = _fields(type(after))
    olds, news = take(before), take(after)
    if olds == news:
        return {}
    return {
        name: _plain(old, new)
        for name, old, new in zip(names, olds, news, strict=True)
        if old is not new and old != new and name not in apart
    }


def to_table(record: Any) -> dict[str, Any]:
    """A whole record as a plain table."""
    return difference(blank(type(record)), record)


def apply(before: Record, table: Mapping[str, Any]) -> Record:
    """The record that `difference` was made of. A field that it has not is a newer program's, and left out.

    Raises
    ------
    MessageError — a value of another type.
    """
    kind: Any = type(before)
    readers = _readers(kind)
    changed = {name: readers[name](getattr(before, name), raw) for name, raw in table.items() if name in readers}
    return _replaced(before, changed) if changed else before


def from_table(kind: type[Record], table: Mapping[str, Any]) -> Record:
    """The whole record of a table.

    Raises
    ------
    MessageError — as `apply`.
    """
    known: Any = kind
    made: Record = apply(blank(known), table)
    return made


def _replaced(before: Any, changed: dict[str, Any]) -> Any:
    return replace(before, **changed)


@_once
def _fields(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Names of the fields of a class, two or more, and what takes them all out of a record."""
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


def _zero(hint: Any) -> Any:
    origin = get_origin(hint)
    if origin is Literal:
        return get_args(hint)[0]
    return () if origin is tuple else _ZERO[hint]


def _plain(old: Any, new: Any) -> Any:
    kind: Any = type(new)
    if is_dataclass(kind):
        return difference(old if type(old) is kind else blank(kind), new)
    if isinstance(new, tuple):
        was = old if isinstance(old, tuple) else ()
        return [_plain(was[place] if place < len(was) else None, value) for place, value in enumerate(new)]
    return dict(new) if isinstance(new, Mapping) else new


@_once
def _readers(kind: Any) -> dict[str, Reader]:
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


def _reader(hint: Any) -> Reader:
    """Reads what one type of field can be."""
    origin, inner = get_origin(hint), get_args(hint)
    if hasattr(hint, "__dataclass_fields__"):
        return lambda old, raw: apply(old if type(old) is hint else blank(hint), _checked(raw, dict))
    if origin is tuple and inner[1:] == (...,):
        each = _reader(inner[0])
        return lambda old, raw: tuple(each(_at(old, place), value) for place, value in enumerate(_checked(raw, list)))
    if origin is tuple:
        readers = [_reader(part) for part in inner]
        return lambda old, raw: tuple(read(None, value) for read, value in zip(readers, _of_length(raw, len(readers)), strict=True))
    if origin in (Union, types.UnionType):
        return _one_of(inner)
    if origin is Literal:
        return lambda old, raw: _checked(raw, str) if raw in inner else _refuse(raw, hint)
    if origin is not None:
        value_of = _reader(inner[1])
        return lambda old, raw: {_text(None, key): value_of(None, value) for key, value in _checked(raw, dict).items()}
    return _SIMPLE.get(hint) or (lambda old, raw: _checked(raw, hint))


def _one_of(hints: tuple[Any, ...]) -> Reader:
    """The reader of a choice: a number, a text or nothing, or a record or nothing."""
    records = [hint for hint in hints if hasattr(hint, "__dataclass_fields__")]
    if records:
        read = _reader(records[0])
        return lambda old, raw: None if raw is None else read(old, raw)

    def take(old: Any, raw: Any) -> Any:
        if isinstance(raw, float):
            return _number(old, raw)
        if isinstance(raw, str) and str in hints:
            return _text(old, raw)
        return raw if type(raw) in hints or (raw is None and type(None) in hints) else _refuse(raw, hints)

    return take


def _number(old: Any, raw: Any) -> float:
    """A float; one that is whole may be, and come as, a whole number."""
    is_number = type(raw) is int or (isinstance(raw, float) and math.isfinite(raw))
    return _bounded(raw) if is_number else float(_refuse(raw, float))


def _whole(old: Any, raw: Any) -> int:
    return int(_bounded(_checked(raw, int)))


def _bounded(number: float) -> float:
    return number if -_MOST <= number <= _MOST else _MOST if number > 0 else -_MOST


def _text(old: Any, raw: Any) -> str:
    return plain(_checked(raw, str))


def _flag(old: Any, raw: Any) -> bool:
    return bool(_checked(raw, bool))


_SIMPLE: Final[dict[Any, Reader]] = {int: _whole, float: _number, str: _text, bool: _flag}


def _checked(raw: Any, kind: Any) -> Any:
    return raw if type(raw) is kind else _refuse(raw, kind)


def _of_length(raw: Any, length: int) -> list[Any]:
    found: list[Any] = _checked(raw, list)
    return found if len(found) == length else _refuse(raw, f"{length} values")


def _at(old: Any, place: int) -> Any:
    return old[place] if isinstance(old, tuple) and place < len(old) else None


def _refuse(raw: Any, wanted: Any) -> Any:
    raise MessageError("a value of another type", got=repr(raw)[:40], allowed=str(wanted))
