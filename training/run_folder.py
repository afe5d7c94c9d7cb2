"""A run folder: what a training leaves behind, and everything an export needs.

::

    RUN/checkpoint.safetensors    best weights so far
    RUN/meta.json                 recipe, descriptors, statistics, clips, versions, scores: the fields of `RunMeta`
    RUN/last.ckpt                 whole state of the trainer, to go on from
    RUN/logs/                     TensorBoard

It does not know the trainer. Nothing here is pickled but the trainer's own state, which is read back as plain values only.
"""

import dataclasses
import hashlib
import json
import math
import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args, get_origin

import safetensors
import safetensors.torch

from patches.descriptors import DescriptorSpec
from patches.errors import PatchError
from training.audio_folder import is_folder
from training.errors import DamagedRunError, MissingCheckpointError, MissingRunError, OldRunError, OutputFailedError, RecipeError
from training.recipe import SequencerRecipe, recipe_from_dict
from training.sequencers.build import build_model, check_recipe
from training.sequencers.model import SequencerModel

META = "meta.json"
WEIGHTS = "checkpoint.safetensors"
LAST = "last.ckpt"
LOGS = "logs"
FORMAT = 1
# Of a sequencer's run. Format 1 had one model and 39 descriptors, neither of them named.
SEQUENCER_FORMAT = 2
CLIP_FIELDS = {"path": str, "class": str, "sha256": str, "split": str, "rows": int}
# The libraries whose version can change the weights or the descriptors.
VERSIONED = ("torch", "lightning", "numpy", "librosa", "soxr", "starling-live")
GIT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class RunMeta:
    """What `meta.json` says.

    Attributes
    ----------
    format, kind : int, str
        2 and "sequencer".
    finished : bool
        The training came to its end: all updates, or no improvement for long enough.
    recipe, recipe_name : dict, str
        All dials, and the name of the file they came from.
    descriptors, mean, std : list
        Names in model order, and the statistics of the training frames that z-score them.
    outliers : int
        Training rows left out as outliers.
    audio_folder, channel_rule : str
        As the user gave them.
    licence : str
        Of the sounds, and so of the weights.
    channels, sample_rate_hz, hop_frames, audio_seconds : number
    split : str
        "file", or "time" where each clip's end was held out.
    clips : list of dict
        ``path`` in the folder, ``class``, ``sha256`` of the file, ``split`` ("training", "held_out"), ``rows`` of descriptors.
    skipped : list of dict
        ``path`` and ``reason``.
    class_names : list of str
    content_sha256 : str
        Of all clips and sides; equal for equal data.
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
    descriptors: list[str]
    mean: list[float]
    std: list[float]
    outliers: int
    audio_folder: str
    channel_rule: str
    licence: str
    channels: int
    sample_rate_hz: int
    hop_frames: int
    audio_seconds: float
    split: str
    clips: list[dict[str, Any]]
    skipped: list[dict[str, str]]
    class_names: list[str]
    content_sha256: str
    versions: dict[str, str]
    git: str
    created: str
    updates: int
    updates_done: int
    training_seconds: float
    scores: dict[str, float]
    checkpoint_sha256: str

    def sequencer_recipe(self) -> SequencerRecipe:
        """Return the recipe, checked again."""
        return recipe_from_dict(self.recipe)

    def spec(self) -> DescriptorSpec:
        """Return which descriptors the model was made for, at which hop and rate, checked again."""
        return DescriptorSpec(tuple(self.descriptors), self.hop_frames, self.sample_rate_hz)


def read_meta(folder: Path) -> RunMeta:
    """Read what a run says about itself.

    Raises
    ------
    MissingRunError
        The folder is not there, or holds no run.
    MissingCheckpointError
        A training began there and has not kept anything yet.
    OldRunError
        A version that had other models wrote it.
    DamagedRunError
        `meta.json` is not what a training writes.
    """
    file = folder / META
    if not is_folder(folder):
        raise MissingRunError("no such run folder", where=folder, hint="Train one: python -m training sequencer --audio DIR --out RUN")
    if not file.is_file():
        if (folder / LAST).exists() or (folder / LOGS).is_dir():
            hint = "Let it reach its first validation, or train again with the same --out" if never_kept(folder) else None
            raise MissingCheckpointError("the run has kept no weights yet", where=folder, hint=hint)
        raise MissingRunError(
            "not a run folder", where=folder, got="no meta.json", hint="A run is what python -m training sequencer writes"
        )
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(values, dict) and values.get("kind") == "sequencer" and values.get("format") == 1:
            hint = "Train again. A patch made of it plays on as it is"
            raise OldRunError("a run of Starling 0.1", where=file, got="format 1", allowed=f"format {SEQUENCER_FORMAT}", hint=hint)
        if not isinstance(values, dict) or values.get("format") != SEQUENCER_FORMAT:
            raise DamagedRunError("not a run of this version", where=file, allowed=f"format {SEQUENCER_FORMAT}")
        meta = RunMeta(**values)
        _check_types(meta)
        check_recipe(meta.sequencer_recipe(), len(meta.spec()))
    except OSError as error:
        raise DamagedRunError("cannot be read", where=file, got=error.strerror) from error
    except (ValueError, TypeError, RecursionError, RecipeError, PatchError) as error:
        raise DamagedRunError("not what a training writes", where=file, got=str(error), hint="Train again, or restore the file") from error
    if not len(meta.mean) == len(meta.std) == len(meta.descriptors):
        got = f"{len(meta.mean)} and {len(meta.std)}"
        raise DamagedRunError(
            "mean and std do not fit the descriptors", where=file, got=got, allowed=f"{len(meta.descriptors)} numbers each"
        )
    return meta


def never_kept(folder: Path) -> bool:
    """Tell whether a folder holds nothing, or only the logs of a training that ended before it kept anything."""
    return all(path.name == LOGS and path.is_dir() for path in folder.iterdir())


def _check_types(meta: RunMeta) -> None:
    """Raise TypeError for the first field that is not of the type `RunMeta` says."""
    for row in dataclasses.fields(RunMeta):
        if not fits_type(getattr(meta, row.name), row.type):
            raise TypeError(f"{row.name} is not {getattr(row.type, '__name__', row.type)}")
    for clip in meta.clips:
        if not all(fits_type(clip.get(name), kind) for name, kind in CLIP_FIELDS.items()):
            raise TypeError(f"a clip needs {', '.join(CLIP_FIELDS)}")


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


def load_sequencer(folder: Path) -> tuple[RunMeta, SequencerModel]:
    """Read a run and the model it kept, ready to predict.

    Raises
    ------
    MissingRunError, MissingCheckpointError, OldRunError, DamagedRunError
        As `read_meta`; and the weights are missing, or not those that `meta.json` belongs to.
    """
    meta = read_meta(folder)
    file = folder / WEIGHTS
    if not file.is_file():
        raise MissingCheckpointError("the run has no weights", where=file, hint="Train it on: python -m training sequencer --resume")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DamagedRunError("cannot be read", where=file, got=error.strerror) from error
    if hashlib.sha256(content).hexdigest() != meta.checkpoint_sha256:
        raise DamagedRunError("not the weights that meta.json describes", where=file, hint="Train it on with --resume")
    sequencer = build_model(meta.sequencer_recipe(), meta.spec())
    try:
        sequencer.load_state_dict(safetensors.torch.load(content))
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise DamagedRunError("the weights do not fit the recipe", where=file, got=str(error).splitlines()[0]) from error
    return meta, sequencer.eval()


def write_run(folder: Path, meta: RunMeta, sequencer: SequencerModel) -> RunMeta:
    """Write weights and `meta.json`, each whole or not at all, and return the meta with the weights' hash in it.

    Raises
    ------
    OutputFailedError
        The disk refused.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in sequencer.state_dict().items()}
    content = safetensors.torch.save(weights)
    meta = dataclasses.replace(meta, checkpoint_sha256=hashlib.sha256(content).hexdigest())
    write_whole(folder / WEIGHTS, content)
    write_meta(folder, meta)
    return meta


def write_meta(folder: Path, meta: RunMeta) -> None:
    """Write `meta.json` whole or not at all; raises OutputFailedError where the disk refuses."""
    text = json.dumps(dataclasses.asdict(meta), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
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
