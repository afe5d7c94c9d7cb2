"""A run folder: what a training leaves behind, and everything an export needs.

::

    RUN/checkpoint.safetensors    best weights so far
    RUN/meta.json                 recipe, what was learned from, versions, scores: the fields of a `RunRecord`
    RUN/last.ckpt                 whole state of the trainer, to go on from
    RUN/logs/                     TensorBoard

It knows neither the trainer nor what is learned: `training.sequencer_folder` and `training.tokens_folder` do. Nothing here is pickled but
the trainer's own state, which is read back as plain values only.
"""

import dataclasses
import hashlib
import json
import math
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import safetensors
import safetensors.torch
from torch import Tensor, nn

from patches.errors import PatchError
from training.audio_folder import is_folder
from training.dials import Dials
from training.errors import DamagedRunError, MissingCheckpointError, MissingRunError, OutputFailedError, RecipeError

META = "meta.json"
WEIGHTS = "checkpoint.safetensors"
LAST = "last.ckpt"
LOGS = "logs"
# The libraries whose version can change the weights or the descriptors.
VERSIONED = ("torch", "lightning", "numpy", "librosa", "soxr", "starling-live")
GIT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class RunRecord:
    """What `meta.json` says of any run; each kind of run adds what it learned from.

    Attributes
    ----------
    format, kind : int, str
    finished : bool
        The training came to its end: all updates, or no improvement for long enough.
    recipe, recipe_name : dict, str
        All dials, and the name of the recipe they came from.
    licence : str
        Of the sounds, and so of the weights.
    versions, git : dict, str
    created : str
        Start of the training, UTC.
    updates, updates_done : int
        Of the weights kept, and of the training.
    training_seconds : float
    scores : dict
    checkpoint_sha256 : str
    """

    format: int
    kind: str
    finished: bool
    recipe: dict[str, Any]
    recipe_name: str
    licence: str
    versions: dict[str, str]
    git: str
    created: str
    updates: int
    updates_done: int
    training_seconds: float
    scores: dict[str, float]
    checkpoint_sha256: str


R = TypeVar("R", bound=RunRecord)
M = TypeVar("M", bound=nn.Module)


def first_record(recipe: Dials, recipe_name: str, licence: str) -> dict[str, Any]:
    """Return what every run says as its training begins: the fields of `RunRecord` but for format and kind."""
    return {
        "finished": False,
        "recipe": recipe.as_dict(),
        "recipe_name": recipe_name,
        "licence": licence,
        **made_now(),
        "updates": 0,
        "updates_done": 0,
        "training_seconds": 0.0,
        "scores": {},
        "checkpoint_sha256": "",
    }


