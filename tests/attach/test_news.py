"""What is new of a view, taken over by a screen."""

import base64
from typing import Any

import pytest

from realtime.attach.messages import MessageError
from realtime.attach.news import MOST_LINES, take_news
from realtime.attach.records import to_table
from realtime.attach.view import LineView, SoundView, StageView
from tests.screen.views import stage_view

RATE_HZ = 1_000


def _sound(text: bytes, end: int) -> dict[str, Any]:
    return {"sound": [end, base64.b64encode(text).decode()]}


def test_nothing_new_is_the_same_view() -> None:
    view = stage_view()
    assert take_news(view, {}) is view


def test_values_are_the_latest_and_go_with_their_address() -> None:
    known = stage_view()
    tables = [to_table(address) for address in known.addresses.values()]
    view = take_news(StageView(), {"edition": 3, "addresses": tables, "values": dict(known.values)})
    assert (view.edition, view.addresses, view.values) == (3, known.addresses, known.values)
    moved = take_news(view, {"values": {"/deck/1/gain": -9.0}})
    assert moved.values == {**known.values, "/deck/1/gain": -9.0}
    assert moved.addresses is view.addresses
    left = take_news(moved, {"edition": 4, "addresses": [table for table in tables if table["path"] == "/deck/1/gain"]})
    assert left.values == {"/deck/1/gain": -9.0}


def test_lines_are_kept_up_to_a_number() -> None:
    view = StageView()
    for number in range(0, MOST_LINES + 100, 50):
        view = take_news(view, {"lines": [to_table(LineView(number + i + 1, 0.5, "osc", "said")) for i in range(50)]})
    assert [line.number for line in view.lines] == list(range(101, MOST_LINES + 101))


def test_sound_is_joined_where_it_follows_and_kept_for_a_second() -> None:
    view = StageView(sample_rate_hz=RATE_HZ)
    view = take_news(view, _sound(b"ab" * 600, 600))
    view = take_news(view, _sound(b"cd" * 600, 1_200))
    assert view.sound == SoundView(b"ab" * 400 + b"cd" * 600, 1_200)
    # Frames are missing: what is there would be heard at a wrong time.
    view = take_news(view, _sound(b"ef" * 10, 1_300))
    assert view.sound == SoundView(b"ef" * 10, 1_300)


@pytest.mark.parametrize(
    "news",
    [
        {"stage": []}, {"addresses": [{}]}, {"addresses": 3, "edition": 1}, {"values": 3},
        {"lines": 3},
        {"lines": [{"text": 3}]}, {"sound": 3}, {"sound": [1]}, {"sound": ["a", "b"]}, {"sound": [1, "?"]}, {"sound": [None, ""]},
        {"values": {"/deck/1/gain": None}}, {"values": {"/deck/1/gain": []}}, {"values": {"/deck/1/gain": True}},
        {"values": {"/deck/1/gain": float("inf")}},
    ],
)  # fmt: skip
def test_what_no_stage_says_is_refused(news: dict[str, Any]) -> None:
    with pytest.raises(MessageError):
        take_news(StageView(), news)
