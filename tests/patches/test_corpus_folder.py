import json
import os
import shutil

import numpy as np
import pytest

from patches import errors
from patches.__main__ import main
from patches.corpus_fields import ARRAYS, decode_corpus, encode_corpus
from patches.corpus_folder import check_corpus_folder, is_corpus_folder, read_array, read_corpus_manifest
from patches.errors import PatchError, UnknownCorpusError
from patches.strict_json import loads
from tests.corpus_folders import write_corpus


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "corpus"
    write_corpus(folder, lists=3)
    return folder


@pytest.fixture
def corpus(made, tmp_path):
    return shutil.copytree(made, tmp_path / "corpus")


def rewrite(folder, change):
    """Change corpus.json as plain JSON."""
    path = folder / "corpus.json"
    value = json.loads(path.read_text())
    replaced = change(value)
    path.write_text(json.dumps(value if replaced is None else replaced))


def test_what_was_written_is_read_back(corpus):
    manifest = check_corpus_folder(corpus)
    assert is_corpus_folder(corpus)
    assert encode_corpus(decode_corpus(loads(encode_corpus(manifest), file=""))) == encode_corpus(manifest)
    for name, (dtype, _) in ARRAYS.items():
        read = read_array(corpus, manifest, name)
        array = np.frombuffer(read.data, dtype).reshape(read.shape)
        assert np.array_equal(array, np.load(corpus / "units" / f"{name}.npy"))
        assert array.flags.writeable


def test_a_corpus_without_lists_is_one(tmp_path):
    write_corpus(tmp_path / "c")
    assert "order" not in check_corpus_folder(tmp_path / "c").arrays


def put(path, value):
    """Return a change that puts a value at a path of keys; a value of None deletes."""

    def change(data):
        *parents, last = path
        for key in parents:
            data = data[key]
        if value is None:
            del data[last]
        else:
            data[last] = value

    return change


