"""A screen that begins and ends on a terminal: what it says where it cannot."""

import os
import sys
from pathlib import Path

import pytest

from realtime.instance import OWNER_NAME, Instance, is_held
from tests.pty_program import PtyProgram

CRASHES = """
import sys
from pathlib import Path
from realtime.screen.app import StarlingScreen
from realtime.screen.start import show
from tests.screen.link import NotedLink
from tests.screen.views import stage_view

def look(self):
    raise ValueError("odd \\u2500\\x1b[31m")

StarlingScreen.look = look
code = show(NotedLink(stage_view()), Path(sys.argv[1]), lambda text: print(text, file=sys.stderr, flush=True))
print("code", code, flush=True)
"""


def test_a_screen_that_crashes_says_so_in_a_line(tmp_path: Path) -> None:
    # Nor does a locale without such signs keep it from being drawn.
    plain_locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    with PtyProgram([sys.executable, "-c", CRASHES, str(tmp_path)], plain_locale, 80, 24) as program:
        program.wait_for("code 1")
        page = program.shown.rpartition("\x1b[?1049l")[2]
        written = tmp_path / "screen.log"
        assert "starling: error: the screen crashed: ValueError: odd" in page
        assert f"all of it is in {written}" in page.replace("\r\n", "")
        assert "\x1b[31m" not in page
        assert "Traceback" not in page
        assert "Traceback" in written.read_text(encoding="utf-8")


def test_whether_a_stage_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_RUNTIME", str(tmp_path))
    assert not is_held(tmp_path)
    Instance().check()
    assert not is_held(tmp_path)
    with Instance():
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    for left in ("", "no number", str(2**22 + 1)):
        (tmp_path / OWNER_NAME).write_text(left)
        assert not is_held(tmp_path)
    (tmp_path / OWNER_NAME).write_text(str(os.getpid()))
    assert is_held(tmp_path)
