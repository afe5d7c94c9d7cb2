"""What a dataset must be for the model that learns from it to become a patch: known classes, few enough controls, names that can be shown.

All of it can be told from the labels, before anything is encoded; a training of hours should not end in a refusal. It opens no sound.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from patches.fields import BY_PATH
from patches.kinds import MAX_CODEBOOKS, SETTINGS
from patches.limits import MAX_CONTROLS
from training.clip_labels import Label, LabelledFolder
from training.data_errors import CodebooksError, PatchLimitError, UnknownClassError
from training.errors import OptionError

if TYPE_CHECKING:
    from training.codecs.codec import Codec

__all__ = ["check_class_names", "check_classes", "check_codebooks", "check_patch_limits", "class_order"]

_SETTINGS = {field.path: field for field in SETTINGS["tokens"]}
MAX_CLASSES, MAX_PARAMETERS = int(_SETTINGS["classes"].high), int(_SETTINGS["parameters"].high)
# Temperature, top k, top p and prime, which every patch of tokens has beside its classes and parameters.
OWN_CONTROLS = 4
_LABEL = BY_PATH["controls[].label"]
_LOW, _HIGH = BY_PATH["controls[].min"].low, BY_PATH["controls[].max"].high


def check_class_names(names: Sequence[str] | None) -> None:
    """Refuse a list of classes that names one twice, or none; raises OptionError."""
    if names is not None and (not names or "" in names or len(set(names)) < len(names)):
        allowed = "each class once, separated by commas"
        raise OptionError("no list of classes", where="--classes", got=repr(",".join(names)), allowed=allowed)


def check_classes(names: Sequence[str] | None, labels: Mapping[str, Label]) -> None:
    """Hold the classes of a folder against those that were asked for.

    Parameters
    ----------
    names : sequence of str, or None
        None where any class will do.
    labels : mapping of str to Label
        By path.

    Raises
    ------
    UnknownClassError
        A sound is of another class; the message says its row, or its file.
    """
    if names is None:
        return
    for label in labels.values():
        if label.class_name not in names:
            hint = "Add it to --classes, or leave its sounds out of the folder or the sheet"
            allowed = f"{', '.join(names)} (--classes)"
            raise UnknownClassError("an unknown class", where=label.where, got=repr(label.class_name), allowed=allowed, hint=hint)


def class_order(names: Sequence[str] | None, found: Collection[str], folder: Path) -> tuple[str, ...]:
    """Return the classes in their order: as asked for, else sorted.

    Raises
    ------
    OptionError
        One that was asked for has no sound to learn from.
    """
    for name in names or ():
        if name not in found:
            what, hint = f"a class without a sound to learn from in {folder}", "Leave it out, or add sounds of it"
            raise OptionError(what, where="--classes", got=repr(name), allowed=", ".join(sorted(found)), hint=hint)
    return tuple(sorted(found) if names is None else names)


def check_patch_limits(labelled: LabelledFolder) -> None:
    """Refuse what no patch of kind `tokens` could hold.

    Raises
    ------
    PatchLimitError
        Too many classes, parameters or controls in all; a parameter whose name is too long to show, or a number beyond those of controls.
    """
    labels = list(labelled.labels.values())
    classes = sorted({label.class_name for label in labels})
    parameters = [name for name in labelled.parameters if any(name in label.values for label in labels)]
    hint = "A patch has a control for each; leave some out, or make two datasets"
    for what, names, most in (("classes", classes, MAX_CLASSES), ("parameters", parameters, MAX_PARAMETERS)):
        if len(names) > most:
            raise PatchLimitError(f"more {what} than a patch can have", where=labelled.folder, got=len(names), allowed=most, hint=hint)
    both = MAX_CONTROLS - OWN_CONTROLS
    if len(classes) + len(parameters) > both:
        got, allowed = f"{len(classes)} and {len(parameters)}", f"{both} together"
        raise PatchLimitError(
            "more classes and parameters than a patch can have", where=labelled.folder, got=got, allowed=allowed, hint=hint
        )
    for name in parameters:
        first = next(label for label in labels if name in label.values)
        if not _LABEL.low <= len(name) <= _LABEL.high or not name.isprintable():
            got, hint = f"{len(name)} characters, {name[:40]!r} ...", "Rename it"
            raise PatchLimitError("a parameter has too long a name", where=first.where, got=got, allowed=_LABEL.allowed, hint=hint)
        _check_numbers(name, (label for label in labels if name in label.values), labelled.declared.get(name, ()))


def _check_numbers(name: str, labels: Iterable[Label], declared: Collection[float]) -> None:
    for label in labels:
        for value in (label.values[name], *declared):
            if not _LOW <= value <= _HIGH:
                hint = "Use another unit"
                what, allowed = f"{name!r} has a number that no control can have", f"{_LOW:g} to {_HIGH:g}"
                raise PatchLimitError(what, where=label.where, got=f"{value:g}", allowed=allowed, hint=hint)


def check_codebooks(codebooks: int | None, codec: "Codec", where: object) -> int:
    """Return how many of a codec's codebooks are kept.

    Parameters
    ----------
    codebooks : int or None
        As asked for; None for all.
    codec : Codec
    where : str or Path
        As the codec was named.

    Raises
    ------
    CodebooksError
        The codec has fewer, or its decoder needs all of them, or a patch cannot have so many.
    """
    kept = codec.codebooks if codebooks is None else codebooks
    if kept > codec.codebooks:
        raise CodebooksError("the codec has fewer codebooks", where="--codebooks", got=kept, allowed=f"1 to {codec.codebooks}, of {where}")
    if kept < codec.codebooks:
        if codec.kind != "dac":
            raise CodebooksError(
                f"the decoder of a {codec.kind} codec is exported with all of its codebooks",
                where="--codebooks",
                got=kept,
                allowed=f"{codec.codebooks}, or a codec of kind 'dac'",
            )
        # Local: it brings the runtime of models along.
        from training.codecs.patch_codec import PatchCodec

        if isinstance(codec, PatchCodec):
            hint = "Name the codec folder it was exported from: --codec CODEC"
            what = "the decoder of a patch is there for all of its codebooks"
            raise CodebooksError(what, where="--codebooks", got=kept, allowed=codec.codebooks, hint=hint)
    if kept > MAX_CODEBOOKS:
        hint = f"Keep the first of them: --codebooks {MAX_CODEBOOKS}, or fewer"
        raise CodebooksError("more codebooks than a patch can have", where=str(where), got=kept, allowed=MAX_CODEBOOKS, hint=hint)
    return kept
