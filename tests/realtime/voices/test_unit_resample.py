import numpy as np
import pytest

from realtime.kernels.views import Floats
from realtime.voices.unit_envelope import ATTACK, COLUMNS, DIRECTION, POSITION, RATE
from realtime.voices.unit_resample import PHASES, ZEROS, render, sinc_table
from realtime.voices.unit_shape import Shape
from tests.realtime.voices.unit_sound import RATE_HZ, everywhere, noise, player, run, sine

FRAMES = 400_000
START = 10_000


def at_rate(audio: Floats, rate: float, steps: int = 20, reverse: bool = False) -> Floats:
    made, shape = player(audio), Shape(rate=rate, reverse=reverse)
    made.begin(0, START if not reverse else START + 200_000, 1, 0.0, everywhere(audio), shape)
    return run(made, shape, steps)[1_024:, 0].astype(float)


# Measured in dB: 1 kHz 88, 88, 87, 90, 100; 5 kHz 85, 85, 98, 100 and, at rate 4 close to the edge of the filter, 19.
@pytest.mark.parametrize("frequency_hz", [100.0, 1_000.0, 5_000.0])
@pytest.mark.parametrize("rate", [0.25, 0.7, 1.0001, 1.5, 2.0])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_sine_stays_a_sine(frequency_hz: float, rate: float, reverse: bool) -> None:
    made = at_rate(sine(frequency_hz, FRAMES), rate, reverse=reverse)
    frames = np.arange(1_024, 1_024 + len(made))
    place = START + rate * frames if not reverse else START + 200_000 - rate * frames
    ideal = 0.5 * np.sin(2 * np.pi * frequency_hz / RATE_HZ * place)
    assert 10 * np.log10((ideal**2).mean() / ((made - ideal) ** 2).mean()) > 80.0


# Measured: -82 dB at 18 kHz and rate 1.5, -82 dB at 14 kHz and rate 2, -102 dB at 10 kHz and rate 4.
@pytest.mark.parametrize(("frequency_hz", "rate"), [(18_000.0, 1.5), (14_000.0, 2.0), (10_000.0, 4.0)])
def test_what_would_be_above_half_the_rate_is_gone(frequency_hz: float, rate: float) -> None:
    made = at_rate(sine(frequency_hz, FRAMES), rate)
    assert 10 * np.log10((made**2).mean() / 0.125) < -75.0


def test_what_lies_at_the_edge_of_the_filter_aliases_a_little() -> None:
    """What the module says of itself: 16 kHz at rate 1.5 would be 24 kHz; -19 dB of it comes out at 20.1 kHz."""
    made = at_rate(sine(16_000.0, FRAMES), 1.5)
    level_db = 10 * np.log10((made**2).mean() / 0.125)
    assert -25.0 < level_db < -12.0
    assert np.abs(np.fft.rfft(made * np.hanning(len(made)))).argmax() * RATE_HZ / len(made) == pytest.approx(20_100, abs=10)


@pytest.mark.parametrize("rate", [0.25, 0.7, 1.3, 4.0])
def test_a_constant_stays_constant(rate: float) -> None:
    np.testing.assert_allclose(at_rate(np.full((FRAMES, 1), 0.5, np.float32), rate), 0.5, atol=1e-7)


def test_whole_frames_come_out_as_they_are() -> None:
    audio = noise(FRAMES)
    halves = at_rate(audio, 0.5)
    np.testing.assert_allclose(halves[::2], audio[START + 512 : START + 512 + len(halves) // 2, 0], atol=1e-7)
    np.testing.assert_array_equal(at_rate(audio, 1.0), audio[START + 1_024 : START + 20 * 1_024, 0])


def test_the_table_is_the_sinc_and_nothing_at_its_end() -> None:
    table = sinc_table()
    assert table[0] == 1.0
    assert not table[PHASES::PHASES].any()
    assert table[PHASES // 2] == pytest.approx(2 / np.pi, abs=0.01)
    assert len(table) == ZEROS * PHASES + 2
    assert not table[-2:].any()


@pytest.mark.parametrize("channels", [(1, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize(("rates", "position"), [((1.0, 1.0), 200.0), ((1.0, 1.0), 200.25), ((0.5, 3.0), 210.5)])
@pytest.mark.parametrize("direction", [1, -1])
def test_equals_its_plain_form(channels: tuple[int, int], rates: tuple[float, float], position: float, direction: int) -> None:
    block = noise(500, channels[0])
    gain = np.linspace(0, 1, 40, dtype=np.float32)
    place = np.array([0.5, 0.25, 1.0, 0.75])
    made = []
    for kernel in (render, render.py_func):
        slots = np.zeros((1, COLUMNS))
        slots[0, [POSITION, DIRECTION, RATE, ATTACK]] = position + 1_000, direction, rates[0], 1
        out = np.full((40, channels[1]), 0.125, np.float32)
        kernel(slots, 0, rates[1], block, 1_000, gain, place, sinc_table(), out)
        made.append((out, slots))
    np.testing.assert_allclose(made[0][0], made[1][0], atol=1e-6)
    np.testing.assert_array_equal(made[0][1], made[1][1])
    assert made[0][1][0, RATE] == rates[1]
    assert made[0][1][0, POSITION] == position + 1_000 + direction * 40 * sum(rates) / 2
