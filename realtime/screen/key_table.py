"""The actions and their keys as tables, for the help and for the pages: made of the one table. It draws nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from realtime.screen.actions import ACTIONS, BY_ID, Action

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Everywhere": ("stage", "record", "master", "scene"),
    "Deck": ("deck",),
    "Control": ("control",),
    "Panels": ("panel", "screen"),
    "Patches": ("browser",),
    "Scenes": ("scenes",),
    "Mapping": ("mapping",),
    "Takes": ("takes",),
    "Log": ("log",),
    "Scope": ("scope",),
    "Doctor": ("doctor",),
}
"""Heading -> parts of the instrument under it, in the order they are shown."""
FIRST_KEYS: Final = (
    "screen.help", "screen.palette", "panel.browser", "deck.next", "control.previous", "control.next", "control.less", "control.more",
    "control.less_fine", "control.more_fine", "control.type", "control.only", "control.learn", "stage.undo", "deck.mute", "deck.solo",
    "deck.freeze", "scene.store", "panel.scenes", "record.toggle", "panel.doctor", "stage.panic", "stage.detach", "stage.quit",
)  # fmt: skip
"""Actions that are enough for a first evening, in the order they are met."""
_NAMES: Final[Mapping[str, str]] = {
    "up": "↑", "down": "↓", "left": "←", "right": "→", "enter": "Enter", "escape": "Esc", "space": "Space", "tab": "Tab",
    "backspace": "Backspace", "delete": "Del", "insert": "Ins", "home": "Home", "end": "End", "pageup": "PgUp", "pagedown": "PgDn",
    "plus": "+", "minus": "-", "equals_sign": "=", "full_stop": ".", "comma": ",", "slash": "/", "backslash": "\\",
    "question_mark": "?", "left_square_bracket": "[", "right_square_bracket": "]", "semicolon": ";", "colon": ":", "apostrophe": "'",
    "quotation_mark": '"', "exclamation_mark": "!", "number_sign": "#", "dollar_sign": "$", "percent_sign": "%", "ampersand": "&",
    "left_parenthesis": "(", "right_parenthesis": ")", "asterisk": "*", "underscore": "_", "less_than_sign": "<",
    "greater_than_sign": ">", "at": "@", "circumflex_accent": "^", "grave_accent": "`", "left_curly_bracket": "{",
    "vertical_line": "|", "right_curly_bracket": "}", "tilde": "~",
}  # fmt: skip
"""Textual's name of a key -> what is printed on it."""
NAMED_KEYS: Final[frozenset[str]] = frozenset(_NAMES) | {f"f{number}" for number in range(1, 25)}
"""Keys that have a name; all others are their character."""
MODIFIERS: Final = ("ctrl", "alt", "shift")


@dataclass(frozen=True)
class KeyRow:
    """One line of a table of keys. `ids` are the actions it stands for: more than one where only their numbers differ."""

    keys: str
    label: str
    summary: str
    ids: tuple[str, ...]


def key_name(key: str) -> str:
    """What a performer calls a key of Textual's: `shift+left` is `Shift+←`, `R` is `Shift+R`."""
    *modifiers, plain = key.split("+")
    if len(plain) == 1 and plain.isupper():
        modifiers.append("shift")
    named = _NAMES.get(plain, plain.upper() if modifiers or plain[1:].isdigit() else plain)
    return "+".join([*(modifier.capitalize() for modifier in modifiers), named])


def key_names(keys: Iterable[str]) -> str:
    """Names of keys that do the same."""
    return ", ".join(key_name(key) for key in keys)


def key_rows(actions: Sequence[Action], keys: Mapping[str, tuple[str, ...]]) -> tuple[KeyRow, ...]:
    """A line for each action; those whose ids differ by a number at the end are one line.

    Parameters
    ----------
    actions : sequence of Action
    keys : mapping
        Action id -> its keys, where they are others than the table's.
    """
    rows = []
    for _, found in groupby(actions, key=_stem):
        alike = tuple(found)
        first, last = alike[0], alike[-1]
        names = tuple(key_names(keys.get(action.id, action.keys)) for action in alike)
        if len(alike) == 1:
            rows.append(KeyRow(names[0], first.label, first.summary, (first.id,)))
            continue
        span = f" {first.number}–{last.number}"
        label, summary = (text.removesuffix(f" {first.number}") + span for text in (first.label, first.summary))
        rows.append(KeyRow(f"{names[0]} … {names[-1]}", label, summary, tuple(action.id for action in alike)))
    return tuple(rows)


def _stem(action: Action) -> str:
    return action.method.removesuffix(str(action.number)) if action.number else action.id


def grouped(first: str = "") -> tuple[tuple[str, tuple[Action, ...]], ...]:
    """Heading and actions of every group; the group that has the panel `first` comes first."""
    found = [(head, tuple(action for action in ACTIONS if action.group in parts)) for head, parts in GROUPS.items()]
    return tuple(sorted(found, key=lambda pair: first not in GROUPS[pair[0]]))


def keys_markdown() -> str:
    """Every action with its keys and its id, by group, for docs/playing.md."""
    parts = []
    for head, actions in grouped():
        lines = ["| keys | action | id |", "| --- | --- | --- |"]
        for row in key_rows(actions, {}):
            name = row.ids[0] if len(row.ids) == 1 else f"{row.ids[0]} … {BY_ID[row.ids[-1]].number}"
            keys = row.keys.replace("|", "\\|")
            lines.append(f"| {keys} | **{row.label}**: {row.summary} | `{name}` |")
        parts.append(f"### {head}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def short_keys_markdown() -> str:
    """The keys to begin with, for the README."""
    lines = ["| keys | what happens |", "| --- | --- |"]
    for row in key_rows([BY_ID[action_id] for action_id in FIRST_KEYS], {}):
        keys = row.keys.replace("|", "\\|")
        lines.append(f"| {keys} | {row.summary} |")
    return "\n".join(lines) + "\n"
