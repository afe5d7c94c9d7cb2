import itertools

import numpy as np
import pytest
import soundfile
import soxr

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from training.audio_folder import decode_audio
from training.corpus_duplicates import SAME, Duplicates, correlation, flicker_of
from training.synthesis.catalog import TEXTURES

RATE_HZ = 44_100
SECONDS = 3.0
# Measured: 0.23 between different sounds of a class, 0.52 between pistons that beat in step, 0.68 (applause) to 0.99 for one sound.
MARGIN = 0.04


def column(audio):
    return np.asarray(audio, np.float32)[:, None]


def texture(name, clip):
    """A clip with all parameters in the middle: only chance tells it from another clip of its class."""
    levels = {parameter.name: 0.5 for parameter in TEXTURES[name].parameters}
    return TEXTURES[name].render(levels, seconds=SECONDS, seed=1, clip=clip).astype(np.float32)


def kick(hertz):
    t = np.arange(int(1.5 * RATE_HZ)) / RATE_HZ
    noise = np.random.default_rng(hertz).standard_normal(len(t))
    return (0.5 * np.sin(2 * np.pi * hertz * t * (1 + np.exp(-t * 20))) * np.exp(-t * 4) + 1e-3 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def different():
    sounds = {f"{name} {clip}": texture(name, clip) for name in TEXTURES for clip in range(2)}
    return sounds | {f"kick {hertz}": kick(hertz) for hertz in (50, 52, 54)}


def through(audio, form, folder):
    if form == "-20 dB":
        return np.round(audio * 0.1 * 32768) / 32768
    if form == "48 kHz and back":
        return soxr.resample(soxr.resample(audio, RATE_HZ, 48_000), 48_000, RATE_HZ)
    soundfile.write(folder / f"a.{form}", audio, RATE_HZ)
    return decode_audio(folder / f"a.{form}", RATE_HZ, "mono")[:, 0]


def nearest(first, second):
    """The best correlation at any lag in rows that an encoder can cause."""
    found = -1.0
    for lag in range(-4, 5):
        begin, end = max(0, -lag), min(len(first.rows), len(second.rows) - lag)
        found = max(found, correlation(first.rows[begin:end], second.rows[begin + lag : end + lag]))
    return found


def test_different_sounds_are_never_the_same_however_alike(different):
    flickers = {name: flicker_of(column(audio), DEFAULT_SPEC) for name, audio in different.items()}
    for one, two in itertools.combinations(flickers, 2):
        if abs(len(flickers[one].rows) - len(flickers[two].rows)) < 5:
            assert nearest(flickers[one], flickers[two]) < SAME - MARGIN, (one, two)
    seen = Duplicates()
    for name, flicker in flickers.items():
        assert seen.find(flicker) is None, name
        seen.add(name, flicker)


@pytest.mark.parametrize("form", ["mp3", "ogg", "-20 dB", "48 kHz and back"])
def test_one_sound_is_found_in_every_form(different, form, tmp_path):
    seen = Duplicates()
    for name, audio in different.items():
        seen.add(name, flicker_of(column(audio), DEFAULT_SPEC))
    for name, audio in different.items():
        again = flicker_of(column(through(audio, form, tmp_path)), DEFAULT_SPEC)
        assert seen.find(again) == name, name
        assert nearest(flicker_of(column(audio), DEFAULT_SPEC), again) > SAME + MARGIN, name


def test_two_mixes_that_are_the_same_for_most_of_their_time_are_two_sounds():
    common, one, two = texture("rain", 0), texture("rain", 1), texture("rain", 2)
    quarter = len(common) // 4
    first, second = (np.concatenate([other[:quarter], common[quarter:]]) for other in (one, two))
    one, two = (flicker_of(column(mix), DEFAULT_SPEC) for mix in (first, second))
    assert nearest(one, two) > SAME
    seen = Duplicates()
    seen.add("first", one)
    assert seen.find(two) is None


def test_a_part_of_a_sound_is_another_sound():
    whole = texture("wind", 0)
    seen = Duplicates()
    seen.add("whole", flicker_of(column(whole), DEFAULT_SPEC))
    assert seen.find(flicker_of(column(whole[: 2 * len(whole) // 3]), DEFAULT_SPEC)) is None


def test_what_is_too_short_or_too_still_proves_nothing():
    assert flicker_of(column(texture("rain", 0)[: RATE_HZ // 2]), DEFAULT_SPEC) is None
    still = 0.1 * np.sin(2 * np.pi * RATE_HZ / 1024 * 8 * np.arange(2 * RATE_HZ) / RATE_HZ)
    assert flicker_of(column(still), DescriptorSpec.parse("mfcc1,mfcc2")) is None


def test_without_mfccs_brightness_and_noisiness_tell():
    spec = DescriptorSpec.parse("classic")
    seen = Duplicates()
    for clip in range(3):
        flicker = flicker_of(column(texture("fire", clip)), spec)
        assert seen.find(flicker) is None
        seen.add(str(clip), flicker)
    assert seen.find(flicker_of(column(0.5 * texture("fire", 2)), spec)) == "2"
