"""One scene: what every deck plays and where every control stands, as plain data and as a table of a file. It knows no engine and no time.

In a rack a scene is::

    [[scene]]
    name = "storm"
    master = { gain = -3.0 }
    [[scene.deck]]
    patch = "textures"
    seed = 7
    corpora = []
    stage = { gain = -6.0, pan = 0.25 }
    controls = { class_rain = 1.0, strength = 0.8 }

A deck table with no patch is an empty deck.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from realtime.control.address import Value
from realtime.control.table import SEED_MAX
from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS, StageControl
from realtime.corpora import corpus_text
from realtime.errors import UsageError
from realtime.kernels.layout import MAX_DECKS
from realtime.snapshot import DeckSnapshot, Snapshot

MAX_NAME = 64
MAX_CONTROLS = 1024
Message = tuple[str, tuple[Value, ...]]
"""An address and its arguments."""
Values = Mapping[str, float]


class SceneError(UsageError):
    """No scene has this name, a name cannot be one, or a table is no scene."""


@dataclass(frozen=True)
class DeckScene:
    """One deck of a scene; `patch` is empty where the deck is.

    A patch is named by its slug, or by its folder where that is none of the library's. `controls` are the patch's by id, `stage` those
    every deck has; both in user units.
    """

    patch: str = ""
    seed: int = 0
    corpora: tuple[str, ...] = ()
    stage: Values = field(default_factory=dict)
    controls: Values = field(default_factory=dict)

    @staticmethod
    def of(deck: DeckSnapshot) -> "DeckScene":
        """The deck as it stands."""
        stage = dict(zip((control.id for control in DECK_CONTROLS), deck.stage, strict=True))
        if deck.manifest is None:
            return DeckScene(stage=stage)
        controls = dict(zip((control.id for control in deck.manifest.controls), deck.values, strict=True))
        return DeckScene(_patch(deck), deck.seed, _corpora(deck), stage, controls)

    def plays(self, deck: DeckSnapshot) -> bool:
        """Whether the deck already plays this patch with these corpora, or is as empty."""
        if deck.manifest is None:
            return not self.patch
        return _patch(deck) == self.patch and _corpora(deck) == self.corpora

    def changes(self, deck: DeckSnapshot) -> list[Message]:
        """What has to be asked for so that the deck plays what the scene does: nothing where it does already.

        A patch loads with the seed; the values come behind it, before it is heard.
        """
        path = f"/deck/{deck.number + 1}"
        if not self.patch:
            return [] if self.plays(deck) else [(f"{path}/unload", ())]
        if self.plays(deck):
            return [] if deck.seed == self.seed else [(f"{path}/seed", (self.seed,))]
        same_patch = _patch(deck) == self.patch and deck.seed == self.seed
        asked: list[Message] = [] if same_patch else [(f"{path}/load", (self.patch, self.seed))]
        if self.corpora or same_patch:
            asked.append((f"{path}/corpora", self.corpora or ("@patch",)))
        return asked

    def values(self, number: int) -> list[Message]:
        """The values as messages; `number` is the deck's, from 0."""
        stage = [(f"/deck/{number + 1}/{control_id}", (value,)) for control_id, value in self.stage.items()]
        return stage + self.patch_values(number)

    def patch_values(self, number: int) -> list[Message]:
        """The values of the patch's own controls."""
        return [(f"/deck/{number + 1}/param/{control_id}", (value,)) for control_id, value in self.controls.items()]


@dataclass(frozen=True)
class Scene:
    """Stored values of all controls of all decks."""

    name: str
    decks: tuple[DeckScene, ...]
    master: Values = field(default_factory=dict)

    @staticmethod
    def of(name: str, snapshot: Snapshot) -> "Scene":
        """The stage as it stands.

        Raises
        ------
        SceneError — not a name.
        """
        master = dict(zip((control.id for control in MASTER_CONTROLS), snapshot.master, strict=True))
        return Scene(scene_name(name), tuple(DeckScene.of(deck) for deck in snapshot.decks), master)

    def values(self) -> list[Message]:
        """Every value as a message."""
        decks = [message for number, deck in enumerate(self.decks) for message in deck.values(number)]
        return [(f"/master/{control_id}", (value,)) for control_id, value in self.master.items()] + decks

    def table(self) -> dict[str, Any]:
        """The scene as a table for a TOML file."""
        decks = []
        for deck in self.decks:
            playing = {"patch": deck.patch, "seed": deck.seed, "corpora": list(deck.corpora)} if deck.patch else {}
            controls = {"controls": dict(deck.controls)} if deck.controls else {}
            decks.append({**playing, "stage": dict(deck.stage), **controls})
        return {"name": self.name, "master": dict(self.master), "deck": decks}


