import librosa
import numpy as np
import pytest

from training import descriptors
from training.descriptors import (
    ATTRIBUTES,
    HOP_FRAMES,
    LOOKAHEAD_FRAMES,
    NAMES,
    SAMPLE_RATE_HZ,
    WINDOW_FRAMES,
    Descriptors,
    DescriptorStream,
    describe,
    frame_count,
)

# Measured 6.1e-5: one unit in the last place of an MFCC of -600, from matrix products of another shape.
CHUNK_TOLERANCE = 1e-4
# Measured 6.1e-5 for the static part, 6e-6 for the derivatives: librosa multiplies the whole file at once.
LIBROSA_TOLERANCE = 2e-4
LENGTH = 3 * SAMPLE_RATE_HZ + 777


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(5)
    time = np.arange(LENGTH) / SAMPLE_RATE_HZ
    noise = rng.standard_normal(LENGTH) * np.linspace(0.0, 0.2, LENGTH)
    return (noise + 0.3 * np.sin(2.0 * np.pi * (200.0 + 300.0 * time) * time)).astype(np.float32)


def streamed(stream: DescriptorStream, sound: np.ndarray, chunk: int) -> Descriptors:
    parts = [stream.push(sound[start : start + chunk]) for start in range(0, len(sound), chunk)]
    parts.append(stream.flush())
    return Descriptors(np.concatenate([part.frames for part in parts]), np.concatenate([part.attributes for part in parts]))


def assert_same(a: Descriptors, b: Descriptors, tolerance: float = CHUNK_TOLERANCE) -> None:
    assert a.frames.shape == b.frames.shape
    assert a.attributes.shape == b.attributes.shape
    np.testing.assert_allclose(a.frames, b.frames, rtol=0.0, atol=tolerance)
    np.testing.assert_allclose(a.attributes, b.attributes, rtol=0.0, atol=tolerance)


