"""The run folder of a sequencer: what `meta.json` says of it, and the model it kept. It does not know the trainer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patches.descriptors import DescriptorSpec
from training.errors import DamagedRunError, OldRunError
from training.recipe import SequencerRecipe, recipe_from_dict
from training.run_folder import RunRecord, check_types, fits_type, load_model, read_record
from training.sequencers.build import build_model, check_recipe
from training.sequencers.model import SequencerModel

__all__ = ["FORMAT", "KIND", "RunMeta", "load_sequencer", "read_meta"]

# Format 1 had one model and 39 descriptors, neither of them named.
FORMAT = 2
KIND = "sequencer"
COMMAND = "python -m training sequencer"
CLIP_FIELDS = {"path": str, "class": str, "sha256": str, "split": str, "rows": int}


@dataclass(frozen=True)
class RunMeta(RunRecord):
    """What `meta.json` says: beside what `RunRecord` does, what the model learned from. Its format is 2, its kind "sequencer".

    Attributes
    ----------
    descriptors, mean, std : list
        Names in model order, and the statistics of the training frames that z-score them.
    outliers : int
        Training rows left out as outliers.
    audio_folder, channel_rule : str
        As the user gave them.
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
    """

    descriptors: list[str]
    mean: list[float]
    std: list[float]
    outliers: int
    audio_folder: str
    channel_rule: str
    channels: int
    sample_rate_hz: int
    hop_frames: int
    audio_seconds: float
    split: str
    clips: list[dict[str, Any]]
    skipped: list[dict[str, str]]
    class_names: list[str]
    content_sha256: str

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
    return read_record(folder, _meta_of, train=f"{COMMAND} --audio DIR --out RUN", writer=COMMAND)


def _meta_of(values: Any, file: Path) -> RunMeta:
    if isinstance(values, dict) and values.get("kind") == KIND and values.get("format") == 1:
        hint = "Train again. A patch made of it plays on as it is"
        raise OldRunError("a run of Starling 0.1", where=file, got="format 1", allowed=f"format {FORMAT}", hint=hint)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DamagedRunError("not a run of this version", where=file, allowed=f"format {FORMAT}")
    meta = RunMeta(**values)
    check_types(meta)
    for clip in meta.clips:
        if not all(fits_type(clip.get(name), kind) for name, kind in CLIP_FIELDS.items()):
            raise TypeError(f"a clip needs {', '.join(CLIP_FIELDS)}")
    check_recipe(meta.sequencer_recipe(), len(meta.spec()))
    if not len(meta.mean) == len(meta.std) == len(meta.descriptors):
        got = f"{len(meta.mean)} and {len(meta.std)}"
        raise DamagedRunError(
            "mean and std do not fit the descriptors", where=file, got=got, allowed=f"{len(meta.descriptors)} numbers each"
        )
    return meta


def load_sequencer(folder: Path) -> tuple[RunMeta, SequencerModel]:
    """Read a run and the model it kept, ready to predict.

    Raises
    ------
    MissingRunError, MissingCheckpointError, OldRunError, DamagedRunError
        As `read_meta`; and the weights are missing, or not those that `meta.json` belongs to.
    """
    meta = read_meta(folder)
    sequencer = load_model(folder, meta, lambda: build_model(meta.sequencer_recipe(), meta.spec()), writer=COMMAND)
    return meta, sequencer.eval()
