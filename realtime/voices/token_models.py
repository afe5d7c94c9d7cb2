"""The token model of a patch in all its modes, over one set of caches. It knows steps and codes, not what they sound like.

Every mode is a session of its own; the float32, the int8 and the light one write into the same arrays, so that a change of mode is a
change of session and nothing else. A mode with a shorter window has caches of its own. Keys are stored rotated by their absolute position,
so the newest slots of one window can be copied into another, where they mean the same.
"""

import contextlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patches.manifest import Manifest, Model
from patches.reader import read_bytes
from realtime.errors import VoiceError
from realtime.voices.session import StatefulSession

MODES = (("step", "full"), ("step_int8", "int8"), ("step_light", "fewer codebooks"))
"""Roles that share their caches and what a performer calls them, each cheaper than the one before."""
SHORT_MODE = "shorter window"
WINDOW_DIMENSION = "window"
"""Name of the dimension that a step file may leave open."""
NO_CODE = -1
_ALIGNMENT_BYTES = 64  # a cache line, and what the widest vector instructions load at once


@dataclass(frozen=True)
class TokenState:
    """All that a token model remembers: a copy of its caches, the codes it said last, and how many frames it has heard."""

    caches: NDArray[np.float32]
    codes: NDArray[np.int64]
    position: int


@dataclass(frozen=True)
class _Mode:
    name: str
    session: StatefulSession
    short: bool