def _patch(deck: DeckSnapshot) -> str:
    """What the patch of a deck is loaded by: its slug, or its folder where that is none of the library's."""
    return deck.folder or deck.patch


def _corpora(deck: DeckSnapshot) -> tuple[str, ...]:
    """What it plays from, with weights and labels."""
    return tuple(corpus_text(choice) for choice in deck.options.corpora)


def scene_name(name: str) -> str:
    """`name`, if a scene can be called so.

    Raises
    ------
    SceneError — empty, too long, or characters that do not print.
    """
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
        raise SceneError(
            "not a name for a scene", got=repr(name[: MAX_NAME + 1]), allowed=f"1 to {MAX_NAME} characters that print, no blank at an end"
        )
    return name


def read_scene(raw: Any, where: str) -> Scene:
    """A scene from the table of a TOML file; `where` names the file and the place in it.

    Ids of a patch's controls are not checked: the patch may come later, or have changed; what it does not have sleeps.

    Raises
    ------
    SceneError — an unknown key, a value of the wrong kind or out of range, too many decks.
    """
    table = _table(raw, where, _SCENE)
    name = scene_name(_needed(table, where, "name"))
    where = f"{where} {name!r}"
    decks = table.get("deck", [])
    if len(decks) > MAX_DECKS:
        raise SceneError(f"{where}: too many decks", got=str(len(decks)), allowed=f"up to {MAX_DECKS}")
    master = _values(table.get("master", {}), f"{where}: master", MASTER_CONTROLS)
    return Scene(name, tuple(_deck(deck, f"{where}: deck {number}") for number, deck in enumerate(decks, 1)), master)


_Check = Callable[[Any], bool]
_SCENE: dict[str, tuple[str, _Check]] = {
    "name": ("a text", lambda raw: isinstance(raw, str)),
    "master": ("a table", lambda raw: isinstance(raw, dict)),
    "deck": ("[[scene.deck]] tables", lambda raw: isinstance(raw, list)),
}
_DECK: dict[str, tuple[str, _Check]] = {
    "patch": ("a text", lambda raw: isinstance(raw, str)),
    "seed": (f"0 to {SEED_MAX}", lambda raw: isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= SEED_MAX),
    "corpora": ("a list of folders", lambda raw: isinstance(raw, list) and all(isinstance(one, str) and one for one in raw)),
    "stage": ("a table", lambda raw: isinstance(raw, dict)),
    "controls": (f"a table of up to {MAX_CONTROLS}", lambda raw: isinstance(raw, dict) and len(raw) <= MAX_CONTROLS),
}


def _deck(raw: Any, where: str) -> DeckScene:
    table = _table(raw, where, _DECK)
    patch = table.get("patch", "")
    stray = [key for key in ("seed", "corpora", "controls") if key in table and not patch]
    if stray:
        raise SceneError(f"{where}: an empty deck has none", got=", ".join(stray), hint="name its patch")
    stage = _values(table.get("stage", {}), f"{where}: stage", DECK_CONTROLS)
    controls = _numbers(table.get("controls", {}), f"{where}: controls")
    return DeckScene(patch, table.get("seed", 0), tuple(table.get("corpora", ())), stage, controls)


def _table(raw: Any, where: str, keys: dict[str, tuple[str, _Check]]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise SceneError(f"{where}: not a table", got=repr(raw)[:80], allowed=", ".join(keys))
    for key, value in raw.items():
        if key not in keys:
            raise SceneError(f"{where}: unknown key", got=repr(key)[:80], allowed=", ".join(keys))
        allowed, check = keys[key]
        if not check(value):
            raise SceneError(f"{where}: {key}", got=repr(value)[:80], allowed=allowed)
    return raw


def _needed(table: dict[str, Any], where: str, key: str) -> Any:
    if key not in table:
        raise SceneError(f"{where}: no {key}")
    return table[key]


def _values(raw: dict[str, Any], where: str, known: Sequence[StageControl]) -> dict[str, float]:
    """Values of controls that every stage has, each in its range."""
    values = _numbers(raw, where)
    for control_id, value in values.items():
        control = next((control for control in known if control.id == control_id), None)
        if control is None:
            raise SceneError(f"{where}: no such control", got=repr(control_id)[:80], allowed=", ".join(c.id for c in known))
        if not control.minimum <= value <= control.maximum:
            raise SceneError(f"{where}: {control_id}", got=f"{value:g}", allowed=f"{control.minimum:g} to {control.maximum:g}")
    return values


def _numbers(raw: dict[str, Any], where: str) -> dict[str, float]:
    for control_id, value in raw.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300 or not math.isfinite(value):
            raise SceneError(f"{where}: the value of a control is a number", got=f"{control_id[:64]} = {value!r:.80}")
    return {control_id: float(value) for control_id, value in raw.items()}
