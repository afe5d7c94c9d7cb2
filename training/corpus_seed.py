"""Descriptor files of the Descriptor Transformer as the description of a corpus: whose sound is where, and which rows are whose.

It knows tables and found files, not formats. Only sounds that the files describe are then in the corpus: two ways of describing beside
each other could not be compared.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patches.corpus_manifest import SkippedFile
from patches.descriptors import DescriptorSpec
from training.corpus_sources import Found, Given, Source, find_sounds, found_at
from training.descriptor_json import read_descriptor_json
from training.descriptor_table import UNKNOWN_SAMPLE, DescriptorTable, joined_tables
from training.errors import AudioFileError, OptionError

__all__ = ["SeedRows", "match_descriptors"]


class SeedRows(NamedTuple):
    """Rows of one sound: `index` (n,), the place of each in time, ascending, and `frames` (n, D)."""

    index: NDArray[np.int64]
    frames: NDArray[np.float32]


def match_descriptors(paths: Sequence[Path], sources: Sequence[Source], spec: DescriptorSpec) -> tuple[Given, dict[str, SeedRows]]:
    """Find the sound of every description.

    Parameters
    ----------
    paths : sequence of Path
        Descriptor files.
    sources : sequence of Source
        Folders of sounds. A sound is looked for beneath them by the end of its path, and where that path says.
    spec : DescriptorSpec
        Columns, hop and rate the corpus is to have.

    Returns
    -------
    Given
        The sounds that are described.
    dict of str to SeedRows
        Under the names of the sounds.

    Raises
    ------
    DescriptorFileError
        A file cannot be used, has other columns or another hop, or says no sounds or moments.
    OptionError
        A description could be that of two sounds, or no sound of any is there.
    """
    table = joined_tables([read_descriptor_json(path, hop_frames=spec.hop_frames) for path in paths])
    if "" in table.sounds or np.any(table.sample_positions == UNKNOWN_SAMPLE):
        raise OptionError(
            "does not say of which sounds and moments it is", where="--descriptor-json", got=paths[0], allowed="_id and _sample"
        )
    frames = table.frames_for(spec)
    given = find_sounds(sources) if sources else Given((), ())
    skipped = list(given.skipped)
    owner = _owners(table.sounds, given.found)
    outside = {}
    for sound in table.sounds:
        if sound in owner:
            continue
        if Path(sound).is_file():
            outside[sound] = Path(sound).resolve()
        else:
            skipped.append(SkippedFile(_said(sound), "described, but its sound is nowhere: --audio DIR says where to look"))
    owner |= _outside(outside, skipped)
    found = sorted({sound.name: sound for sound in owner.values()}.values(), key=lambda sound: sound.name)
    if not found:
        got = f"{len(table.sounds)} sounds described, the first {_said(table.sounds[0])}"
        raise OptionError(
            "no described sound is there", where="--descriptor-json", got=got, hint="Name the folder that holds them: --audio DIR"
        )
    names = {sound.name for sound in found}
    skipped += [SkippedFile(sound.name, "not described in the descriptor files") for sound in given.found if sound.name not in names]
    return Given(tuple(found), tuple(skipped)), _rows(table, frames, owner, spec)


def _rows(table: DescriptorTable, frames: NDArray[np.float32], owner: dict[str, Found], spec: DescriptorSpec) -> dict[str, SeedRows]:
    places: dict[str, list[int]] = {}
    for row, sound in enumerate(table.file_ids):
        if sound in owner:
            places.setdefault(owner[sound].name, []).append(row)
    rows = {}
    for name, at in places.items():
        index = table.sample_positions[at] // spec.hop_frames
        order = np.argsort(index, kind="stable")
        rows[name] = SeedRows(index[order], frames[at][order])
    return rows


def _owners(sounds: Sequence[str], found: Sequence[Found]) -> dict[str, Found]:
    """Return the file of each described sound: that whose path ends like the described one's, by the most parts.

    Raises
    ------
    OptionError
        A description could be that of two files, or two descriptions that of one.
    """
    by_file_name: dict[str, list[Found]] = {}
    for candidate in found:
        by_file_name.setdefault(candidate.path.name, []).append(candidate)
    claims: dict[str, list[tuple[int, str, Found]]] = {}
    for sound in sounds:
        parts = _parts(sound)
        scored = [
            (_alike(candidate.path.resolve().parts, parts), candidate) for candidate in by_file_name.get(parts[-1] if parts else "", [])
        ]
        best = max((score for score, _ in scored), default=0)
        chosen = [candidate for score, candidate in scored if score == best]
        if len(chosen) > 1:
            got = f"{chosen[0].name} and {chosen[1].name}"
            hint = "Same-named files: give the folder whose sub-folders are those of the description"
            raise OptionError("a description could be that of two sounds", where=_said(sound), got=got, hint=hint)
        if chosen:
            claims.setdefault(chosen[0].name, []).append((best, sound, chosen[0]))
    owners = {}
    for name, claimed in claims.items():
        best = max(score for score, _, _ in claimed)
        nearest = [(sound, candidate) for score, sound, candidate in claimed if score == best]
        if len(nearest) > 1:
            got = f"{_said(nearest[0][0])} and {_said(nearest[1][0])}"
            raise OptionError("two descriptions of one sound", where=name, got=got, allowed="one")
        owners[nearest[0][0]] = nearest[0][1]
    return owners


def _alike(own: Sequence[str], described: Sequence[str]) -> int:
    """Return how many parts two paths have in common, from their ends."""
    alike = 0
    while alike < min(len(own), len(described)) and own[-1 - alike] == described[-1 - alike]:
        alike += 1
    return alike


def _outside(outside: dict[str, Path], skipped: list[SkippedFile]) -> dict[str, Found]:
    """Return the files that only a description names; what cannot be read is added to those left out."""
    found: dict[str, Found] = {}
    for sound, path in outside.items():
        try:
            found[sound] = found_at(path)
        except AudioFileError as reason:
            skipped.append(SkippedFile(_said(sound), str(reason)))
    return found


def _parts(sound: str) -> tuple[str, ...]:
    """Return the parts of a path that was written on any system."""
    return PureWindowsPath(sound).parts if "\\" in sound else PurePosixPath(sound).parts


def _said(sound: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in sound) or "(no name)"
