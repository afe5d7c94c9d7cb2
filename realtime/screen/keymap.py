"""A performer's own keys: `keymap.toml`, action id -> key or keys. Read strictly; what cannot be taken is named, the rest counts.

::

    "deck.mute" = "z"
    "stage.panic" = ["p", "f11"]
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from platformdirs import user_config_path

from realtime.errors import UsageError
from realtime.screen.actions import ACTIONS, BY_ID, Action
from realtime.screen.key_table import MODIFIERS, NAMED_KEYS, key_name

KEYMAP_VARIABLE: Final = "STARLING_KEYMAP"
"""Another keymap file."""
MOST_BYTES: Final = 64 * 1024
MOST_KEYS: Final = 8
"""Keys of one action."""
_CHARACTERS: Final[Mapping[str, str]] = {key_name(key): key for key in NAMED_KEYS if len(key_name(key)) == 1}


class KeymapError(UsageError):
    """A line of a keymap, or the whole file, cannot be taken."""


@dataclass(frozen=True)
class Keymap:
    """What was read.

    `keys` has the actions whose keys are others than the table's; `problems` say what was left out and why.
    """

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    path: Path | None = None

    def keys_of(self, action_id: str) -> tuple[str, ...]:
        """The keys of an action as they are now."""
        return self.keys.get(action_id, BY_ID[action_id].keys)

    def for_textual(self) -> dict[str, str]:
        """As `App.set_keymap` wants it."""
        return {action_id: ",".join(keys) for action_id, keys in self.keys.items()}


def keymap_path() -> Path:
    """Where the keymap is looked for."""
    given = os.environ.get(KEYMAP_VARIABLE)
    return Path(given) if given else user_config_path("starling") / "keymap.toml"


def read_keymap(path: Path) -> Keymap:
    """Read a keymap; without a file there is nothing in it. Never fails: problems are in what is returned."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Keymap(path=path)
    except OSError as error:
        return Keymap(problems=(str(KeymapError(f"{path}: cannot be read", got=error.strerror or str(error))),), path=path)
    if len(raw) > MOST_BYTES:
        problem = KeymapError(f"{path}: too long", got=f"over {MOST_BYTES} bytes", allowed=f"up to {MOST_BYTES}")
        return Keymap(problems=(str(problem),), path=path)
    try:
        lines = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        problem = KeymapError(f"{path}: no TOML", got=str(error), hint='a line is "deck.mute" = "z"')
        return Keymap(problems=(str(problem),), path=path)
    return make_keymap(lines, path)


def make_keymap(lines: Mapping[str, object], path: Path) -> Keymap:
    """Take what a keymap file says, line by line. An action that cannot have its keys keeps those of the table."""
    wanted: dict[str, tuple[str, ...]] = {}
    problems = []
    for action_id, value in _flat(lines):
        try:
            wanted[action_id] = _keys(action_id, value, path)
        except KeymapError as error:
            problems.append(str(error))
    # Whoever is left out has its old keys again, which may be those of another line: look again until nothing collides.
    while found := _collision(wanted):
        mine, other, key = found
        del wanted[mine]
        problems.append(
            str(KeymapError(f"{path}: {mine}", got=f'"{key_name(key)}", which {other} has', hint=f'give "{other}" another key there too'))
        )
    return Keymap(wanted, tuple(problems), path)


def places_meet(one: Action, other: Action) -> bool:
    """Whether two actions can be meant by the same key press: in the same place, or one of them everywhere."""
    return one.where == other.where or "" in (one.where, other.where)


def _flat(lines: Mapping[str, object], before: str = "") -> Iterable[tuple[str, object]]:
    # `deck.mute = "x"` and `[deck]` are TOML's other ways to write the same name.
    for name, value in lines.items():
        if isinstance(value, dict) and before.count(".") < 1:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _keys(action_id: str, value: object, path: Path) -> tuple[str, ...]:
    where = f"{path}: {action_id}"
    if action_id not in BY_ID:
        group = action_id.partition(".")[0]
        near = ", ".join(action.id for action in ACTIONS if action.group == group) or ", ".join(sorted({a.group + ".…" for a in ACTIONS}))
        raise KeymapError(where, got="an action that there is not", allowed=near)
    keys = [value] if isinstance(value, str) else value
    if not isinstance(keys, list) or not keys or len(keys) > MOST_KEYS or not all(isinstance(key, str) for key in keys):
        raise KeymapError(where, got=str(value)[:80], allowed=f'a key as "x", or a list of 1 to {MOST_KEYS} keys')
    return tuple(dict.fromkeys(_key(str(key), where) for key in keys))


def _key(key: str, where: str) -> str:
    """The key by Textual's name."""
    if len(key) == 1 and key.isprintable() and not key.isspace():
        return _CHARACTERS.get(key, key)
    *modifiers, plain = key.split("+")
    single = len(plain) == 1 and plain.isalnum() and plain.isascii()
    if ((single and modifiers) or plain in NAMED_KEYS) and all(modifier in MODIFIERS for modifier in modifiers):
        return key
    allowed = 'a character, or a name as "space", "f5", "home", with "ctrl+", "alt+" or "shift+" before it'
    raise KeymapError(where, got=f'"{key[:40]}"', allowed=allowed)


def _collision(wanted: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    """A line of the file whose key another action has, that action, and the key."""
    for mine in wanted:
        for other in ACTIONS:
            if other.id == mine or not places_meet(BY_ID[mine], other):
                continue
            both = set(wanted[mine]) & set(wanted.get(other.id, other.keys))
            # Two actions that share a key in the table are the same verb, here on what the panel has selected.
            if both - (set(BY_ID[mine].keys) & set(other.keys)):
                return mine, other.id, min(both)
    return None