def test_names():
    assert len(NAMES) == len(set(NAMES)) == 39
    assert NAMES[0] == "mfcc0"
    assert NAMES[13] == "delta0"
    assert NAMES[26] == "delta_delta0"
    assert ATTRIBUTES == ("loudness", "brightness", "noisiness")


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025, 9 * 1024, 20000])
def test_a_frame_per_hop_however_short(sound, length):
    description = describe(sound[:length])
    assert description.frames.shape == (1 + length // HOP_FRAMES, 39)
    assert description.attributes.shape == (1 + length // HOP_FRAMES, 3)
    assert description.frames.dtype == description.attributes.dtype == np.float32
    assert len(description) == frame_count(length)
    assert np.isfinite(description.frames).all()
    assert np.isfinite(description.attributes).all()


@pytest.mark.parametrize("chunk", [64, 1000, 1024, 2049, 8193])
def test_any_chunk_size_equals_the_whole(sound, chunk):
    assert_same(streamed(DescriptorStream(), sound, chunk), describe(sound))


def test_blocks_are_seamless(sound, monkeypatch):
    whole = describe(sound)
    monkeypatch.setattr(descriptors, "BLOCK_HOPS", 3)
    assert_same(describe(sound), whole)


def test_reset_equals_fresh(sound):
    stream = DescriptorStream()
    stream.push(sound[:30000])
    stream.reset()
    again = streamed(stream, sound, 5000)
    fresh = streamed(DescriptorStream(), sound, 5000)
    assert np.array_equal(again.frames, fresh.frames)
    after_flush = streamed(stream, sound, 5000)
    assert np.array_equal(after_flush.frames, fresh.frames)


def test_a_frame_depends_on_nothing_past_its_lookahead(sound):
    index = 40
    known = index * HOP_FRAMES + LOOKAHEAD_FRAMES
    other = sound.copy()
    other[known:] = np.random.default_rng(1).standard_normal(len(sound) - known)
    assert np.array_equal(describe(other).frames[: index + 1], describe(sound).frames[: index + 1])
    other[known - HOP_FRAMES // 2 : known] = 0.5
    assert not np.array_equal(describe(other).frames[index], describe(sound).frames[index])


def test_a_frame_comes_out_as_soon_as_its_lookahead_is_known(sound):
    stream = DescriptorStream()
    assert len(stream.push(sound[: LOOKAHEAD_FRAMES - 1])) == 0
    assert len(stream.push(sound[LOOKAHEAD_FRAMES - 1 : LOOKAHEAD_FRAMES])) == 1
    assert len(stream.push(sound[LOOKAHEAD_FRAMES : LOOKAHEAD_FRAMES + HOP_FRAMES])) == 1


def test_equals_librosa_without_the_file_maximum(sound):
    mel = librosa.feature.melspectrogram(y=sound, sr=SAMPLE_RATE_HZ, n_fft=WINDOW_FRAMES, hop_length=HOP_FRAMES, pad_mode="constant")
    static = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=13)
    expected = np.concatenate([static, *(librosa.feature.delta(static, order=order, mode="nearest") for order in (1, 2))]).T
    np.testing.assert_allclose(describe(sound).frames, expected, rtol=0.0, atol=LIBROSA_TOLERANCE)


def test_the_middle_equals_the_seeds_own_call_where_their_limit_does_not_bite(sound):
    loud = sound[SAMPLE_RATE_HZ:]
    static = librosa.feature.mfcc(y=loud, sr=SAMPLE_RATE_HZ, n_mfcc=13, hop_length=HOP_FRAMES)
    expected = np.concatenate([static, *(librosa.feature.delta(static, order=order) for order in (1, 2))]).T
    np.testing.assert_allclose(describe(loud).frames[5:-5], expected[5:-5], rtol=0.0, atol=LIBROSA_TOLERANCE)


def test_a_quiet_passage_does_not_depend_on_a_loud_one_elsewhere():
    rng = np.random.default_rng(2)
    quiet = (1e-5 * rng.standard_normal(SAMPLE_RATE_HZ)).astype(np.float32)
    loud = (0.5 * rng.standard_normal(SAMPLE_RATE_HZ)).astype(np.float32)
    apart = len(quiet) // HOP_FRAMES - LOOKAHEAD_FRAMES // HOP_FRAMES - 1
    alone, before = describe(quiet).frames[:apart], describe(np.concatenate([quiet, loud])).frames[:apart]
    np.testing.assert_allclose(before, alone, rtol=0.0, atol=CHUNK_TOLERANCE)
    # The seeds' call, for contrast: its limit of 80 dB under the file's maximum changes the quiet frames by many dB.
    limited = librosa.feature.mfcc(y=np.concatenate([quiet, loud]), sr=SAMPLE_RATE_HZ, n_mfcc=13, hop_length=HOP_FRAMES).T[:apart]
    assert np.max(np.abs(limited - alone[:, :13])) > 10.0


def test_attributes_of_known_sounds():
    time = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = (0.5 * np.sin(2.0 * np.pi * 1000.0 * time)).astype(np.float32)
    noise = (0.1 * np.random.default_rng(3).standard_normal(SAMPLE_RATE_HZ)).astype(np.float32)
    loudness, brightness, noisiness = describe(tone).attributes[5:-5].T
    np.testing.assert_allclose(loudness, -9.03, atol=0.05)
    np.testing.assert_allclose(brightness, np.log2(1000.0), atol=0.05)
    assert np.max(noisiness) < -40.0
    loudness, brightness, noisiness = describe(noise).attributes[5:-5].T
    np.testing.assert_allclose(loudness, -20.0, atol=0.5)
    np.testing.assert_allclose(brightness, np.log2(SAMPLE_RATE_HZ / 4), atol=0.15)
    assert np.min(noisiness) > -4.0
    np.testing.assert_allclose(describe(np.zeros(5000, np.float32)).attributes, [[-100.0, np.log2(20.0), 0.0]] * 5, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_refused(sound, bad):
    broken = sound.copy()
    broken[70000] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        describe(broken)


def test_stereo_is_refused(sound):
    with pytest.raises(ValueError, match=r"shape \(T,\).*\(100, 2\)"):
        describe(np.zeros((100, 2), np.float32))
