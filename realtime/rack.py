"""A rack file read as a set-up. It knows no engine, and nothing of the command line.

A rack file is TOML::

    [master]
    gain = -3.0

    [[deck]]
    patch = "field"
    seed = 7
    lead_frames = 1024
    mode = 1
    corpus = ["corpora/glass", { path = "@patch", weight = 0.5, labels = ["wind"] }]
    labels = ["struck", "bowed"]
    prime = "seeds/one.wav"
    [deck.controls]
    temperature = 0.9
    pan = -0.5

Sound, OSC, MIDI, recording, clock and scenes stand beside it: see `realtime.rack_show`. Folders of patches and corpora and primes in it are
meant from the rack file's own folder. `labels` is for every corpus that names none. A deck without a patch is empty.
"""

import math
import tomllib
from pathlib import Path
from typing import Any

from patches.fields import SLUG
from realtime.control.table import MAX_MODE, SEED_MAX
from realtime.errors import RackError
from realtime.kernels.layout import MAX_DECKS, MAX_LEAD_FRAMES
from realtime.rack_show import SHOW_KEYS, read_show, to_float
from realtime.setup import DeckSetup, Setup
from realtime.voices.voice import OWN_CORPUS, CorpusChoice

MAX_RACK_BYTES = 1 << 20
_RACK_KEYS = {"master": dict, "deck": list, **SHOW_KEYS}
_DECK_KEYS: dict[str, tuple[type, ...]] = {
    "patch": (str,),
    "seed": (int,),
    "lead_frames": (int,),
    "controls": (dict,),
    "corpus": (str, list),
    "labels": (list,),
    "prime": (str,),
    "mode": (int,),
}
_OF_A_PATCH = ("seed", "corpus", "labels", "prime", "mode")
"""Keys that an empty deck has no use for."""
_CORPUS_KEYS: dict[str, tuple[type, ...]] = {"path": (str,), "weight": (int, float), "labels": (list,)}


def read_rack(path: Path) -> Setup:
    """Read a rack file.

    Raises
    ------
    RackError — missing, too big, not TOML, an unknown key, a value of the wrong kind, no deck or too many.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RackError(f"rack {path}: cannot be read", got=error.strerror or str(error), hint="name a TOML file, see the README") from None
    if len(content) > MAX_RACK_BYTES:
        raise RackError(f"rack {path}: too big", got=f"{len(content)} bytes", allowed=f"up to {MAX_RACK_BYTES}")
    try:
        raw = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # Also what is no UTF-8, and a number longer than Python reads.
        raise RackError(f"rack {path}: not TOML", got=str(error)) from None
    try:
        return _setup(path, raw)
    except ValueError:
        # Python reads hexadecimal numbers of any length, and refuses to write them.
        raise RackError(f"rack {path}: a number is too long") from None


def _setup(path: Path, raw: dict[str, Any]) -> Setup:
    for key, value in raw.items():
        kind = _RACK_KEYS.get(key)
        if kind is None or not isinstance(value, kind):
            raise RackError(f"rack {path}: unknown key or wrong kind", got=key, allowed=", ".join(_RACK_KEYS))
    decks = raw.get("deck", [])
    if not 1 <= len(decks) <= MAX_DECKS:
        raise RackError(f"rack {path}: number of decks", got=str(len(decks)), allowed=f"1 to {MAX_DECKS}")
    master = _numbers(path, "master", raw.get("master", {}))
    playing = tuple(_deck(path, number, deck) for number, deck in enumerate(decks, 1))
    return Setup(playing, master, read_show(path, raw), path, frozenset(raw))


def _deck(path: Path, number: int, raw: Any) -> DeckSetup:
    where = f"deck {number}"
    if not isinstance(raw, dict):
        raise RackError(f"rack {path}: {where} is no table", got=repr(raw))
    for key, value in raw.items():
        kinds = _DECK_KEYS.get(key)
        if kinds is None or not isinstance(value, kinds) or isinstance(value, bool):
            raise RackError(f"rack {path}: {where}: unknown key or wrong kind", got=f"{key} = {value!r}", allowed=", ".join(_DECK_KEYS))
    if not 0 <= raw.get("seed", 0) <= SEED_MAX:
        raise RackError(f"rack {path}: {where}: seed", got=str(raw["seed"]), allowed="0 to 2^63-1")
    if not 1 <= raw.get("lead_frames", 1) <= MAX_LEAD_FRAMES:
        raise RackError(f"rack {path}: {where}: lead_frames", got=str(raw["lead_frames"]), allowed=f"1 to {MAX_LEAD_FRAMES}")
    if not 0 <= raw.get("mode", 0) <= MAX_MODE:
        raise RackError(f"rack {path}: {where}: mode", got=str(raw["mode"]), allowed=f"0 to {MAX_MODE}")
    patch = raw.get("patch", "")
    stray = [key for key in _OF_A_PATCH if key in raw and not patch]
    if stray:
        raise RackError(f"rack {path}: {where} names no patch, and an empty deck has none", got=", ".join(stray), allowed='patch = "SLUG"')
    return DeckSetup(
        # What can be a slug is one; anything else is the path of a folder.
        patch if not patch or SLUG.fullmatch(patch) else _beside(path, where, patch),
        raw.get("seed"),
        raw.get("lead_frames"),
        _numbers(path, where, raw.get("controls", {})),
        _corpora(path, where, raw.get("corpus", [])),
        _names(path, f"{where}: labels", raw.get("labels", [])),
        _beside(path, where, raw["prime"]) if "prime" in raw else None,
        raw.get("mode"),
    )


def _corpora(path: Path, where: str, raw: str | list[Any]) -> tuple[CorpusChoice, ...]:
    """Corpora, each a path or a table of `_CORPUS_KEYS`."""
    choices = []
    for entry in [raw] if isinstance(raw, str) else raw:
        table = {"path": entry} if isinstance(entry, str) else entry
        if not isinstance(table, dict) or "path" not in table:
            raise RackError(f"rack {path}: {where}: a corpus is a path or a table", got=repr(entry), allowed=", ".join(_CORPUS_KEYS))
        for key, value in table.items():
            kinds = _CORPUS_KEYS.get(key)
            if kinds is None or not isinstance(value, kinds) or isinstance(value, bool):
                allowed = ", ".join(_CORPUS_KEYS)
                raise RackError(f"rack {path}: {where}: corpus: unknown key or wrong kind", got=f"{key} = {value!r}", allowed=allowed)
        labels = _names(path, f"{where}: corpus: labels", table.get("labels", []))
        own = table["path"] == OWN_CORPUS
        folder = OWN_CORPUS if own else _beside(path, where, table["path"])
        choices.append(CorpusChoice(folder, to_float(table.get("weight", 1.0)), labels))
    return tuple(choices)


def _beside(path: Path, where: str, name: str) -> str:
    """A path in a rack, from the rack's own folder."""
    if not name:
        raise RackError(f"rack {path}: {where}: an empty path", allowed="a path from the folder of the rack, or a full one")
    return str(path.parent / name)


def _names(path: Path, where: str, raw: list[Any]) -> tuple[str, ...]:
    for name in raw:
        if not isinstance(name, str) or not name.strip():
            raise RackError(f"rack {path}: {where}: a label is a word", got=repr(name))
    return tuple(raw)


def _numbers(path: Path, where: str, raw: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    for key, value in raw.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(to_float(value)):
            raise RackError(f"rack {path}: {where}: the value of a control is a number", got=f"{key} = {value!r}")
    return tuple((key, float(value)) for key, value in raw.items())
