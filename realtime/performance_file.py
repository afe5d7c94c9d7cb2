"""A performance as a file: one JSON object, columns of numbers instead of rows. It knows names and types, not how a performance sounds.

Numbers are written so that they read back exactly. Reading is strict: what is unknown, missing or out of range is refused by name.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from patches.errors import PatchError
from patches.strict_json import loads
from realtime.errors import PerformanceError
from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.performance import EVENTS, STEP_EVENTS, MixerEvent, Performance, PerformedTake, read_journal
from realtime.text_file import TextFileWriter

FORMAT = "starling performance"
VERSION = 1
MAX_BYTES = 2**30
_MOST = 2**63 - 1
_AT_ONCE = 10_000
"""Numbers turned into text without a break: 3 ms."""
_LARGEST = float(np.finfo(np.float32).max)
_NAMES = tuple(EVENTS.values())
_RANGES: dict[str, tuple[int, int]] = {
    "sample_rate_hz": (1, 1_000_000),
    "fade_frames": (1, _MOST),
    "ramp_frames": (1, _MOST),
    "decks": (1, at.MAX_DECKS),
    "from_frame": (0, _MOST),
    "to_frame": (1, _MOST),
}
_STATES = (EVENTS[at.J_RUN], EVENTS[at.J_GATE], EVENTS[at.J_ACTIVE])
_TAKE_TEXTS = ("slug", "folder", "manifest_sha256")


def write_performance(path: Path, journal: Journal, from_frame: int, to_frame: int, decks: int) -> None:
    """Write what has to be repeated for frames `from_frame` to `to_frame` of the stage clock.

    Parameters
    ----------
    path : Path
        A file there is replaced once the new one is whole.
    journal : Journal
    from_frame, to_frame : int
        The first frame, and the one after the last.
    decks : int
        Stems to make, of the first decks.

    Raises
    ------
    PerformanceError — it cannot be repeated, with the reason; nothing is written.
    RenderError — the file cannot be written.

    Thread
    ------
    Any that may wait for the disk.
    """
    performance = read_journal(journal, from_frame, to_frame, decks)
    with TextFileWriter() as files:
        files.write(path, "".join(_pieces(encode(performance))) + "\n")


def _pieces(value: Any) -> Iterator[str]:
    """A value as JSON, a little at a time: in between other threads of the stage have their turn."""
    if isinstance(value, dict):
        for number, (key, inner) in enumerate(value.items()):
            yield f"{',' if number else '{'}{_json(key)}:"
            yield from _pieces(inner)
        yield "}" if value else "{}"
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            yield "," if number else "["
            yield from _pieces(inner)
        yield "]"
    elif isinstance(value, list):
        yield "["
        for start in range(0, len(value), _AT_ONCE):
            yield ("," if start else "") + _json(value[start : start + _AT_ONCE])[1:-1]
        yield "]"
    else:
        yield _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(performance: Performance) -> dict[str, Any]:
    """A performance as plain values."""
    events = performance.events
    return {
        "format": FORMAT,
        "version": VERSION,
        **{name: getattr(performance, name) for name in _RANGES},
        "made_with": performance.made_with,
        "takes": [_encode_take(take) for take in performance.takes],
        "mixer": {
            "names": list(_NAMES),
            "frame": [event.frame for event in events],
            "what": [_NAMES.index(event.what) for event in events],
            "deck": [event.deck for event in events],
            "ring": [event.ring for event in events],
            "value": [event.value for event in events],
            "take": [event.take for event in events],
        },
    }


def _encode_take(take: PerformedTake) -> dict[str, Any]:
    return {
        "deck": take.deck,
        **{name: getattr(take, name) for name in _TAKE_TEXTS},
        "seed": take.seed,
        "options": take.options,
        "files": take.files,
        "needed": take.needed,
        "names": list(take.names),
        "step": take.steps.tolist(),
        "what": take.whats.tolist(),
        "value": take.values.tolist(),
        "number": take.numbers.tolist(),
    }


def read_performance(path: Path) -> Performance:
    """Read what `write_performance` wrote.

    Raises
    ------
    PerformanceError — no such file, no performance, or one that no stage wrote.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PerformanceError(f"{path}: too long for a performance", got=f"{path.stat().st_size} bytes", allowed=f"{MAX_BYTES}")
        raw = loads(path.read_bytes(), file=str(path))
    except OSError as error:
        raise PerformanceError(f"{path}: cannot be read", got=error.strerror or str(error)) from None
    except PatchError as error:
        raise PerformanceError(f"{path}: is no performance", got=str(error)) from None
    read = _Reader(path)
    read.check(isinstance(raw, dict) and raw.get("format") == FORMAT, "format", "another file", FORMAT)
    read.check(raw.get("version") == VERSION, "version", raw.get("version"), VERSION)
    numbers = {name: read.whole(raw, name, *bounds) for name, bounds in _RANGES.items()}
    read.check(numbers["from_frame"] < numbers["to_frame"], "to_frame", numbers["to_frame"], f"over {numbers['from_frame']}")
    takes = tuple(read.take(take) for take in read.kind(raw, "takes", list))
    made_with = {str(key): str(value) for key, value in read.kind(raw, "made_with", dict).items()}
    events = read.events(read.kind(raw, "mixer", dict), len(takes))
    return Performance(**numbers, made_with=made_with, takes=takes, events=events)


