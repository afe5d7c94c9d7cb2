import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from patches.descriptors import DescriptorSpec
from training.__main__ import main
from training.commands import make_parser
from training.descriptor_options import spec_given
from training.errors import StudioError
from training.recipe import SequencerRecipe, read_recipe
from training.sequencer_run import TrainingResult


def test_the_command_line_loads_no_torch():
    code = "import sys, training.__main__ as m; m.main(['sequencer', '--help'])"
    check = f"import atexit, sys\natexit.register(lambda: print('torch' in sys.modules, 'lightning' in sys.modules))\n{code}"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=120, check=True)
    assert "--resume" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "False False"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--audio", "none", "--out", "run"], 2, "--audio: no such folder of sounds; got none"),
        (["--audio", ".", "--out", "run", "--recipe", "none.toml"], 2, "none.toml: cannot read the recipe"),
        (["--audio", ".", "--out", "run", "--updates", "0"], 2, "updates: out of range; got 0"),
        (["--audio", ".", "--out", "run", "--hidden_size", "many"], 2, "--hidden_size: not such a value; got many; allowed: 4 .. 1024"),
        (["--audio", ".", "--out", "run", "--selected-model", "GRU"], 2, "selected_model: out of range; got 'GRU'; allowed: LSTM |"),
        (["--audio", ".", "--out", "run", "--remove_outliers", "perhaps"], 2, "--remove_outliers: not such a value; got perhaps"),
        (
            ["--audio", ".", "--out", "run", "--descriptors", "mfcc,pitchiness"],
            2,
            "--descriptors: no such descriptor; got 'pitchiness'; all",
        ),
        (["--audio", ".", "--out", "run", "--hop-frames", "1000"], 2, "--hop_frames: no such hop; got 1000; allowed: 256 to 8192 in steps"),
        (["--audio", ".", "--out", "run", "--sr", "1"], 2, "--sample_rate_hz: no such rate; got 1; allowed: 8000 to"),
        (["--audio", ".", "--out", "run", "--hop_frames", "x"], 2, "--hop_frames: not a whole number; got x"),
        (["--audio", ".", "--out", "run"], 2, "audio"),
        (["--audio", ".", "--out", "run", "--resume"], 2, "run: no such run folder"),
    ],
)
def test_a_mistake_is_one_line_and_no_traceback(tmp_path, monkeypatch, capsys, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    assert main(["sequencer", *arguments]) == code
    heard = capsys.readouterr()
    assert heard.err.startswith("training: error: ")
    assert said in heard.err
    assert heard.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--audio", "--out"])
def test_a_name_longer_than_the_system_takes_is_no_traceback(tmp_path, monkeypatch, capsys, option):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", 0.1 * np.random.default_rng(0).standard_normal(88_200), 44_100)
    places = {"--audio": ".", "--out": "run"} | {option: "x" * 300}
    assert main(["sequencer", *(word for place in places.items() for word in place)]) in (1, 2)
    assert capsys.readouterr().err.startswith("training: error: ")


def test_what_a_terminal_would_obey_is_escaped(capsys, monkeypatch):
    def fail(arguments, say):
        say("skipped \x1b[2J.wav")
        raise StudioError("no\x1b[2J")

    monkeypatch.setattr("training.commands.run_command", fail)
    assert main([]) == 1
    assert tuple(capsys.readouterr()) == ("skipped \\x1b[2J.wav\n", "training: error: no\\x1b[2J\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no shell pipes")
def test_ascii_terminals_and_readers_that_go_away():
    code = (
        "import sys, training.commands as c, training.__main__ as m\nc.run_command = lambda _, say: say('\u03c3' * 9)\nsys.exit(m.main())"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "\\u03c3" * 9 + "\n", "")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        gone = subprocess.run([sys.executable, "-c", code], stdout=out, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (gone.returncode, gone.stderr) == (1, b"")


@pytest.mark.parametrize("package", ["training", "export"])
def test_ctrl_c_while_importing_is_no_traceback(package):
    module = {"training": "training.commands", "export": "export.mosaic"}[package]
    code = (
        "import sys, importlib.abc\n"
        "class Interrupt(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        f"from {package}.__main__ import main\n"
        "sys.exit(main(['run', '--slug', 's']))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stderr) == (130, f"{package}: stopped\n")


def test_ctrl_c_anywhere_is_no_traceback(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.sequencer_run.train_sequencer", interrupted)
    assert main(["sequencer", "--audio", str(tmp_path), "--out", str(tmp_path / "run")]) == 130
    assert capsys.readouterr().err == "training: stopped\n"


def test_a_start_that_kept_nothing_is_resumed_afresh(tmp_path, monkeypatch, capsys):
    asked = []

    def train(*arguments, **options):
        asked.append((arguments, options))
        raise StudioError("enough")

    (tmp_path / "run" / "logs").mkdir(parents=True)
    monkeypatch.setattr("training.sequencer_run.train_sequencer", train)
    assert main(["sequencer", "--audio", str(tmp_path), "--out", str(tmp_path / "run"), "--resume"]) == 1
    assert asked[0][0][2] == read_recipe()
    assert "nothing was kept there yet" in capsys.readouterr().out


@pytest.mark.parametrize("hop", ["--hop_frames", "--hop-frames", "--hop_length", "--hop-length"])
@pytest.mark.parametrize("rate", ["--sample_rate_hz", "--sample-rate-hz", "--sample_rate", "--sample-rate", "--sr"])
@pytest.mark.parametrize("command", ["sequencer", "corpus", "descriptors", "sweep"])
def test_one_option_under_every_name_it_goes_by(command, hop, rate):
    more = ["--trials", "1"] if command == "sweep" else []
    options = make_parser(print).parse_args([command, "--audio", "a", "--out", "b", hop, "512", rate, "22050", *more])
    assert spec_given(options) == DescriptorSpec.parse("mfcc", hop_frames=512, sample_rate_hz=22_050)
    plain = make_parser(print).parse_args([command, "--audio", "a", "--out", "b", *more])
    assert spec_given(plain) is None


def test_options_reach_the_training(tmp_path, monkeypatch, capsys):
    asked = {}
    scored = {"repeat_ratio_1": 0.5, "repeat_ratio_2": 0.25, "linear_ratio_1": 0.97, "linear_ratio_2": 1.01}

    class Meta:
        scores = {"validation_nll": 1.0, "repeat_nll": 2.0, "mean_nll": 3.0, "sample_std_ratio_t1": 0.9} | scored
        updates = updates_done = 5
        training_seconds = 1.0

    def train(audio, out, recipe, **options):
        asked.update(options, audio=audio, out=out, recipe=recipe)
        return TrainingResult(Meta(), interrupted=True)

    monkeypatch.setattr("training.sequencer_run.train_sequencer", train)
    recipe = tmp_path / "mine.toml"
    recipe.write_text("num_layers = 1\n")
    line = [
        "sequencer",
        "--audio",
        str(tmp_path),
        "--out",
        "run",
        "--recipe",
        str(recipe),
        "--updates",
        "5",
        "--seed",
        "9",
        "--channels",
        "stereo",
    ]
    assert main(line) == 130
    assert asked["recipe"] == read_recipe(recipe).with_changes(updates=5, seed=9)
    assert (asked["recipe_name"], asked["channels"], asked["resume"], asked["spec"]) == ("mine", "stereo", False, None)
    said = capsys.readouterr().out
    assert "go on with --resume" in said
    assert "last frame again, 1 to 2 frames ahead: 0.50 0.25\nover that of a linear predictor" in said
    assert "is what the network adds: 0.97 1.01\n" in said


@pytest.fixture
def asked_for(tmp_path, monkeypatch):
    """What a command line asks the training for."""
    asked = {}

    def train(audio, out, recipe, **options):
        asked.update(options, recipe=recipe)
        raise StudioError("enough")

    def ask(*words):
        monkeypatch.setattr("training.sequencer_run.train_sequencer", train)
        assert main(["sequencer", "--audio", str(tmp_path), "--out", str(tmp_path / "run"), *words]) == 1
        return asked

    return ask


@pytest.mark.parametrize("words", ["{dial} {value}", "{dash} {value}", "{dial}={value}"])
def test_every_dial_is_an_option(asked_for, words):
    other = {"selected_model": "TransformerModel", "head": "mean", "schedule": "constant", "remove_outliers": "True"}
    for row in dataclasses.fields(SequencerRecipe):
        text = other.get(row.name, "0.5" if row.type is float and row.name != "learning_rate" else "0.01" if row.type is float else "6")
        line = words.format(dial=f"--{row.name}", dash=f"--{row.name.replace('_', '-')}", value=text)
        recipe = asked_for(*line.split(" "))["recipe"]
        assert recipe == read_recipe().with_changes(**{row.name: True if row.type is bool else row.type(text)})


@pytest.mark.parametrize(
    ("words", "on"),
    [(["False"], False), (["false"], False), (["0"], False), (["no"], False), ([], True), (["True"], True), (["yes"], True), (None, False)],
)
def test_remove_outliers_false_means_false(asked_for, words, on):
    """Seed fault (facts 1.6): argparse's type=bool takes every word for True."""
    asked = asked_for(*([] if words is None else ["--remove_outliers", *words]))
    assert asked["recipe"].remove_outliers is on


def test_hop_and_rate_and_descriptors_have_options(asked_for):
    """Seed fault (facts 1.2): no flags for hop and rate."""
    spec = asked_for("--descriptors", "classic,onset", "--hop_frames", "512", "--sample-rate-hz", "22050")["spec"]
    assert spec == DescriptorSpec.parse("classic,onset", hop_frames=512, sample_rate_hz=22_050)
    assert asked_for("--hop-frames", "2048")["spec"] == DescriptorSpec.parse("mfcc", hop_frames=2048)
    assert asked_for("--wandb", "birds")["wandb"] == "birds"


def test_a_whole_command_ends_well_and_lightning_and_torch_say_nothing_of_themselves(tmp_path):
    """Seed fault (facts 1.6): the script's last lines ended in a NameError after the training."""
    random = np.random.default_rng(0)
    for index in range(2):
        soundfile.write(tmp_path / f"{index}.wav", 0.1 * random.standard_normal(44_100), 44_100)
    (tmp_path / "tiny.toml").write_text("hidden_size = 4\nnum_layers = 1\ncomponents = 1\nupdates = 2\nvalidation_interval = 1\n")
    command = [
        sys.executable,
        "-m",
        "training",
        "sequencer",
        "--audio",
        tmp_path,
        "--out",
        tmp_path / "run",
        "--recipe",
        tmp_path / "tiny.toml",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert [line.split(" ")[0] for line in lines[:3]] == ["2", "update", "update"]
    assert len(lines) in (6, 7)
    assert lines[-1].startswith(f"{tmp_path / 'run'}: 2 updates")
