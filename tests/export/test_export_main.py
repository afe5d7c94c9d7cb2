import subprocess
import sys
from pathlib import Path

import pytest

from export.__main__ import main
from export.errors import VerificationError
from patches.library import user_folder


def test_help_loads_no_torch():
    code = "import atexit, sys\natexit.register(lambda: print('torch' in sys.modules))\nimport export.__main__ as m\nm.main(['--help'])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "--corpus-seconds" in answer.stdout
    assert answer.stdout.splitlines()[-1] == "False"


def test_a_run_becomes_a_patch_and_nothing_else_is_said(run, tmp_path):
    command = [sys.executable, "-m", "export", run, "--slug", "tiny", "--out", tmp_path, "--corpus-seconds", "3"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert [line.split(":")[0] for line in answer.stdout.splitlines()] == ["corpus", "sequencer", str(tmp_path / "tiny")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none", "--slug", "tiny"], "none: no such run folder"),
        (["{run}", "--slug", "Tiny!"], "--slug: cannot name a patch; got 'Tiny!'"),
        (["{run}", "--slug", "taken"], "taken"),
        (["{run}", "--slug", "tiny", "--corpus", "none"], "none"),
        (["x" * 300, "--slug", "tiny"], "no such run folder"),
        (["{run}", "--slug", "tiny", "--corpus", "x" * 300], "no such folder of audio"),
        (["{run}", "--slug", "tiny", "--name", "a\nb"], "--name: cannot stand in a manifest"),
    ],
)
def test_a_mistake_is_one_line_and_no_traceback(run, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "taken").mkdir(parents=True)
    assert main([*(argument.replace("{run}", str(run)) for argument in arguments), "--out", "out"]) == 2
    heard = capsys.readouterr().err
    assert heard.startswith("export: error: ")
    assert said in heard
    assert heard.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["taken"]


@pytest.mark.parametrize("value", ["0", "nan", "-1", "inf", "much"])
def test_a_wrong_length_is_refused(value, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", "--slug", "tiny", "--corpus-seconds", value])
    assert caught.value.code == 2
    assert "0.1 to 36000 seconds" in capsys.readouterr().err


def test_options_reach_the_export_and_what_fails_is_one(monkeypatch, capsys):
    asked = []

    def fail(request, **_):
        asked.append(request)
        raise VerificationError("strayed")

    monkeypatch.setattr("export.request.export_mosaic", fail)
    assert main(["r", "--slug", "s", "--name", "N", "--summary", "S", "--corpus", "c", "--corpus-seconds", "9", "--replace"]) == 1
    assert main(["r", "--slug", "s", "--author", "A", "--author", "B", "--channels", "mono"]) == 1
    assert (asked[1].authors, asked[1].channels) == (("A", "B"), "mono")
    request = asked[0]
    assert (request.run, request.slug, request.out) == (Path("r"), "s", user_folder())
    assert (request.name, request.summary, request.corpus, request.corpus_seconds, request.replace) == ("N", "S", Path("c"), 9.0, True)
    assert capsys.readouterr().err == "export: error: strayed\n" * 2


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("export.request.export_mosaic", interrupted)
    assert main(["r", "--slug", "s"]) == 130
    assert capsys.readouterr().err == "export: stopped\n"