SAID = [
    ("newer format", put(["format"], 2), "FutureFormatError", "format: got 2, allowed: 1"),
    ("no corpus", put(["kind"], "patch"), "UnknownKindError", "kind"),
    ("a list", lambda data: [data], "WrongTypeError", "an object"),
    ("unknown key", put(["extra"], 1), "UnknownKeyError", "extra"),
    ("unknown key of a file", put(["files", 1, "x"], 1), "UnknownKeyError", r"files\[1\]\.x"),
    ("missing key", put(["frames"], None), "MissingKeyError", "frames"),
    ("missing key of a file", put(["files", 0, "sha256"], None), "MissingKeyError", r"files\[0\]\.sha256"),
    ("text for a number", put(["units"], "20"), "WrongTypeError", "units: got '20'"),
    ("a fraction", put(["hop_frames"], 1024.0), "WrongTypeError", "hop_frames"),
    ("a boolean", put(["channels"], True), "WrongTypeError", "channels"),
    (
        "no such hop",
        put(["hop_frames"], 1000),
        "WrongValueError",
        r"corpus\.json, hop_frames: got 1000, allowed: 256 to 8192 in steps of 64",
    ),
    ("no such rate", put(["sample_rate_hz"], 1), "WrongValueError", "sample_rate_hz"),
    ("three channels", put(["channels"], 3), "WrongValueError", "channels: got 3"),
    ("unknown descriptor", put(["descriptors", 0], "mfcc99"), "WrongValueError", "descriptors: got 'mfcc99'"),
    ("descriptor twice", put(["descriptors", 0], "mfcc1"), "DuplicateNameError", "descriptors"),
    ("label twice", put(["labels"], ["rain", "rain"]), "DuplicateNameError", "labels"),
    ("path twice", put(["files", 1, "path"], "sounds/0.wav"), "DuplicateNameError", "files"),
    ("unprintable path", put(["files", 1, "path"], "a\x1b[2J"), "WrongValueError", r"files\[1\]\.path"),
    ("label nobody has", put(["files", 1, "label"], "snow"), "WrongValueError", r"files\[1\]\.label"),
    ("files overlap", put(["files", 1, "first_frame"], 5), "WrongValueError", r"files\[1\]\.first_frame: got 5, allowed: 6144"),
    ("files beyond the sound", put(["files", 3, "frames"], 10**6), "WrongValueError", "files"),
    ("weight of nothing", put(["files", 0, "weight"], 0), "WrongValueError", "weight"),
    ("too few means", put(["statistics", "mean"], [0.0] * 5), "WrongValueError", "statistics.mean: got 5 numbers, allowed: 42"),
    ("deviation of nothing", put(["statistics", "std", 3], 0.0), "WrongValueError", r"statistics\.std\[3\]"),
    ("array out of the folder", put(["arrays", "weight", "file"], "../../etc/passwd"), "FileNameError", r"arrays\.weight\.file"),
    ("array of an absolute path", put(["arrays", "weight", "file"], "/etc/passwd"), "FileNameError", r"allowed: units/weight\.npy"),
    ("array of another's file", put(["arrays", "weight", "file"], "units/f0_hz.npy"), "FileNameError", r"arrays\.weight"),
    ("sound out of the folder", put(["audio", "file"], "../x.pcm"), "WrongValueError", r"audio\.file"),
    (
        "array of another type",
        put(["arrays", "weight", "dtype"], "<i8"),
        "WrongValueError",
        r"arrays\.weight\.dtype: got <i8, allowed: <f4",
    ),
    ("array of objects", put(["arrays", "weight", "dtype"], "|O"), "WrongValueError", r"arrays\.weight\.dtype"),
    ("array of another shape", put(["arrays", "weight", "shape"], [19]), "WrongValueError", r"arrays\.weight\.shape"),
    ("array of a deep shape", put(["arrays", "weight", "shape"], [1, 1, 1]), "WrongValueError", "shape"),
    ("array too large", put(["arrays", "weight", "bytes"], 2**60), "WrongValueError", r"arrays\.weight\.bytes"),
    ("array too small for its shape", put(["arrays", "weight", "bytes"], 80), "WrongValueError", r"arrays\.weight\.bytes"),
    ("array nobody knows", lambda d: d["arrays"].update(x=d["arrays"].pop("order")), "MissingKeyError", r"arrays\.order"),
    ("array missing", put(["arrays", "f0_hz"], None), "MissingKeyError", r"arrays\.f0_hz"),
    ("half of the lists", put(["arrays", "order"], None), "MissingKeyError", r"arrays\.order"),
    ("more units than there are", put(["units"], 10**9), "WrongValueError", "shape"),
    ("sound of another size", put(["frames"], 10**9), "WrongValueError", r"audio\.bytes"),
    ("longest under shortest", put(["segmentation", "longest_frames"], 1), "WrongValueError", "longest_frames"),
    ("no such segmentation", put(["segmentation", "kind"], "bar"), "WrongValueError", "hop, onset"),
    ("no hash", put(["audio", "sha256"], "xyz"), "WrongValueError", r"audio\.sha256"),
    ("deep nesting", put(["labels"], json.loads("[" * 60 + "]" * 60)), "WrongTypeError", "labels"),
]


