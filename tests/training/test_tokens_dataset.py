import dataclasses
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from training import errors, tokens_dataset
from training.data_errors import DamagedDatasetError, MissingDatasetError
from training.tokens_dataset import CodecInfo, Parameter, TokenClip, TokenDataset, read_dataset, write_dataset

CODEC = CodecInfo("spectral", "c" * 64, 8000, 64, 3, 32)


def clip(path, steps, weights, values, split="training"):
    random = np.random.Generator(np.random.PCG64(steps))
    return TokenClip(path, path[0] * 64, random.integers(0, 32, (3, steps)), np.float32(weights), np.float32(values), split)


def made(folder):
    clips = (
        clip("a.wav", 70, [1, 0], [0.25, np.nan]),
        clip("blend 1: a.wav + b.wav", 66, [0.3, 0.7], [0.25, 1.0]),
        clip("b.wav", 80, [0, 1], [np.nan, 0.0], "held_out"),
    )
    parameters = (Parameter("rate", -2.0, 6.0), Parameter("tilt", 0.0, 1.0))
    return TokenDataset(folder, CODEC, ("hum", "noise"), parameters, clips, "CC0-1.0", audio_folder="sounds", created="2026", seed=4)


@pytest.fixture
def folder(tmp_path):
    write_dataset(tmp_path / "data", made(tmp_path))
    return tmp_path / "data"


def test_round_trip(folder):
    there, back = made(folder), read_dataset(folder)
    assert back.folder == folder
    for name in ("codec", "classes", "parameters", "licence", "audio_folder", "codec_place", "created", "seed"):
        assert getattr(back, name) == getattr(there, name)
    for one, other in zip(there.clips, back.clips, strict=True):
        assert (one.path, one.sha256, one.split) == (other.path, other.sha256, other.split)
        np.testing.assert_array_equal(one.codes, other.codes)
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-6)
        np.testing.assert_allclose(one.values, other.values, atol=1e-6)
        assert other.codes.dtype == np.int64
        assert other.weights.dtype == other.values.dtype == np.float32
    assert [clip.path for clip in back.of("held_out")] == ["b.wav"]


def test_the_format(folder):
    values = json.loads((folder / "dataset.json").read_text())
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.json", "tokens.npz"]
    said = {"licence", "audio_folder", "codec_place", "created", "seed", "key"}
    assert set(values) == {"format", "codec", "classes", "parameters", "clips"} | said
    assert values["format"] == 1
    assert values["parameters"] == [{"name": "rate", "min": -2.0, "max": 6.0}, {"name": "tilt", "min": 0.0, "max": 1.0}]
    first, blend, last = values["clips"]
    assert set(first) == {"path", "sha256", "start", "steps", "weights", "values", "split"}
    assert (first["values"], blend["start"], last["start"], last["split"]) == ([0.25, None], 70, 136, "held_out")
    with np.load(folder / "tokens.npz", allow_pickle=False) as arrays:
        assert arrays["codes"].dtype == np.uint16
        assert arrays["codes"].shape == (3, 216)


def test_equal_keys_are_equal_data(tmp_path):
    dataset = made(tmp_path)
    key = write_dataset(tmp_path / "a", dataset).key
    elsewhere = dataclasses.replace(dataset, audio_folder="other", created="2027")
    assert write_dataset(tmp_path / "b", elsewhere).key == read_dataset(tmp_path / "b").key == key
    changed = dataset.clips[0].codes.copy()
    changed[1, 5] = (changed[1, 5] + 1) % 32
    other_codes = dataclasses.replace(dataset, clips=(dataclasses.replace(dataset.clips[0], codes=changed), *dataset.clips[1:]))
    other_seed = dataclasses.replace(dataset, seed=5)
    assert len({key, write_dataset(tmp_path / "c", other_codes).key, write_dataset(tmp_path / "d", other_seed).key}) == 3


