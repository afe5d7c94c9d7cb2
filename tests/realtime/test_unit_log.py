import json

import pytest

from realtime.unit_log import LoggedDeck, UnitLog
from realtime.voices.voice import CorpusChoice, UnitEvent

HOP = 1_024
DECK = LoggedDeck("field", 7, 44_100, HOP, (CorpusChoice("glass", 0.5, ("struck",)),), "seed.wav")


def event(step: int, unit: int, *, faded: bool = False, stream: int = 0, file: str = "a.wav", place: int = 0, label: str = "") -> UnitEvent:
    return UnitEvent(step * HOP, unit, 0, faded, stream, file, place, label)


def logged(*events: UnitEvent, frames: int = 100 * HOP, rate_hz: int = 44_100) -> UnitLog:
    log = UnitLog([DECK], rate_hz, frames, 7)
    for one in events:
        log.add(0, one)
    return log


def test_steps_that_go_on_are_one_unit() -> None:
    log = logged(event(0, 5, faded=True, place=88_200), event(1, 6), event(2, 7), event(3, 20, faded=True, place=0), event(4, 21))
    assert [(unit.unit, unit.start, unit.end) for unit in log.units] == [(5, 0, 3 * HOP), (20, 3 * HOP, 5 * HOP)]
    first = json.loads(log.json_text())["units"][0]
    assert first == {
        "time_s": 0.0,
        "frame": 0,
        "deck": 1,
        "stream": 1,
        "unit": 5,
        "file": "a.wav",
        "file_start_s": 2.0,
        "duration_s": pytest.approx(3 * HOP / 44_100, abs=1e-6),
        "faded": True,
    }


@pytest.mark.parametrize(
    "second",
    [
        event(1, 6, faded=True),
        event(2, 6),  # a step of silence between
        event(1, 6, file="b.wav"),
        event(1, 6, label="bowed"),
    ],
)
def test_what_does_not_go_on_is_a_unit_of_its_own(second: UnitEvent) -> None:
    assert [unit.unit for unit in logged(event(0, 5), second).units] == [5, 6]


def test_streams_and_decks_are_kept_apart_and_all_is_in_order_of_time() -> None:
    log = UnitLog([DECK, LoggedDeck("wide", 8, 48_000, HOP)], 48_000, 48_000, 7)
    for step in range(3):
        log.add(0, event(step, step))
        log.add(0, event(step, 10 + step, stream=1))
        log.add(1, event(step, 20 + step, faded=step == 2))
    assert [(unit.deck, unit.stream, unit.unit) for unit in log.units] == [(0, 0, 0), (0, 1, 10), (1, 0, 20), (1, 0, 22)]
    last = json.loads(log.json_text())["units"][-1]
    assert (last["frame"], last["time_s"]) == (2 * HOP, round(2 * HOP / 48_000, 6))
    assert log.labels_text().splitlines()[0].endswith("\tdeck 1: a.wav 0.000")


def test_what_lies_beyond_the_end_is_not_heard() -> None:
    log = logged(event(0, 1), event(1, 2), event(2, 3, faded=True), frames=round(1.5 * HOP))
    entries = json.loads(log.json_text())["units"]
    assert [entry["unit"] for entry in entries] == [1]
    assert entries[0]["duration_s"] == pytest.approx(1.5 * HOP / 44_100, abs=1e-6)


def test_frames_count_at_the_rate_of_the_file() -> None:
    log = logged(event(0, 1), event(1, 2, faded=True), rate_hz=88_200)
    assert [entry["frame"] for entry in json.loads(log.json_text())["units"]] == [0, 2 * HOP]


def test_the_head_says_what_was_played() -> None:
    head = json.loads(logged().json_text())
    assert {key: head[key] for key in ("format", "kind", "seed", "sample_rate_hz", "frames", "units")} == {
        "format": 1,
        "kind": "units",
        "seed": 7,
        "sample_rate_hz": 44_100,
        "frames": 100 * HOP,
        "units": [],
    }
    assert head["decks"] == [
        {
            "deck": 1,
            "patch": "field",
            "seed": 7,
            "sample_rate_hz": 44_100,
            "corpus": [{"path": "glass", "weight": 0.5, "labels": ["struck"]}],
            "prime": "seed.wav",
        }
    ]


def test_the_label_track_is_one_line_each_whatever_a_file_is_called() -> None:
    log = logged(event(0, 1, file="a\tb\nc.wav", place=22_050), event(1, 2, faded=True, file="", label="struck"))
    assert log.labels_text() == "0.000000\t0.023220\ta b c.wav 0.500\n0.023220\t0.046440\tunit 2 0.000\n"
    assert json.loads(log.json_text())["units"][1]["label"] == "struck"


def test_a_unit_that_begins_within_a_hop_ends_the_one_before_it() -> None:
    half = HOP // 2
    within = UnitEvent(HOP + half, 20, 0, True, 0, "b.wav", 0, "", half)
    log = logged(event(0, 5, faded=True), event(1, 6), within, event(2, 21, file="b.wav"), event(3, 22, file="b.wav"))
    assert [(unit.unit, unit.start, unit.end) for unit in log.units] == [(5, 0, HOP + half), (20, HOP + half, 4 * HOP)]
