"""The offline workflow: hear a seed, predict, write the sound and where it came from."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.__main__ import main
from realtime.voices.voice import CorpusChoice
from tests.corpus_folders import write_corpus
from tests.echo_voice import JUMP_STEPS, Echo, use_echo
from tests.tokens_patch import make_tokens_patch

HOP_FRAMES = 1_024
pytestmark = pytest.mark.usefixtures("patches")


@pytest.fixture(name="tokens_folder", scope="module")
def _tokens_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    make_tokens_patch(folder, "chimes")
    return folder


@pytest.fixture(name="patches")
def _patches(patch_folder: Path, tokens_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_PATCHES", os.pathsep.join(map(str, (patch_folder, tokens_folder))))


@pytest.fixture(name="echo")
def _echo(monkeypatch: pytest.MonkeyPatch) -> type[Echo]:
    return use_echo(monkeypatch)


def clip(path: Path, level: float = 0.3, *, seconds: float = 0.25, rate_hz: int = 22_050, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = level * np.sin(np.arange(round(seconds * rate_hz)) / 20)
    soundfile.write(path, sound, rate_hz, **options)
    return path


def corpus(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "corpus.json").write_text("{}")
    return path


def seeds(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        clip(folder / name, 0.1 + 0.05 * number)
    return folder


def rendered(*arguments: str | Path, code: int = 0, capsys: pytest.CaptureFixture[str] | None = None) -> str:
    assert main([*map(str, arguments), "--headless", "--seed", "7"]) == code
    return "" if capsys is None else "".join(capsys.readouterr())


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 22_050, 96_000])
def test_forty_hops_last_forty_hops_at_any_rate(echo: type[Echo], tmp_path: Path, rate_hz: int) -> None:
    """The seed's playback made 500 ms of 40 frames instead of 929 ms."""
    prime = clip(tmp_path / "seed.wav", 0.4)
    rendered("tiny", "--render", tmp_path / "out.wav", "--prime", prime, "--hops", 40, "--sample-rate", rate_hz)
    sound, rate = soundfile.read(tmp_path / "out.wav")
    assert rate == rate_hz
    assert abs(len(sound) - 40 * HOP_FRAMES * rate_hz / 44_100) <= 1
    if rate_hz == 44_100:
        assert len(sound) == 40_960
    middle = sound[len(sound) // 4 : len(sound) // 2]
    assert np.abs(middle).max() == pytest.approx(0.4, rel=0.02)  # the level that was heard in the prime
    assert echo.made[-1].prime == prime.resolve()


def test_a_prime_writes_the_log_beside_the_sound(echo: type[Echo], tmp_path: Path) -> None:
    prime = clip(tmp_path / "seed.wav")
    glass = corpus(tmp_path / "glass")
    rendered("tiny", "--corpus", f"@patch,{glass}", "--label", "struck", "--render", tmp_path / "out.wav", "--prime", prime, "--hops", 10)
    assert {path.name for path in tmp_path.iterdir()} == {"seed.wav", "glass", "out.wav", "out.units.json", "out.labels.txt"}
    log = json.loads((tmp_path / "out.units.json").read_text())
    assert (log["format"], log["seed"], log["sample_rate_hz"], log["frames"]) == (1, 7, 44_100, 10 * HOP_FRAMES)
    choices = [{"path": path, "weight": 1.0, "labels": ["struck"]} for path in ("@patch", str(glass))]
    assert log["decks"] == [{"deck": 1, "patch": "tiny", "seed": 7, "sample_rate_hz": 44_100, "corpus": choices, "prime": str(prime)}]
    assert echo.made[-1].corpora == (CorpusChoice("@patch", 1.0, ("struck",)), CorpusChoice(str(glass), 1.0, ("struck",)))
    units = log["units"]
    assert [unit["file"] for unit in units] == ["glass 0.wav", "glass 4.wav", "glass 8.wav"]
    assert [unit["file_start_s"] for unit in units] == [0.0, 4.0, 8.0]
    assert [unit["frame"] for unit in units] == [0, JUMP_STEPS * HOP_FRAMES, 2 * JUMP_STEPS * HOP_FRAMES]
    assert sum(unit["duration_s"] for unit in units) == pytest.approx(10 * HOP_FRAMES / 44_100, abs=1e-5)
    assert units[1]["label"] == "struck"
    lines = (tmp_path / "out.labels.txt").read_text().splitlines()
    assert lines[1].split("\t") == ["0.092880", "0.185760", "glass 4.wav 4.000"]


def test_units_without_a_prime_only_when_asked_for(echo: type[Echo], tmp_path: Path) -> None:
    rendered("tiny", "--render", tmp_path / "a.wav", "--hops", 4)
    rendered("tiny", "--render", tmp_path / "b.wav", "--hops", 4, "--units")
    assert {path.name for path in tmp_path.iterdir()} == {"a.wav", "b.wav", "b.units.json", "b.labels.txt"}


def test_two_decks_have_one_log(echo: type[Echo], tmp_path: Path) -> None:
    primes = [clip(tmp_path / "one.wav"), clip(tmp_path / "two.flac")]
    arguments = ["--prime", f"2:{primes[1]}", "--prime", f"1:{primes[0]}", "--render", tmp_path / "out.wav", "--seconds", "0.5"]
    rendered("tiny", "wide", *arguments)
    log = json.loads((tmp_path / "out.units.json").read_text())
    assert [(deck["patch"], deck["prime"], deck["sample_rate_hz"]) for deck in log["decks"]] == [
        ("tiny", str(primes[0]), 44_100),
        ("wide", str(primes[1]), 48_000),
    ]
    times = [unit["time_s"] for unit in log["units"]]
    assert times == sorted(times)
    assert {unit["deck"] for unit in log["units"]} == {1, 2}
    assert all(unit["time_s"] + unit["duration_s"] <= 0.5 + 1e-6 for unit in log["units"])
    assert "deck 2: glass 0.wav" in (tmp_path / "out.labels.txt").read_text()


def test_one_file_per_seed_and_same_names_do_not_collide(echo: type[Echo], tmp_path: Path) -> None:
    """The seed cut names to 30 characters and put all of them into one folder."""
    long = "a name that is a good deal longer than thirty characters"
    names = ["x.wav", "a/x.wav", "b/x.wav", "b/x.flac", f"{long} 1.wav", f"{long} 2.wav"]
    folder = seeds(tmp_path / "seeds", *names)
    (folder / "notes.txt").write_text("no sound")
    clip(folder / ".hidden.wav")
    rendered("tiny", "--render", tmp_path / "out", "--prime", folder, "--hops", 8)
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.wav"))
    assert written == sorted(["x.wav", "a/x.wav", "b/x.wav.wav", "b/x.flac.wav", f"{long} 1.wav", f"{long} 2.wav"])
    for name, number in (("x.wav", 0), ("a/x.wav", 1), ("b/x.wav.wav", 2), ("b/x.flac.wav", 3), (f"{long} 2.wav", 5)):
        sound, _ = soundfile.read(tmp_path / "out" / name)
        assert len(sound) == 8 * HOP_FRAMES
        assert np.abs(sound[2_000:5_000]).max() == pytest.approx(0.1 + 0.05 * number, rel=0.05), name
    assert (tmp_path / "out" / "b" / "x.flac.units.json").is_file()


def test_every_seed_is_rendered_not_only_the_first_64(echo: type[Echo], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seeds(tmp_path / "seeds", *(f"{number:03}.wav" for number in range(66)))
    said = rendered("tiny", "--render", tmp_path / "out", "--prime", folder, "--hops", 1, capsys=capsys)
    assert len(list((tmp_path / "out").glob("*.wav"))) == 66
    assert "66 takes of 66 seeds" in said


def test_nothing_in_the_folder_of_outputs_is_deleted(echo: type[Echo], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The seed's notebook deleted every file in it first."""
    folder = seeds(tmp_path / "seeds", "one.wav", "two.wav")
    out = tmp_path / "out"
    kept = {out / "score.txt": b"mine", out / "old" / "take.wav": b"mine too", out / "two.labels.txt": b"my labels"}
    for path, content in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    arguments = ["tiny", "--render", out, "--prime", folder, "--hops", 4]
    said = rendered(*arguments, code=2, capsys=capsys)
    assert "two.labels.txt" in said
    assert "--replace" in said
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept
    rendered(*arguments, "--replace")
    assert (out / "score.txt").read_bytes() == b"mine"
    assert (out / "old" / "take.wav").read_bytes() == b"mine too"
    assert (out / "two.labels.txt").read_bytes() != b"my labels"
    assert len(list(out.rglob("*"))) == 3 + 2 * 3


def test_a_seed_alone_is_rendered_as_in_its_folder(echo: type[Echo], tmp_path: Path) -> None:
    folder = seeds(tmp_path / "seeds", "one.wav", "two.wav")
    rendered("tiny", "--render", tmp_path / "out", "--prime", folder, "--hops", 4)
    rendered("tiny", "--render", tmp_path / "alone.wav", "--prime", folder / "two.wav", "--hops", 4)
    assert (tmp_path / "alone.wav").read_bytes() == (tmp_path / "out" / "two.wav").read_bytes()


def test_a_seed_that_cannot_be_heard_does_not_stop_the_others(echo: type[Echo], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = seeds(tmp_path / "seeds", "a.wav", "c.wav")
    clip(folder / "b.wav", 0.0)
    (folder / "0.wav").symlink_to(folder / "none.wav")
    said = rendered("tiny", "--render", tmp_path / "out", "--prime", folder, "--hops", 4, code=1, capsys=capsys)
    assert "b.wav: silent" in said
    assert "no such prime" in said
    assert "2 takes of 4 seeds" in said
    assert sorted(path.name for path in (tmp_path / "out").glob("*.wav")) == ["a.wav", "c.wav"]


def test_a_sound_file_is_heard_as_live_input(echo: type[Echo], tmp_path: Path) -> None:
    """At the device's rate, in time, whatever the file's own rate."""
    path = tmp_path / "in.wav"
    time_s = np.arange(96_000) / 96_000
    soundfile.write(path, np.stack([0.4 * np.sin(2 * np.pi * 300 * time_s)] * 2, axis=1), 96_000)
    made = []
    for block in (64, 1_000):
        rendered("tiny", "--render", tmp_path / "out.wav", "--input-file", path, "--seconds", 1.5, "--block-frames", block)
        made.append(soundfile.read(tmp_path / "out.wav")[0][:, 0])
    np.testing.assert_array_equal(*made)
    sound = made[0]
    # Heard from the second step on, and played by the next: the voice plays its own tone before.
    expected = 0.4 * np.sin(2 * np.pi * 300 * np.arange(20_000) / 44_100)
    echoed = sound[HOP_FRAMES : HOP_FRAMES + 20_000]
    tolerance = 1e-4  # measured 3e-5, the noise of the resampler and of 24 bits; before lies the fade of the start
    np.testing.assert_allclose(echoed[10_000:], expected[10_000:], atol=tolerance)
    assert not sound[int(1.2 * 44_100) : int(1.3 * 44_100)].any()  # silence after its end is heard as such


def test_what_a_voice_has_to_say_is_said_once(echo: type[Echo], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    echo.notes = ["no unit has these labels: playing all"] * 2
    said = rendered("tiny", "--render", tmp_path / "out.wav", "--hops", 4, capsys=capsys)
    assert said.count("deck 1: no unit has these labels: playing all") == 1


def test_the_log_and_the_sound_are_written_whole_or_not_at_all(
    echo: type[Echo], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.wav").write_bytes(b"the last take")
    (tmp_path / "out.labels.txt").mkdir()
    said = rendered("tiny", "--render", tmp_path / "out.wav", "--hops", 4, "--units", code=1, capsys=capsys)
    assert "out.labels.txt: is a folder" in said
    assert (tmp_path / "out.wav").read_bytes() == b"the last take"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.labels.txt", "out.wav"]


@pytest.mark.parametrize("labels", [("rain",), ("rain", "wind")])
def test_the_log_says_where_every_frame_came_from(labels: tuple[str, ...], tmp_path: Path) -> None:
    """With the real voice, frame by frame against the sound of the corpus."""
    corpus_manifest = write_corpus(tmp_path / "noise", units=30, files=6)
    pcm = np.fromfile(tmp_path / "noise" / "audio.pcm", "<i2") / 32_768
    place = {entry.path: entry for entry in corpus_manifest.files}
    arguments = ["--corpus", tmp_path / "noise", "--label", ",".join(labels), "--set", "1.density=12"]
    rendered("tiny", *arguments, "--render", tmp_path / "out.wav", "--hops", 120, "--units")
    sound = soundfile.read(tmp_path / "out.wav")[0][:, 0]
    units = json.loads((tmp_path / "out.units.json").read_text())["units"]
    assert {place[unit["file"]].label for unit in units} == set(labels)
    checked = 0
    for unit in units:
        first, count = unit["frame"], round(unit["duration_s"] * 44_100)
        # The fades of the whole, and the one a unit begins with, are left out.
        begin, end = first + 600, first + count
        if begin < 12_000 or end > 115 * HOP_FRAMES or end - begin < 400:
            continue
        source = place[unit["file"]].first_frame + round(unit["file_start_s"] * 44_100)
        expected = pcm[source + 600 : source + count]
        assert np.corrcoef(sound[begin:end], expected)[0, 1] > 0.999
        checked += end - begin
    assert checked > 0.25 * len(sound)


WRONG = {
    "hops and seconds": (["tiny", "--hops", "4", "--seconds", "1"], "give one"),
    "no hops": (["tiny", "--hops", "0"], "--hops; got 0; allowed: 1 to"),
    "hops of a year": (["tiny", "--hops", "999999999"], "--hops; got 999999999"),
    "hops that differ": (["tiny", "wide", "--hops", "4"], "steps of these patches differ.*tiny 23.22 ms, wide 21.33 ms"),
    "no length": (["tiny", "--prime", "SEED"], "--seconds S or --hops N"),
    "a device": (["tiny", "--hops", "4", "--device", "null"], "--device is for playing live"),
    "an input": (["tiny", "--hops", "4", "--input", "default"], "--input is for playing live"),
    "no prime": (["tiny", "--hops", "4", "--prime", "none.wav"], "no such prime; got none.wav"),
    "prime is no audio": (["tiny", "--hops", "4", "--prime", "TEXT"], "not audio"),
    "prime is empty": (["tiny", "--hops", "4", "--prime", "EMPTY"], "empty"),
    "prime is silent": (["tiny", "--hops", "4", "--prime", "SILENT"], "silent"),
    "prime is short": (["tiny", "--hops", "4", "--prime", "SHORT"], "too short; got 0.010 s"),
    "prime would be overwritten": (["tiny", "--hops", "4", "--prime", "out.wav"], "would overwrite what is heard"),
    "prime of tokens": (["chimes", "--hops", "4", "--prime", "SEED"], "chimes has no sequencer.*got a patch of kind tokens"),
    "corpus of tokens": (["chimes", "--hops", "4", "--corpus", "CORPUS"], "chimes plays no corpus"),
    "label of tokens": (["chimes", "--hops", "4", "--label", "struck"], "chimes plays no corpus"),
    "units of tokens": (["chimes", "--hops", "4", "--units"], "--units: no deck plays a corpus"),
    "two primes": (["tiny", "--hops", "4", "--prime", "SEED", "--prime", "SEED"], "one deck hears one prime"),
    "prime for no deck": (["tiny", "--hops", "4", "--prime", "2:SEED"], "no deck has this number; got 2"),
    "prime for which deck": (["tiny", "tiny", "--hops", "4", "--prime", "SEED"], "for which deck"),
    "corpus for which deck": (["tiny", "tiny", "--hops", "4", "--corpus", "CORPUS"], "--corpus: for which deck.*allowed: 1:.* to 2:"),
    "no corpus": (["tiny", "--hops", "4", "--corpus", "none"], "no such corpus folder; got none"),
    "a file for a corpus": (["tiny", "--hops", "4", "--corpus", "SEED"], "which is a file"),
    "a folder that is no corpus": (["tiny", "--hops", "4", "--corpus", "."], "is no corpus; got a folder without corpus.json"),
    "the same corpus twice": (["tiny", "--hops", "4", "--corpus", "CORPUS,./CORPUS"], "the same corpus twice"),
    "an empty corpus": (["tiny", "--hops", "4", "--corpus", "CORPUS,"], "an empty name"),
    "no corpus named": (["tiny", "--hops", "4", "--corpus", "1:"], "--corpus; got '1:'"),
    "no label named": (["tiny", "--hops", "4", "--label", ""], "--label; got ''"),
    "a corpus made otherwise": (["tiny", "--hops", "4", "--corpus", "wrong"], "hop_frames is not the model's"),
    "no input file": (["tiny", "--hops", "4", "--input-file", "none.wav"], "none.wav: cannot be read"),
    "input file for nobody": (["chimes", "--hops", "4", "--input-file", "SEED"], "no deck listens"),
    "replace a file": (["tiny", "--hops", "4", "--replace"], "--replace is for --prime DIR"),
    "folder for two decks": (["tiny", "tiny", "--hops", "4", "--prime", "1:SEEDS", "--prime", "2:SEEDS"], "more than one deck"),
    "no seed in it": (["tiny", "--hops", "4", "--prime", "CORPUS"], "no sound file there"),
    "a file for outputs": (["tiny", "--hops", "4", "--prime", "SEEDS", "--render", "SEED"], "a file, and --prime is a folder"),
    "a new file for outputs": (["tiny", "--hops", "4", "--prime", "SEEDS", "--render", "takes.wav"], "a file, and --prime is a folder"),
    "outputs among seeds": (["tiny", "--hops", "4", "--prime", "SEEDS", "--render", "SEEDS/out"], "inside the folder of seeds"),
    "to be heard by nobody": (["tiny", "--seconds", "1", "--osc-port", "9000"], "--osc-port is for playing live"),
    "recorded twice": (["tiny", "--seconds", "1", "--record"], "--record is for playing live"),
    "controllers": (["tiny", "--seconds", "1", "--midi-port", "nano"], "--midi-port is for playing live"),
    "no automation": (["tiny", "--seconds", "1", "--automation", "none.toml"], "not a file"),
    "automation of text": (["tiny", "--seconds", "1", "--automation", "TEXT"], "TEXT"),
    "automation of nothing": (["tiny", "--seconds", "1", "--automation", "NOWHERE"], "no such address; got /no/such"),
    "automation of a command": (["tiny", "--seconds", "1", "--automation", "COMMAND"], "/deck/1/unload"),
    "performance and patch": (["tiny", "--performance", "TEXT"], "--performance says itself what is played; got tiny"),
    "performance and length": (["--performance", "TEXT", "--seconds", "1"], "says itself what is played; got --seconds"),
    "performance and prime": (["--performance", "TEXT", "--prime", "SEED", "--units"], "got --prime --units"),
    "performance and blocks": (["--performance", "TEXT", "--block-frames", "64"], "got --block-frames"),
    "performance of text": (["--performance", "TEXT"], "TEXT"),
    "no performance": (["--performance", "none.json"], "cannot be read"),
    "outputs over seeds": (["tiny", "--hops", "4", "--prime", "nest/a", "--render", "nest"], "would overwrite the seeds"),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_cannot_be_rendered_is_a_named_error_and_nothing_is_written(
    name: str, echo: type[Echo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = WRONG[name]
    monkeypatch.chdir(tmp_path)
    make_things(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    if "--render" not in arguments:
        arguments = [*arguments, "--render", "out.wav"]
    code = main([*arguments, "--headless"])
    out, error = capsys.readouterr()
    assert code == (1 if name == "a corpus made otherwise" else 2), error
    assert re.search(message, error), error
    assert error.startswith("starling: error: ")
    assert out == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


LIVE = {
    "hops": (["tiny", "--hops", "4"], "--hops is for --render"),
    "units": (["tiny", "--units"], "--units is for --render"),
    "input file": (["tiny", "--input-file", "SEED"], "--input-file is for --render"),
    "replace": (["tiny", "--replace"], "--replace is for --render"),
    "prime folder": (["tiny", "--prime", "SEEDS"], "the prime is a folder.*only with --render"),
    "no corpus": (["tiny", "--corpus", "none"], "no such corpus folder"),
    "corpus of tokens": (["chimes", "--corpus", "@patch"], "chimes plays no corpus"),
    "performance": (["--performance", "TEXT"], "--performance is for --render"),
    "no automation": (["tiny", "--automation", "none.toml"], "not a file"),
    "automation of text": (["tiny", "--automation", "TEXT"], "TEXT"),
    "port of OSC": (["tiny", "--osc-port", "65536"], "--osc-port; got 65536; allowed: 0 to 65535"),
    "port of OSCQuery": (["tiny", "--oscquery-port", "-1"], "--oscquery-port; got -1"),
    "MIDI of another system": (["tiny", "--midi-backend", "pigeon"], "--midi-backend; got pigeon; allowed: auto"),
    "no mapping": (["tiny", "--mapping", "none.toml"], "none.toml"),
}


@pytest.mark.parametrize("name", sorted(LIVE))
def test_what_cannot_be_played_is_refused_before_a_device_opens(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = LIVE[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    make_things(tmp_path)
    assert main([*arguments, "--device", "no such device"]) == 2
    assert re.search(message, capsys.readouterr().err)


def make_things(folder: Path) -> None:
    """What the table names."""
    clip(folder / "SEED", format="WAV")
    clip(folder / "out.wav")
    clip(folder / "SILENT", 0.0, format="WAV")
    clip(folder / "SHORT", seconds=0.01, format="WAV")
    clip(folder / "EMPTY", seconds=0.0, format="WAV")
    (folder / "TEXT").write_text("no sound")
    for name, address in (("NOWHERE", "/no/such"), ("COMMAND", "/deck/1/unload")):
        (folder / name).write_text(f'format = 1\n[[lane]]\naddress = "{address}"\npoints = [[0.0, 0.0]]\n')
    corpus(folder / "CORPUS")
    corpus(folder / "wrong")
    seeds(folder / "SEEDS", "a.wav")
    seeds(folder / "nest" / "a", "b.wav", "a/b.wav")
    clip(folder / "nest" / "b.wav")
