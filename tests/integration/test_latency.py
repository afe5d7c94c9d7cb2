"""The latency benchmark from end to end: the real program under a JACK server, turned from here by OSC and by MIDI."""

import math

import pytest

from benchmarks.latency import run

pytestmark = pytest.mark.device

EVENTS = 8


def test_every_turned_control_is_heard_and_its_time_is_explained() -> None:
    found = run(["--patch", "field", "--events", str(EVENTS), "--control", "param/loudness=0,3"]).results
    assert found["events"] == EVENTS
    for name in (
        "p50",
        "p95",
        "max",
        "jitter",
        "osc_p95",
        "midi_p95",
        "way_p95",
        "wait_p95",
        "step_and_lead_p95",
        "step",
        "lead",
        "device",
    ):
        value = found[f"field.{name}_ms"]
        assert isinstance(value, float)
        assert math.isfinite(value)
        assert value >= 0.0, name
    # What is ready ahead of a step is the least that a control can take.
    assert found["field.p50_ms"] >= 0.5 * found["field.lead_ms"]
    assert found["field.lost"] == 0