def made_now() -> dict[str, Any]:
    """Return which libraries and which source tree a training begins with, and when."""
    return {"versions": library_versions(), "git": git_commit(), "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def read_record(folder: Path, make: Callable[[Any, Path], R], *, train: str, writer: str) -> R:
    """Read what a run says about itself.

    Parameters
    ----------
    folder : Path
    make : callable
        Takes what `meta.json` holds, and the file for its messages, and returns the record; ValueError and TypeError are damage.
    train, writer : str
        The command that makes such a run, with what it needs, and by name: both for the messages.

    Raises
    ------
    MissingRunError
        The folder is not there, or holds no run.
    MissingCheckpointError
        A training began there and has not kept anything yet.
    DamagedRunError
        `meta.json` is not what a training writes.
    RunError
        What else `make` refuses.
    """
    file = folder / META
    if not is_folder(folder):
        raise MissingRunError("no such run folder", where=folder, hint=f"Train one: {train}")
    if not file.is_file():
        if (folder / LAST).exists() or (folder / LOGS).is_dir():
            hint = "Let it reach its first validation, or train again with the same --out" if never_kept(folder) else None
            raise MissingCheckpointError("the run has kept no weights yet", where=folder, hint=hint)
        raise MissingRunError("not a run folder", where=folder, got="no meta.json", hint=f"A run is what {writer} writes")
    try:
        return make(json.loads(file.read_text(encoding="utf-8")), file)
    except OSError as error:
        raise DamagedRunError("cannot be read", where=file, got=error.strerror) from error
    except (ValueError, TypeError, RecursionError, RecipeError, PatchError) as error:
        raise DamagedRunError("not what a training writes", where=file, got=str(error), hint="Train again, or restore the file") from error


def never_kept(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or only the logs of a training that ended before it kept anything."""
    return all(path.name == LOGS and path.is_dir() for path in folder.iterdir())


def check_types(record: RunRecord) -> None:
    """Raise TypeError for the first field that is not of the type its class says."""
    for row in dataclasses.fields(record):
        if not fits_type(getattr(record, row.name), row.type):
            raise TypeError(f"{row.name} is not {getattr(row.type, '__name__', row.type)}")


def fits_type(value: Any, kind: Any) -> bool:
    """Tell whether a value read from JSON is of a type such as ``list[str]``; a whole number is a good fraction, a bool no number."""
    if kind is Any:
        return True
    if get_origin(kind) is list:
        return isinstance(value, list) and all(fits_type(item, get_args(kind)[0]) for item in value)
    if get_origin(kind) is dict:
        return isinstance(value, dict) and all(fits_type(item, get_args(kind)[1]) for item in value.values())
    # bool is an int to Python, and a whole number is a good fraction.
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, kind)


def load_model(folder: Path, record: RunRecord, build: Callable[[], M], *, writer: str) -> M:
    """Return the model that `build` makes, with the weights the run kept.

    Raises
    ------
    MissingCheckpointError
        There are no weights; `writer` is the command to train on with.
    DamagedRunError
        They are not those of the record, or of another model.
    """
    file = folder / WEIGHTS
    if not file.is_file():
        raise MissingCheckpointError("the run has no weights", where=file, hint=f"Train it on: {writer} --resume")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DamagedRunError("cannot be read", where=file, got=error.strerror) from error
    if hashlib.sha256(content).hexdigest() != record.checkpoint_sha256:
        raise DamagedRunError("not the weights that meta.json describes", where=file, hint="Train it on with --resume")
    model = build()
    try:
        model.load_state_dict(safetensors.torch.load(content))
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise DamagedRunError("the weights do not fit the recipe", where=file, got=str(error).splitlines()[0]) from error
    return model


def write_run(folder: Path, record: R, model: nn.Module) -> R:
    """Write weights and `meta.json`, each whole or not at all, and return the record with the weights' hash in it.

    Raises
    ------
    OutputFailedError
        The disk refused.
    """
    record = dataclasses.replace(record, checkpoint_sha256=write_weights(folder, model.state_dict()))
    write_record(folder, record)
    return record


def write_weights(folder: Path, weights: dict[str, Tensor]) -> str:
    """Write the weights whole or not at all and return their SHA-256; raises OutputFailedError where the disk refuses."""
    content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    write_whole(folder / WEIGHTS, content)
    return hashlib.sha256(content).hexdigest()


def write_record(folder: Path, record: RunRecord) -> None:
    """Write `meta.json` whole or not at all; raises OutputFailedError where the disk refuses."""
    write_values(folder, dataclasses.asdict(record))


def write_values(folder: Path, values: dict[str, Any]) -> None:
    """Write plain values as `meta.json`, whole or not at all; raises OutputFailedError where the disk refuses."""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(folder / META, text.encode())


def write_whole(file: Path, content: bytes) -> None:
    """Write a file beside its place and rename it into it; raises OutputFailedError where the disk refuses."""
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            # mkstemp makes files for one user only; a run is an ordinary file.
            Path(temporary).chmod(0o644)
            Path(temporary).replace(file)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputFailedError("could not be written", where=file, got=error.strerror) from error


def library_versions() -> dict[str, str]:
    """Return Python's version and those of the libraries that shape a run."""
    versions = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def git_commit() -> str:
    """Return the commit of this source tree, with "-dirty" where tracked files differ from it; "unknown" without git or repository."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    """Return what git says of the repository this file is in. It takes no lock: the user may be at work there."""
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parents[1]), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True).stdout.strip()
