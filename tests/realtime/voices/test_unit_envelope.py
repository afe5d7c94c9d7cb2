import math

import numpy as np
import pytest

from realtime.voices import unit_envelope
from realtime.voices.unit_envelope import (
    ACTIVE,
    ATTACK,
    COLUMNS,
    DIRECTION,
    EDGE,
    GUARD_FRAMES,
    LAST,
    LIFE,
    RATE,
    RELEASE,
    RELEASED,
    Slots,
    balance_join,
    envelope,
    release_slot,
)


def slot(**columns: float) -> Slots:
    slots = np.zeros((1, COLUMNS))
    values = {ACTIVE: 1, DIRECTION: 1, LAST: 10_000, RATE: 1, ATTACK: 100, RELEASE: 200, LIFE: -1, EDGE: 64}
    for column, value in values.items():
        slots[0, column] = value
    for name, value in columns.items():
        slots[0, getattr(unit_envelope, name)] = value
    return slots


def steps(slots: Slots, frames: int, count: int, rate: float = 1.0) -> np.ndarray:
    """Steps of a gain; the position is moved as `render` does."""
    made = []
    for _ in range(count):
        gain = np.full(frames, np.nan, np.float32)
        envelope(slots, 0, rate, gain)
        slots[0, 1] += frames * (slots[0, RATE] + rate) / 2
        slots[0, RATE] = rate
        made.append(gain)
    return np.concatenate(made)


def test_attack_and_release_have_constant_power() -> None:
    rising = steps(slot(ATTACK=200), 50, 4).astype(float)
    falling_slot = slot(ATTACK=0)
    release_slot(falling_slot, 0, 0.0, 200.0, 1.0, 10_000.0)
    falling = steps(falling_slot, 50, 4).astype(float)
    np.testing.assert_allclose(rising**2 + falling**2, 1.0, atol=1e-6)
    assert falling_slot[0, ACTIVE] == 0.0


@pytest.mark.parametrize("frames", [1, 7, 56, 700])
def test_steps_of_any_length_are_the_same_gain(frames: int) -> None:
    columns = {"LIFE": 300.0, "LAST": 650.0}
    whole = steps(slot(**columns), 1_400, 1)
    np.testing.assert_array_equal(steps(slot(**columns), frames, 1_400 // frames), whole)


def test_it_ends_itself() -> None:
    slots = slot(LIFE=300.0)
    gain = steps(slots, 100, 6)
    np.testing.assert_array_equal(gain[100:300], 1.0)
    np.testing.assert_allclose(gain[300:500], np.cos((np.arange(200) + 0.5) / 200 * math.pi / 2), atol=1e-6)
    assert not gain[500:].any()
    assert slots[0, ACTIVE] == 0.0
    assert slots[0, RELEASED] == 1.0


@pytest.mark.parametrize("rate", [0.25, 1.0, 4.0])
def test_it_ends_with_its_file(rate: float) -> None:
    slots = slot(LAST=800.0, RATE=rate)
    gain = steps(slots, 100, 40, rate)
    heard = np.flatnonzero(gain)
    assert heard[-1] == int(800 / rate)
    assert np.abs(np.diff(gain)).max() <= math.pi / 2 / 64 * 1.01


def test_a_release_that_does_not_fit_is_shortened() -> None:
    slots = slot(ATTACK=0, LAST=149.0, EDGE=20.0)
    release_slot(slots, 0, 400.0, 100.0, 1.0, 149.0)
    gain = steps(slots, 50, 4)
    np.testing.assert_array_equal(gain[:50], 1.0)
    assert np.all(np.diff(gain[50:150]) < 0)
    assert not gain[150:].any()


def test_a_shortened_release_keeps_its_curve() -> None:
    slots = slot(ATTACK=0, LAST=149.0)
    release_slot(slots, 0, 0.0, 400.0, 1.0, 149.0)
    gain = steps(slots, 150, 1)
    curve = np.cos((np.arange(150) + 0.5) / 150 * math.pi / 2)
    np.testing.assert_allclose(gain[: 150 - GUARD_FRAMES], curve[: 150 - GUARD_FRAMES], atol=1e-6)


def test_hurried_out_within_the_step() -> None:
    slots = slot(ATTACK=0, HURRY=60.0)
    gain = steps(slots, 60, 2)
    assert np.all(np.diff(gain[:60]) < 0)
    assert not gain[60:].any()
    assert slots[0, ACTIVE] == 0.0


@pytest.mark.parametrize("likeness", [0.0, 0.3, 1.0])
def test_a_balanced_join_has_the_power_of_one_sound(likeness: float) -> None:
    angle = np.linspace(0, math.pi / 2, 100)
    rising, falling = np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)
    balance_join(rising, falling, likeness)
    g, h = rising.astype(float), falling.astype(float)
    np.testing.assert_allclose(g**2 + h**2 + 2 * likeness * g * h, 1.0, atol=1e-6)


def test_equal_their_plain_forms() -> None:
    for columns in ({"LIFE": 30.0}, {"LAST": 90.0}, {"HURRY": 40.0}, {"DIRECTION": -1.0}, {"LAST": -1.0}):
        fast, plain = slot(**columns), slot(**columns)
        gains = np.zeros((2, 128), np.float32)
        envelope(fast, 0, 1.5, gains[0])
        envelope.py_func(plain, 0, 1.5, gains[1])
        np.testing.assert_allclose(gains[0], gains[1], atol=1e-6)
        np.testing.assert_allclose(fast, plain)
    pair, other = np.linspace(0, 1, 20, dtype=np.float32), np.linspace(1, 0, 20, dtype=np.float32)
    rising, falling = pair.copy(), other.copy()
    balance_join(pair, other, 0.5)
    balance_join.py_func(rising, falling, 0.5)
    np.testing.assert_allclose((pair, other), (rising, falling), atol=1e-6)
