"""Every hostile patch is refused by its own error, with a message that helps."""

from pathlib import Path
from types import ModuleType

import pytest

from patches import errors as e
from patches.reader import read_bytes, read_manifest
from patches.validate import validate

FOLDER = Path(__file__).parents[1] / "data" / "hostile" / "patches"

REFUSED: dict[str, tuple[type[e.PatchError], str]] = {
    "absolute-path": (e.FileNameError, "data[0].file: got '/etc/corpus.npz', allowed: a plain file name"),
    "backslash": (e.FileNameError, "data[0].file: got '..\\\\corpus.npz', allowed: a plain file name"),
    "binary-licence": (e.LicenceTextError, "LICENSE: got bytes that are not UTF-8"),
    "byte-order-mark": (e.ManifestSyntaxError, "got a byte order mark, allowed: UTF-8 without one"),
    "case-clash": (e.DuplicateNameError, "data[1].file: got 'corpus.npz', allowed: a name that data[0].file does not have"),
    "control-bounds": (e.ControlError, "controls[0].min: got 3.0, allowed: less than max, 3.0"),
    "control-default": (e.ControlError, "controls[0].default: got 3.5, allowed: -3.0 to 3.0"),
    "control-exponential": (e.ControlError, "controls[1].min: got 0.0, allowed: more than 0 with curve exponential"),
    "control-reserved": (e.ControlError, "controls[0].id: got 'gain', allowed: none of freeze, gain"),
    "control-twice": (e.DuplicateNameError, "controls[1].id: got 'temperature', allowed: a name that controls[0].id does not have"),
    "corrupt-json": (e.ManifestSyntaxError, "got Expecting ':' delimiter at line 2 column 10"),
    "cut-short": (e.SizeMismatchError, "sequencer.onnx: got 447 bytes, allowed: 467, as the manifest says"),
    "deep-nesting": (e.ManifestDepthError, "nested too deeply"),
    "drive-letter": (e.FileNameError, "data[0].file: got 'C:corpus.npz', allowed: a plain file name"),
    "duplicate-key": (e.DuplicateKeyError, "patch.json: got 'name', allowed: each key once"),
    "empty-licence": (e.LicenceTextError, "LICENSE: got nothing, allowed: text"),
    "empty-manifest": (e.ManifestSyntaxError, "got Expecting value at line 1 column 1"),
    "endless-number": (e.ManifestSyntaxError, "got a number of thousands of digits"),
    "feedback-nowhere": (e.FeedbackError, "models[0].feedback.hidden_next: got 'nowhere', allowed: an input: frame, hidden"),
    "feedback-shape": (e.FeedbackError, "models[0].feedback.next_frame: got float32 (1, 39), allowed: float32 (1, 1, 2)"),
    "flac-bomb": (e.ArchiveBombError, "corpus.flac: got 68719476736 bytes unpacked, allowed: 536870912"),
    "flac-garbage": (e.CorruptAudioError, "corpus.flac: got no FLAC header"),
    "flac-rate": (e.WrongValueError, "audio.sample_rate_hz: got 44100, allowed: 48000, the rate of corpus.flac"),
    "float-for-integer": (e.WrongTypeError, "audio.step_frames: got 1024.0, allowed: integer 64 to 16384"),
    "future-format": (e.FutureFormatError, "format: got 2, allowed: 1, which this program reads"),
    "hash-mismatch": (e.HashMismatchError, "corpus.npz: got "),
    "huge-file": (e.WrongValueError, "data[0].bytes: got 1099511627776, allowed: integer 1 to 536870912"),
    "huge-patch": (e.OversizeError, "got 1610612736 bytes, allowed: 1073741824 in all"),
    "impossible-date": (e.WrongValueError, "origin.created: got '2026-02-30T00:00:00Z', allowed: a time that exists"),
    "minus-infinity": (e.ManifestSyntaxError, "got -Infinity, allowed: finite numbers"),
    "missing-file": (e.MissingFileError, "corpus.npz: got nothing"),
    "missing-key": (e.MissingKeyError, "patch.json, name: allowed: 1 to 80 printable characters"),
    "missing-licence": (e.MissingFileError, "LICENSE: got nothing"),
    "missing-role": (e.RoleError, "data: got none, allowed: one with role 'corpus', which kind mosaic needs"),
    "nan": (e.ManifestSyntaxError, "got NaN, allowed: finite numbers"),
    "nested-folder": (e.NotAFileError, "more: got a folder, allowed: plain files"),
    "not-an-object": (e.WrongTypeError, "patch.json: got a list of 0, allowed: an object"),
    "not-utf8": (e.ManifestSyntaxError, "got bytes that are not UTF-8 at byte 358"),
    "npz-bomb": (e.ArchiveBombError, "corpus.npz: got 603987968 bytes unpacked, allowed: 536870912"),
    "npz-checksum": (e.CorruptArrayError, "Bad CRC-32"),
    "npz-escape": (e.CorruptArrayError, "'../mean.npy': got not an array"),
    "npz-pickled": (e.PickledArrayError, "mean.npy: got dtype '|O', allowed: numbers"),
    "npz-short": (e.CorruptArrayError, "mean.npy: got 8 bytes of numbers, allowed: 156, as the header says"),
    "npz-structured": (e.PickledArrayError, "mean.npy: got dtype a list of 1"),
    "npz-truncated": (e.CorruptArrayError, "got no zip directory at the end"),
    "onnx-deep": (e.CorruptModelError, "got messages nested deeper than 100"),
    "onnx-empty-graph": (e.CorruptModelError, "got no graph"),
    "onnx-external-attribute": (e.ExternalDataError, "tensor 'c': got data_location EXTERNAL, allowed: tensors inside the file"),
    "onnx-external-initializer": (e.ExternalDataError, "tensor 'half': got data_location EXTERNAL"),
    "onnx-external-subgraph": (e.ExternalDataError, "tensor 'inner': got data_location EXTERNAL"),
    "onnx-garbage": (e.CorruptModelError, "got wire type 4 at byte 1"),
    "onnx-truncated": (e.CorruptModelError, "got a field that ends beyond its message"),
    "overflowing-number": (e.WrongValueError, "controls[0].max: got inf, allowed: number -1000000000 to 1000000000"),
    "oversize": (e.SizeMismatchError, "corpus.npz: got 3509 bytes, allowed: 3508"),
    "path-escape": (e.FileNameError, "data[0].file: got '../corpus.npz', allowed: a plain file name"),
    "path-inside": (e.FileNameError, "data[0].file: got 'more/corpus.npz', allowed: a plain file name"),
    "sample-rate-bounds": (e.WrongValueError, "audio.sample_rate_hz: got 384000, allowed: integer 8000 to 192000"),
    "setting-bounds": (e.WrongValueError, "settings.crossfade_frames: got 1025, allowed: at most audio.step_frames, 1024"),
    "slug-escape": (e.WrongValueError, "slug: got '../tiny', allowed: text matching"),
    "slug-mismatch": (e.SlugMismatchError, "slug: got 'another', allowed: the folder's name, 'slug-mismatch'"),
    "terminal-escape": (e.WrongValueError, r"name: got 'Tiny\x1b[2J', allowed: 1 to 80 printable characters"),
    "tokens-codec": (e.WrongValueError, "settings.codec: got 'encodec', allowed: spectral, dac"),
    "tokens-feedback": (e.FeedbackError, "models[0].feedback.next_codes: got 'keys_0', allowed: an input: codes"),
    "tokens-freeze": (e.WrongValueError, "settings.freeze_steps: got 1048576, allowed: integer 1 to 4096"),
    "tokens-identity": (e.WrongValueError, "settings.codec_identity: got '../../../etc/passwd', allowed: text matching"),
    "tokens-role": (e.RoleError, "models[1].role: got 'sequencer', allowed: for kind tokens: step, step"),
    "tokens-temperature": (e.UnknownKeyError, "settings.codebook_temperature_17: allowed: for kind tokens: codec, codec_identity"),
    "truncated-json": (e.ManifestSyntaxError, "at line 88 column 5, allowed: JSON; copy its folder again"),
    "unknown-key": (e.UnknownKeyError, "audio.sample_rate_khz: allowed: sample_rate_hz, channels"),
    "unknown-role": (e.RoleError, "data[0].role: got 'library', allowed: for kind mosaic: corpus, audio"),
    "unknown-setting": (e.UnknownKeyError, "settings.shell: allowed: for kind mosaic: crossfade_frames, candidates"),
    "unlisted-file": (e.UnlistedFileError, "setup.py: allowed: LICENSE, README.md, corpus.flac"),
    "utf16": (e.ManifestSyntaxError, "got a byte order mark"),
    "windows-device": (e.FileNameError, "data[0].file: got 'nul.npz', allowed: a name that is not a device on Windows"),
    "wrong-extension": (e.FileNameError, "models[0].file: got 'sequencer.exe', allowed: a name ending in .onnx"),
    "wrong-kind": (e.UnknownKindError, "kind: got 'granular', allowed: mosaic, tokens, latent"),
    "wrong-type": (e.WrongTypeError, "audio.channels: got true, allowed: integer 1 to 2"),
}
"""Folder in tests/data/hostile/patches -> exactly its error, and a piece of its message."""

FOLDER_ONLY = {"missing-licence", "empty-licence", "binary-licence", "unlisted-file", "nested-folder", "flac-rate"}
"""What only `validate` sees. All else is refused by reading alone, which is what a deck does."""


def test_table_names_every_fixture() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(REFUSED)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name: str) -> None:
    kind, fragment = REFUSED[name]
    with pytest.raises(e.PatchError) as caught:
        validate(FOLDER / name)
    assert type(caught.value) is kind
    assert fragment in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - FOLDER_ONLY))
def test_refused_by_reading_alone(name: str) -> None:
    def read() -> None:
        manifest = read_manifest(FOLDER / name)
        for entry in manifest.entries:
            read_bytes(FOLDER / name, entry)

    with pytest.raises(REFUSED[name][0]):
        read()


def test_the_patch_they_are_made_from_is_valid(patch: Path) -> None:
    assert validate(patch).slug == "tiny"


def test_committed_files_are_what_the_generator_writes(make: ModuleType, tmp_path: Path) -> None:
    make.main(tmp_path)

    def contents(folder: Path) -> dict[str, bytes]:
        found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return {name: data for name, data in found.items() if Path(name).parts[0] not in make.DEFLATED}

    assert contents(tmp_path) == contents(FOLDER)
