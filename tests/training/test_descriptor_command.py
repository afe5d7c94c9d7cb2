import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from patches.descriptors import ALL_NAMES, DescriptorSpec
from training.__main__ import main
from training.descriptor_command import write_descriptors
from training.descriptor_folder import read_descriptor_folder
from training.descriptor_json import read_descriptor_json
from training.descriptors import describe

RATE_HZ = 44_100


def sound(seed, seconds=0.3, rate_hz=RATE_HZ, channels=1):
    return 0.1 * np.random.default_rng(seed).standard_normal((int(seconds * rate_hz), channels)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """Sounds of one name in two folders and two formats, a stereo one, one at another rate, and one that cannot be used."""
    audio = tmp_path / "audio"
    for place, samples, rate_hz in (
        ("loud/a.wav", sound(1), RATE_HZ),
        ("soft/a.wav", sound(2), RATE_HZ),
        ("soft/a.flac", sound(3), RATE_HZ),
        ("b.aiff", sound(4, channels=2), RATE_HZ),
        ("c.ogg", sound(5, rate_hz=48_000), 48_000),
    ):
        (audio / place).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(audio / place, samples, rate_hz)
    (audio / "broken.wav").write_bytes(b"RIFF")
    return audio


def ran(capsys, *arguments):
    code = main(["descriptors", *map(str, arguments)])
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def files(out: Path):
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_a_folder_is_mirrored_and_every_format_is_read(folder, tmp_path, capsys):
    out = tmp_path / "out"
    code, said, _ = ran(capsys, "--audio", folder, "--out", out, "--combined", tmp_path / "AUDIOS_database.json")
    assert code == 0
    assert files(out) == ["b.json", "c.json", "loud/a.json", "soft/a.flac.json", "soft/a.wav.json"]
    assert "broken.wav" in said
    assert "5 sounds by mfcc every 1024 samples at 44100 Hz, 5 files written" in said
    read = read_descriptor_json(out / "loud" / "a.json")
    expected = describe(soundfile.read(folder / "loud" / "a.wav", dtype="float32")[0])
    assert np.array_equal(read.frames_for(DescriptorSpec.parse("mfcc")), expected.frames)
    assert read.sounds == (str(folder / "loud" / "a.wav"),)
    combined = read_descriptor_json(tmp_path / "AUDIOS_database.json")
    every, skipped = read_descriptor_folder(out)
    assert skipped == ()
    assert set(combined.sounds) == set(every.sounds)
    assert len(combined) == len(every) == 5 * (1 + 13_230 // 1024)
    # As the seeds read it: every key with "_" is metadata, and what is left are 39 columns of one length.
    columns = {key: values for key, values in json.loads((tmp_path / "AUDIOS_database.json").read_text()).items() if "_" not in key}
    assert sorted(columns) == sorted(f"mfcc{index}" for index in range(39))


def test_seed_fault_a_second_run_at_another_hop_kept_the_old_numbers(folder, tmp_path, capsys):
    """A sound with any json of its stem was skipped. Here the old file is never taken for the new: it is refused, or replaced."""
    out = tmp_path / "out"
    assert ran(capsys, "--audio", folder, "--out", out)[0] == 0
    before = (out / "b.json").read_bytes()
    code, _, said = ran(capsys, "--audio", folder, "--out", out, "--hop_length", 512)
    assert code == 2
    assert "says something else" in said
    assert (out / "b.json").read_bytes() == before
    assert ran(capsys, "--audio", folder, "--out", out, "--hop_length", 512, "--replace")[0] == 0
    assert {read_descriptor_json(out / name).hop_frames for name in files(out)} == {512}


def test_a_second_run_changes_nothing(folder, tmp_path, capsys):
    out = tmp_path / "out"
    ran(capsys, "--audio", folder, "--out", out)
    code, said, _ = ran(capsys, "--audio", folder, "--out", out)
    assert code == 0
    assert "0 files written" in said


def test_other_files_in_the_output_folder_are_left_alone(folder, tmp_path, capsys):
    """The seeds' notebook deleted every file below its output folder first."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert ran(capsys, "--audio", folder, "--out", out)[0] == 0
    assert (out / "notes.txt").read_text() == "mine"


def test_one_sound_by_chosen_names_at_another_rate(folder, tmp_path, capsys):
    arguments = ("--descriptors", "classic,onset", "--hop_length", 2048, "--sr", 22_050)
    assert ran(capsys, "--audio", folder / "soft" / "a.flac", "--out", tmp_path / "out", *arguments)[0] == 0
    assert files(tmp_path / "out") == ["a.json"]
    read = read_descriptor_json(tmp_path / "out" / "a.json", hop_frames=2048)
    assert read.names == ("cent", "flat", "rolloff", "rms", "f0", "onset")
    assert len(read) == 1 + 6615 // 2048


def test_every_descriptor_can_be_written_and_read(folder, tmp_path):
    said = []
    (written,) = write_descriptors(folder / "c.ogg", tmp_path / "out", DescriptorSpec(ALL_NAMES), cache=tmp_path / "own", say=said.append)
    assert read_descriptor_json(written).names == ALL_NAMES
    assert len(said) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--descriptors", "chroma"), "chroma"),
        (("--descriptors", "mfcc,mfcc0"), "mfcc0"),
        (("--hop_length", "1000"), "hop_frames"),
        (("--sr", "100"), "sample_rate_hz"),
        (("--audio", "/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_asked_for(folder, tmp_path, capsys, arguments, named):
    code, _, said = ran(capsys, "--audio", folder, "--out", tmp_path / "out", *arguments)
    assert code == 2
    assert named in said
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_audio(folder, tmp_path, capsys):
    (folder / "text.txt").write_text("no sound")
    for name in ("text.txt", "broken.wav"):
        code, _, said = ran(capsys, "--audio", folder / name, "--out", tmp_path / "out")
        assert code == 1
        assert name in said