class TokenModel:
    """Steps the token model of a patch.

    Parameters
    ----------
    folder : Path
    manifest : Manifest
        Of kind `tokens`.

    Raises
    ------
    VoiceError — the tensors of a model are not those of `docs/patch-format.md`, or do not fit the settings.
    PatchError — a file is missing or not the one the manifest names.

    Thread
    ------
    The deck's. `step` allocates nothing of its own.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        step = manifest.model("step")
        self.size = int(manifest.settings["codebook_size"])
        self.codebooks = _codebooks(step)
        self._check(step, int(manifest.settings["classes"]) + int(manifest.settings["parameters"]))
        names = _cache_names(step)
        shape = _shape(step, names[0])
        self._window = shape[2]
        self._caches = _aligned((len(names), *shape[1:]))
        small: dict[str, NDArray[Any]] = {t.name: np.zeros(t.shape, t.dtype) for t in step.inputs if t.name not in names}
        self.inputs = small
        """What a step reads beside the caches, by name; `codes` and `position` are kept up by the steps themselves."""
        self.faults = 0
        files = {m.role: read_bytes(folder, m) for m in manifest.models if m.runtime == "onnx" and m.role.startswith("step")}
        models = {role: manifest.model(role) for role in files}
        self._modes: list[_Mode] = []
        for role, name in MODES:
            if role in files:
                _check_same(models[role], step)
                self._modes.append(_Mode(name, self._open(models[role], files[role], self._caches), False))
        self._short = self._caches
        self._add_short(models, files)
        self.modes = tuple(mode.name for mode in self._modes)
        self._mode = self._modes[0]

    def _check(self, step: Model, condition: int) -> None:
        books = (1, self.codebooks)
        wanted: dict[str, tuple[str, tuple[int, ...]]] = {
            "codes": ("int64", books),
            "condition": ("float32", (1, condition)),
            "noise": ("float32", books),
            "temperature": ("float32", books),
            "top_k": ("float32", (1,)),
            "top_p": ("float32", (1,)),
            "position": ("int64", (1,)),
        }
        names = _cache_names(step)
        shapes = {t.name: (t.dtype, t.shape) for t in step.inputs}
        for name, tensor in wanted.items():
            if shapes.get(name) != tensor:
                raise VoiceError(
                    f"{step.file}: input {name} does not fit the patch's settings", got=str(shapes.get(name)), allowed=str(tensor)
                )
        extra = sorted(shapes.keys() - wanted.keys() - set(names))
        if extra:
            raise VoiceError(f"{step.file}: inputs that no step has", got=", ".join(extra), allowed=", ".join(wanted))
        state = ["codes", "position", *names]
        for name in state:
            if step.feedback.get(f"next_{name}") != name:
                raise VoiceError(f"{step.file}: next_{name} does not feed {name}", got=str(dict(step.feedback)))
        first = shapes[names[0]] if names else None
        if first is None or len(first[1]) != 4 or first[1][0] != 1 or any(shapes[n] != first or first[0] != "float32" for n in names):
            got = ", ".join(f"{n} {shapes[n]}" for n in names) or "none"
            raise VoiceError(f"{step.file}: caches of one shape are needed", got=got, allowed="keys_i and values_i, float32 (1, H, W, d)")

    def _open(self, model: Model, content: bytes, caches: NDArray[np.float32]) -> StatefulSession:
        names = _cache_names(model)
        # Codes and position are small and shared by all modes: they are carried over by hand. The caches are updated where they lie.
        fed = {f"next_{name}": name for name in names}
        arrays = {name: caches[i][np.newaxis] for i, name in enumerate(names)}
        return StatefulSession(
            replace(model, feedback=fed),
            content,
            in_place=names,
            buffers=self.inputs | arrays,
            free_dimensions={WINDOW_DIMENSION: caches.shape[2]},
        )

    def _add_short(self, models: dict[str, Model], files: dict[str, bytes]) -> None:
        """Add the mode with a shorter window: its own file, or the cheapest one whose window is open."""
        if "step_short" in files:
            model = models["step_short"]
            names = _cache_names(model)
            shape = _shape(model, names[0]) if names else (1,)
            window = shape[2] if len(shape) == 4 else 0
            if not 0 < window < self._window:
                allowed = f"caches like those of step with fewer than {self._window} slots"
                raise VoiceError(f"{model.file}: not a shorter window", got=str(shape), allowed=allowed)
            _check_same(model, _with_window(models["step"], window))
            self._short = _aligned((len(self._caches), *shape[1:]))
            self._modes.append(_Mode(SHORT_MODE, self._open(model, files["step_short"], self._short), True))
            return
        role = next(role for role, _ in reversed(MODES) if role in files)
        window = self._window // 2
        if window and WINDOW_DIMENSION.encode() in files[role]:
            short = _aligned((*self._caches.shape[:2], window, self._caches.shape[3]))
            # A file that holds the word but no open dimension is refused by the session, and the patch has no such mode.
            with contextlib.suppress(VoiceError):
                session = self._open(_with_window(models[role], window), files[role], short)
                self._short = short
                self._modes.append(_Mode(SHORT_MODE, session, True))

    @property
    def mode(self) -> int:
        """Number of the present mode."""
        return self._modes.index(self._mode)

    @property
    def position(self) -> int:
        """Frames heard so far."""
        return int(self.inputs["position"][0])

    def set_mode(self, mode: int) -> None:
        """Take another mode from the next step on; what was heard stays heard."""
        before, self._mode = self._mode, self._modes[min(max(mode, 0), len(self._modes) - 1)]
        if self._mode.short and not before.short:
            self._narrow()
        # Back to the wide window there is nothing to do: the short mode has filled the wide caches along the way.

    def reset(self) -> None:
        """Nothing heard."""
        self._caches.fill(0)
        self._short.fill(0)
        self.inputs["codes"].fill(NO_CODE)
        self.inputs["position"].fill(0)

    def save(self) -> TokenState:
        """Return a copy of all that is remembered."""
        return TokenState(self._caches.copy(), self.inputs["codes"].copy(), self.position)

    def restore(self, state: TokenState) -> None:
        """Go on from a saved state: a copy in memory, nothing else."""
        np.copyto(self._caches, state.caches)
        np.copyto(self.inputs["codes"], state.codes)
        self.inputs["position"][0] = state.position
        if self._mode.short:
            self._narrow()

    def hear(self, codes: NDArray[np.int64]) -> None:
        """Make one step under the present inputs, and take `codes`, shape (K,), for what it said."""
        self._run()
        self.inputs["codes"][0] = codes

    def step(self) -> bool:
        """Make one step; its codes are in `inputs["codes"]`, which is where the next step reads them.

        Returns
        -------
        bool
            False if its numbers are none any more: the codes are those of the step before, and only `restore` helps.
        """
        slot = self.position % self._window
        said = self._run()
        codes = self.inputs["codes"]
        if not math.isfinite(self._caches[:, :, slot].sum()):
            self.faults += 1
            return False
        if said.min() < NO_CODE or said.max() >= self.size:
            self.faults += 1
            np.copyto(codes, said, where=(said >= NO_CODE) & (said < self.size))
        else:
            np.copyto(codes, said)
        return True

    def _run(self) -> NDArray[np.int64]:
        position = self.position
        session = self._mode.session
        session.step()
        if self._mode.short:
            self._caches[:, :, position % self._window] = self._short[:, :, position % self._short.shape[2]]
        self.inputs["position"][0] = position + 1
        said: NDArray[np.int64] = session.outputs["next_codes"]
        return said

    def _narrow(self) -> None:
        """Fill the short caches from the wide ones."""
        window = self._short.shape[2]
        if self.position < window:
            self._short.fill(0)
        newest = np.arange(max(self.position - window, 0), self.position)
        self._short[:, :, newest % window] = self._caches[:, :, newest % self._window]


def _cache_names(model: Model) -> tuple[str, ...]:
    """Names of the caches as they lie in the arrays: keys and values of the first layer, then of the second, and so on."""
    inputs = {t.name for t in model.inputs}
    layers = next(i for i in range(len(inputs) + 1) if f"keys_{i}" not in inputs or f"values_{i}" not in inputs)
    return tuple(f"{kind}_{layer}" for layer in range(layers) for kind in ("keys", "values"))


def _shape(model: Model, name: str) -> tuple[int, ...]:
    return next((t.shape for t in model.inputs if t.name == name), ())


def _codebooks(step: Model) -> int:
    shape = _shape(step, "codes")
    if len(shape) != 2 or shape[0] != 1:
        raise VoiceError(f"{step.file}: no input codes of shape (1, K)", got=str(shape))
    return shape[1]


def _with_window(model: Model, window: int) -> Model:
    """The model as it is with other caches."""
    caches = {*(names := _cache_names(model)), *(f"next_{name}" for name in names)}
    inputs, outputs = (
        tuple(replace(t, shape=(*t.shape[:2], window, t.shape[3])) if t.name in caches else t for t in side)
        for side in (model.inputs, model.outputs)
    )
    return replace(model, inputs=inputs, outputs=outputs)


def _check_same(model: Model, like: Model) -> None:
    """Refuse a mode that could not go on from another's caches."""
    for side in ("inputs", "outputs"):
        got, wanted = ({t.name: (t.dtype, t.shape) for t in getattr(m, side)} for m in (model, like))
        if got != wanted:
            raise VoiceError(f"{model.file}: its {side} are not those of {like.file}", got=str(got), allowed=str(wanted))
    if dict(model.feedback) != dict(like.feedback):
        raise VoiceError(f"{model.file}: its feedback is not that of {like.file}", got=str(dict(model.feedback)))


def _aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Zeros that begin on a cache line."""
    room = np.zeros(math.prod(shape) * 4 + _ALIGNMENT_BYTES, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT_BYTES
    return room[start : start + math.prod(shape) * 4].view(np.float32).reshape(shape)
