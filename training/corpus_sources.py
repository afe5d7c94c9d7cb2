"""Which files go into a corpus, under which names, labels and weights; it opens them only to hash them and to read their heads.

A folder's sub-folders are labels; what lies in the folder itself has the folder's own name as its label, unless another was given with it.
Every file has a name of its own, ``FOLDER/path/in/it``, so that files of one name in two folders never meet.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import soundfile

from patches.corpus_fields import MAX_LABELS
from patches.corpus_manifest import SkippedFile
from training.audio_folder import audio_files, file_sha256, is_folder, linked_folder
from training.errors import (
    AudioFileError,
    MissingFolderError,
    OptionError,
    TooManyChannelsError,
    UnreadableAudioError,
)

__all__ = ["Found", "Given", "Source", "check_weights", "find_sounds", "found_at", "head_of", "parse_sources", "parse_weights"]

LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0
LABEL_CHARACTERS = 100


class Source(NamedTuple):
    """A folder of sounds; `label`, where given, is that of all of them. `name` begins the names of its files."""

    folder: Path
    name: str
    label: str | None


@dataclass(frozen=True)
class Found:
    """A file to read. `name` is its own in the corpus, `sha256` that of its bytes."""

    path: Path
    name: str
    label: str
    source: str
    sha256: str
    channels: int


class Given(NamedTuple):
    """What was found: files to read in their order, and those left out."""

    found: tuple[Found, ...]
    skipped: tuple[SkippedFile, ...]


def parse_sources(texts: Sequence[str]) -> tuple[Source, ...]:
    """Read folders as they are typed: ``DIR``, or ``LABEL=DIR`` where all of it is to have one label.

    Raises
    ------
    OptionError
        None, the same folder twice, one inside another, or a label that cannot be one.
    MissingFolderError
        No such folder.
    """
    if not texts:
        raise OptionError("no folder of sounds", where="--audio", allowed="DIR or LABEL=DIR")
    sources: list[Source] = []
    real: list[Path] = []
    for text in texts:
        label, _, rest = text.partition("=")
        # A folder may have an equals sign in its name.
        named = bool(rest) and not is_folder(Path(text))
        folder = Path(rest if named else text)
        if not is_folder(folder):
            raise MissingFolderError("there is no such folder of audio", where=folder, hint="Give the folder that holds the files")
        resolved = folder.resolve()
        for other in real:
            if resolved == other or other in resolved.parents or resolved in other.parents:
                raise OptionError("the same sounds twice", where="--audio", got=f"{folder} and {other}", allowed="folders apart")
        real.append(resolved)
        name = resolved.name or "root"
        taken = {source.name for source in sources}
        unique = next(said for number in range(1, len(texts) + 1) if (said := name if number == 1 else f"{name}-{number}") not in taken)
        sources.append(Source(folder, unique, _label(label, "--audio") if named else None))
    return tuple(sources)


def parse_weights(texts: Sequence[str]) -> dict[str, float]:
    """Read weights as they are typed: ``LABEL=NUMBER``.

    Raises
    ------
    OptionError
        Not of this form, out of range, or one label twice.
    """
    weights: dict[str, float] = {}
    for text in texts:
        label, _, number = text.rpartition("=")
        allowed = f"LABEL=NUMBER, {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
        try:
            weight = float(number)
        except ValueError:
            raise OptionError("not a weight", where="--weight", got=repr(text), allowed=allowed) from None
        if not label or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
            raise OptionError("not a weight", where="--weight", got=repr(text), allowed=allowed)
        if label in weights:
            raise OptionError("a label has two weights", where="--weight", got=repr(label))
        weights[label] = weight
    return weights


def check_weights(weights: dict[str, float], found: Iterable[Found]) -> None:
    """Refuse a weight that is of no label and no folder: it would change nothing, and nobody would know.

    Raises
    ------
    OptionError
    """
    known = {name for sound in found for name in (sound.label, sound.source)}
    for label in weights:
        if label not in known:
            allowed = ", ".join(sorted(known)) or "none"
            hint = "A label is a sub-folder of --audio; LABEL=DIR names one"
            raise OptionError("no such label or folder", where="--weight", got=repr(label), allowed=allowed, hint=hint)


def find_sounds(sources: Sequence[Source]) -> Given:
    """List the sounds of all folders in the order of folders and paths; copies of one file are left out, each with its reason.

    Raises
    ------
    EmptyFolderError
        A folder without a file that is audio by its suffix.
    OptionError
        Too many labels, or a folder whose name cannot be a label.
    """
    found: list[Found] = []
    skipped: list[SkippedFile] = []
    first: dict[str, str] = {}
    for source in sources:
        paths, linked = audio_files(source.folder)
        skipped += [SkippedFile(_name(source, path), str(linked_folder(path))) for path in linked]
        for path in paths:
            name = _name(source, path)
            try:
                sha256 = file_sha256(path)
                channels = head_of(path)
            except AudioFileError as reason:
                skipped.append(SkippedFile(name, str(reason)))
                continue
            if sha256 in first:
                skipped.append(SkippedFile(name, f"the same file as {first[sha256]}", first[sha256]))
                continue
            first[sha256] = name
            parts = path.relative_to(source.folder).parts
            label = source.label or (_label(parts[0], str(path.parent)) if len(parts) > 1 else _label(source.name, str(source.folder)))
            found.append(Found(path, name, label, source.name, sha256, channels))
    labels = {sound.label for sound in found}
    if len(labels) > MAX_LABELS:
        allowed = f"up to {MAX_LABELS}; LABEL=DIR gives a folder one"
        raise OptionError("too many labels", where="--audio", got=f"{len(labels)} sub-folders", allowed=allowed)
    return Given(tuple(found), tuple(skipped))


def found_at(path: Path) -> Found:
    """Return a file that lies in no given folder; its whole path is its name, its own folder's name its label.

    Raises
    ------
    AudioFileError
        It cannot be read.
    """
    folder = path.parent.name or "root"
    return Found(path, _printable(path.as_posix()), _label(folder, str(path.parent)), folder, file_sha256(path), head_of(path))


def head_of(path: Path) -> int:
    """Return a file's channels, 1 or 2, from its head.

    Raises
    ------
    UnreadableAudioError, TooManyChannelsError
    """
    try:
        channels = int(soundfile.info(path).channels)
    except soundfile.LibsndfileError as error:
        raise UnreadableAudioError("cannot be read as audio", where=path, got=error.error_string) from error
    if channels > 2:
        raise TooManyChannelsError("too many channels", where=path, got=channels, allowed="1 or 2", hint="Mix it down to stereo")
    return channels


def _name(source: Source, path: Path) -> str:
    return f"{_printable(source.name)}/{_printable(path.relative_to(source.folder).as_posix())}"


def _printable(text: str) -> str:
    """Return a name; what is no text in it, or would move a terminal's cursor, as it can be written."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def _label(text: str, where: str) -> str:
    if not 1 <= len(text) <= LABEL_CHARACTERS or not text.isprintable():
        allowed = f"1 to {LABEL_CHARACTERS} printable characters"
        raise OptionError(
            "cannot be a label", where=where, got=repr(text[:LABEL_CHARACTERS]), allowed=allowed, hint="LABEL=DIR gives another"
        )
    return text
