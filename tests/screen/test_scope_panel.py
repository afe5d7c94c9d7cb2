"""The scope in the screen: what lights where, in every theme, what it costs when nothing changes, and when it takes sound at all."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor, Monochrome
from textual.geometry import Region

from realtime.attach.view import SoundView, StageView
from realtime.screen.level_colours import lightness
from realtime.screen.picture import AXIS, ReadyStrip, braille, frequency_labels
from realtime.screen.scope import RANGES_DB, ScopePanel
from realtime.screen.spectrogram import COLUMNS_PER_S
from realtime.screen.themes import THEMES
from tests.screen.desk import Desk, at_panel, played
from tests.screen.views import stage_view

RATE_HZ = 44_100
LOOK_FRAMES = 2_205
VIEW = stage_view()
_STATE = re.compile(r"\x1b\[([\d;]*)m|(▀)")


def sine(frequency_hz: float, seconds: float = 3.0, amplitude: float = 0.9) -> NDArray[np.int16]:
    return np.rint(32_767 * amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype("<i2")


def views(sound: NDArray[np.int16], begin: int = 0) -> list[StageView]:
    """The views of a stage that plays a sound, 20 a second."""
    ends = range(LOOK_FRAMES, len(sound) + 1, LOOK_FRAMES)
    return [replace(VIEW, sound=SoundView(sound[max(end - RATE_HZ, 0) : end].tobytes(), begin + end)) for end in ends]


async def play(desk: Desk, sound: NDArray[np.int16], begin: int = 0) -> None:
    for view in views(sound, begin):
        desk.link.view = view
        desk.app.look()
    await desk.settle()


def scope(desk: Desk) -> ScopePanel:
    assert isinstance(desk.panel, ScopePanel)
    return desk.panel


def cells(desk: Desk) -> list[list[tuple[Any, Any]]]:
    """Upper and lower colour of every cell of the spectrogram."""
    picture = scope(desk).spectrogram
    strips = picture.render_lines(Region(0, 0, *picture.size))
    return [[(s.style.color.triplet, s.style.bgcolor.triplet) for s in list(strip)[1:] if s.style] for strip in strips]  # type: ignore[union-attr]


def light(desk: Desk) -> NDArray[np.float64]:
    """Lightness of every half of a cell, shape (rows, columns)."""
    rows = cells(desk)
    return np.array([[lightness(cell[half]) for cell in row] for row in rows for half in (0, 1)])


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize(("frequency_hz", "label"), [(1_000.0, "1k"), (4_000.0, "4k"), (250.0, "250")])
def test_a_sine_is_the_line_beside_its_number(frequency_hz: float, label: str, theme: Any) -> None:
    @played
    async def look() -> None:
        async with at_panel("scope", VIEW) as desk:
            desk.app.theme = theme.name
            await desk.settle()
            await play(desk, sine(frequency_hz))
            newest = light(desk)[:, -1]
            loud = newest.argmax() if theme.dark else newest.argmin()
            row = desk.rows()[scope(desk).spectrogram.region.y - desk.panel.region.y + int(loud) // 2]
            assert row.split()[0] == label
            # What is far from it is the background.
            ground = lightness(desk.app.screen.styles.background.rgb)
            far = np.delete(newest, range(max(int(loud) - 8, 0), int(loud) + 9))
            assert np.abs(far - ground).max() < 0.01

    look()


@played
async def test_silence_is_the_background_and_is_not_drawn_again():
    async with at_panel("scope", VIEW) as desk:
        await play(desk, np.zeros(3 * RATE_HZ, "<i2"))
        assert len({cell for row in cells(desk) for pair in row for cell in pair}) == 1
        drawn = []
        for picture in (scope(desk).wave, scope(desk).spectrogram):
            picture.refresh = lambda *regions, **how: drawn.append(regions)  # type: ignore[method-assign,assignment]
        await play(desk, np.zeros(2 * RATE_HZ, "<i2"), 3 * RATE_HZ)
        assert drawn == []
        await play(desk, sine(1_000.0, 1.0), 5 * RATE_HZ)
        # Twenty looks and two pictures; the first columns are of the silence still.
        assert 2 < len(drawn) <= 2 * COLUMNS_PER_S


@played
async def test_only_rows_that_changed_are_drawn():
    async with at_panel("scope", VIEW) as desk:
        await play(desk, np.zeros(3 * RATE_HZ, "<i2"))
        picture, drawn = scope(desk).spectrogram, []
        picture.refresh = lambda *regions, **how: drawn.extend(regions)  # type: ignore[method-assign,assignment]
        # Softly: its skirts are below the range.
        await play(desk, sine(1_000.0, 1.0, 0.01)[: 10 * LOOK_FRAMES], 3 * RATE_HZ)
        labels = frequency_labels(picture.size.height)
        row = next(row for row, label in labels.items() if label == "1k")
        assert drawn
        # The first column has the beginning of the tone, a click; those after it the tone alone.
        assert all(region.y <= row < region.bottom for region in drawn)


@played
async def test_the_picture_scrolls_to_the_left():
    async with at_panel("scope", VIEW) as desk:
        sound = np.concatenate((sine(1_000.0, 2.0), sine(4_000.0, 2.0)))
        await play(desk, sound)
        before = light(desk)
        await play(desk, np.tile(sine(4_000.0, 0.5), 2), len(sound))
        moved = 10
        assert (light(desk)[:, :-moved] == before[:, moved:]).all()


@played
async def test_views_and_what_comes_along():
    async with at_panel("scope", VIEW) as desk:
        panel = scope(desk)
        assert desk.link.sound_wanted
        seen = []
        for _ in range(4):
            await desk.press("space")
            seen.append((panel.wave.display, panel.spectrogram.display, desk.link.sound_wanted))
        assert seen == [(True, False, True), (False, True, True), (False, False, False), (True, True, True)]
        await desk.press("escape")
        assert not desk.link.sound_wanted
        await desk.press("w")
        assert desk.link.sound_wanted


@pytest.mark.parametrize("variable", ["SSH_CONNECTION", "SSH_TTY"])
def test_over_ssh_it_is_off_until_it_is_wanted(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "10.0.0.2 50022 10.0.0.1 22")

    @played
    async def look() -> None:
        async with at_panel("scope", VIEW, (80, 24)) as desk:
            assert not desk.link.sound_wanted
            assert "SSH" in "\n".join(desk.rows())
            assert "space" in "\n".join(desk.rows())
            await desk.press("space")
            assert desk.link.sound_wanted
            assert scope(desk).wave.display
            assert scope(desk).spectrogram.display

    look()


@played
async def test_hold_and_range():
    async with at_panel("scope", VIEW) as desk:
        await play(desk, sine(1_000.0))
        await desk.press("enter")
        held = desk.rows()
        assert "held" in held[0]
        await play(desk, sine(5_000.0), 3 * RATE_HZ)
        assert desk.rows() == held
        await desk.press("enter")
        await play(desk, sine(5_000.0), 6 * RATE_HZ)
        assert desk.rows() != held
        for range_db in (RANGES_DB[2], RANGES_DB[0], RANGES_DB[1]):
            await desk.press("v")
            assert f"-{range_db} dB" in desk.rows()[0]


@played
async def test_a_wider_range_shows_softer_sound():
    async with at_panel("scope", VIEW) as desk:
        await play(desk, sine(1_000.0, amplitude=10 ** (-90 / 20)))
        assert len({cell for row in cells(desk) for pair in row for cell in pair}) == 1
        await desk.press("v")
        assert len({cell for row in cells(desk) for pair in row for cell in pair}) > 1


@played
async def test_what_is_clipped_is_in_the_colour_of_errors():
    async with at_panel("scope", VIEW) as desk:
        wave, error = scope(desk).wave, desk.app.theme_variables["error"].lower()
        for amplitude, wanted in ((0.9, False), (1.0, True)):
            await play(desk, sine(1_000.0, amplitude=amplitude), 0 if amplitude < 1 else 3 * RATE_HZ)
            found = {
                s.style.color.name for strip in wave.render_lines(Region(0, 0, *wave.size)) for s in strip if s.style and s.style.color
            }
            assert (error in found) is wanted


def test_without_colours_levels_are_shades(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    @played
    async def look() -> None:
        async with at_panel("scope", VIEW) as desk:
            await play(desk, sine(1_000.0))
            row = next(row for row in desk.rows() if row.split()[:1] == ["1k"])
            assert row.endswith("█")
            assert all("▀" not in row for row in desk.rows())

    look()


@pytest.mark.parametrize("size", [(20, 6), (30, 8), (80, 24), (200, 60)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    @played
    async def look() -> None:
        async with at_panel("scope", VIEW, size) as desk:
            await play(desk, sine(1_000.0, 1.0))
            await desk.pilot.resize_terminal(size[0] + 7, size[1] + 5)
            await play(desk, sine(1_000.0, 1.0), RATE_HZ)
            picture = scope(desk).spectrogram
            assert all(strip.cell_length == picture.size.width for strip in picture.render_lines(Region(0, 0, *picture.size)))

    look()


def terminal(codes: str) -> list[tuple[str, str]]:
    """What a terminal shows of cells: the upper and lower colour of each, as its codes."""
    fore = back = ""
    made = []
    for code, cell in _STATE.findall(codes):
        if cell:
            made.append((fore, back))
            continue
        numbers = code.split(";")
        while numbers and numbers[0] in ("38", "48"):
            colour, rest = ";".join(numbers[1:5]), numbers[5:]
            fore, back = (colour, back) if numbers[0] == "38" else (fore, colour)
            numbers = rest
    return made


@played
async def test_the_terminal_gets_what_the_segments_say():
    async with at_panel("scope", VIEW) as desk:
        noise = np.random.default_rng(3).uniform(-0.3, 0.3, 9 * RATE_HZ) * np.linspace(0, 1, 9 * RATE_HZ)
        await play(desk, np.rint(32_767 * noise).astype("<i2"))
        picture = scope(desk).spectrogram
        strips = picture.render_lines(Region(0, 0, *picture.size))
        wanted = [[tuple(f"2;{c.red};{c.green};{c.blue}" for c in pair) for pair in row] for row in cells(desk)]
        shown = [terminal(strip.render(desk.app.console)) for strip in strips]
        assert len(shown[0]) == picture.size.width - AXIS
        assert shown == wanted


def test_a_ready_strip_is_a_strip():
    segments = [Segment("ab", Style(color="red")), Segment("cd", Style(color="blue"))]
    strip = ReadyStrip("whole", 4, lambda: segments)
    assert strip.cell_length == 4
    assert list(strip.divide([4])) == [strip]
    assert [part.text for part in strip.divide([1, 4])] == ["a", "bcd"]
    assert strip.crop(1, 3).text == "bc"
    assert list(strip) == segments
    assert strip.apply_filter(ANSIToTruecolor(None), None) is strip  # type: ignore[arg-type]
    assert strip.apply_filter(Monochrome(), None) is not strip  # type: ignore[arg-type]


def test_a_wave_in_braille() -> None:
    lowest, highest = np.array([0.0, 0.0, -1.0, -0.1], np.float32), np.array([0.0, 0.0, 1.0, 1.0], np.float32)
    assert braille(lowest, highest, 2) == ["⠀⣿", "⠉⡏"]
    assert braille(lowest[:2], highest[:2], 1) == ["⠤"]


def test_numbers_of_the_axis_stand_apart_and_where_they_belong() -> None:
    for height in range(3, 60):
        labels = frequency_labels(height)
        rows = sorted(labels)
        assert all(after - before > 1 for before, after in pairwise(rows))
        assert labels[0] == "16k"
    # 1 kHz is 4.64 of 8.64 octaves up: row 18 of 40, from above.
    assert frequency_labels(40)[18] == "1k"