class _Reader:
    """Takes values out of plain objects and refuses what is not as it should be."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, good: bool, field: str, got: object, allowed: object) -> None:
        if not good:
            raise PerformanceError(f"{self._path}: {field}", got=f"{got!r}"[:80], allowed=str(allowed))

    def kind(self, raw: Any, field: str, kind: type) -> Any:
        value = raw.get(field) if isinstance(raw, dict) else None
        self.check(isinstance(value, kind), field, value, f"a {kind.__name__}")
        return value

    def whole(self, raw: Any, field: str, least: int, most: int) -> int:
        value = self.kind(raw, field, int)
        self.check(not isinstance(value, bool) and least <= value <= most, field, value, f"{least} to {most}")
        return int(value)

    def column(self, raw: Any, field: str, count: int, least: int, most: int) -> list[int]:
        values = self.kind(raw, field, list)
        self.check(len(values) == count, field, f"{len(values)} values", f"{count}, one for each")
        wrong = [v for v in values if type(v) is not int or not least <= v <= most]
        self.check(not wrong, field, wrong[:1], f"whole numbers from {least} to {most}")
        return [int(v) for v in values]

    def values(self, raw: Any, field: str, count: int) -> list[float]:
        values = self.kind(raw, field, list)
        self.check(len(values) == count, field, f"{len(values)} values", f"{count}, one for each")
        wrong = [v for v in values if type(v) not in (int, float) or not abs(v) <= _LARGEST]
        self.check(not wrong, field, wrong[0] if wrong else "", "finite numbers of 32 bits")
        return [float(v) for v in values]

    def take(self, raw: Any) -> PerformedTake:
        names = tuple(str(name) for name in self.kind(raw, "names", list))
        self.check(
            names[-len(STEP_EVENTS) :] == tuple(STEP_EVENTS.values()), "names", names, f"controls, then {list(STEP_EVENTS.values())}"
        )
        count = len(self.kind(raw, "step", list))
        options = self.kind(raw, "options", dict)
        self.check(isinstance(options.get("corpora"), list) and "prime" in options, "options", options, "corpora and prime")
        for choice in options["corpora"]:
            good = isinstance(choice, dict) and isinstance(choice.get("labels"), list) and type(choice.get("weight")) in (int, float)
            self.check(good and isinstance(choice.get("path"), str), "options.corpora", choice, "path, weight, labels")
        steps = np.array(self.column(raw, "step", count, 0, _MOST), np.int64)
        self.check(bool((np.diff(steps) >= 0).all()), "step", "steps out of order", "in order")
        return PerformedTake(
            deck=self.whole(raw, "deck", 0, at.MAX_DECKS - 1),
            **{name: self.kind(raw, name, str) for name in _TAKE_TEXTS},
            seed=self.whole(raw, "seed", 0, _MOST),
            options=options,
            files={str(key): str(value) for key, value in self.kind(raw, "files", dict).items()},
            names=names,
            steps=steps,
            whats=np.array(self.column(raw, "what", count, 0, len(names) - 1), np.int64),
            values=np.array(self.values(raw, "value", count), np.float64),
            numbers=np.array(self.column(raw, "number", count, 0, _MOST), np.int64),
            needed=bool(self.kind(raw, "needed", bool)),
        )

    def events(self, raw: Any, takes: int) -> tuple[MixerEvent, ...]:
        names = self.kind(raw, "names", list)
        self.check(tuple(names) == _NAMES, "mixer.names", names, list(_NAMES))
        count = len(self.kind(raw, "frame", list))
        columns = (
            self.column(raw, "frame", count, 0, _MOST),
            self.column(raw, "what", count, 0, len(_NAMES) - 1),
            self.column(raw, "deck", count, 0, at.MAX_DECKS - 1),
            self.column(raw, "ring", count, 0, at.RINGS - 1),
            self.values(raw, "value", count),
            self.column(raw, "take", count, -1, takes - 1),
        )
        wrong = [v for what, v in zip(columns[1], columns[4], strict=True) if _NAMES[what] in _STATES and v not in (-1.0, 0.0, 1.0)]
        self.check(not wrong, "value", wrong[0] if wrong else "", "-1, 0 or 1 for what is on or off")
        events = [MixerEvent(frame, _NAMES[what], deck, ring, v, take) for frame, what, deck, ring, v, take in zip(*columns, strict=True)]
        return tuple(sorted(events, key=lambda event: event.frame))
