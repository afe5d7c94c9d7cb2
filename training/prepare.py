"""A folder of sounds, encoded and labelled: the dataset that a token model learns from. It does not know models.

Everything follows from the files' bytes, what is said of them, the codec and the seed.
"""

import argparse
import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from training.audio_folder import AudioFolder, Clip, Skipped
from training.clip_blends import BLENDS, MOST_BLENDS, blended
from training.clip_codes import CodecSource, Recording, encode_all
from training.clip_labels import Label, LabelledFolder, label_folder, labels_within, parameter_ranges
from training.data_errors import HeldOutError, ParameterRangeError, SingleClipError
from training.dataset_limits import check_class_names, check_classes, check_codebooks, check_patch_limits, class_order
from training.errors import LinkedFolderError, NoUsableAudioError, OptionError, TooShortAudioError
from training.licence import CC0, USER_SUPPLIED, audio_licence
from training.tokens_dataset import CodecInfo, Parameter, TokenClip, TokenDataset, check_free, write_dataset

if TYPE_CHECKING:
    from training.codecs.codec import Codec

__all__ = ["add_prepare_parser", "prepare_dataset", "run_prepare"]

Say = Callable[[str], None]

CODEC = "textures"
HELD_OUT_SHARE = 0.1
SHORTEST_STEPS = 64
SKIPPED_SHOWN = 20
REASONS_SHOWN = 3


class Sound(NamedTuple):
    """A clip with its codes and what is said of it."""

    path: str
    sha256: str
    codes: np.ndarray
    label: Label


def prepare_dataset(
    audio: Path,
    out: Path,
    *,
    codec: str | Path = CODEC,
    codebooks: int | None = None,
    sheet: Path | None = None,
    classes: Sequence[str] | None = None,
    blends: float | None = None,
    held_out_share: float = HELD_OUT_SHARE,
    held_out: Path | None = None,
    shortest: int = SHORTEST_STEPS,
    seed: int = 0,
    workers: int = 1,
    cache: Path | None = None,
    opener: "Callable[[str | Path], Codec] | None" = None,
    say: Say = print,
) -> TokenDataset:
    """Encode a folder and write the dataset, whole or not at all.

    Parameters
    ----------
    audio : Path
        Folder of sounds.
    out : Path
        Must not exist, or be an empty folder.
    codec : str or Path
        What `training.codecs.codec.open_codec` opens.
    codebooks : int, 1 and up, optional
        Keep only the first so many of the codec's, where its decoder can be exported with fewer; all by default.
    sheet : Path, optional
        Says class and parameters of each sound; by default the folder's own.
    classes : sequence of str, optional
        The only classes there may be, in the order the dataset is to have them; by default all that are found, sorted.
    blends : float, 0 to 10, optional
        Mixtures of two clips of different classes to add, as a share of the training clips; by default a quarter if there are two classes.
    held_out_share : float, between 0 and 1
        Of each class's clips, to judge by. Without effect where `held_out` is given.
    held_out : Path, optional
        Folder of sounds to judge by, made like the other.
    shortest : int, 1 and up
        Clips of fewer steps are skipped.
    seed : int, 0 and up
    workers : int, 1 and up
        Processes that encode. The dataset does not depend on it.
    cache : Path, optional
        Where codes are kept; by default the user's cache folder.
    opener : callable, optional
        Opens the codec, here and in each worker.
    say : callable
        Takes lines for the user.

    Returns
    -------
    TokenDataset

    Raises
    ------
    OptionError, OutputExistsError, OutputFailedError
        Also where `classes` names one without a sound.
    DataError, AudioFolderError
        Their subclasses say what is wrong with the sounds, or with what is said of them.
    CodecError
        The codec cannot be opened.

    Thread
    ------
    Any; starts processes of its own if asked to.
    """
    _check_options(blends, held_out_share, shortest, seed, workers, codebooks)
    check_class_names(classes)
    check_free(out)
    training_folder = label_folder(audio, sheet)
    check_patch_limits(training_folder)
    held_out_folder = None if held_out is None else label_folder(held_out)
    for labelled in (training_folder, held_out_folder):
        check_classes(classes, {} if labelled is None else labelled.labels)
    if opener is None:
        # Local: opening a codec may import torch, for which a mistyped sheet should not wait.
        from training.codecs.codec import open_codec

        opener = open_codec
    opened = opener(codec)
    kept = check_codebooks(codebooks, opened, codec)
    source = CodecSource(opener, codec)

    def encoded(folder: LabelledFolder) -> list[Sound]:
        return _encoded(folder, opened, source, shortest, workers, cache, say)

    sounds = encoded(training_folder)
    if held_out_folder is None:
        learned, judged = _split(audio, sounds, held_out_share, seed)
    else:
        learned, judged = sounds, encoded(held_out_folder)
        _check_held_out(training_folder, held_out_folder, learned, judged, say)
    classes = class_order(classes, {sound.label.class_name for sound in learned}, audio)
    # Of what is learned from alone: a range that held-out sounds had widened would promise what nothing was learned of.
    parameters = parameter_ranges(training_folder.parameters, [sound.label for sound in learned], training_folder.declared)
    if held_out_folder is None:
        labels, lines = labels_within([sound.label for sound in judged], parameters)
        judged = [sound._replace(label=label) for sound, label in zip(judged, labels, strict=True)]
        for line in lines:
            say(line)
    clips = [_clip(sound, classes, parameters, "training") for sound in learned]
    mixed = blended(audio, clips, blends, seed, opened, source, workers=workers, cache=cache)
    clips += mixed + [_clip(sound, classes, parameters, "held_out") for sound in judged]
    codebooks = min(kept, *(len(clip.codes) for clip in clips))
    if codebooks < opened.codebooks:
        reason = "some file of tokens has no more" if codebooks < kept else "as asked for"
        say(f"{codebooks} of the codec's {opened.codebooks} codebooks are kept: {reason}")
        clips = [dataclasses.replace(clip, codes=clip.codes[:codebooks]) for clip in clips]
    info = CodecInfo(opened.kind, opened.identity, opened.sample_rate_hz, opened.hop_frames, codebooks, opened.codebook_size)
    licence = CC0 if {_licence(audio, learned), _licence(held_out or audio, judged)} == {CC0} else USER_SUPPLIED
    created = datetime.now(UTC).isoformat(timespec="seconds")
    dataset = TokenDataset(
        out, info, classes, parameters, tuple(clips), licence, audio_folder=str(audio), codec_place=str(codec), created=created, seed=seed
    )
    dataset = write_dataset(out, dataset)
    _report(dataset, len(mixed), say)
    return dataset


