"""The command that writes what a folder of sounds is like, in the form the Descriptor Transformer reads."""

import argparse
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.audio_folder import SUFFIXES, Clip, Skipped, decode_audio, is_folder, read_audio_folder
from training.descriptor_cache import described
from training.descriptor_folder import json_places
from training.descriptor_json import write_descriptor_json
from training.descriptor_options import add_spec_options, spec_given
from training.descriptor_table import DescriptorTable, joined_tables, table_of
from training.errors import OptionError, UnreadableAudioError

__all__ = ["add_descriptors_parser", "run_descriptors", "write_descriptors"]

SKIPPED_SHOWN = 20

Say = Callable[[str], None]


def write_descriptors(
    audio: Path,
    out: Path,
    spec: DescriptorSpec,
    *,
    combined: Path | None = None,
    replace: bool = False,
    cache: Path | None = None,
    say: Say,
) -> list[Path]:
    """Describe a sound or a folder of sounds and write one file of descriptors for each.

    Parameters
    ----------
    audio : Path
        A sound, or a folder of them: whatever `training.audio_folder` reads.
    out : Path
        Folder for the files, which lie in it as the sounds lie in theirs. Made if need be; other files in it are left alone.
    spec : DescriptorSpec
        Sounds at another rate are resampled.
    combined : Path, optional
        One file more, with the rows of all sounds (the seeds' AUDIOS_database.json).
    replace : bool
        Whether files that say something else may be replaced.
    cache : Path, optional
        Of descriptors, and of decoded audio; by default in the user's cache folder.
    say : callable
        Takes lines for the user.

    Returns
    -------
    list of Path
        The files of the sounds, in the order of the sounds.

    Raises
    ------
    AudioFolderError, AudioFileError
        The folder has no usable sound, or the one sound cannot be used.
    OptionError
        There is nothing at `audio`.
    OutputExistsError, OutputFailedError
    """
    clips, skipped = _clips(audio, spec.sample_rate_hz, cache)
    root = audio if is_folder(audio) else audio.parent
    for skip in skipped[:SKIPPED_SHOWN]:
        say(f"left out: {skip.reason}")
    if len(skipped) > SKIPPED_SHOWN:
        say(f"left out: {len(skipped) - SKIPPED_SHOWN} more")
    places = json_places(clip.path for clip in clips)
    written, tables, changed = [], [], 0
    for clip in clips:
        table = _table(clip, root, spec, cache)
        written.append(out / places[clip.path])
        changed += write_descriptor_json(written[-1], table, replace=replace)
        if combined is not None:
            tables.append(table)
    if combined is not None:
        write_descriptor_json(combined, joined_tables(tables), replace=replace)
    say(f"{out}: {len(written)} sounds by {spec.text} every {spec.hop_frames} samples at {spec.sample_rate_hz} Hz, {changed} files written")
    return written


def add_descriptors_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Say) -> argparse.ArgumentParser:
    """Add the `descriptors` command to a command line and return its parser."""
    parser = subparsers.add_parser(
        "descriptors",
        help="write what sounds are like, as JSON",
        description="Describe sounds hop by hop and write the JSON that the Descriptor Transformer reads, one file for each sound.",
    )
    parser.add_argument("--audio", type=Path, required=True, metavar="DIR|FILE", help="sound, or folder of sounds")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files; sub-folders as in --audio")
    add_spec_options(parser)
    parser.add_argument("--combined", type=Path, metavar="FILE", help="one file more, with the rows of all (AUDIOS_database.json)")
    parser.add_argument("--replace", action="store_true", help="replace files that say something else")
    parser.set_defaults(run=partial(run_descriptors, say=say))
    return parser


def run_descriptors(options: argparse.Namespace, say: Say) -> int:
    """Run the `descriptors` command and return its exit code; a `StudioError` is left to the caller."""
    spec = spec_given(options) or DEFAULT_SPEC
    write_descriptors(options.audio, options.out, spec, combined=options.combined, replace=options.replace, say=say)
    return 0


def _clips(audio: Path, sample_rate_hz: int, cache: Path | None) -> tuple[tuple[Clip, ...], tuple[Skipped, ...]]:
    if is_folder(audio):
        folder = read_audio_folder(audio, sample_rate_hz, channels="mono", cache=cache)
        return folder.clips, folder.skipped
    if not audio.is_file():
        raise OptionError("no such sound or folder of sounds", where="--audio", got=audio, allowed="a folder, or a file")
    if audio.suffix.lower() not in SUFFIXES:
        raise UnreadableAudioError(
            "is no audio by its suffix", where=audio, got=audio.suffix or "none", allowed=", ".join(sorted(SUFFIXES))
        )
    samples = decode_audio(audio, sample_rate_hz, "mono")
    with audio.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return (Clip(Path(audio.name), "", samples, sha256),), ()


def _table(clip: Clip, root: Path, spec: DescriptorSpec, cache: Path | None) -> DescriptorTable:
    return table_of(described(clip, spec, cache), spec, str(root.resolve() / clip.path))
