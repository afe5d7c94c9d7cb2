"""The guard on simulated loops and on everything that is none. Sounds are made here: noise, notes, strokes."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from realtime.feedback_guard import FIRST_HOLD_S, LEAST_STRENGTH, LONGEST_HOLD_S, Correlator, FeedbackGuard

RATE_HZ = 24_000  # a quarter of the work of 96 kHz, and the band of the guard fits
LOOK_FRAMES = 2_880
SECONDS = 7


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(level_db: float, seed: int, seconds: float = SECONDS) -> np.ndarray:
    return (10 ** (level_db / 20) * generator(seed).standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def melody(seed: int, seconds: float = SECONDS) -> np.ndarray:
    """Notes of ten partials with some breath in them, every quarter of a second another."""
    random, pieces = generator(seed), []
    time = np.arange(RATE_HZ // 4) / RATE_HZ
    for _ in range(round(4 * seconds)):
        pitch = 110.0 * 2 ** (random.integers(0, 36) / 12)
        partials = np.sin(2 * np.pi * pitch * time[:, None] * np.arange(1, 11) + random.uniform(0, 6, 10)) / np.arange(1, 11)
        breath = 0.1 * random.standard_normal(len(time))
        pieces.append((partials.sum(axis=1) + breath) * np.exp(-4 * time))
    return (0.1 * np.concatenate(pieces)).astype(np.float32)


def strokes(times_s: np.ndarray, seed: int) -> np.ndarray:
    sound = noise(-75, seed)
    stroke = noise(-12, seed + 100, 0.2) * np.exp(-np.arange(round(0.2 * RATE_HZ)) / 200).astype(np.float32)
    stroke[:3] += 1.0
    for time_s in times_s:
        place = round(time_s * RATE_HZ)
        count = min(len(stroke), len(sound) - place)
        sound[place : place + max(count, 0)] += stroke[: max(count, 0)]
    return sound


def tone(hz: float, seed: int) -> np.ndarray:
    """A held note: steady partials."""
    time = np.arange(SECONDS * RATE_HZ)[:, None] / RATE_HZ
    partials = np.arange(1, 16)
    return (0.05 * (np.sin(2 * np.pi * hz * time * partials + generator(seed).uniform(0, 6, 15)) / partials).sum(axis=1)).astype(np.float32)


def later(sound: np.ndarray, seconds: float) -> np.ndarray:
    frames = round(seconds * RATE_HZ)
    return np.concatenate([np.zeros(frames, np.float32), sound[: len(sound) - frames]])


def through_a_room(sound: np.ndarray, low_pass_hz: float) -> np.ndarray:
    """A loudspeaker and a room: one-pole low-pass, and 0.2 s of reverberation as loud as the direct sound."""
    tail = generator(9).standard_normal(round(0.2 * RATE_HZ)) * 10 ** (-3 * np.arange(round(0.2 * RATE_HZ)) / (0.2 * RATE_HZ))
    tail /= np.sqrt((tail**2).sum())
    tail[0] += 1.0
    pole = np.exp(-2 * np.pi * low_pass_hz / RATE_HZ)
    response = np.convolve(tail, (1 - pole) * pole ** np.arange(200))
    size = len(sound) + len(response)
    return np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)].astype(np.float32)


def looks(guard: FeedbackGuard, heard: np.ndarray, played: np.ndarray, start_s: float = 0.0) -> list[bool]:
    return [
        guard.look(heard[i : i + LOOK_FRAMES], played[i : i + LOOK_FRAMES], start_s + i / RATE_HZ)
        for i in range(0, len(heard) - LOOK_FRAMES + 1, LOOK_FRAMES)
    ]


SOUNDS: dict[str, Callable[[int], np.ndarray]] = {"noise": lambda seed: noise(-20, seed), "melody": melody}


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 0.0])
@pytest.mark.parametrize("delay_s", [0.003, 0.03, 0.4])
@pytest.mark.parametrize("sound", SOUNDS)
def test_closes_on_a_loop(sound: str, delay_s: float, gain_db: float) -> None:
    played = SOUNDS[sound](1)
    heard = np.float32(10 ** (gain_db / 20)) * through_a_room(later(played, delay_s), 3_000.0) + noise(-60, 2)
    guard = FeedbackGuard(RATE_HZ)
    opened = looks(guard, heard, played)
    assert guard.trips == 1
    assert not opened[-1]
    assert opened.index(False) * LOOK_FRAMES / RATE_HZ < 6.0


def test_closes_soon_after_a_loop_begins_under_a_player() -> None:
    played, begins_s = noise(-20, 1), 4.0
    loop = 0.3 * later(played, 0.02)
    loop[: round(begins_s * RATE_HZ)] = 0.0
    opened = looks(FeedbackGuard(RATE_HZ), loop + 0.3 * melody(5), played)
    closed_s = (opened.index(False) + 1) * LOOK_FRAMES / RATE_HZ
    assert begins_s < closed_s < begins_s + 2.6  # measured: 1.9 to 2.2


RANDOM = np.cumsum(generator(3).uniform(0.2, 0.9, 12))
BEAT = np.arange(0.5, 7.0, 0.5)
HUMAN = BEAT + 0.05 + 0.012 * generator(4).standard_normal(len(BEAT))
LOOPED = np.tile(noise(-20, 6, 0.4), 30)[: SECONDS * RATE_HZ]

INNOCENT: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "silence": (np.zeros(SECONDS * RATE_HZ, np.float32), np.zeros(SECONDS * RATE_HZ, np.float32)),
    "nobody plays": (noise(-75, 1), melody(2)),
    "the deck is silent": (melody(1), np.zeros(SECONDS * RATE_HZ, np.float32)),
    "two melodies": (melody(1) + noise(-60, 3), melody(2)),
    "two noises": (noise(-20, 1), noise(-20, 2)),
    "the deck echoes a melody": (melody(1) + noise(-60, 3), 0.7 * later(melody(1), 0.2)),
    "the deck echoes noise at once": (noise(-20, 1), later(noise(-20, 1), 0.012)),
    "the deck echoes noise later": (noise(-20, 1), later(noise(-20, 1), 0.45)),
    "the deck echoes a loop": (LOOPED + noise(-60, 3), later(LOOPED, 0.15)),
    "one note held by both": (tone(220.0, 1) + noise(-60, 3), tone(220.0, 2) + noise(-70, 4)),
    "one clean note held by both": (tone(220.0, 1), tone(220.0, 2)),
    "the very same note held by both": (tone(220.0, 1), tone(220.0, 1)),
    "one clean sine in both": (
        *(0.1 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * RATE_HZ) / RATE_HZ + p).astype(np.float32) for p in (0, 1)),
    ),
    "strokes at random": (strokes(RANDOM, 1), strokes(RANDOM[::-1], 2)),
    "strokes in time": (strokes(HUMAN, 1), strokes(BEAT, 2)),
    "one pair of like strokes": (strokes(np.array([4.05]), 1), strokes(np.array([4.0]), 1)),
}


@pytest.mark.parametrize("case", INNOCENT)
def test_stays_open_when_it_is_no_loop(case: str) -> None:
    guard = FeedbackGuard(RATE_HZ)
    assert all(looks(guard, *INNOCENT[case]))
    assert guard.trips == 0


def test_opens_when_the_loop_is_gone_and_not_before_the_hold_is_over() -> None:
    played = noise(-20, 1, 20)
    loop = 0.3 * later(played, 0.02)
    loop[round(8 * RATE_HZ) :] = 0.0
    guard = FeedbackGuard(RATE_HZ)
    opened = looks(guard, loop + noise(-60, 2, 20), played)
    closed = opened.index(False)
    again = opened.index(True, closed)
    assert (again - closed) * LOOK_FRAMES / RATE_HZ >= FIRST_HOLD_S
    assert 8.0 < again * LOOK_FRAMES / RATE_HZ < 13.0
    assert all(opened[again:])
    assert guard.trips == 1


def test_tries_again_less_and_less_often_where_only_an_open_input_makes_sound() -> None:
    """The deck is silent while the guard is closed, so nothing can be learned then."""
    guard = FeedbackGuard(RATE_HZ)
    played, silence = noise(-20, 1, 4), np.zeros(LOOK_FRAMES, np.float32)
    heard = 0.3 * later(played, 0.02)
    place = now_s = 0.0
    closed_at: list[float] = []
    holds: list[float] = []
    is_open = True
    while guard.trips < 8 and now_s < 600.0:
        start = round(place)
        pair = (heard[start : start + LOOK_FRAMES], played[start : start + LOOK_FRAMES]) if is_open else (silence, silence)
        was_open, is_open = is_open, guard.look(*pair, now_s)
        if was_open and not is_open:
            closed_at.append(now_s)
        elif is_open and not was_open:
            holds.append(now_s - closed_at[-1])
        place = (place + LOOK_FRAMES) % (len(played) - LOOK_FRAMES)
        now_s += LOOK_FRAMES / RATE_HZ
    assert guard.trips == 8
    assert all(later >= earlier - 0.2 for earlier, later in pairwise(holds))
    assert holds[4] > 8 * holds[0]
    assert max(holds) < LONGEST_HOLD_S + 0.5


def test_the_lag_it_finds_is_the_delay() -> None:
    correlator = Correlator(48_000)
    played = generator(1).standard_normal(3 * correlator.frames).astype(np.float32)
    for frames in (48, 1_000, 20_000):
        heard = np.roll(played, frames)
        match = correlator.compare(heard[-correlator.frames :], played[-correlator.frames :])
        assert match.lag_s == pytest.approx(frames / 48_000, abs=5e-5)
        assert match.strength > 0.25 > 5 * match.rival / 2
    # Later by less than a window, and the other way round: no evidence.
    match = correlator.compare(played[-correlator.frames :], np.roll(played, 1_000)[-correlator.frames :])
    assert match.strength < LEAST_STRENGTH
    assert match.rival > 0.25


@pytest.mark.parametrize("size", [1, 127, 4_096, 100_000])
def test_looks_of_any_size(size: int) -> None:
    guard = FeedbackGuard(RATE_HZ)
    played = noise(-20, 1, 2 if size == 1 else SECONDS)[: 3_000 if size == 1 else None]
    for i in range(0, len(played), size):
        guard.look(played[i : i + size], played[i : i + size], i / RATE_HZ)
    guard.look(np.zeros(0, np.float32), np.zeros(0, np.float32), 99.0)
    assert guard.trips == 0
