"""What docs/automation.md shows is what the stage reads."""

import re
from pathlib import Path

from realtime.control import automation, automation_file, automation_thin, lane, table
from realtime.control.automation_file import read_automation

PAGE = (Path(__file__).parents[3] / "docs" / "automation.md").read_text(encoding="utf-8")


def test_its_files_are_read(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 2
    both = tmp_path / "both.toml"
    both.write_text("\n".join(blocks).replace("/deck/1/class/rain", "/deck/2/class/rain"))
    assert len(read_automation(both).lanes) == 4


def test_its_addresses_are_in_the_table():
    rows = {row.path for row in table.TABLE}
    named = set(re.findall(r"`(/(?:scene|automation|transport|rack)/[a-z]+)", PAGE))
    assert named <= rows
    assert {path for path in rows if path.startswith(("/scene/", "/automation/", "/transport/"))} == named - {"/rack/save"}


def test_its_numbers_are_the_programs():
    assert f"{lane.GRID_FRAMES} frames (a patch's own: {lane.STEP_GRID_FRAMES})" in PAGE
    assert f"{automation_file.MAX_POINTS:,} points".replace(",", " ") in PAGE
    assert f"{automation_file.MAX_LANES} lanes" in PAGE
    assert f"{automation_file.MAX_FILE_BYTES >> 20} MiB" in PAGE
    assert f"{automation.AHEAD_S + automation.STEP_S:.2g} s later" in PAGE
    assert f"up to {automation.REACH_S:.2g} s" in PAGE.replace("\n", " ")
    assert automation_thin.TOLERANCE_SHARE == 0.001  # "a thousandth of the control's range"
    assert table.LONGEST_MORPH_S == 600.0  # "up to ten minutes"
