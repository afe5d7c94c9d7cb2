import subprocess
import sys
import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.runtime import rtsys

from patches.descriptors import ALL_NAMES, DEFAULT_SPEC, MFCC, DescriptorSpec
from realtime.descriptors.live import LiveDescriptors, Rows
from training.descriptors import Descriptors, describe
from training.synthesis.catalog import TEXTURES

RATE_HZ = 44_100
ALL = DescriptorSpec(ALL_NAMES)
# Measured: 2e-7 for the 39 of any sound here save 8e-6 in a derivative at hop 256, which is one unit in the last place of an MFCC of 100.
MFCC_TOLERANCE = 2e-5
# Measured: no difference in float32.
RELATIVE_TOLERANCE = 1e-6
# Under digital silence librosa's transform of a constant leaves 2e-13.
NEAR_ZERO = 1e-11
F0 = ALL_NAMES.index("f0")


def _tone(hz, seconds=1.0):
    return 0.3 * np.sin(2.0 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def _sounds():
    rng = np.random.default_rng(3)
    length = RATE_HZ
    time = np.arange(length) / RATE_HZ
    clicks = np.zeros(length)
    clicks[::7000] = 0.9
    sounds = {
        "silence": np.zeros(length),
        "sine": _tone(440.0),
        "full scale": np.sin(2.0 * np.pi * 1000.0 * time),
        "low sine": _tone(60.0),
        "sine too quiet for a pitch": 1e-4 * _tone(440.0),
        "chirp": 0.5 * np.sin(2.0 * np.pi * (50.0 + 6000.0 * time) * time),
        "noise": 0.1 * rng.standard_normal(length),
        "quiet noise": 1e-6 * rng.standard_normal(length),
        "loud noise": 30.0 * rng.standard_normal(length),
        "clicks": clicks,
        "constant": np.full(length, 0.5),
        "sawtooth": 0.3 * ((110.0 * time) % 1.0 - 0.5),
        "tone, then silence": np.where(time < 0.5, _tone(200.0), 0.0),
        "silence, then noise": np.where(time < 0.5, 0.0, 0.1 * rng.standard_normal(length)),
    }
    for name, texture in TEXTURES.items():
        levels = {parameter.name: 0.6 for parameter in texture.parameters}
        sounds[name] = texture.render(levels, seconds=1.5, seed=1, clip=0)
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


SOUNDS = _sounds()


@cache
def offline(name, spec) -> Descriptors:
    return describe(SOUNDS[name], spec)


def pushed(live, sound, cuts) -> Rows:
    parts, start = [], 0
    for cut in [*cuts, len(sound)]:
        parts.append(live.push(sound[start:cut]))
        start = cut
    return joined([*parts, live.flush()])


def joined(parts) -> Rows:
    return Rows(*(np.concatenate([getattr(part, field) for part in parts]) for field in ("frames", "attributes", "f0_hz")))


def assert_equal(live: Rows, studio: Descriptors, names=ALL_NAMES):
    assert live.frames.shape == studio.frames.shape
    assert live.frames.dtype == live.attributes.dtype == live.f0_hz.dtype == np.float32
    np.testing.assert_allclose(live.attributes, studio.attributes, rtol=RELATIVE_TOLERANCE, atol=NEAR_ZERO)
    np.testing.assert_allclose(live.f0_hz, studio.f0_hz, rtol=RELATIVE_TOLERANCE, atol=0.0)
    for column, name in enumerate(names):
        tolerance = {"rtol": 0.0, "atol": MFCC_TOLERANCE} if name in MFCC else {"rtol": RELATIVE_TOLERANCE, "atol": NEAR_ZERO}
        np.testing.assert_allclose(live.frames[:, column], studio.frames[:, column], **tolerance, err_msg=name)


@pytest.mark.parametrize("name", SOUNDS)
def test_equals_the_studios(name):
    assert_equal(pushed(LiveDescriptors(ALL), SOUNDS[name], range(512, len(SOUNDS[name]), 512)), offline(name, ALL))


@pytest.mark.parametrize("hop", [256, 320, 2048, 3072, 8192])
@pytest.mark.parametrize("name", ["chirp", "applause"])
def test_equals_the_studios_at_any_hop(name, hop):
    spec = DescriptorSpec(ALL_NAMES, hop)
    assert_equal(pushed(LiveDescriptors(spec), SOUNDS[name], range(777, len(SOUNDS[name]), 777)), offline(name, spec))


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 48_000, 96_000])
@pytest.mark.parametrize("name", ["sawtooth", "chirp", "noise"])
def test_equals_the_studios_at_any_rate(name, rate_hz):
    spec = DescriptorSpec(ALL_NAMES, 1024, rate_hz)
    assert_equal(pushed(LiveDescriptors(spec), SOUNDS[name], []), offline(name, spec))


