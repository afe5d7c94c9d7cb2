"""The benchmark of the screen from end to end: a real terminal that is dragged, OSC at 1 kHz, the spectrogram on, and no drop-out."""

import pytest

from benchmarks.screen import run

pytestmark = pytest.mark.device
SECONDS = 10


def test_a_busy_screen_costs_the_sound_nothing() -> None:
    # So far ahead that no other job of this machine makes it drop out.
    found = run(["--seconds", str(SECONDS), "--lead-frames", "8192"]).results
    assert found["underruns"] == 0
    for name, least in (("keys", 5), ("resizes", 5 * SECONDS), ("packets", 900 * SECONDS)):
        count = found[name]
        assert isinstance(count, int)
        assert count >= least, found
    for name in ("screen_cpu_percent", "key_p50_ms", "key_p95_ms", "key_max_ms"):
        value = found[name]
        assert isinstance(value, float)
        assert value > 0.0, found
