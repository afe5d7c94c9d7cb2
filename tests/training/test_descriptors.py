import numpy as np
import pytest

from patches.descriptors import ALL_NAMES, DEFAULT_SPEC, DescriptorSpec
from training import descriptors
from training.descriptor_block import repetition
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
    joined,
)
from training.one_librosa import librosa

ALL = DescriptorSpec(ALL_NAMES)
# Measured 0 save one unit in the last place of an MFCC of -600, from matrix products of another shape.
CHUNK_TOLERANCE = 1e-4
# Measured 6.1e-5: librosa computes in float32 here.
LIBROSA_TOLERANCE = 2e-4
# Measured 4e-7: librosa's own calls on the whole file in float32 against ours in float64, in a sound without ties.
RELATIVE_TOLERANCE = 1e-5
LENGTH = 3 * SAMPLE_RATE_HZ + 777


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(5)
    time = np.arange(LENGTH) / SAMPLE_RATE_HZ
    noise = rng.standard_normal(LENGTH) * np.linspace(0.0, 0.2, LENGTH)
    return (noise + 0.3 * np.sin(2.0 * np.pi * (200.0 + 300.0 * time) * time)).astype(np.float32)


def streamed(stream: DescriptorStream, sound: np.ndarray, chunk: int) -> Descriptors:
    parts = [stream.push(sound[start : start + chunk]) for start in range(0, len(sound), chunk)]
    return joined([*parts, stream.flush()], stream.spec)


def assert_same(a: Descriptors, b: Descriptors, tolerance: float = CHUNK_TOLERANCE) -> None:
    assert a.frames.shape == b.frames.shape
    assert a.attributes.shape == b.attributes.shape
    np.testing.assert_allclose(a.frames, b.frames, rtol=0.0, atol=tolerance)
    np.testing.assert_allclose(a.attributes, b.attributes, rtol=0.0, atol=tolerance)
    np.testing.assert_allclose(a.f0_hz, b.f0_hz, rtol=RELATIVE_TOLERANCE)


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
    static = librosa.feature.mfcc(S=librosa.power_to_db(mel, amin=1e-4, top_db=None), n_mfcc=13)
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


def column(description: Descriptors, name: str, spec: DescriptorSpec = ALL) -> np.ndarray:
    return description.frames[:, spec.names.index(name)]


