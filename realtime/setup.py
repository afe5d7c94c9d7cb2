"""What is to be played: decks, patches, seeds and control values, from the command line or a rack file. It knows no engine.

A rack file is TOML::

    [master]
    gain = -3.0

    [[deck]]
    patch = "field"
    seed = 7
    lead_frames = 1024
    [deck.controls]
    temperature = 0.9
    pan = -0.5
"""

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from realtime.errors import RackError, SettingError, UnknownDeckError
from realtime.kernels.layout import MAX_DECKS, MAX_LEAD_FRAMES

MAX_RACK_BYTES = 1 << 20
_RACK_KEYS = {"master": dict, "deck": list}
_DECK_KEYS: dict[str, tuple[type, ...]] = {"patch": (str,), "seed": (int,), "lead_frames": (int,), "controls": (dict,)}


@dataclass(frozen=True)
class DeckSetup:
    """One deck: a patch by slug or folder, and what differs from its defaults."""

    patch: str
    seed: int | None = None
    lead_frames: int | None = None
    controls: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Setup:
    """Every deck in order, and the master's values."""

    decks: tuple[DeckSetup, ...]
    master: tuple[tuple[str, float], ...] = field(default=())


@dataclass(frozen=True)
class Setting:
    """One ``--set DECK.CONTROL=VALUE``; deck None is the master, decks count from 0 here."""

    deck: int | None
    control: str
    value: float


def parse_setting(text: str) -> Setting:
    """Read ``DECK.CONTROL=VALUE``, where DECK is a number from 1 or ``master``.

    Raises
    ------
    SettingError — another form, or a value that is no number.
    """
    name, equals, value_text = text.partition("=")
    deck_text, dot, control = name.partition(".")
    shape = "DECK.CONTROL=VALUE, as in 1.temperature=0.8 or master.gain=-6"
    if not (equals and dot and control):
        raise SettingError("--set: not a setting", got=text, allowed=shape)
    try:
        value = float(value_text)
    except ValueError:
        raise SettingError(f"--set {name}: the value is no number", got=value_text, allowed=shape) from None
    if not math.isfinite(value):
        raise SettingError(f"--set {name}: the value is not finite", got=value_text, allowed=shape)
    if deck_text == "master":
        return Setting(None, control, value)
    if not deck_text.isdecimal() or int(deck_text) < 1:
        raise SettingError("--set: no deck is called this", got=deck_text, allowed=f"1 to {MAX_DECKS}, master")
    return Setting(int(deck_text) - 1, control, value)


def apply_settings(setup: Setup, settings: list[Setting]) -> Setup:
    """`setup` with settings laid over it; a later one wins.

    Raises
    ------
    UnknownDeckError — a setting for a deck that is not there.
    """
    decks, master = list(setup.decks), dict(setup.master)
    for setting in settings:
        if setting.deck is None:
            master[setting.control] = setting.value
            continue
        if setting.deck >= len(decks):
            raise UnknownDeckError("--set: no deck has this number", got=str(setting.deck + 1), allowed=f"1 to {len(decks)}")
        deck = decks[setting.deck]
        controls = dict(deck.controls) | {setting.control: setting.value}
        decks[setting.deck] = DeckSetup(deck.patch, deck.seed, deck.lead_frames, tuple(controls.items()))
    return Setup(tuple(decks), tuple(master.items()))


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RackError(f"rack {path}: not TOML", got=str(error)) from None
    for key, value in raw.items():
        kind = _RACK_KEYS.get(key)
        if kind is None or not isinstance(value, kind):
            raise RackError(f"rack {path}: unknown key or wrong kind", got=key, allowed="[master] and [[deck]]")
    decks = raw.get("deck", [])
    if not 1 <= len(decks) <= MAX_DECKS:
        raise RackError(f"rack {path}: number of decks", got=str(len(decks)), allowed=f"1 to {MAX_DECKS}")
    master = _numbers(path, "master", raw.get("master", {}))
    return Setup(tuple(_deck(path, number, deck) for number, deck in enumerate(decks, 1)), master)


def _deck(path: Path, number: int, raw: Any) -> DeckSetup:
    where = f"deck {number}"
    if not isinstance(raw, dict):
        raise RackError(f"rack {path}: {where} is no table", got=repr(raw))
    for key, value in raw.items():
        kinds = _DECK_KEYS.get(key)
        if kinds is None or not isinstance(value, kinds) or isinstance(value, bool):
            raise RackError(f"rack {path}: {where}: unknown key or wrong kind", got=f"{key} = {value!r}", allowed=", ".join(_DECK_KEYS))
    if raw.get("seed", 0) < 0:
        raise RackError(f"rack {path}: {where}: seed", got=str(raw["seed"]), allowed="0 or more")
    if not 1 <= raw.get("lead_frames", 1) <= MAX_LEAD_FRAMES:
        raise RackError(f"rack {path}: {where}: lead_frames", got=str(raw["lead_frames"]), allowed=f"1 to {MAX_LEAD_FRAMES}")
    if "patch" not in raw:
        raise RackError(f"rack {path}: {where} names no patch", allowed='patch = "SLUG"')
    return DeckSetup(raw["patch"], raw.get("seed"), raw.get("lead_frames"), _numbers(path, where, raw.get("controls", {})))


def _numbers(path: Path, where: str, raw: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    for key, value in raw.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RackError(f"rack {path}: {where}: the value of a control is a number", got=f"{key} = {value!r}")
    return tuple((key, float(value)) for key, value in raw.items())
