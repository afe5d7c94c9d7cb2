"""The run folder of a token transformer: what `meta.json` says of it, and the model it kept. It does not know the trainer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import DamagedRunError, MissingRunError
from training.run_folder import RunRecord, check_types, fits_type, load_model, read_record
from training.tokens_model import TokenTransformer, TransformerSize
from training.tokens_recipe import TokensRecipe, tokens_recipe_from_dict

__all__ = ["FORMAT", "KIND", "TokensMeta", "load_tokens", "read_tokens_meta"]

FORMAT = 1
KIND = "tokens"
TRAIN = "python -m training tokens --data DATASET --out RUN"
CODEC_FIELDS = {"kind": str, "identity": str, "sample_rate_hz": int, "hop_frames": int, "codebooks": int, "codebook_size": int}
PARAMETER_FIELDS = {"name": str, "min": float, "max": float}


@dataclass(frozen=True)
class TokensMeta(RunRecord):
    """What `meta.json` says: beside what `RunRecord` does, what the model learned from. Its format is 1, its kind "tokens".

    The weights are the moving average, and the scores ``held_out_loss`` in nats per token and those of each codebook.

    Attributes
    ----------
    dataset, dataset_key : str
        Folder, and the hash that equal datasets share.
    codec : dict
        ``kind``, ``identity``, ``sample_rate_hz``, ``hop_frames``, ``codebooks``, ``codebook_size``.
    classes : list of str
    parameters : list of dict
        ``name``, ``min``, ``max``.
    clips : dict
        How many clips and steps: ``training``, ``held_out``, ``training_steps``, ``held_out_steps``.
    parameter_count : int
        Numbers learned.
    start : list of dict
        What came before, where the training began with another run's weights.
    """

    dataset: str
    dataset_key: str
    codec: dict[str, Any]
    classes: list[str]
    parameters: list[dict[str, Any]]
    clips: dict[str, int]
    parameter_count: int
    start: list[dict[str, Any]]

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
    return read_record(folder, _meta_of, train=TRAIN, writer=TRAIN)


def _meta_of(values: Any, file: Path) -> TokensMeta:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DamagedRunError("not a run of this version", where=file, allowed=f"format {FORMAT}")
    if values.get("kind") != KIND:
        raise MissingRunError("a run of another kind", where=file, got=repr(values.get("kind")), allowed=repr(KIND))
    meta = TokensMeta(**values)
    check_types(meta)
    for name, entries, fields in (("codec", [meta.codec], CODEC_FIELDS), ("parameters", meta.parameters, PARAMETER_FIELDS)):
        if not all(fits_type(entry.get(field), kind) for entry in entries for field, kind in fields.items()):
            raise TypeError(f"{name} needs {', '.join(fields)}")
    if min(meta.codec["codebooks"], meta.codec["codebook_size"] - 1, len(meta.classes)) < 1:
        raise ValueError("a codec has a codebook and a choice of codes, and a run a class")
    # Sizes that cannot be are refused here, with the rest.
    meta.size()
    return meta


def load_tokens(folder: Path) -> tuple[TokensMeta, TokenTransformer]:
    """Read a run and the model it kept, ready to predict.

    Raises
    ------
    MissingRunError, MissingCheckpointError, DamagedRunError
        As `read_tokens_meta`; and the weights are missing, or not those that `meta.json` belongs to.
    """
    meta = read_tokens_meta(folder)
    model = load_model(folder, meta, lambda: TokenTransformer(meta.size()), writer=TRAIN)
    return meta, model.eval().requires_grad_(False)