@pytest.mark.parametrize("text", ["mfcc", "classic", "onset,mfcc2,delta5,delta_delta0,loudness", "f0"])
def test_columns_are_those_of_the_spec(text):
    spec = DescriptorSpec.parse(text)
    assert_equal(pushed(LiveDescriptors(spec), SOUNDS["chirp"], []), offline("chirp", spec), spec.names)


@given(st.lists(st.integers(0, len(SOUNDS["bees"])), max_size=30), st.sampled_from([256, 1024, 4096]), st.sampled_from(["mfcc", "classic"]))
@settings(max_examples=25, deadline=None)
def test_any_cut_gives_the_same_rows(cuts, hop, text):
    spec = DescriptorSpec.parse(text, hop_frames=hop)
    sound = SOUNDS["bees"]
    cut, whole = pushed(LiveDescriptors(spec), sound, sorted(cuts)), pushed(LiveDescriptors(spec), sound, [])
    for field in ("frames", "attributes", "f0_hz"):
        assert np.array_equal(getattr(cut, field), getattr(whole, field))


@given(st.integers(0, 6000), st.sampled_from([256, 1024, 8192]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_row_per_hop_however_short(length, hop, static_only):
    spec = DescriptorSpec(ALL_NAMES, hop)
    rows = pushed(LiveDescriptors(spec, static_only=static_only), SOUNDS["noise"][:length], [])
    assert len(rows) == 1 + length // hop
    assert np.isfinite(rows.frames).all()
    assert np.isfinite(rows.attributes).all()


@given(st.integers(0, 20_000), st.booleans())
@settings(max_examples=20, deadline=None)
def test_reset_is_fresh(before, end):
    live = LiveDescriptors(ALL)
    live.push(SOUNDS["pistons"][:before])
    if end:
        live.flush()
    else:
        live.reset()
    again, fresh = pushed(live, SOUNDS["chirp"], [9000]), pushed(LiveDescriptors(ALL), SOUNDS["chirp"], [9000])
    for field in ("frames", "attributes", "f0_hz"):
        assert np.array_equal(getattr(again, field), getattr(fresh, field))


@pytest.mark.parametrize(("static_only", "lookahead"), [(False, 5120), (True, 1024)])
def test_a_row_comes_out_as_soon_as_its_look_ahead_is_known(static_only, lookahead):
    live = LiveDescriptors(DEFAULT_SPEC, static_only=static_only)
    sound = SOUNDS["noise"]
    assert live.lookahead_frames == lookahead
    assert len(live.push(sound[: lookahead - 1])) == 0
    assert len(live.push(sound[lookahead - 1 : lookahead])) == 1
    assert len(live.push(sound[lookahead : lookahead + 1023])) == 0
    assert len(live.push(sound[lookahead + 1023 : lookahead + 1024])) == 1


def test_a_row_depends_on_nothing_past_its_look_ahead():
    sound, index = SOUNDS["rain"], 20
    known = index * 1024 + DEFAULT_SPEC.lookahead_frames
    other = sound.copy()
    other[known:] = 0.5
    one, two = pushed(LiveDescriptors(), sound, []), pushed(LiveDescriptors(), other, [])
    assert np.array_equal(one.frames[: index + 1], two.frames[: index + 1])
    assert not np.array_equal(one.frames[index + 1], two.frames[index + 1])


def test_static_only_has_the_same_columns_but_for_derivatives_of_zero():
    full, static = (pushed(LiveDescriptors(ALL, static_only=static_only), SOUNDS["fire"], [5000]) for static_only in (False, True))
    moving = [name in MFCC[13:] for name in ALL_NAMES]
    assert not static.frames[:, moving].any()
    assert full.frames[:, moving].any()
    still = np.logical_not(moving)
    assert np.array_equal(static.frames[:, still], full.frames[:, still])
    assert np.array_equal(static.attributes, full.attributes)
    assert np.array_equal(static.f0_hz, full.f0_hz)


def test_without_fundamentals_the_rest_is_the_same():
    full, rest = (pushed(LiveDescriptors(ALL, with_f0=with_f0), SOUNDS["sawtooth"], []) for with_f0 in (True, False))
    assert not rest.f0_hz.any()
    assert not rest.frames[:, F0].any()
    others = [name != "f0" for name in ALL_NAMES]
    assert np.array_equal(rest.frames[:, others], full.frames[:, others])
    assert np.array_equal(rest.attributes, full.attributes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_sound_is_silence_and_is_counted(value):
    sound = SOUNDS["noise"].copy()
    sound[[3, 30_000, 30_001]] = value
    silent = sound.copy()
    silent[[3, 30_000, 30_001]] = 0.0
    live = LiveDescriptors(ALL)
    rows = pushed(live, sound, [100, 40_000])
    assert live.faults == 3
    assert np.array_equal(rows.frames, pushed(LiveDescriptors(ALL), silent, []).frames)


def test_read_only_and_strided_samples_are_taken():
    sound = SOUNDS["rain"][:20_000]
    locked = sound.copy()
    locked.setflags(write=False)
    strided = np.stack([sound, sound], axis=1)[:, 1]
    expected = pushed(LiveDescriptors(ALL), sound, []).frames
    for samples in (locked, strided):
        assert np.array_equal(pushed(LiveDescriptors(ALL), samples, [777]).frames, expected)


def test_prepare_leaves_the_stream_as_new():
    live = LiveDescriptors(ALL)
    live.prepare()
    assert live.faults == 0
    assert np.array_equal(pushed(live, SOUNDS["wind"], []).frames, pushed(LiveDescriptors(ALL), SOUNDS["wind"], []).frames)


def test_memory_does_not_grow_and_a_push_allocates_little_more_than_its_rows():
    live = LiveDescriptors(ALL)
    live.prepare()
    sound = SOUNDS["noise"]
    blocks = [sound[start : start + 1024] for start in range(0, 40 * 1024, 1024)]
    live.push(sound)
    before = rtsys.get_allocation_stats()
    tracemalloc.start()
    for block in blocks:
        live.push(block)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for block in blocks * 5:
        live.push(block)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    now = rtsys.get_allocation_stats()
    # Numba counts a handle for every array it is called with; none of them stays.
    assert now.alloc - now.free == before.alloc - before.free
    assert after - kept < 2048
    # Measured 4 kB.
    assert peak - kept < 16_384


COMPILES = """
import sys
import numpy as np
from realtime.descriptors import kernels
from realtime.descriptors.live import LiveDescriptors

def compiled():
    return [len(getattr(kernels, name).signatures) for name in ("place", "power_of", "spectral", "temporal", "release")]

live = LiveDescriptors()
before = compiled()
live.prepare()
live.push(np.ones(9000, np.float32))
live.push(np.ones(9000, np.float32)[::2])
assert compiled() == before == [1] * 5, (before, compiled())
assert not {"librosa", "training", "torch"} & set(sys.modules), "the studio is on stage"
"""


def test_nothing_is_compiled_while_sound_comes_and_nothing_of_the_studio_is_loaded():
    done = subprocess.run([sys.executable, "-c", COMPILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_seed_fault_a_live_row_depended_on_the_loudest_moment_of_its_file():
    """top_db=80 under the file's maximum: nobody knows that maximum while the file still sounds."""
    quiet = SOUNDS["quiet noise"]
    later = np.concatenate([quiet, SOUNDS["full scale"]])
    alone, before = (pushed(LiveDescriptors(), sound, []).frames for sound in (quiet, later))
    apart = len(quiet) // 1024 - 5
    assert np.array_equal(before[:apart], alone[:apart])
