"""What a view message says, taken over into the view a screen has. It knows messages and views, no socket.

A view message has what is new for one screen: ``stage`` the changed fields of `StageView`, ``edition`` and ``addresses`` all addresses,
``values`` those that changed, ``lines`` new ones of the event log, ``traffic`` messages that went by, ``sound`` [frame after the last
one, base64 of int16]. What else it has is a newer program's.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from realtime.attach.messages import MessageError, is_value
from realtime.attach.records import apply, from_table
from realtime.attach.view import LineView, SoundView, StageView
from realtime.control.address import Address, Value
from realtime.plain import plain

APART: Final = frozenset({"edition", "addresses", "values", "lines", "traffic", "sound"})
"""Fields of a view that only grow or are too large to be compared: they have cursors."""
MOST_LINES: Final = 500
MOST_TRAFFIC: Final = 200
SAMPLE_BYTES: Final = 2
assert {field.name for field in fields(StageView)} >= APART


def take_news(view: StageView, news: Mapping[str, Any]) -> StageView:
    """The view with what is new; the same one where nothing is.

    Raises
    ------
    MessageError — not what a stage says.
    """
    if not news:
        return view
    try:
        view = apply(view, news.get("stage", {}))
        apart: dict[str, Any] = {}
        values = view.values
        if "addresses" in news:
            found = [address for table in news["addresses"] if (address := _address(table)) is not None]
            apart["edition"] = int(news["edition"])
            apart["addresses"] = {address.path: address for address in found}
            # What a patch had that is gone has no value any more.
            apart["values"] = values = {path: value for path, value in values.items() if path in apart["addresses"]}
        if "values" in news:
            apart["values"] = {**values, **_checked(news["values"])}
        if "lines" in news:
            apart["lines"] = _grown(view.lines, news["lines"], MOST_LINES)
        if "traffic" in news:
            apart["traffic"] = _grown(view.traffic, news["traffic"], MOST_TRAFFIC)
        if "sound" in news:
            end, text = news["sound"]
            apart["sound"] = _joined(view.sound, base64.b64decode(text, validate=True), int(end), view.sample_rate_hz)
    except (TypeError, ValueError, AttributeError, KeyError, binascii.Error) as error:
        raise MessageError("a view of another shape", got=f"{type(error).__name__}: {error}") from None
    return replace(view, **apart) if apart else view


def _address(table: Mapping[str, Any]) -> Address | None:
    """None: it is of a kind that a newer program has. It cannot be shown, and all others can."""
    try:
        return from_table(Address, table)
    except MessageError:
        return None


def _grown(lines: tuple[LineView, ...], tables: Sequence[Mapping[str, Any]], most: int) -> tuple[LineView, ...]:
    return (*lines, *(from_table(LineView, table) for table in tables))[-most:]


def _checked(values: dict[str, Value]) -> dict[str, Value]:
    if not all(map(is_value, values.values())):
        raise ValueError("something that is no value")
    return {path: plain(value) if isinstance(value, str) else value for path, value in values.items()}


def _joined(before: SoundView, frames: bytes, end: int, most_frames: int) -> SoundView:
    """The newest `most_frames` frames, where the new ones follow those that are there."""
    if end - len(frames) // SAMPLE_BYTES == before.end:
        frames = before.frames + frames
    return SoundView(frames[-most_frames * SAMPLE_BYTES :], end)
