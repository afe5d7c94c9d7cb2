"""The run folder of a token transformer: what a training leaves behind, and everything an export needs.

::

    RUN/checkpoint.safetensors    best weights so far: the moving average
    RUN/meta.json                 recipe, dataset, codec, classes, parameters, versions, scores: the fields of `TokensMeta`
    RUN/last.ckpt                 whole state of the trainer, to go on from
    RUN/logs/                     TensorBoard

It does not know the trainer. Nothing here is pickled but the trainer's own state, which is read back as plain values only.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from training.audio_folder import is_folder
from training.errors import DamagedRunError, MissingCheckpointError, MissingRunError, RecipeError
from training.run_folder import FORMAT, LAST, LOGS, META, WEIGHTS, fits_type, never_kept, write_whole
from training.tokens_model import TokenTransformer, TransformerSize
from training.tokens_recipe import TokensRecipe, tokens_recipe_from_dict

__all__ = ["TokensMeta", "load_tokens", "read_tokens_meta", "write_tokens_meta", "write_tokens_run"]

KIND = "tokens"
TRAIN = "python -m training tokens --data DATASET --out RUN"
CODEC_FIELDS = {"kind": str, "identity": str, "sample_rate_hz": int, "hop_frames": int, "codebooks": int, "codebook_size": int}
PARAMETER_FIELDS = {"name": str, "min": float, "max": float}


@dataclass(frozen=True)
class TokensMeta:
    """What `meta.json` says.

    Attributes
    ----------
    format, kind : int, str
        1 and "tokens".
    finished : bool
        The training came to its end: all updates, or no improvement for long enough.
    recipe, recipe_name : dict, str
        All dials, and the name of the recipe they came from.
    dataset, dataset_key : str
        Folder, and the hash that equal datasets share.
    codec : dict
        ``kind``, ``identity``, ``sample_rate_hz``, ``hop_frames``, ``codebooks``, ``codebook_size``.
    classes : list of str
    parameters : list of dict
        ``name``, ``min``, ``max``.
    clips : dict
        How many clips and steps: ``training``, ``held_out``, ``training_steps``, ``held_out_steps``.
    licence : str
        Of the sounds, and so of the weights.
    parameter_count : int
        Numbers learned.
    versions, git : dict, str
    created : str
        Start of the training, UTC.
    updates, updates_done : int
        Of the weights kept, and of the training.
    training_seconds : float
    start : list of dict
        What came before, where the training began with another run's weights.
    scores : dict
        ``held_out_loss`` in nats per token, and of each codebook.
    checkpoint_sha256 : str
    """

    format: int
    kind: str
    finished: bool
    recipe: dict[str, Any]
    recipe_name: str
    dataset: str
    dataset_key: str
    codec: dict[str, Any]
    classes: list[str]
    parameters: list[dict[str, Any]]
    clips: dict[str, int]
    licence: str
    parameter_count: int
    versions: dict[str, str]
    git: str
    created: str
    updates: int
    updates_done: int
    training_seconds: float
    start: list[dict[str, Any]]
    scores: dict[str, float]
    checkpoint_sha256: str

    def tokens_recipe(self) -> TokensRecipe:
        """Return the recipe, checked again."""
        return tokens_recipe_from_dict(self.recipe)

    @property
    def condition_size(self) -> int:
        """Classes and parameters."""
        return len(self.classes) + len(self.parameters)

    def size(self) -> TransformerSize:
        """Return the shape of the model."""
        return self.tokens_recipe().size(self.codec["codebooks"], self.codec["codebook_size"], self.condition_size)


def read_tokens_meta(folder: Path) -> TokensMeta:
    """Read what a run says about itself.

    Raises
    ------
    MissingRunError
        The folder is not there, holds no run, or a run of another kind.
    MissingCheckpointError
        A training began there and has not kept anything yet.
    DamagedRunError
        `meta.json` is not what a training writes.
    """
    file = folder / META
    if not is_folder(folder):
        raise MissingRunError("no such run folder", where=folder, hint=f"Train one: {TRAIN}")
    if not file.is_file():
        if (folder / LAST).exists() or (folder / LOGS).is_dir():
            hint = "Let it reach its first validation, or train again with the same --out" if never_kept(folder) else None
            raise MissingCheckpointError("the run has kept no weights yet", where=folder, hint=hint)
        raise MissingRunError("not a run folder", where=folder, got="no meta.json", hint=f"A run is what {TRAIN} writes")
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise DamagedRunError("not a run of this version", where=file, allowed=f"format {FORMAT}")
        if values.get("kind") != KIND:
            raise MissingRunError("a run of another kind", where=file, got=repr(values.get("kind")), allowed=repr(KIND))
        meta = TokensMeta(**values)
        _check(meta)
    except OSError as error:
        raise DamagedRunError("cannot be read", where=file, got=error.strerror) from error
    except (ValueError, TypeError, RecursionError, RecipeError) as error:
        raise DamagedRunError("not what a training writes", where=file, got=str(error), hint="Train again, or restore the file") from error
    return meta


def _check(meta: TokensMeta) -> None:
    """Raise TypeError for the first field that is not of the type `TokensMeta` says, ValueError for a size that cannot be."""
    for row in dataclasses.fields(TokensMeta):
        if not fits_type(getattr(meta, row.name), row.type):
            raise TypeError(f"{row.name} is not {getattr(row.type, '__name__', row.type)}")
    for name, entries, fields in (("codec", [meta.codec], CODEC_FIELDS), ("parameters", meta.parameters, PARAMETER_FIELDS)):
        if not all(fits_type(entry.get(field), kind) for entry in entries for field, kind in fields.items()):
            raise TypeError(f"{name} needs {', '.join(fields)}")
    if min(meta.codec["codebooks"], meta.codec["codebook_size"] - 1, len(meta.classes)) < 1:
        raise ValueError("a codec has a codebook and a choice of codes, and a run a class")
    meta.size()


def load_tokens(folder: Path) -> tuple[TokensMeta, TokenTransformer]:
    """Read a run and the model it kept, ready to predict.

    Raises
    ------
    MissingRunError, MissingCheckpointError, DamagedRunError
        As `read_tokens_meta`; and the weights are missing, or not those that `meta.json` belongs to.
    """
    meta = read_tokens_meta(folder)
    file = folder / WEIGHTS
    if not file.is_file():
        raise MissingCheckpointError("the run has no weights", where=file, hint=f"Train it on: {TRAIN} --resume")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DamagedRunError("cannot be read", where=file, got=error.strerror) from error
    if hashlib.sha256(content).hexdigest() != meta.checkpoint_sha256:
        raise DamagedRunError("not the weights that meta.json describes", where=file, hint="Train it on with --resume")
    model = TokenTransformer(meta.size())
    try:
        model.load_state_dict(safetensors.torch.load(content))
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise DamagedRunError("the weights do not fit the recipe", where=file, got=str(error).splitlines()[0]) from error
    return meta, model.eval().requires_grad_(False)


def write_tokens_run(folder: Path, meta: TokensMeta, model: TokenTransformer) -> None:
    """Write weights and `meta.json`, each whole or not at all; raises OutputFailedError where the disk refuses."""
    content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()})
    write_whole(folder / WEIGHTS, content)
    write_tokens_meta(folder, dataclasses.replace(meta, checkpoint_sha256=hashlib.sha256(content).hexdigest()))


def write_tokens_meta(folder: Path, meta: TokensMeta) -> None:
    """Write `meta.json` whole or not at all; raises OutputFailedError where the disk refuses."""
    text = json.dumps(dataclasses.asdict(meta), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(folder / META, text.encode())
