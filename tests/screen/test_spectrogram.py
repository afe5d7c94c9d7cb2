"""What the scope measures: which row lights for which sound."""

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.attach.view import SoundView
from realtime.screen.spectrogram import COLUMNS_PER_S, HIGHEST_HZ, LOWEST_HZ, SILENCE_DB, SPLIT_HZ, SoundColumns

RATE_HZ = 44_100
ROWS = 84
BASS_HZ = 100.0
"""Below, a row is narrower than a bin of the long window, and shares its power with its neighbours (measured: 4.2 dB at 50 Hz)."""
LEVEL_DB = 2.5
"""Where a tone falls on the edge of a row its neighbour has a part (measured: at most 2.4 dB)."""
FAR_DB = -65.0
"""More than 0.7 octaves away from a tone of full scale (measured: -68 at 110 Hz, under -80 from 500 Hz on)."""
LOOK_FRAMES = 2_205


def sine(frequency_hz: float, seconds: float = 1.0, amplitude: float = 1.0, rate_hz: int = RATE_HZ) -> NDArray[np.int16]:
    return sampled(amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz))


def sampled(wave: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.rint(32_767 * wave).astype("<i2")


def heard(sound: NDArray[np.int16], rate_hz: int = RATE_HZ, look_frames: int = LOOK_FRAMES, rows: int = ROWS) -> SoundColumns:
    """Columns of a sound that comes in pieces, each view with the second before it, as it comes from the stage."""
    columns = SoundColumns(rows)
    for end in range(look_frames, len(sound) + 1, look_frames):
        columns.take(SoundView(sound[max(end - rate_hz, 0) : end].tobytes(), end), rate_hz)
    return columns


def centre_hz(row: int) -> float:
    return float(LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** ((ROWS - 1 - row + 0.5) / ROWS))


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("frequency_hz", [110.0, 220.0, 440.0, 1_000.0, 1_010.0, 3_000.0, 7_000.0, 15_000.0])
def test_a_sine_lights_its_row_and_nothing_far_from_it(frequency_hz: float, rate_hz: int) -> None:
    column = heard(sine(frequency_hz, rate_hz=rate_hz), rate_hz).levels_db[:, -1]
    row = SoundColumns(ROWS).row_of(frequency_hz)
    assert int(column.argmax()) == row
    assert abs(column[row]) < LEVEL_DB
    far = [other for other in range(ROWS) if abs(np.log2(centre_hz(other) / frequency_hz)) > 0.7]
    assert column[far].max() < FAR_DB


def test_the_row_of_a_kilohertz_is_the_one_with_that_centre() -> None:
    columns = SoundColumns(ROWS)
    assert columns.row_of(LOWEST_HZ) == ROWS - 1
    assert columns.row_of(HIGHEST_HZ) == 0
    assert centre_hz(columns.row_of(1_000.0)) == pytest.approx(1_000.0, rel=0.04)


def test_low_tones_are_told_apart() -> None:
    rows = [int(heard(sine(frequency_hz)).levels_db[:, -1].argmax()) for frequency_hz in (45.0, 55.0, 65.0, 80.0)]
    assert rows == sorted(set(rows), reverse=True)
    assert all(abs(row - SoundColumns(ROWS).row_of(f)) <= 1 for row, f in zip(rows, (45.0, 55.0, 65.0, 80.0), strict=True))


@pytest.mark.parametrize("level_db", [-20.0, -40.0, -60.0])
def test_a_level_is_the_sines(level_db: float) -> None:
    column = heard(sine(5_000.0, amplitude=10 ** (level_db / 20))).levels_db[:, -1]
    assert column.max() == pytest.approx(level_db, abs=0.2)


def test_silence_is_dark() -> None:
    columns = heard(np.zeros(2 * RATE_HZ, "<i2"))
    assert columns.count > 10
    assert (columns.levels_db == SILENCE_DB).all()
    assert not columns.lowest.any()
    assert not columns.highest.any()


def test_a_sweep_draws_a_line() -> None:
    seconds, octaves = 8.0, np.log(HIGHEST_HZ / LOWEST_HZ)
    at_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = LOWEST_HZ * seconds / octaves * np.expm1(octaves * at_s / seconds)
    columns = heard(sampled(np.sin(2 * np.pi * phase)))
    line = columns.levels_db[:, -columns.count :].argmax(0)
    assert (np.diff(line) <= 0).all()
    assert line[0] > ROWS - 6
    assert line[-1] < 3
    # The first column ends where the long window first is full; the sound of a column is a little before its end.
    ends_s = 8_192 / RATE_HZ + np.arange(columns.count) / COLUMNS_PER_S
    wanted = ROWS - 1 - ROWS * (ends_s - 0.06) / seconds
    assert np.abs(line - wanted).max() < 2


def test_any_size_of_pieces_makes_the_same_columns() -> None:
    sound = sampled(np.random.default_rng(1).uniform(-0.5, 0.5, 2 * RATE_HZ))
    whole = heard(sound, look_frames=len(sound) // 2)
    for look_frames in (441, 2_205, 4_999):
        pieces = heard(sound[: len(sound) // look_frames * look_frames], look_frames=look_frames)
        shared = min(whole.count, pieces.count)
        first_whole, first_pieces = whole.levels_db[:, -whole.count :], pieces.levels_db[:, -pieces.count :]
        assert shared >= 15
        assert (first_whole[:, :shared] == first_pieces[:, :shared]).all()


def test_both_windows_agree_where_they_meet() -> None:
    columns = heard(sampled(np.random.default_rng(2).uniform(-0.9, 0.9, 20 * RATE_HZ)))
    power = (10 ** (columns.levels_db[:, -columns.count :] / 10)).mean(1)
    split = columns.row_of(SPLIT_HZ)
    # White noise has 0.3 dB more in each row than in the one below; the rest is chance.
    steps_db = 10 * np.log10(power[split - 3 : split + 2] / power[split - 2 : split + 3])
    assert np.abs(steps_db - 10 * np.log10((HIGHEST_HZ / LOWEST_HZ) ** (1 / ROWS))).max() < 1.0


def test_what_was_missed_makes_no_click() -> None:
    sound, columns = sine(3_000.0, 2.0), SoundColumns(ROWS)
    columns.take(SoundView(sound[:30_000].tobytes(), 30_000), RATE_HZ)
    before = columns.count
    # 20 011 frames are lost; of what came after there is not yet a whole window.
    assert columns.take(SoundView(sound[50_011:55_000].tobytes(), 55_000), RATE_HZ) == 0
    assert columns.take(SoundView(sound[50_011:70_000].tobytes(), 70_000), RATE_HZ) > 0
    fresh = columns.levels_db[:, -(columns.count - before) :]
    quiet = [row for row in range(ROWS) if abs(np.log2(centre_hz(row) / 3_000.0)) > 0.7]
    assert fresh[quiet].max() < FAR_DB


def test_a_view_that_is_seen_twice_counts_once() -> None:
    sound, columns = SoundView(sine(1_000.0).tobytes(), RATE_HZ), SoundColumns(ROWS)
    assert columns.take(sound, RATE_HZ) > 0
    assert columns.take(sound, RATE_HZ) == 0


def test_a_stage_that_began_anew_is_followed() -> None:
    columns = SoundColumns(ROWS)
    columns.take(SoundView(sine(1_000.0).tobytes(), 9_000_000), RATE_HZ)
    assert columns.take(SoundView(sine(5_000.0, rate_hz=48_000).tobytes(), 48_000), 48_000) > 0
    assert int(columns.levels_db[:, -1].argmax()) == columns.row_of(5_000.0)


def test_the_wave_has_its_lowest_and_highest_values() -> None:
    wave = np.zeros(RATE_HZ)
    wave[-1_000], wave[-3_000] = 0.75, -0.5
    columns = heard(sampled(wave))
    assert columns.highest[-1] == pytest.approx(0.75, abs=1e-4)
    assert columns.lowest[-2] == pytest.approx(-0.5, abs=1e-4)
    assert columns.highest[-2] == columns.lowest[-1] == 0


@pytest.mark.parametrize("rows", [6, 40, 130])
def test_another_height_shows_the_same_sound(rows: int) -> None:
    columns = heard(sine(2_000.0))
    columns.resize(rows)
    assert columns.rows == rows
    assert abs(int(columns.levels_db[:, -1].argmax()) - columns.row_of(2_000.0)) <= 1
    columns.take(SoundView(sine(500.0, 1.0).tobytes(), 2 * RATE_HZ), RATE_HZ)
    assert int(columns.levels_db[:, -1].argmax()) == columns.row_of(500.0)
