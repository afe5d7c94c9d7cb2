"""A stage in a window of tmux, as a performer has it: a shell, a command typed into it, keys, and a window that can be closed."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import soundfile

from realtime.attach.client import SocketLink
from realtime.attach.endpoint import FILE_NAME
from realtime.attach.errors import AttachError
from realtime.attach.view import StageView

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0
WINDOW_FRAMES = 1_024
"""Sound is looked at in pieces of this length: shorter than any gap one would hear as one."""


def until(what: Callable[[], object], limit_s: float = LIMIT_S, failed: Callable[[], str] = str) -> None:
    end = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < end, failed()
        time.sleep(0.05)


class Window:
    """A shell in a window of tmux."""

    def __init__(self, environment: Mapping[str, str], columns: int = 120, rows: int = 40) -> None:
        # Its socket's path has to be short.
        self._folder = tempfile.TemporaryDirectory(prefix="tmux-")
        self._tmux = ["tmux", "-S", f"{self._folder.name}/s", "-f", "/dev/null"]
        size = ("-x", str(columns), "-y", str(rows))
        exports = {"PS1": "> ", "OMP_NUM_THREADS": "1", **environment}
        shell = ["env", *(f"{name}={value}" for name, value in exports.items()), "bash", "--norc", "--noprofile", "-i"]
        subprocess.run([*self._tmux, "new-session", "-d", *size, "-c", str(ROOT), shlex.join(shell)], check=True)
        self.wait_for(">")

    @property
    def text(self) -> str:
        """What stands in the window."""
        return subprocess.run([*self._tmux, "capture-pane", "-p", "-J"], check=True, capture_output=True, text=True).stdout

    @property
    def modes(self) -> str:
        """What tmux knows of it: on the other page, cursor shown, mouse wanted."""
        shown = "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"
        return subprocess.run([*self._tmux, "display-message", "-p", shown], check=True, capture_output=True, text=True).stdout.strip()

    @property
    def shell_pid(self) -> int:
        shown = subprocess.run([*self._tmux, "display-message", "-p", "#{pane_pid}"], check=True, capture_output=True, text=True).stdout
        return int(shown)

    def run(self, command: list[str]) -> None:
        self.keys(shlex.join(command), "Enter")

    def keys(self, *keys: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *keys], check=True)

    def wait_for(self, text: str, limit_s: float = LIMIT_S) -> None:
        until(lambda: text in self.text, limit_s, lambda: f"{text!r} is not shown:\n{self.text}")

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
        with contextlib.suppress(OSError):
            self._folder.cleanup()


class TerminalStage:
    """A stage of a test's own: its folder, the windows it is seen in, and a second way to it that needs no window."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder / "stage"
        self.takes = folder / "takes"
        self.folder.mkdir()
        self._environment = {"STARLING_RUNTIME": str(self.folder), "STARLING_KEYMAP": str(folder / "none.toml"), **environment}
        self._windows: list[Window] = []

    def window(self, columns: int = 120, rows: int = 40) -> Window:
        self._windows.append(Window(self._environment, columns, rows))
        return self._windows[-1]

    def start(self, *arguments: str) -> Window:
        """Type the command in a new window and wait until decks play."""
        window = self.window()
        command = [sys.executable, "-m", "realtime", *arguments, "--no-midi", "--no-osc", "--seed", "1"]
        window.run([*command, "--record-folder", str(self.takes)])
        until((self.folder / FILE_NAME).exists, failed=lambda: window.text)
        with self.link() as link:
            until(lambda: all(deck.state == "playing" for deck in link.look().decks), failed=lambda: f"{link.look().decks}\n{window.text}")
        return window

    @contextlib.contextmanager
    def link(self) -> Iterator[SocketLink]:
        end = time.monotonic() + LIMIT_S
        while True:
            link = SocketLink(self.folder)
            try:
                link.open()
                break
            except AttachError:
                assert time.monotonic() < end
                time.sleep(0.1)
        try:
            yield link
        finally:
            link.close()

    @property
    def view(self) -> StageView:
        with self.link() as link:
            return link.look()

    @property
    def pid(self) -> int:
        return int(json.loads((self.folder / FILE_NAME).read_text())["pid"])

    @property
    def screen_pid(self) -> int:
        """The screen on the stage's own terminal."""
        own = [pid for pid in children(self.pid) if "attach" in command_of(pid)]
        assert len(own) == 1, own
        return own[0]

    def end(self) -> None:
        """End what still runs, and close the windows."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.folder / "stage.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            until(lambda: not is_alive(pid), 20)
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.folder / "stage.pid").read_text()), signal.SIGKILL)
        for window in self._windows:
            window.close()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def levels(take: Path) -> np.ndarray:
    """RMS of every piece of a take, in order."""
    sound, _ = soundfile.read(take, always_2d=True)
    pieces = sound[: len(sound) // WINDOW_FRAMES * WINDOW_FRAMES].reshape(-1, WINDOW_FRAMES * sound.shape[1])
    return np.sqrt((pieces**2).mean(axis=1))


def assert_no_gap(take: Path, least_s: float) -> None:
    """From the first sound to the fade at the end nothing is missing: neither silence nor frames."""
    found = levels(take)
    # While it loads there is silence.
    assert (found > 0.01).any()
    usual = float(np.median(found[found > 0.01]))
    loud = np.flatnonzero(found > 0.3 * usual)
    # The start and the end are fades.
    inside = found[loud[0] : loud[-1] + 1]
    assert len(inside) * WINDOW_FRAMES > least_s * soundfile.info(take).samplerate
    assert inside.min() > 0.2 * usual, f"level fell to {inside.min() / usual:.2f} of the usual in piece {inside.argmin()} of {len(inside)}"