def tone(hz: float, rate_hz: int = SAMPLE_RATE_HZ, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2.0 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


@pytest.mark.parametrize(("hop", "rate_hz"), [(1024, 44_100), (256, 44_100), (4096, 44_100), (1024, 22_050), (1024, 48_000)])
def test_the_older_set_equals_librosas_own_calls(sound, hop, rate_hz):
    spec = DescriptorSpec(ALL_NAMES, hop, rate_hz)
    ours = describe(sound, spec)
    shared = {"y": sound, "hop_length": hop}
    expected = {
        "cent": librosa.feature.spectral_centroid(sr=rate_hz, **shared)[0],
        "flat": librosa.feature.spectral_flatness(**shared)[0],
        "rolloff": librosa.feature.spectral_rolloff(sr=rate_hz, **shared)[0],
        "rms": librosa.feature.rms(**shared)[0],
        "f0": librosa.yin(sound.astype(np.float64), fmin=80.0, fmax=10_000.0, sr=rate_hz, hop_length=hop),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(column(ours, name), values, rtol=RELATIVE_TOLERANCE, atol=0.0, err_msg=name)


def test_loudness_is_the_rms_of_the_window_in_dbfs(sound):
    ours = describe(sound, ALL)
    np.testing.assert_allclose(column(ours, "loudness"), 20.0 * np.log10(column(ours, "rms")), rtol=1e-4)
    assert np.array_equal(column(ours, "loudness"), ours.attributes[:, 0])
    assert np.all(column(describe(np.zeros(5000, np.float32), ALL), "loudness") == -100.0)


def test_the_noise_of_a_room_does_not_decide_what_a_band_without_sound_is_like():
    """A sound without highs, in 16 bits, as floats and through a microphone that hisses at -75 dBFS."""
    rng = np.random.default_rng(8)
    low = np.convolve(0.2 * rng.standard_normal(SAMPLE_RATE_HZ), np.hanning(64) / 32, "same").astype(np.float32)
    versions = [np.round(low * 32768) / 32768, low, low + 10 ** (-75 / 20) * rng.standard_normal(len(low))]
    frames = [describe(version.astype(np.float32)).frames[8:-8, :13] for version in versions]
    spread = np.std(
        np.concatenate([frames[1], describe(rng.standard_normal(SAMPLE_RATE_HZ).astype(np.float32) * 0.1).frames[8:-8, :13]]), axis=0
    )
    for other in frames[::2]:
        assert (np.abs(other - frames[1]).mean(axis=0) / spread).max() < 0.15


def test_onset_strength_equals_librosas_on_the_same_bands(sound):
    mel = librosa.feature.melspectrogram(y=sound, sr=SAMPLE_RATE_HZ, n_fft=WINDOW_FRAMES, hop_length=HOP_FRAMES, pad_mode="constant")
    bands = librosa.power_to_db(mel, amin=1e-4, top_db=None)
    expected = librosa.onset.onset_strength(S=bands, sr=SAMPLE_RATE_HZ, lag=1, center=False)
    assert expected.max() > 2.0
    np.testing.assert_allclose(column(describe(sound, ALL), "onset"), expected, atol=LIBROSA_TOLERANCE)


def test_onset_strength_rises_where_a_sound_begins_and_nowhere_else():
    sound = np.concatenate([np.zeros(20 * HOP_FRAMES, np.float32), tone(300.0)])
    onset = column(describe(sound, ALL), "onset")
    assert 19 <= np.argmax(onset) <= 20
    assert onset[:19].max() == 0.0
    assert onset[23:-3].max() < 0.01 * onset.max()


def test_the_noise_of_sixteen_bits_is_no_onset():
    noise = np.random.default_rng(0).uniform(-1.0, 1.0, SAMPLE_RATE_HZ) / 32768.0
    sound = np.concatenate([np.zeros(10 * HOP_FRAMES), noise]).astype(np.float32)
    assert column(describe(sound, ALL), "onset").max() == 0.0


@pytest.mark.parametrize("hop", [256, 320, 2048, 3072, 8192])
def test_any_hop_in_any_chunks(sound, hop):
    spec = DescriptorSpec(ALL_NAMES, hop)
    whole = describe(sound, spec)
    assert len(whole) == frame_count(len(sound), hop) == 1 + len(sound) // hop
    assert_same(streamed(DescriptorStream(spec), sound, 3001), whole)


def test_columns_come_in_the_order_of_the_spec(sound):
    spec = DescriptorSpec.parse("onset,mfcc4,delta_delta2,f0")
    ours, every = describe(sound, spec), describe(sound, ALL)
    for name in spec.names:
        assert np.array_equal(column(ours, name, spec), column(every, name))
    assert np.array_equal(describe(sound, DEFAULT_SPEC).frames, describe(sound).frames)


def test_a_spec_without_derivatives_does_not_wait_for_them(sound):
    stream = DescriptorStream(DescriptorSpec.parse("classic"))
    assert len(stream.push(sound[:1023])) == 0
    assert len(stream.push(sound[1023:1024])) == 1


@pytest.mark.parametrize("hz", [85.0, 110.0, 440.0, 1000.0, 3000.0])
def test_a_tone_has_its_fundamental(hz):
    found = describe(tone(hz)).f0_hz[2:-2]
    # Measured 2e-4. Plain YIN is 1.2 % high at 85 Hz.
    np.testing.assert_allclose(found, hz, rtol=5e-4)


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000])
def test_seed_fault_yin_was_not_told_the_sample_rate(rate_hz):
    """`feature_extraction.py` left sr at librosa's 22050, so at 44100 every fundamental came out an octave low."""
    spec = DescriptorSpec.parse("f0", sample_rate_hz=rate_hz)
    found = describe(tone(440.0, rate_hz), spec)
    np.testing.assert_allclose(found.frames[2:-2, 0], 440.0, rtol=0.01)
    np.testing.assert_allclose(found.f0_hz[2:-2], 440.0, rtol=0.01)