@pytest.mark.parametrize(("change", "kind", "said"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_a_hostile_corpus_json_is_refused_with_field_got_and_allowed(corpus, change, kind, said):
    rewrite(corpus, change)
    with pytest.raises(PatchError, match=said) as caught:
        read_corpus_manifest(corpus)
    assert type(caught.value).__name__ == kind
    assert str(corpus / "corpus.json") in str(caught.value)


def cut(path, count):
    path.write_bytes(path.read_bytes()[:count])


def link(path):
    moved = path.rename(path.parent.parent / f"moved-{path.name}") if path.parent.name != "units" else path.rename(path.with_suffix(".x"))
    path.symlink_to(moved)


def pickled(path):
    np.save(path, np.array([{}], object), allow_pickle=True)


def swapped(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def other_header(path):
    path.write_bytes(path.read_bytes().replace(b"'shape': (20,)", b"'shape': (21,)"))


FILES = [
    ("corpus.json missing", "corpus.json", os.unlink, "MissingFileError"),
    ("corpus.json a link", "corpus.json", link, "SymlinkError"),
    ("corpus.json cut short", "corpus.json", lambda path: cut(path, 200), "ManifestSyntaxError"),
    ("corpus.json not text", "corpus.json", lambda path: path.write_bytes(b"\xff\xfe{}"), "ManifestSyntaxError"),
    ("corpus.json with NaN", "corpus.json", lambda path: path.write_text('{"format": NaN}'), "ManifestSyntaxError"),
    ("corpus.json a key twice", "corpus.json", lambda path: path.write_text('{"format": 1, "format": 1}'), "DuplicateKeyError"),
    ("sound missing", "audio.pcm", os.unlink, "MissingFileError"),
    ("sound a link", "audio.pcm", link, "SymlinkError"),
    ("sound a pipe", "audio.pcm", lambda path: (path.unlink(), os.mkfifo(path)), "NotAFileError"),
    ("sound a folder", "audio.pcm", lambda path: (path.unlink(), path.mkdir()), "NotAFileError"),
    ("sound cut short", "audio.pcm", lambda path: cut(path, 100), "SizeMismatchError"),
    ("sound changed", "audio.pcm", swapped, "HashMismatchError"),
    ("array missing", "units/weight.npy", os.unlink, "MissingFileError"),
    ("array a link", "units/weight.npy", link, "SymlinkError"),
    ("array cut short", "units/weight.npy", lambda path: cut(path, 150), "SizeMismatchError"),
    ("array changed", "units/weight.npy", swapped, "HashMismatchError"),
    ("array with another header", "units/weight.npy", other_header, "CorruptArrayError"),
    ("folder of arrays a link", "units", link, "SymlinkError"),
    ("folder of arrays missing", "units", shutil.rmtree, "MissingFileError"),
    ("folder of arrays a file", "units", lambda path: (shutil.rmtree(path), path.write_text("")), "NotAFolderError"),
]


@pytest.mark.parametrize(("name", "damage", "kind"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_hostile_folder_is_refused(corpus, name, damage, kind):
    damage(corpus / name)
    with pytest.raises(getattr(errors, kind)):
        check_corpus_folder(corpus)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(pickled, "PickledArrayError"), (lambda path: path.write_bytes(b"x" * 300), "CorruptArrayError")],
    ids=["objects", "no array"],
)
def test_an_array_that_is_listed_with_its_hash_may_still_be_none(corpus, content, kind):
    from hashlib import sha256

    path = corpus / "units" / "weight.npy"
    content(path)
    said = path.read_bytes()
    rewrite(corpus, lambda data: data["arrays"]["weight"].update(bytes=len(said), sha256=sha256(said).hexdigest()))
    manifest = read_corpus_manifest(corpus)
    with pytest.raises(getattr(errors, kind)):
        read_array(corpus, manifest, "weight")


def test_columns_first_are_refused(corpus):
    from hashlib import sha256

    path = corpus / "units" / "descriptors.npy"
    np.save(path, np.asfortranarray(np.load(path)))
    said = path.read_bytes()
    rewrite(corpus, lambda data: data["arrays"]["descriptors"].update(bytes=len(said), sha256=sha256(said).hexdigest()))
    with pytest.raises(errors.CorruptArrayError, match="row by row"):
        read_array(corpus, read_corpus_manifest(corpus), "descriptors")


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("none", "file"):
        with pytest.raises(UnknownCorpusError, match="no such corpus folder"):
            read_corpus_manifest(tmp_path / name)
    assert not is_corpus_folder(tmp_path)


def test_a_huge_corpus_json_is_refused_before_it_is_read(corpus, monkeypatch):
    monkeypatch.setattr("patches.corpus_folder.MAX_CORPUS_MANIFEST_BYTES", 1000)
    with pytest.raises(errors.OversizeError, match="1000"):
        read_corpus_manifest(corpus)


@pytest.mark.parametrize(("case", "said"), [("missing", "nothing"), ("linked", "links are not followed"), ("piped", "not a plain file")])
def test_what_is_said_of_a_corpus_is_not_said_of_a_patch(corpus, case, said):
    sound = corpus / "audio.pcm"
    sound.rename(corpus.parent / "moved.pcm")
    if case == "linked":
        sound.symlink_to(corpus.parent / "moved.pcm")
    elif case == "piped":
        os.mkfifo(sound)
    with pytest.raises(PatchError, match=said) as caught:
        read_corpus_manifest(corpus)
    assert "patch" not in str(caught.value).replace(str(corpus), "")


def test_a_corpus_is_validated_by_its_path(corpus, capsys):
    assert main(["validate", str(corpus)]) == 0
    assert ": valid corpus, 20 units of 4 sounds, " in capsys.readouterr().out
    sound = corpus / "audio.pcm"
    data = bytearray(sound.read_bytes())
    data[-1] ^= 1
    sound.write_bytes(data)
    assert main(["validate", str(corpus)]) == 1
    assert "copy the corpus again" in capsys.readouterr().err
