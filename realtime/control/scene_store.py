"""The scenes there are, by name and in order, and the rows that keep them. It knows the stage's snapshot, not how a scene is taken back."""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from realtime.control.address import Address, Value
from realtime.control.outcome import Origin
from realtime.control.scene import Scene, SceneError, read_scene, scene_name
from realtime.snapshot import Snapshot

if TYPE_CHECKING:
    from realtime.control.core import ControlCore

MAX_SCENES = 1024


class SceneStore:
    """Scenes by name, in the order they were first saved.

    Parameters
    ----------
    snapshot : callable
        The stage now.
    changed : callable, optional
        Called after every change, so that somebody writes them to a file; from the thread that changed them.

    Thread
    ------
    Any: one short lock.
    """

    def __init__(self, snapshot: Callable[[], Snapshot], changed: Callable[[], None] = lambda: None) -> None:
        self._snapshot = snapshot
        self._changed = changed
        self._lock = threading.Lock()
        self._scenes: dict[str, Scene] = {}
        self._edition = 0
        self._kept = 0
        self._last = ""

    @property
    def edition(self) -> int:
        """Another number after every change."""
        return self._edition

    @property
    def saved(self) -> bool:
        """Whether a file has the scenes as they are."""
        return self._kept == self._edition

    def kept(self, edition: int) -> None:
        """Note that a file has the scenes of this edition."""
        self._kept = edition

    @property
    def last(self) -> str:
        """Name of the scene that was recalled last, or that a morph went to; empty: none, or it was deleted."""
        return self._last

    def recalled(self, name: str) -> None:
        """Note that the stage went to a scene."""
        with self._lock:
            self._last = name if name in self._scenes else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scenes, in order."""
        with self._lock:
            return tuple(self._scenes)

    def find(self, name: str) -> Scene:
        """The scene of this name.

        Raises
        ------
        SceneError — there is none.
        """
        with self._lock:
            scene = self._scenes.get(name)
            if scene is None:
                raise SceneError("no such scene", got=repr(name[:64]), allowed=_listed(self._scenes), hint="/scene/save makes one")
            return scene

    def beside(self, name: str, step: int) -> Scene:
        """The scene `step` places after one (negative: before), round and round; beside none that there is, the first or the last.

        Raises
        ------
        SceneError — there are none.
        """
        with self._lock:
            names = list(self._scenes)
            if not names:
                raise SceneError("there are no scenes", hint="/scene/save makes one")
            place = names.index(name) if name in self._scenes else -1 if step > 0 else 0
            return self._scenes[names[(place + step) % len(names)]]

    def save(self, name: str) -> Scene:
        """Store the stage as it stands; a scene of this name is replaced and keeps its place.

        Raises
        ------
        SceneError — not a name, or too many scenes.
        """
        scene = Scene.of(name, self._snapshot())
        with self._lock:
            if scene.name not in self._scenes and len(self._scenes) >= MAX_SCENES:
                raise SceneError("too many scenes", got=f"{len(self._scenes)}", allowed=f"up to {MAX_SCENES}", hint="delete one")
            self._scenes[scene.name] = scene
            self._edition += 1
        self._changed()
        return scene

    def delete(self, name: str) -> None:
        """Forget a scene.

        Raises
        ------
        SceneError — there is none of this name.
        """
        self.find(name)
        with self._lock:
            self._scenes.pop(name, None)
            self._edition += 1
            self._last = "" if self._last == name else self._last
        self._changed()

    def rename(self, name: str, new: str) -> None:
        """Give a scene another name; it keeps its place.

        Raises
        ------
        SceneError — there is none of the first name, one of the second, or the second is no name.
        """
        scene = self.find(name)
        scene_name(new)
        with self._lock:
            if new != name and new in self._scenes:
                raise SceneError("a scene has this name already", got=repr(new), hint="delete it first")
            renamed = Scene(new, scene.decks, scene.master)
            self._scenes = {
                renamed.name if kept == name else kept: renamed if kept == name else other for kept, other in self._scenes.items()
            }
            self._edition += 1
            self._last = new if self._last == name else self._last
        self._changed()

    def tables(self) -> list[dict[str, Any]]:
        """All scenes as tables for the ``[[scene]]`` of a TOML file."""
        with self._lock:
            return [scene.table() for scene in self._scenes.values()]

    def take(self, scenes: Iterable[Scene]) -> None:
        """Have these scenes, of a file, and no others."""
        with self._lock:
            self._scenes = {scene.name: scene for scene in scenes}
            self._edition += 1
            self._kept, self._last = self._edition, ""

    def serve(self, core: "ControlCore") -> None:
        """Answer the rows that keep scenes."""
        core.serve("/scene/save", self._serve_save)
        core.serve("/scene/delete", self._serve_delete)
        core.serve("/scene/rename", self._serve_rename)
        core.serve("/scene/list", self._serve_list)

    def _serve_save(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self.save(str(values[0]))

    def _serve_delete(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self.delete(str(values[0]))

    def _serve_rename(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        self.rename(str(values[0]), str(values[1]))

    def _serve_list(self, address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        return self.names


def read_scenes(raw: Any, where: str) -> tuple[Scene, ...]:
    """Scenes from the ``[[scene]]`` tables of a TOML file; `where` names the file.

    Raises
    ------
    SceneError — as in `read_scene`; too many, or two of one name.
    """
    if not isinstance(raw, list) or len(raw) > MAX_SCENES:
        raise SceneError(f"{where}: scene", got=repr(raw)[:80], allowed=f"up to {MAX_SCENES} [[scene]] tables")
    scenes: dict[str, Scene] = {}
    for number, table in enumerate(raw, 1):
        scene = read_scene(table, f"{where}: scene {number}")
        if scene.name in scenes:
            raise SceneError(f"{where}: scene {number}: a name twice", got=repr(scene.name))
        scenes[scene.name] = scene
    return tuple(scenes.values())


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:12]) + (", ..." if len(known) > 12 else "") if known else "none are saved"
