import numpy as np
import pytest

from benchmarks.latency_change import MARK_FRAMES, equal_frames, find_change, find_mark, find_reference


def noise(seed: int, frames: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((frames, 2)).astype(np.float32)


@pytest.mark.parametrize("place", [0, 1, 777, 2000])
def test_a_mark_is_found_where_it_stands_sample_for_sample(place):
    sound = noise(0, 4000)
    mark = sound[place : place + MARK_FRAMES].copy()
    assert find_mark(sound, mark) == place
    mark[-1, 1] = np.nextafter(mark[-1, 1], np.float32(9.0))
    assert find_mark(sound, mark) is None


def test_a_mark_begins_at_a_frame_and_not_between_two():
    sound = noise(0, 1000)
    inside = sound.tobytes()[4 : 4 + 8 * MARK_FRAMES]
    assert find_mark(sound, np.frombuffer(inside, np.float32).reshape(-1, 2)) is None


def test_silence_and_what_is_too_short_mark_nothing():
    assert find_mark(np.zeros((4000, 2), np.float32), np.zeros((MARK_FRAMES, 2), np.float32)) is None
    sound = noise(0, 4000)
    assert find_mark(sound, sound[: MARK_FRAMES - 1]) is None


def test_equal_frames_end_with_the_first_sample_that_differs_on_either_side():
    one = noise(0, 500)
    for side in (0, 1):
        other = one.copy()
        other[123, side] += 1.0
        assert equal_frames(one, other) == 123
    assert equal_frames(one, one[:77]) == 77
    assert equal_frames(one[:0], one) == 0


def test_the_reference_is_what_two_stretches_have_in_common_wherever_it_stands_in_each():
    common = noise(1, 5000)
    first = np.concatenate([noise(2, 1200), common])
    second = np.concatenate([noise(3, 300), common[:4000], noise(4, 100)])
    np.testing.assert_array_equal(find_reference(first, second, 2500), common[:4000])
    assert len(find_reference(first, noise(5, 5000), 2500)) == 0


@pytest.mark.parametrize("changed", [MARK_FRAMES, MARK_FRAMES + 1, 3000])
def test_a_change_is_where_the_sound_leaves_the_reference(changed):
    reference = noise(1, 5000)
    sound = np.concatenate([noise(2, 801), reference[:changed], noise(3, 900)])
    assert find_change(sound, reference) == (801, changed)


def test_without_the_beginning_of_the_reference_there_is_no_change():
    reference = noise(1, 5000)
    assert find_change(np.concatenate([noise(2, 800), reference[1:]]), reference) is None