def test_the_same_dataset_is_the_same_bytes(tmp_path):
    for name in "ab":
        write_dataset(tmp_path / name, made(tmp_path))
    for name in ("dataset.json", "tokens.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def changed(folder, *path, to):
    file = folder / "dataset.json"
    values = json.loads(file.read_text())
    place = values
    for step in path[:-1]:
        place = place[step]
    if to is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    file.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("path", "to", "said"),
    [
        (("format",), 2, r"format 2; allowed: format 1"),
        (("codec",), None, "codec is NoneType"),
        (("codec", "identity"), KeyError, "codec has"),
        (("codec", "more"), 1, "codec has"),
        (("codec", "codebooks"), "3", "codebooks '3'"),
        (("codec", "codebooks"), True, "codebooks True"),
        (("codec", "codebooks"), 4, "3 rows of codes for 4"),
        (("codec", "codebook_size"), 16, "a code over 15 in tokens.npz"),
        (("codec", "hop_frames"), 0, "under its least"),
        (("classes",), [], "classes"),
        (("classes",), ["hum", "hum"], "classes"),
        (("classes",), ["hum", 3], "classes"),
        (("classes",), 5, "int"),
        (("classes",), ["hum"], "1 weights"),
        (("classes",), KeyError, "no 'classes'"),
        (("parameters", 0, "min"), 6.0, "without a range"),
        (("parameters", 0, "max"), float("nan"), "without a range"),
        (("parameters", 0, "max"), float("inf"), "without a range"),
        (("parameters", 0, "name"), "tilt", "a name twice"),
        (("parameters", 0, "name"), 3, "name 3"),
        (("parameters",), [], "2 weights, 0 values"),
        (("clips",), [], "no clips"),
        (("clips",), None, "NoneType"),
        (("clips", 1), [], "clip 1 is list"),
        (("clips", 1, "path"), KeyError, "no 'path'"),
        (("clips", 1, "sha256"), 3, "clip 1: path or sha256"),
        (("clips", 1, "split"), "test", "clip 1: split 'test'"),
        (("clips", 1, "split"), ["training"], "clip 1: split"),
        (("clips", 1, "steps"), 0, "clip 1: start 70, steps 0"),
        (("clips", 1, "steps"), 1e3, "clip 1: start 70, steps 1000.0"),
        (("clips", 1, "steps"), 10**30, "are not its own"),
        (("clips", 1, "start"), 0, "clip 1: steps 0 to 66 are not its own"),
        (("clips", 2, "steps"), 79, "216 steps of codes, 215 of clips"),
        (("clips", 1, "weights"), [0.3, 0.6], "clip 1: weights"),
        (("clips", 1, "weights"), [1.3, -0.3], "clip 1: weights"),
        (("clips", 1, "weights"), [None, 1.0], "None is no number"),
        (("clips", 1, "weights"), [10**400, 1.0], "too large"),
        (("clips", 1, "weights"), 1.0, "float"),
        (("clips", 0, "values"), [1.5, None], "clip 0: values"),
        (("clips", 0, "values"), ["0.5", None], "'0.5' is no number"),
        (("clips", 0, "values"), [float("nan"), None], "nan is no number"),
        (("clips", 0, "values"), [0.26, None], "do not belong together"),
        (("licence",), None, "licence, key"),
        (("licence",), "other", "do not belong together"),
        (("seed",), 4.0, "seed"),
        (("key",), "0" * 64, "do not belong together"),
    ],
)
def test_a_changed_description_is_refused(folder, path, to, said):
    changed(folder, *path, to=to)
    with pytest.raises(DamagedDatasetError, match=said) as caught:
        read_dataset(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"3", b"\xff\xfe{}", b"[" * 100_000, b'{"format": 1}', b'{"format": ' + b"1" * 5000 + b"}"]
)
def test_a_damaged_description_is_refused(folder, text):
    (folder / "dataset.json").write_bytes(text)
    with pytest.raises(DamagedDatasetError, match=r"dataset\.json"):
        read_dataset(folder)


def saved(file, **arrays):
    with file.open("wb") as out:
        np.savez(out, **arrays)


def plain_array():
    out = io.BytesIO()
    np.save(out, np.zeros((3, 216), np.uint16))
    return out.getvalue()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.unlink(), "missing"),
        (lambda file: file.write_bytes(b""), "holds no codes"),
        (lambda file: file.write_bytes(b"text"), "holds no codes"),
        (lambda file: file.write_bytes(file.read_bytes()[:-40]), "holds no codes"),
        (lambda file: file.write_bytes(file.read_bytes().replace(b"codes.npy", b"other.npy")), "holds no codes"),
        (lambda file: file.write_bytes(pickle.dumps({"codes": 1})), "holds no codes"),
        (lambda file: saved(file, codes=np.array([{}], object)), "holds no codes"),
        (lambda file: saved(file, codes=np.zeros((3, 216))), "another kind; got float64"),
        (lambda file: saved(file, codes=np.zeros(216, np.uint16)), "another kind"),
        (lambda file: saved(file, codes=np.zeros((3, 100), np.uint16)), "are not its own"),
        (lambda file: saved(file, codes=np.zeros((3, 216), np.uint16)), "do not belong together"),
        (lambda file: saved(file, codes=np.full((3, 216), 32, np.uint16)), "a code over 31"),
        (lambda file: file.write_bytes(plain_array()), "holds no codes"),
    ],
)
def test_damaged_codes_are_refused(folder, damage, said):
    damage(folder / "tokens.npz")
    with pytest.raises(DamagedDatasetError, match=said):
        read_dataset(folder)


def test_a_bit_that_fell_over_is_found(folder):
    file = folder / "tokens.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedDatasetError):
        read_dataset(folder)


def test_a_header_that_promises_too_much_is_refused(folder):
    with zipfile.ZipFile(folder / "tokens.npz", "w") as archive, archive.open("codes.npy", "w") as out:
        np.lib.format.write_array_header_1_0(out, {"descr": "<u2", "fortran_order": False, "shape": (3, 10**15)})
    with pytest.raises(DamagedDatasetError):
        read_dataset(folder)


def test_no_dataset(tmp_path):
    for folder in (tmp_path, tmp_path / "none", tmp_path / ("n" * 300)):
        with pytest.raises((MissingDatasetError, DamagedDatasetError)) as caught:
            read_dataset(folder)
        assert caught.value.exit_code == 2


def test_what_is_there_is_left_alone(folder, tmp_path, monkeypatch):
    before = (folder / "dataset.json").read_bytes()
    with pytest.raises(errors.OutputExistsError):
        write_dataset(folder, made(folder))
    assert (folder / "dataset.json").read_bytes() == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(errors.OutputExistsError):
        write_dataset(tmp_path / "file", made(folder))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(errors.OptionError, match="current folder"):
        write_dataset(tmp_path / "here", made(folder))


def test_an_empty_folder_and_a_link_to_one_are_filled(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_dataset(tmp_path / "link", made(tmp_path))
    assert (tmp_path / "link").is_symlink()
    assert read_dataset(tmp_path / "real").classes == ("hum", "noise")


def test_a_disk_that_refuses_leaves_nothing(tmp_path, monkeypatch):
    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokens_dataset.np, "savez_compressed", full)
    with pytest.raises(errors.OutputFailedError, match="No space left"):
        write_dataset(tmp_path / "data", made(tmp_path))
    assert list(tmp_path.iterdir()) == []
