"""The host's terminal, on a real one: who writes on it, what a screen leaves behind, and what becomes of it when it goes."""

import os
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pty_program import ROOT, PtyProgram

LIMIT_S = 30.0


def scene(name: str, folder: Path) -> PtyProgram:
    return PtyProgram([sys.executable, "-m", "tests.terminal_program", name, str(folder)])


def until(what: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def state(pid: int) -> str:
    """One letter: R, S, T (stopped), Z."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def drawn(shown: str) -> int:
    """Process of the newest screen."""
    return int(re.findall(r"drawn (\d+)\.", shown)[-1])


def is_sane(modes: list[int]) -> bool:
    wanted = termios.ICANON | termios.ECHO | termios.ISIG
    return bool(modes[3] & wanted == wanted and modes[0] & termios.ICRNL and modes[1] & termios.OPOST)


def test_nothing_but_the_host_writes_on_a_terminal_that_is_held(tmp_path: Path) -> None:
    with scene("held", tmp_path) as program:
        program.wait_for("after")
        assert program.wait() == 0
        assert program.shown.split() == ["written", "after"]
    assert (tmp_path / "stage.log").read_text().split("\n") == ["printed", "library 1", "library 2", "child", "b'' False", ""]
    assert (tmp_path / "stage.log").stat().st_mode & 0o777 == 0o600


def test_a_screen_gets_the_terminal_and_no_other_descriptor(tmp_path: Path) -> None:
    with scene("files", tmp_path) as program:
        program.wait_for("[0, 1, 2]")
        assert program.wait() == 0


def test_a_screen_that_does_not_start_is_said(tmp_path: Path) -> None:
    with scene("missing", tmp_path) as program:
        at = program.wait_for("opened: Enter opens a screen here")
        program.wait_for("the screen does not start: [Errno 2]", at)
        assert program.wait() == 0


@pytest.mark.parametrize(
    ("end", "said", "leaves"),
    [("kill", "ended by SIGKILL", True), ("q", "the screen is closed", False), ("x", "the screen failed (code 1)", False)],
)
def test_a_terminal_is_put_right_whatever_the_screen_left(tmp_path: Path, end: str, said: str, leaves: bool) -> None:
    with scene("screens", tmp_path) as program:
        before = program.modes
        at = program.wait_for(".")
        assert not is_sane(program.modes)
        if end == "kill":
            os.kill(drawn(program.shown), signal.SIGKILL)
        else:
            program.type(end)
        last = program.wait_for(said, at)
        assert is_sane(program.modes)
        assert program.modes == before
        after = program.shown[at:last]
        assert "\x1b[?25h" in after
        assert "\x1b[?1003l" in after
        # Once by whoever is alive to do it: twice would move the cursor over what was shown since.
        assert after.count("\x1b[?1049l") == 1
        assert ("bye" in after) is not leaves
        program.wait_for("ends the stage", program.wait_for("Enter opens a screen here", at))
        program.type("\n")
        again = program.wait_for("drawn", last)
        program.wait_for(".", again)
        assert not is_sane(program.modes)
        program.send(signal.SIGTERM)
        assert program.wait() == 0
        program.wait_for("ended", again)
        assert is_sane(program.modes)


def test_keys_that_a_dead_screen_did_not_read_do_not_open_another(tmp_path: Path) -> None:
    with scene("screens", tmp_path) as program:
        at = program.wait_for(".")
        pid = drawn(program.shown)
        os.kill(pid, signal.SIGSTOP)
        program.type("\r\r\x1b[<35;10;10M\r")
        os.kill(pid, signal.SIGKILL)
        program.wait_for("ends the stage", at)
        time.sleep(0.5)
        assert "drawn" not in program.shown[at:]


def test_ctrl_c_and_ctrl_z_without_a_screen(tmp_path: Path) -> None:
    with scene("screens", tmp_path) as program:
        program.wait_for(".")
        program.type("q")
        at = program.wait_for("ends the stage")
        program.type("\x1a")
        program.wait_for("not suspended", at)
        assert state(program.pid) in "RS"
        program.type("\x03")
        assert program.wait() == 0
        program.wait_for("ended", at)


def test_a_screen_that_will_not_end_is_ended(tmp_path: Path) -> None:
    with scene("screens", tmp_path) as program:
        program.wait_for(".")
        pid = drawn(program.shown)
        os.kill(pid, signal.SIGSTOP)
        program.send(signal.SIGTERM)
        assert program.wait() == 0
        assert float((tmp_path / "closed.txt").read_text()) < 10
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert is_sane(program.modes)


@pytest.mark.parametrize("with_screen", [True, False])
def test_a_closed_window_takes_the_screen_and_not_the_host(tmp_path: Path, with_screen: bool) -> None:
    with scene("screens", tmp_path) as program:
        program.wait_for(".")
        pid = drawn(program.shown)
        if not with_screen:
            program.type("q")
            program.wait_for("ends the stage")
        program.hang_up()
        until(lambda: (tmp_path / "said.txt").exists() and "terminal is gone" in (tmp_path / "said.txt").read_text())
        assert program.code is None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        # No terminal is left anywhere in it, and none is waited for.
        links = [str(path.readlink()) for path in Path(f"/proc/{program.pid}/fd").iterdir() if path.is_symlink()]
        assert not [link for link in links if "pts" in link or "tty" in link]
        program.send(signal.SIGTERM)
        assert program.wait() == 0
    assert "ended" in (tmp_path / "stage.log").read_text()
    assert (tmp_path / "said.txt").read_text().count("terminal is gone") == 1


def test_a_hang_up_signal_alone_changes_nothing(tmp_path: Path) -> None:
    with scene("screens", tmp_path) as program:
        program.wait_for(".")
        program.send(signal.SIGHUP)
        time.sleep(0.5)
        assert program.code is None
        os.kill(drawn(program.shown), 0)
        assert not (tmp_path / "said.txt").exists()


def test_a_terminal_that_takes_nothing_does_not_hang_the_host(tmp_path: Path) -> None:
    with scene("stuck", tmp_path) as program:
        program.wait_for("ready")
        program.type("\x13")
        (tmp_path / "stopped").touch()
        until((tmp_path / "written").exists)
        program.send(signal.SIGTERM)
        assert program.wait() == 0


def test_processes_of_the_stage_leave_the_terminals_signals_to_the_host(tmp_path: Path) -> None:
    with scene("signals", tmp_path) as program:
        # Two of three: the last one is there to show that the signals do arrive.
        until((tmp_path / "pids").exists)
        at = program.wait_for("up")
        at = program.wait_for("up", at)
        program.wait_for("up", at)
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        program.type("\x1a")
        until(lambda: state(pids[2]) == "T")
        assert [state(pid) for pid in pids[:2]] == ["S", "S"]
        program.type("\x03")
        program.hang_up()
        time.sleep(0.5)
        (tmp_path / "end").touch()
        assert program.wait() == 0
    codes = (tmp_path / "codes").read_text()
    assert re.fullmatch(r"\[None, None, -(1|2)\]", codes), codes


def test_decks_midi_and_the_one_who_cleans_up_outlive_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "none-of-this-name")
    with scene("processes", tmp_path) as program:
        at = program.wait_for("up")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        program.type("\x1a\x03")
        # Once more, past the terminal: one by one, for whoever is not in front when it goes.
        for pid in pids:
            for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU):
                os.kill(pid, number)
        assert program.wait_for("^C", at)
        program.hang_up()
        time.sleep(0.5)
        assert [state(pid) in "SRD" for pid in pids] == [True] * 3
        (tmp_path / "end").touch()
        assert program.wait() == 0


SHOWS = "from realtime.terminal import why_not_shown; print('shows:', why_not_shown() or 'yes', flush=True)"


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ([sys.executable, "-c", SHOWS], "yes"),
        (["env", "TERM=dumb", sys.executable, "-c", SHOWS], "this terminal can show lines only (TERM=dumb)"),
        (["env", "-u", "TERM", sys.executable, "-c", SHOWS], "this terminal can show lines only (TERM=)"),
        (["sh", "-c", f'{sys.executable} -c "{SHOWS}" | cat'], "standard input and output are not both a terminal"),
        (["sh", "-c", f'{sys.executable} -c "{SHOWS}" < /dev/null'], "standard input and output are not both a terminal"),
        (["bash", "-mc", f'{sys.executable} -c "{SHOWS}" & wait'], "it runs in the background of this terminal"),
        (["setsid", "-w", sys.executable, "-c", SHOWS], "yes"),
    ],
    ids=["terminal", "dumb", "no TERM", "pipe", "no input", "background", "nobody's terminal"],
)
def test_a_screen_is_shown_where_one_can_be(command: list[str], shows: str) -> None:
    with PtyProgram(command) as program:
        program.wait_for(f"shows: {shows}")


def test_the_log_is_kept_small(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib, realtime.terminal as t; folder = pathlib.Path(sys.argv[1])\n"
        "with t.Terminal(folder) as held:\n"
        "    for _ in range(80):\n"
        "        os.write(2, b'x' * 100_000)\n"
        "        held.trim_log()\n"
        "    os.write(2, b'last')\n"
    )
    with PtyProgram([sys.executable, "-c", code, str(tmp_path)]) as program:
        assert program.wait() == 0
    written = (tmp_path / "stage.log").read_bytes()
    assert len(written) < 5 << 20
    assert written.endswith(b"xlast")
    assert b"\0" not in written


@pytest.mark.parametrize("ignored", [False, True])
def test_a_hang_up_ends_what_has_no_screen_unless_it_was_started_to_outlive_it(ignored: bool) -> None:
    program = (
        "import sys, signal; from realtime.host_signals import HostSignals\n"
        f"signal.signal(signal.SIGHUP, signal.{'SIG_IGN' if ignored else 'SIG_DFL'})\n"
        "with HostSignals(keeps_on=False) as signals:\n"
        "    print('up', flush=True); sys.exit(0 if signals.stop.wait(60) else 3)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGHUP)
        if ignored:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.0)
            process.terminate()
        assert process.wait(LIMIT_S) == 0


def test_a_signal_at_any_moment_is_answered() -> None:
    # Before each line in turn that is run by who waits, wherever it is written: one that holds a lock there would hold it for ever.
    program = """
import signal, sys
from realtime.host_signals import Note
signal.signal(signal.SIGUSR1, lambda *_: note.leave())
def look(frame, event, argument):
    global line
    if event == "line":
        line += 1
        if line == at:
            sys.settrace(None)
            signal.raise_signal(signal.SIGUSR1)
    return look
line = at = 0
while line >= at:
    at, line, note = at + 1, 0, Note()
    sys.settrace(look)
    found = note.wait(0.01)
    sys.settrace(None)
    assert note.is_left == (line >= at)
    assert note.wait(0.01) == note.is_left
print(at)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 2