def unvoiced() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    white = rng.standard_normal(2 * SAMPLE_RATE_HZ)
    brown = np.cumsum(white)
    clicks = np.zeros(SAMPLE_RATE_HZ)
    clicks[::5000] = 1.0
    return {
        "white noise": 0.1 * white,
        "brown noise": 0.5 * (brown - brown.mean()) / np.abs(brown).max(),
        "silence": np.zeros(SAMPLE_RATE_HZ),
        "a constant": np.full(SAMPLE_RATE_HZ, 0.4),
        "under the range": tone(20.0),
        "clicks": clicks,
        "a tone too quiet for 16 bits": 1e-4 * tone(440.0),
    }


@pytest.mark.parametrize("name", unvoiced())
def test_what_has_no_pitch_has_no_fundamental(name):
    described = describe(unvoiced()[name].astype(np.float32), ALL)
    assert not described.f0_hz[2:-2].any()
    # The column is plain YIN, as in the seeds, which always names one.
    assert (column(described, "f0") > 0.0).all()


def test_a_tone_in_noise_is_voiced_while_the_noise_is_under_a_fifth():
    rng = np.random.default_rng(5)
    saw = 0.3 * ((110.0 * np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ) % 1.0 - 0.5)
    for share, voiced in ((0.05, 1.0), (0.5, 0.0)):
        noise = rng.standard_normal(len(saw)) * saw.std() * np.sqrt(share / (1.0 - share))
        assert np.mean(describe((saw + noise).astype(np.float32)).f0_hz[3:-3] > 0.0) == voiced


def test_repetition_finds_the_period_and_the_share_of_the_power_that_does_not_repeat():
    rng = np.random.default_rng(6)
    time = np.arange(WINDOW_FRAMES)
    window = np.sin(2.0 * np.pi * time / 400.4)
    noisy = window + rng.standard_normal(WINDOW_FRAMES) * np.sqrt(0.5 * 0.25)  # a fifth of all power
    windows = np.stack([window, noisy, rng.standard_normal(WINDOW_FRAMES), np.zeros(WINDOW_FRAMES)])
    period, share = repetition(windows, np.array([395, 400, 100, 100]))
    assert period[0] == pytest.approx(400.4, abs=0.02)
    assert share[0] < 1e-4
    assert share[1] == pytest.approx(0.2, abs=0.05)
    assert share[2] == pytest.approx(0.9, abs=0.15)
    assert share[3] == 1.0


def test_seed_fault_the_scale_was_relative_to_each_files_maximum():
    """top_db=80: the same passage was described differently in two files, and turning a file down changed nothing but mfcc0's offset."""
    noise = 0.1 * np.random.default_rng(7).standard_normal(SAMPLE_RATE_HZ).astype(np.float32)
    loud, quiet = describe(noise).frames, describe(0.5 * noise).frames
    np.testing.assert_allclose(quiet[:, 0], loud[:, 0] - 20.0 * np.log10(2.0) * np.sqrt(128), atol=0.01)
    np.testing.assert_allclose(quiet[:, 1:], loud[:, 1:], atol=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_sound_is_refused(sound, value):
    broken = sound.copy()
    broken[40_000] = value
    for hop in (1024, 8192):
        with pytest.raises(ValueError, match="NaN or infinite"):
            describe(broken, DescriptorSpec(ALL_NAMES, hop))
