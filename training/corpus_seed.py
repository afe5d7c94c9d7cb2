"""Descriptor files of the Descriptor Transformer as the description of a corpus: whose sound is where, and which rows are whose.

It knows tables and found files, not formats. Only sounds that the files describe are then in the corpus: two ways of describing beside
each other could not be compared.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from patches.corpus_manifest import SkippedFile
from patches.descriptors import DescriptorSpec
from training.audio_folder import MP3_LENGTH_ERROR
from training.corpus_sources import Found, Given, Source, find_sounds, found_at
from training.descriptor_errors import RateError
from training.descriptor_json import read_descriptor_json
from training.descriptor_table import UNKNOWN_SAMPLE, DescriptorTable, joined_tables
from training.errors import AudioFileError, OptionError

__all__ = ["SeedRows", "match_descriptors"]


COMMON_RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000)
SHORT_ROWS, SHORT_SHARE = 2.0, 0.06
"""Rows that may be missing at the end of a sound. 44100 Hz and 48000 Hz, the nearest that are mistaken for each other, are 8 % apart."""


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
        A file cannot be used, has other columns or another hop, or its rows do not reach from the begin to the end of their sound.
    OptionError
        A file says no sounds or moments, a description could be that of two sounds, or no sound of any is there.
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
    rows = _rows(table, frames, owner, spec)
    for sound in found:
        _check_rate(sound, rows[sound.name], spec)
    skipped += [SkippedFile(sound.name, "not described in the descriptor files") for sound in given.found if sound.name not in names]
    return Given(tuple(found), tuple(skipped)), rows


def _check_rate(sound: Found, rows: SeedRows, spec: DescriptorSpec) -> None:
    """Refuse rows that end before or after their sound does: no layout says the rate, and at another one every row is of another moment."""
    info = soundfile.info(sound.path)
    hop, last = spec.hop_frames, int(rows.index[-1])
    seconds = info.frames / info.samplerate
    end = seconds * spec.sample_rate_hz / hop
    # An MP3 does not know its length to the row.
    beyond, short = 1.0 + MP3_LENGTH_ERROR * end, max(SHORT_ROWS, SHORT_SHARE * end)
    if end - short <= last <= end + beyond:
        return
    near = [rate for rate in COMMON_RATES_HZ if abs(int(seconds * rate / hop) - last) <= MP3_LENGTH_ERROR * last]
    hint = "Describe the sound again" + "".join(f", or make a corpus of that rate: --sample_rate_hz {rate}" for rate in near[:1])
    got = f"rows up to {last * hop / spec.sample_rate_hz:.2f} s" + "".join(f", as at {rate} Hz" for rate in near[:1])
    allowed = f"up to its end, {seconds:.2f} s"
    raise RateError("described at another rate, or cut since?", where=sound.name, got=got, allowed=allowed, hint=hint)


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
    parents = [_parts(sound)[:-1] for sound in sounds]
    root = _common(parents)
    # Of sounds in one folder alone nobody can tell what was above it.
    is_tree = any(parent == root for parent in parents) and any(parent != root for parent in parents)
    for sound in sounds:
        parts = _parts(sound)
        scored = [
            (_alike((candidate.path.parent.resolve() / candidate.path.name).parts, parts), candidate)
            for candidate in by_file_name.get(parts[-1] if parts else "", [])
        ]
        best = max((score for score, _ in scored), default=0)
        chosen = [candidate for score, candidate in scored if score == best]
        if len(chosen) > 1 and is_tree:
            # The folder has moved: what lies in it as the sound lay among the described ones is that sound.
            inside = "/".join(parts[len(root) :])
            chosen = [candidate for candidate in chosen if candidate.name == f"{candidate.source}/{inside}"] or chosen
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


def _common(paths: Sequence[Sequence[str]]) -> Sequence[str]:
    """Return the parts that all paths begin with."""
    alike = 0
    while paths and all(alike < len(path) and path[alike] == paths[0][alike] for path in paths):
        alike += 1
    return paths[0][:alike] if paths else ()


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
