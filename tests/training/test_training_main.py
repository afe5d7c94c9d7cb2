import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from training.__main__ import main
from training.errors import StudioError
from training.recipe import read_recipe
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


def test_options_reach_the_training(tmp_path, monkeypatch, capsys):
    asked = {}

    class Meta:
        scores = {"validation_nll": 1.0, "repeat_nll": 2.0, "mean_nll": 3.0, "sample_std_ratio_t1": 0.9}  # noqa: RUF012
        updates = updates_done = 5
        training_seconds = 1.0

    def train(audio, out, recipe, **options):
        asked.update(options, audio=audio, out=out, recipe=recipe)
        return TrainingResult(Meta(), interrupted=True)

    monkeypatch.setattr("training.sequencer_run.train_sequencer", train)
    recipe = tmp_path / "mine.toml"
    recipe.write_text("layers = 1\n")
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
    assert (asked["recipe_name"], asked["channels"], asked["resume"]) == ("mine", "stereo", False)
    assert "go on with --resume" in capsys.readouterr().out


def test_lightning_and_torch_say_nothing_of_themselves(tmp_path):
    random = np.random.default_rng(0)
    for index in range(2):
        soundfile.write(tmp_path / f"{index}.wav", 0.1 * random.standard_normal(44_100), 44_100)
    (tmp_path / "tiny.toml").write_text("hidden_size = 4\nlayers = 1\ncomponents = 1\nupdates = 2\nvalidation_interval = 1\n")
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
    assert len(lines) == 5
