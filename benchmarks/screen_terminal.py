"""A terminal for the screen that is measured: a window of tmux, asked through one connection that stays open."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from benchmarks.report import ROOT, BenchmarkError


class TmuxWindow:
    """A command in a window while it is entered.

    Parameters
    ----------
    command : list of str
    environment : mapping
    columns, rows : int
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], columns: int, rows: int) -> None:
        if shutil.which("tmux") is None:
            raise BenchmarkError("benchmark screen: tmux is not installed: apt-get install tmux")
        self._tmux = ["tmux", "-L", f"starling-bench-{os.getpid()}", "-f", "/dev/null"]
        exports = " ".join(f"{key}={shlex.quote(value)}" for key, value in environment.items())
        self._line = f"env -u COLUMNS -u LINES {exports} {shlex.join(command)}; exec sleep 1000"
        self._size = ["-x", str(columns), "-y", str(rows)]

    def __enter__(self) -> Self:
        subprocess.run([*self._tmux, "new-session", "-d", *self._size, "-c", str(ROOT), self._line], check=True)
        # Without output: what the program writes is drawn by tmux, and is not sent here as well.
        self._control = subprocess.Popen(
            [*self._tmux, "-C", "attach", "-f", "no-output,ignore-size"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()
        # Its own size, whatever the connection thinks a terminal has.
        self.call(" ".join(["resize-window", *self._size]))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)
        with self._control as control:
            control.kill()

    def call(self, command: str) -> list[str]:
        """Give tmux a command; returns the lines of its answer.

        Raises
        ------
        BenchmarkError — tmux refuses it or has ended.
        """
        assert self._control.stdin is not None
        try:
            self._control.stdin.write(command + "\n")
            self._control.stdin.flush()
        except OSError as error:
            raise BenchmarkError(f"benchmark screen: tmux has ended: {error}") from None
        return self._answer()

    @property
    def text(self) -> str:
        """What stands in the window."""
        return "\n".join(self.call("capture-pane -p"))

    def _answer(self) -> list[str]:
        assert self._control.stdout is not None
        lines: list[str] | None = None
        for line in self._control.stdout:
            text = line.rstrip("\n")
            if text.startswith("%begin "):
                lines = []
            elif text.startswith("%end ") and lines is not None:
                return lines
            elif text.startswith("%error ") and lines is not None:
                raise BenchmarkError(f"benchmark screen: tmux refused: {' '.join(lines)}")
            elif text.startswith("%exit"):
                break
            elif lines is not None:
                lines.append(text)
        raise BenchmarkError("benchmark screen: tmux has ended")
