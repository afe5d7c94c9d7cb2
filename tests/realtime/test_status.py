from dataclasses import replace

import pytest

from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.status import meter, status_line, summary

DECK = DeckSnapshot(
    number=0,
    patch="field",
    state="playing",
    error="",
    peak_db=(-12.0, -14.0),
    rms_db=(-20.0, -21.0),
    lead_frames=882,
    fill_frames=900,
    step_ms=0.31,
    step_max_ms=0.9,
    step_share=0.013,
    underruns=3,
    missing_frames=128,
    late_steps=0,
    faults=0,
    restarts=1,
    mode="full",
    priority="normal",
    latency_ms=40.0,
    pid=1,
)
STAGE = Snapshot(
    clock_frames=441_000,
    sample_rate_hz=44_100,
    block_frames=128,
    device="null",
    audio_priority="",
    peak_db=(-11.0, -13.0),
    rms_db=(-19.0, -20.0),
    callbacks=3_445,
    callback_share=0.02,
    device_xruns=2,
    nonfinite=0,
    limited_frames=0,
    silent=False,
    spare_ready=True,
    decks=(DECK, replace(DECK, number=1, underruns=0)),
)


def test_the_line_says_level_lead_step_and_underruns() -> None:
    line = status_line(STAGE, 400)
    for words in ("10.0 s", "-19.0 dB", "device xruns 2", "1 field", "lead 20 ms", "step 0.3 ms (1 %)", "underruns 3", "2 field"):
        assert words in line


def test_the_line_counts_from_the_last_reset_and_the_end_says_all() -> None:
    stage = replace(STAGE, decks=(replace(DECK, underruns_before=2),), xruns_before=2)
    assert "underruns 1" in status_line(stage, 400)
    assert "u1" in status_line(stage, 60)
    assert "xruns" not in status_line(stage, 400)
    assert "3 underruns, 2 device xruns" in summary(stage)[0]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_line_fits_and_keeps_the_underruns_at_80_columns(width: int) -> None:
    line = status_line(STAGE, width)
    assert len(line) <= width
    if width >= 80:
        assert "u3" in line or "underruns 3" in line


def test_the_input_is_shown_and_that_it_hears_the_output() -> None:
    assert " in " not in status_line(STAGE, 400)
    hearing = replace(STAGE, input_name="Microphone", input_peak_db=-10.0, input_rms_db=-23.4)
    assert "in ▆ -23.4 dB" in status_line(hearing, 400)
    assert "muted" not in status_line(hearing, 400)
    muted = replace(hearing, input_guarded=True, input_guards=2)
    assert "input hears the output: muted" in status_line(muted, 400)
    assert "in muted" in status_line(muted, 80)
    assert "in ▆ " in status_line(hearing, 80)
    assert "input: Microphone, 0 overflows, 0 non-finite, muted 2 times because it heard the output" in summary(muted)
    assert not any(line.startswith("input") for line in summary(STAGE))


@pytest.mark.parametrize("state", ["empty", "loading", "failed", "restarting"])
def test_a_deck_that_does_not_play_says_so(state: str) -> None:
    assert state in status_line(replace(STAGE, decks=(replace(DECK, state=state),)), 400)


def test_a_load_says_how_far_it_is_also_while_something_plays() -> None:
    load = {"loading": "rain", "load_share": 0.624, "load_text": "measuring 30 of 48"}
    assert status_line(replace(STAGE, decks=(replace(DECK, patch="rain", state="loading", **load),)), 400).endswith(
        "1 rain loading 62 % measuring 30 of 48"
    )
    assert status_line(replace(STAGE, decks=(replace(DECK, **load),)), 400).endswith("underruns 3  loading 62 % measuring 30 of 48")


def test_meter_rises_with_the_level() -> None:
    marks = [meter(level) for level in (-120.0, -48.0, -36.0, -24.0, -12.0, 0.0, 6.0)]
    assert marks[0] == marks[1] == " "
    assert marks == sorted(marks)
    assert marks[-1] == "█"


def test_summary() -> None:
    lines = summary(STAGE)
    assert "played 10.0 s on null: 3 underruns, 2 device xruns" in lines[0]
    assert "deck 1: field, 1 restarts" in lines[1]