def add_prepare_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say = print) -> argparse.ArgumentParser:
    """Add the `prepare` command to a command line and return its parser."""
    parser = subparsers.add_parser(
        "prepare",
        help="encode a folder of sounds for a token model",
        description="Encode a folder of sounds. Classes and parameters come from its sheet (file,class,<parameter>,...), else from "
        "its sub-folders and from names like Wind--Gust-00.70--c-02.wav.",
    )
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR", help="folder of sounds")
    parser.add_argument("--out", type=Path, required=True, metavar="DATASET", help="folder to make; must not exist or be empty")
    parser.add_argument("--codec", default=CODEC, metavar="WHERE", help=f"codec folder, or patch with a codec (default {CODEC})")
    parser.add_argument("--codebooks", type=int, metavar="N", help="keep only the first N of a DAC's codebooks (default: all)")
    parser.add_argument("--classes", metavar="A,B", help="the only classes there may be, in this order (default: all found, sorted)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="CSV or TSV (default: parameters.csv or .tsv in DIR, if there)")
    parser.add_argument("--blends", type=float, metavar="SHARE", help=f"mixtures to add, per clip (default {BLENDS:g}; 0 for one class)")
    parser.add_argument(
        "--held-out-share", type=float, default=HELD_OUT_SHARE, metavar="S", help=f"clips to judge by (default {HELD_OUT_SHARE:g})"
    )
    parser.add_argument("--held-out", type=Path, metavar="DIR2", help="folder of sounds to judge by, instead of a share")
    parser.add_argument(
        "--shortest",
        type=int,
        default=SHORTEST_STEPS,
        metavar="N",
        help=f"least steps of a clip; a recipe wants its window_steps (default {SHORTEST_STEPS})",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same dataset (default 0)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.set_defaults(run=partial(run_prepare, say=say))
    return parser


def run_prepare(args: argparse.Namespace, say: Say = print) -> int:
    """Run the `prepare` command and return its exit code; a `StudioError` is left to the caller."""
    prepare_dataset(
        args.audio,
        args.out,
        codec=args.codec,
        codebooks=args.codebooks,
        sheet=args.sheet,
        classes=None if args.classes is None else [name.strip() for name in args.classes.split(",")],
        blends=args.blends,
        held_out_share=args.held_out_share,
        held_out=args.held_out,
        shortest=args.shortest,
        seed=args.seed,
        workers=args.workers,
        say=say,
    )
    return 0


def _check_options(blends: float | None, held_out_share: float, shortest: int, seed: int, workers: int, codebooks: int | None) -> None:
    numbers = (
        ("--shortest", shortest, 1),
        ("--seed", seed, 0),
        ("--workers", workers, 1),
        ("--codebooks", 1 if codebooks is None else codebooks, 1),
    )
    for option, value, least in numbers:
        if value < least:
            raise OptionError("the number is too small", where=option, got=value, allowed=f"{least} and up")
    if blends is not None and not 0.0 <= blends <= MOST_BLENDS:
        raise OptionError("no share of blends", where="--blends", got=f"{blends:g}", allowed=f"0 to {MOST_BLENDS:g}")
    if not 0.0 < held_out_share < 1.0:
        raise OptionError("no share to hold out", where="--held-out-share", got=f"{held_out_share:g}", allowed="over 0, under 1")


def _encoded(
    labelled: LabelledFolder, codec: "Codec", source: CodecSource, shortest: int, workers: int, cache: Path | None, say: Say
) -> list[Sound]:
    """Return the sounds of a folder that can be used, and say which cannot."""
    folder = labelled.folder
    coded = encode_all([Recording(folder / path) for path in labelled.labels], codec, source, workers=workers, cache=cache)
    sounds, skipped = [], []
    for path, result in zip(labelled.labels, coded, strict=True):
        reason = result.reason
        if reason is None and result.codes.shape[1] < shortest:
            steps, allowed = result.codes.shape[1], f"{shortest} and up (--shortest)"
            reason = TooShortAudioError("too few steps of the codec", where=folder / path, got=steps, allowed=allowed)
        if reason is None:
            sounds.append(Sound(path, result.sha256, result.codes, labelled.labels[path]))
        else:
            skipped.append(Skipped(Path(path), reason))
    skipped += [Skipped(Path(path), LinkedFolderError("a link to a folder, not followed", where=folder / path)) for path in labelled.linked]
    if not sounds:
        raise NoUsableAudioError(
            f"none of the {len(coded)} sound(s) can be used",
            where=folder,
            hint="; ".join(str(skip.reason) for skip in skipped[:REASONS_SHOWN]) + (" ..." if len(skipped) > REASONS_SHOWN else ""),
        )
    lines = [f"skipped {skip.reason}" for skip in skipped] + [f"skipped {folder / path}: not in the sheet" for path in labelled.unlisted]
    for line in lines[:SKIPPED_SHOWN]:
        say(line)
    if len(lines) > SKIPPED_SHOWN:
        say(f"... and {len(lines) - SKIPPED_SHOWN} more skipped")
    return sounds


def _split(folder: Path, sounds: Sequence[Sound], share: float, seed: int) -> tuple[list[Sound], list[Sound]]:
    """Part the sounds by file, class by class, as `AudioFolder.split` does."""
    contents = defaultdict(set)
    for sound in sounds:
        contents[sound.label.class_name].add(sound.sha256)
    single = sorted(name for name, hashes in contents.items() if len(hashes) == 1)
    if single:
        first = next(sound for sound in sounds if sound.label.class_name == single[0])
        raise SingleClipError(
            "a class has a single clip, so none of it can be held out",
            where=first.label.where,
            got=f"{', '.join(single[:REASONS_SHOWN])} ({first.path}{', ...' if len(single) > 1 else ''})",
            allowed="two different clips of each class",
            hint="Add or cut clips, or give sounds to judge by: --held-out DIR2",
        )
    held_out = {clip.path.as_posix() for clip in _folder(folder, sounds).split(share, seed=seed).held_out}
    return [sound for sound in sounds if sound.path not in held_out], [sound for sound in sounds if sound.path in held_out]


def _check_held_out(
    training: LabelledFolder, held_out: LabelledFolder, learned: Sequence[Sound], judged: Sequence[Sound], say: Say
) -> None:
    classes, hashes = {sound.label.class_name for sound in learned}, {sound.sha256: sound.path for sound in learned}
    for sound in judged:
        if sound.label.class_name not in classes:
            allowed = ", ".join(sorted(classes))
            raise HeldOutError("a class that nothing was learned of", where=sound.label.where, got=sound.label.class_name, allowed=allowed)
        if sound.sha256 in hashes:
            hint = f"It is {training.folder / hashes[sound.sha256]}: what was learned cannot be judged by"
            raise HeldOutError("a sound that is learned from as well", where=held_out.folder / sound.path, hint=hint)
    missing = sorted(classes - {sound.label.class_name for sound in judged})
    if missing:
        say(f"{held_out.folder}: no sound to judge {', '.join(missing)} by")
    unknown = sorted(set(held_out.parameters) - set(training.parameters))
    if unknown:
        say(f"{held_out.folder}: left out, as nothing is learned of it: {', '.join(unknown)}")
    if training.parameters and not set(held_out.parameters) & set(training.parameters):
        say(f"{held_out.folder}: no parameter is said of its sounds, so nothing judges what was learned of them")


def _clip(sound: Sound, classes: Sequence[str], parameters: Sequence[Parameter], split: str) -> TokenClip:
    weights = np.array([name == sound.label.class_name for name in classes], np.float32)
    values = np.full(len(parameters), math.nan, np.float32)
    for place, parameter in enumerate(parameters):
        value = sound.label.values.get(parameter.name)
        if value is None:
            continue
        if not parameter.min <= value <= parameter.max:
            allowed = f"{parameter.min:g} to {parameter.max:g}"
            hint = "That is the range learned from; a sheet can declare a wider one in its header"
            what = f"{parameter.name!r} is out of range"
            raise ParameterRangeError(what, where=sound.label.where, got=f"{value:g}", allowed=allowed, hint=hint)
        values[place] = (value - parameter.min) / (parameter.max - parameter.min)
    return TokenClip(sound.path, sound.sha256, sound.codes, weights, values, split)


def _folder(folder: Path, sounds: Iterable[Sound]) -> AudioFolder:
    """Return the sounds as an audio folder, for what its users ask of files and classes; without sound, which is encoded already."""
    nothing = np.zeros((0, 1), np.float32)
    clips = tuple(Clip(Path(sound.path), sound.label.class_name, nothing, sound.sha256) for sound in sounds)
    return AudioFolder(folder, 1, 1, clips, ())


def _licence(folder: Path, sounds: Iterable[Sound]) -> str:
    return audio_licence(_folder(folder, sounds))


def _report(dataset: TokenDataset, blends: int, say: Say) -> None:
    seconds = dataset.codec.hop_frames / dataset.codec.sample_rate_hz
    for place, name in enumerate(dataset.classes):
        own = [clip for clip in dataset.clips if clip.weights[place] == 1.0]
        splits = Counter(clip.split for clip in own)
        said = f"{splits['training']} + {splits['held_out']} clips, {sum(clip.codes.shape[1] for clip in own) * seconds:.0f} s"
        say(f"{name}: {said}, {_use(own, dataset.codec)}")
    parameters = ", ".join(f"{row.name} {row.min:g}..{row.max:g}" for row in dataset.parameters) or "none"
    training, held_out = len(dataset.of("training")) - blends, len(dataset.of("held_out"))
    say(f"parameters: {parameters}")
    say(
        f"{dataset.folder}: {training} clips to learn from, {blends} blends, {held_out} held out, "
        f"{sum(clip.codes.shape[1] for clip in dataset.clips) * seconds:.0f} s, {_use(dataset.clips, dataset.codec)}, {dataset.licence}"
    )


def _use(clips: Sequence[TokenClip], codec: CodecInfo) -> str:
    """Say which part of each codebook occurs."""
    codes = np.concatenate([clip.codes for clip in clips], axis=1)
    shares = [len(np.unique(row)) / codec.codebook_size for row in codes]
    return "codebooks used " + " ".join(f"{share:.0%}" for share in shares)
