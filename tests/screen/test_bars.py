"""Meters, faders and sliders: where they end, how wide they are, what colour stands where."""

import random

import pytest
from rich.segment import Segment

from realtime.screen.bars import (
    HIGH_DB,
    MID_DB,
    bar_text,
    cell,
    fader,
    held_level,
    level_share,
    meter,
    meter_cells,
    slider,
    tiny,
)
from realtime.screen.themes import DARK, Inks

INKS = Inks(DARK.variables)


def text(row: list[Segment]) -> str:
    return "".join(segment.text for segment in row)


@pytest.mark.parametrize(
    ("level_db", "per_cent"), [(-60.0, 2.5), (-50.0, 7.5), (-40.0, 15.0), (-30.0, 30.0), (-20.0, 50.0), (-10.0, 75.0), (0.0, 100.0)]
)
def test_the_scale_is_that_of_the_standard(level_db: float, per_cent: float) -> None:
    assert level_share(level_db) == pytest.approx((per_cent - 2.5) / 97.5)


def test_a_louder_sound_never_has_a_shorter_meter() -> None:
    shares = [level_share(tenths / 10.0) for tenths in range(-1300, 100)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_meter_has_its_width_whatever_it_shows() -> None:
    rnd = random.Random(3)
    for _ in range(500):
        width = rnd.randint(1, 70)
        levels = [rnd.uniform(-130.0, 10.0) for _ in range(3)]
        row = meter(width, meter_cells(*levels, width), INKS)
        assert len(text(row)) == width
        assert all(segment.text for segment in row)


def test_a_meter_shows_mean_peak_and_held_peak() -> None:
    width = 100
    row = meter(width, meter_cells(-40.0, -20.0, -10.0, width), INKS)
    shown = text(row)
    assert shown.index("━") == pytest.approx(level_share(-40.0) * width, abs=1.5)
    assert shown.rindex("━") == pytest.approx(level_share(-20.0) * width, abs=1.5)
    assert shown.index("┃") == pytest.approx(level_share(-10.0) * width, abs=1.5)
    assert shown.endswith("─")


def test_silence_lights_nothing() -> None:
    assert text(meter(20, meter_cells(-120.0, -120.0, -120.0, 20), INKS)) == "─" * 20


def test_zones_have_colours_of_their_own() -> None:
    width = 100
    row = meter(width, meter_cells(0.0, 0.0, 0.0, width), INKS)
    places = {}
    at = 0
    for segment in row:
        places[at] = segment.style
        at += len(segment.text)
    assert list(places) == [0, int(level_share(MID_DB) * width), int(level_share(HIGH_DB) * width)]
    assert list(places.values()) == [INKS("meter-low"), INKS("meter-mid"), INKS("meter-high")]


def test_a_held_peak_has_the_colour_of_where_it_stands() -> None:
    (mark,) = [segment for segment in meter(100, meter_cells(-60.0, -40.0, -1.0, 100), INKS) if segment.text == "┃"]
    assert mark.style == INKS("meter-high")


def test_a_clip_is_a_word() -> None:
    assert text(held_level("-0.0", True, INKS)) == "  CLIP "
    assert text(held_level("-6.2", False, INKS)) == "  -6.2 "


@pytest.mark.parametrize(("eighths", "shown"), [(-1, ""), (0, ""), (1, "▏"), (8, "▇"), (12, "▇▌"), (32, "▇▇▇▇"), (99, "▇▇▇▇")])
def test_a_bar_has_eighths(eighths: int, shown: str) -> None:
    assert bar_text(4, eighths) == shown


def test_a_fader_and_a_slider_have_their_width() -> None:
    for width in range(1, 30):
        for share in (0.0, 0.01, 0.5, 0.99, 1.0):
            assert len(text(fader(width, round(share * width * 8), "fader", INKS))) == width
            for origin in (0.0, 0.5):
                row = slider(width, cell(share, width), cell(origin, width), "slider", INKS)
                assert len(text(row)) == width
                assert text(row).index("●") == cell(share, width)


def test_a_slider_with_a_middle_is_drawn_from_there() -> None:
    assert text(slider(9, cell(0.25, 9), cell(0.5, 9), "slider", INKS)) == "──●━━────"
    assert text(slider(9, cell(0.75, 9), cell(0.5, 9), "slider", INKS)) == "────━━●──"
    assert text(slider(9, cell(0.75, 9), 0, "slider", INKS)) == "━━━━━━●──"


def test_a_meter_of_one_cell_shows_every_sound_that_a_meter_shows() -> None:
    assert tiny(-61.0) == " "
    assert tiny(-59.0) == "▁"
    assert tiny(0.0) == "█"
