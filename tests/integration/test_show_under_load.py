"""Two decks play, and OSC, MIDI and OSCQuery are as full as they get: no gap, no value lost, no memory used up.

Half a minute here; `python -m tests.integration.show_under_load` is five, and any length by `STARLING_LOAD_SECONDS`.
"""

import os

import pytest

from tests.integration.again import undisturbed
from tests.integration.show_under_load import LISTENERS, MIDI_RATE_HZ, OSC_RATE_HZ, run

pytestmark = pytest.mark.device
SECONDS = float(os.environ.get("STARLING_LOAD_SECONDS", "30"))
"""Read before the tests' own settings replace the user's."""
LEAD_FRAMES = 1_536
"""35 ms: two cores carry the decks, those who flood and those who listen as well."""
GROWTH = 0.015
"""Of a process's memory after its warm-up. A machine that stands still for seconds leaves the room of what waited, once (2 MB at most);
something kept of each message would be more than this within that time."""


def test_a_show_under_load() -> None:
    report = undisturbed(lambda: run(SECONDS, LEAD_FRAMES), lambda report: report.underruns)
    print(report)
    assert report.underruns == 0
    assert ": 0 underruns" in report.played
    assert report.lost == ()
    assert report.restarted == ()
    assert report.listeners == LISTENERS
    assert report.osc["rate_hz"] > 0.99 * OSC_RATE_HZ
    assert report.midi["rate_hz"] > 0.99 * MIDI_RATE_HZ
    assert [memory for memory in report.memory if memory.growth > GROWTH] == []
    # What is said of a flood is said once.
    assert len(report.said) == len(set(report.said))
