"""What was played over OSC on a real audio server, recorded with its stems, rendered again from the file beside it: the same samples."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.performance_render import render_performance
from tests.integration.jack_server import server
from tests.integration.show_program import Program, until

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]
RATE_HZ = 44_100
PLAYED: tuple[tuple[str, tuple[float | int | str, ...]], ...] = (
    ("/deck/1/class/bees", (0.7,)),
    ("/deck/2/param/loudness", (1.5,)),
    ("/deck/1/gain", (-6.0,)),
    ("/deck/2/pan", (-0.6,)),
    ("/deck/1/temperature", (1.3,)),
    ("/deck/2/reset", (77,)),
    ("/deck/1/freeze", (1.0,)),
    ("/master/gain", (-3.0,)),
    ("/deck/1/freeze", (0.0,)),
    ("/deck/2/load", ("low", 3)),
    ("/deck/1/mute", (1.0,)),
    ("/deck/1/mute", (0.0,)),
    ("/panic", (1,)),
    ("/panic", (0,)),
    ("/deck/1/solo", (1.0,)),
    ("/deck/2/load", ("field", 4)),
    ("/deck/1/solo", (0.0,)),
    ("/deck/1/seed", (12,)),
)
PAUSE_S = 0.15


def test_a_performance_on_jack_renders_to_the_samples_that_were_recorded(tmp_path: Path) -> None:
    """Whatever the machine did meanwhile: where a deck ran dry, the performance does as well."""
    with server(128, RATE_HZ) as jack:
        arguments = ["textures", "field", "--seed", "5", "--no-midi", "--stems", "--record-folder", str(tmp_path)]
        with Program(*arguments, environment=jack) as program:
            # From the very beginning, with the patches still to come.
            program.ask("/record/start", "take.wav", reply="/done")
            program.wait_until_it_plays(2)
            for path, values in PLAYED:
                program.send(path, *values)
                # The decks' own time is not the sender's.
                time.sleep(PAUSE_S)
            until(lambda: program.state(2)[0] == "field" and program.state(2)[1] == "playing")
            time.sleep(0.5)
            # The take ends with the show, after its fade.
            assert "played" in program.played()
            assert "JACK Audio Connection Kit" in program.text
            assert "not written" not in program.text
    recorded = [_read(tmp_path / name) for name in ("take.wav", "take deck 1 textures.wav", "take deck 2 field.wav")]
    pieces = [[master.copy(), *(stem.copy() for stem in stems)] for master, stems in render_performance(tmp_path / "take.performance.json")]
    for track, again in zip(recorded, (np.concatenate(track) for track in zip(*pieces, strict=True)), strict=True):
        assert np.abs(track).max() > 1e-3
        np.testing.assert_array_equal(track, again)


def _read(path: Path) -> np.ndarray:
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE_HZ
    return sound
