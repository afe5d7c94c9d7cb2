"""The host is killed and started again: what played comes back."""

import os
from pathlib import Path

import pytest

from tests.integration.show_program import Program, until

pytestmark = pytest.mark.usefixtures("patch_folder")
DEVICE = ("--device", "null", "--no-midi", "--block-frames", "256", "--sample-rate", "32000", "--lead-frames", "8192")


def kept(last: Path) -> str:
    """The file of the stage that plays; for a moment, when the one before is laid aside, there is none."""
    try:
        return last.read_text(encoding="utf-8")
    except FileNotFoundError:
        until(last.exists)
        return last.read_text(encoding="utf-8")


def test_what_a_killed_stage_played_is_brought_back() -> None:
    last = Path(os.environ["STARLING_RUNTIME"]) / "last.toml"
    last.parent.mkdir()
    last.write_text("# of before\n")
    # What a stage that was killed leaves behind.
    (last.parent / "stage.pid").write_text("4711")
    with Program("tiny", "wide", *DEVICE, "--seed", "7") as program:
        program.wait_until_it_plays(2)
        assert "the stage before was cut off; python -m realtime --resume brings it back" in program.text
        program.send("/deck/2/unload")
        for path, value in (("/deck/1/param/density", 20.5), ("/deck/1/gain", -6.0), ("/deck/2/pan", 0.5), ("/master/gain", -3.0)):
            program.send(path, value)
        program.send("/deck/1/seed", 11)
        program.send("/midi/takeover", "scale")
        program.send("/scene/save", "verse")
        until(lambda: 'name = "verse"' in kept(last))
        program.kill()
    assert (last.parent / "last-1.toml").read_text() == "# of before\n"
    with Program("--resume", "--no-midi") as program:
        program.wait_until_it_plays(1)
        assert "playing on null at 32000 Hz" in program.text
        sound = kept(last).partition("[sound]\n")[2]
        assert sound.startswith('device = "null"\nsample_rate = 32000\nblock_frames = 256\nlead_frames = 8192\n')
        assert program.state(1)[0] == "tiny"
        assert program.state(2)[:2] == ("", "empty")
        values = [program.read(path) for path in ("/deck/1/param/density", "/deck/1/gain", "/deck/2/pan", "/master/gain")]
        assert values == [20.5, -6.0, 0.5, -3.0]
        assert program.ask("/q/midi/takeover", reply="/midi/takeover") == ("scale",)
        assert program.ask("/scene/list", reply="/scene/list.reply") == ("verse",)
        assert "seed = 11\n" in kept(last)
        assert "cut off" not in program.text
