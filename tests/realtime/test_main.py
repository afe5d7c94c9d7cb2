"""The program as a user starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

pytestmark = pytest.mark.usefixtures("patch_folder")
ALONE = ("--no-osc", "--no-midi")
"""Nobody reaches it: no port of this computer is taken, and nothing about one is said."""


def run(*arguments: str | Path, module: str = "realtime", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", module, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, check=False)


def test_render(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        done = run("tiny", "--render", tmp_path / name, "--seconds", "2", "--seed", "7")
        assert done.returncode == 0, done.stderr
        assert "seed 7" in done.stdout
        assert "render 100%" in done.stderr
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert soundfile.info(tmp_path / "a.wav").frames == 88_200


def test_render_says_its_seed_so_that_it_can_be_repeated(tmp_path: Path) -> None:
    done = run("tiny", "--render", tmp_path / "a.wav", "--seconds", "1", "--headless")
    assert done.stderr == ""
    seed = re.search(r"seed (\d+)", done.stdout)
    assert seed is not None
    run("tiny", "--render", tmp_path / "b.wav", "--seconds", "1", "--seed", seed[1])
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_render_a_rack(tmp_path: Path) -> None:
    rack = tmp_path / "rack.toml"
    rack.write_text('[[deck]]\npatch = "tiny"\nseed = 3\n[deck.controls]\npan = -1.0\n[[deck]]\npatch = "wide"\n')
    done = run("--rack", rack, "--render", tmp_path / "a.wav", "--seconds", "1", "--set", "2.mute=1")
    assert done.returncode == 0, done.stderr
    sound, _ = soundfile.read(tmp_path / "a.wav")
    assert sound[:, 0].any()
    assert not sound[:, 1].any()


def test_play_and_end_after_a_while() -> None:
    done = run("tiny", "wide", "--device", "null", *ALONE, "--seconds", "2", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "seed 1" in done.stdout
    assert re.search(r"\d+ underruns", done.stdout)
    assert "deck 2: wide" in done.stdout


def test_ctrl_c_ends_clean() -> None:
    command = [sys.executable, "-m", "realtime", "tiny", "--device", "null", *ALONE, "--headless"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    assert "playing on null" in process.stdout.readline()
    time.sleep(2.0)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert process.returncode == 0, error
    assert error == ""
    assert "underruns" in out


@pytest.mark.parametrize("end", ["| head -1", ">&-", "> /dev/full"])
def test_a_lost_terminal_does_not_end_the_show(end: str) -> None:
    code = "import sys; from realtime.__main__ import main; code = main(); print('code', code, file=sys.stderr)"
    command = f"'{sys.executable}' -c \"{code}\" tiny --device null --no-osc --no-midi --seconds 2 {end}"
    started = time.monotonic()
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "code 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started > 2.0


def test_decks_end_when_the_host_is_killed() -> None:
    command = [sys.executable, "-m", "realtime", "tiny", "--device", "null", *ALONE, "--headless"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.5)
    process.kill()
    process.wait()
    process.stdout.close()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("a process outlived the host")


def test_a_second_instance_is_refused_and_the_first_plays_on() -> None:
    command = [sys.executable, "-m", "realtime", "tiny", "--device", "null", *ALONE]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stdout is not None
    first.stdout.readline()
    code = "import sys; from realtime.__main__ import main; code = main(sys.argv[1:]); print(code, 'numba' in sys.modules)"
    command = [sys.executable, "-c", code, "tiny", "--device", "null", *ALONE]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    # Told before anything is loaded that takes long.
    assert second.stdout == "1 False\n"
    assert f"Starling is playing already (process {first.pid})" in second.stderr
    assert "python -m realtime attach" in second.stderr
    assert first.poll() is None
    # However long the second took to start: the first is there until it is ended.
    first.terminate()
    assert first.communicate(timeout=30)[1] == ""
    assert first.returncode == 0


TYPED = {
    "unknown patch": (["no-such-patch"], "no-such-patch"),
    "unknown device": (["tiny", "--device", "no such device"], "no such device|PortAudio library is not installed|no stereo audio output"),
    "unknown control": (["tiny", "--set", "1.colour=3"], "colour"),
    "control out of range": (["tiny", "--set", "1.density=1000"], "allowed: 1 to 43"),
    "setting without value": (["tiny", "--set", "density"], "DECK.CONTROL=VALUE"),
    "unknown deck": (["tiny", "--set", "4.gain=0"], "allowed: 1 to 1"),
    "no length": (["tiny"], "--seconds"),
    "negative length": (["tiny", "--seconds", "-1"], "--seconds"),
    "rate out of range": (["tiny", "--seconds", "1", "--sample-rate", "1"], "--sample-rate"),
    "block out of range": (["tiny", "--seconds", "1", "--block-frames", "0"], "--block-frames"),
    "negative seed": (["tiny", "--seconds", "1", "--seed", "-1"], "--seed"),
    "lead out of range": (["tiny", "--seconds", "1", "--lead-frames", "0"], "--lead-frames"),
    "rack and patches": (["tiny", "--rack", "x.toml", "--seconds", "1"], "--rack"),
    "no rack": (["--rack", "x.toml", "--seconds", "1"], "cannot be read"),
    "nine decks": (["tiny"] * 9 + ["--seconds", "1"], "up to 8"),
    "no number": (["tiny", "--seconds", "long"], "invalid float"),
}


@pytest.mark.parametrize("name", sorted(TYPED))
def test_what_the_user_typed_gets_a_named_error_and_code_2(name: str, tmp_path: Path) -> None:
    arguments, message = TYPED[name]
    live = name in ("unknown device",)
    if not live:
        arguments = [*arguments, "--render", str(tmp_path / "a.wav")]
        if name in ("unknown patch", "unknown control", "control out of range", "setting without value", "unknown deck"):
            arguments += ["--seconds", "1"]
    done = run(*arguments, cwd=tmp_path)
    missing_audio = live and "no such device" not in done.stderr
    assert done.returncode == (1 if missing_audio else 2), done.stderr
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.wav").exists()


def test_what_failed_gets_code_1(tmp_path: Path, patch_folder: Path) -> None:
    from tests.stage_patch import make_patch

    folder = make_patch(tmp_path, "cut", seconds=2.0)
    (folder / "corpus.flac").write_bytes((folder / "corpus.flac").read_bytes()[:-100])
    done = run(folder, "--render", tmp_path / "a.wav", "--seconds", "1")
    assert done.returncode == 1
    assert "corpus.flac" in done.stderr
    assert "Traceback" not in done.stderr
    live = run(folder, "--device", "null", *ALONE, "--seconds", "20")
    assert live.returncode == 1
    assert "corpus.flac" in live.stderr
    assert "Traceback" not in live.stderr


def test_rendering_over_a_folder_fails_and_touches_nothing(tmp_path: Path) -> None:
    done = run("tiny", "--render", tmp_path, "--seconds", "1")
    assert done.returncode == 1
    assert "is a folder" in done.stderr


def test_devices_and_doctor() -> None:
    devices = run("devices")
    assert devices.returncode in (0, 1)
    assert "null" in devices.stdout or "PortAudio" in devices.stderr
    doctor = run("doctor")
    assert doctor.returncode == 0, doctor.stderr
    for word in ("machine", "libraries", "PortAudio", "priority", "providers", "tiny: step", "lead"):
        assert word in doctor.stdout, doctor.stdout


@pytest.mark.parametrize("module", ["realtime", "patches", "training", "export", "benchmarks"])
def test_help(module: str) -> None:
    done = run("--help", module=module, cwd=Path(__file__).parents[2])
    assert done.returncode == 0
    assert "usage" in done.stdout
