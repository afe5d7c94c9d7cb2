"""The manifest as frozen dataclasses.

Field names are the manifest's keys (`patches.fields`, tested). Does not know JSON, files or what is allowed: `patches.codec` checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from patches.errors import UnknownControlError, UnknownRoleError, shown
from patches.limits import FORMAT

Setting = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Licence:
    """Licences of the code, the weights and the training data, as SPDX identifiers or short names."""

    code: str
    weights: str
    data: str


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound that comes out: rate, channels, frames per model step and the model's own delay in frames."""

    sample_rate_hz: int
    channels: int
    step_frames: int
    lookahead_frames: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output of a model. The shape is fixed, so that buffers are bound once."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model file. `feedback` maps an output to the input that gets it in the next step.

    `sha256` and `bytes` may be left out of a manifest that is about to be written: the writer fills them in.
    """

    role: str
    runtime: str
    file: str
    sha256: str = ""
    bytes: int = 0
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    feedback: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file that is not a model. The writer fills in `sha256` and `bytes`."""

    role: str
    file: str
    sha256: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """One thing the performer can turn, `min` to `max` in `unit`; `smoothing_ms` is the time a change takes."""

    id: str
    label: str
    unit: str
    min: float
    max: float
    default: float
    curve: str
    smoothing_ms: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights come from: recipe, source version, checkpoint, time (UTC), seed, effort and scores."""

    recipe: str
    git: str
    checkpoint_sha256: str
    created: str
    seed: int
    training_seconds: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verify:
    """What the export measured: greatest differences from torch, linear amplitude, and the time of a step on `machine`."""

    onnx_max_error: float
    steps: int
    step_ms_p50: float
    step_ms_p99: float
    machine: str
    torchscript_max_error: float | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What patch.json says, checked if it came from `patches.reader`. Mappings are not to be changed."""

    slug: str
    name: str
    summary: str
    kind: str
    authors: tuple[str, ...]
    licence: Licence
    audio: Audio
    models: tuple[Model, ...]
    data: tuple[DataFile, ...]
    controls: tuple[Control, ...]
    settings: Mapping[str, Setting]
    origin: Origin
    verify: Verify
    format: int = FORMAT

    @property
    def entries(self) -> tuple[Model | DataFile, ...]:
        """All listed files, models first."""
        return (*self.models, *self.data)

    def model(self, role: str, runtime: str = "onnx") -> Model:
        """Return the model in `role`.

        Raises
        ------
        UnknownRoleError
            No model has this role and runtime.
        """
        for entry in self.models:
            if (entry.role, entry.runtime) == (role, runtime):
                return entry
        listed = ", ".join(f"{entry.role} ({entry.runtime})" for entry in self.models)
        raise UnknownRoleError(file=self.slug, field="models", got=f"{shown(role)} ({runtime})", allowed=listed)

    def file(self, role: str) -> DataFile:
        """Return the data file in `role`.

        Raises
        ------
        UnknownRoleError
            No data file has this role.
        """
        for entry in self.data:
            if entry.role == role:
                return entry
        listed = ", ".join(entry.role for entry in self.data) or "none"
        raise UnknownRoleError(file=self.slug, field="data", got=shown(role), allowed=listed)

    def control(self, id: str) -> Control:
        """Return the control with this `id`.

        Raises
        ------
        UnknownControlError
            No control has it.
        """
        for control in self.controls:
            if control.id == id:
                return control
        listed = ", ".join(control.id for control in self.controls) or "none"
        raise UnknownControlError(file=self.slug, field="controls", got=shown(id), allowed=listed)
