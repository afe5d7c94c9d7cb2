import os
import threading
from pathlib import Path

import numpy as np
import pytest

from patches.descriptors import ALL_NAMES, DescriptorSpec
from training import descriptor_cache
from training.audio_folder import Clip
from training.descriptor_cache import described, entry_path, trim
from training.descriptors import describe

RATE_HZ = 44_100
SPEC = DescriptorSpec.parse("mfcc")
GOLDEN = {
    "mfcc0": -127.76546,
    "mfcc12": 22.231932,
    "delta1": -4.6982512,
    "delta_delta1": 1.3785406,
    "cent": 6308.2651,
    "flat": 0.015467956,
    "rolloff": 14276.514,
    "rms": 0.285759,
    "f0": 2842.7659,
    "loudness": -10.880002,
    "onset": 2.3813412,
}


def clip_of(audio, name="a.wav"):
    return Clip(Path(name), "", audio.astype(np.float32), "0" * 64)


@pytest.fixture
def audio():
    return 0.1 * np.random.default_rng(1).standard_normal((30_000, 2))


@pytest.fixture
def counted(monkeypatch):
    """Counts how often something is described rather than remembered."""
    calls = []
    describe_one = descriptor_cache._describe

    def counting(audio, spec):
        calls.append(spec)
        return describe_one(audio, spec)

    monkeypatch.setattr(descriptor_cache, "_describe", counting)
    return calls


def assert_same(a, b):
    for field in ("frames", "attributes", "f0_hz"):
        assert np.array_equal(getattr(a, field), getattr(b, field))
        assert getattr(a, field).dtype == getattr(b, field).dtype == np.float32


@pytest.mark.parametrize("hop", [256, 1024, 8192])
def test_what_is_remembered_is_what_describe_gives(tmp_path, audio, counted, hop):
    spec = DescriptorSpec(ALL_NAMES, hop)
    expected = describe(audio.astype(np.float32).mean(1, dtype=np.float32), spec)
    for _ in range(2):
        assert_same(described(clip_of(audio), spec, tmp_path), expected)
    assert len(counted) == 1


def test_mono_is_described_as_it_is(tmp_path, audio):
    mono = audio[:, :1].astype(np.float32)
    assert_same(described(clip_of(mono), SPEC, tmp_path), describe(mono[:, 0], SPEC))


@pytest.mark.parametrize("other", ["mfcc0", "mfcc,onset", "classic"])
def test_other_descriptors_are_described_anew(tmp_path, audio, counted, other):
    spec = DescriptorSpec.parse(other)
    described(clip_of(audio), SPEC, tmp_path)
    assert described(clip_of(audio), spec, tmp_path).frames.shape[1] == len(spec)
    assert len(counted) == 2


def test_seed_fault_descriptors_were_stale_after_the_hop_or_the_rate_changed(tmp_path, audio, counted):
    """A sound was skipped when any json of the same stem lay anywhere below the folder."""
    clip = clip_of(audio)
    for hop, rate in ((1024, 44_100), (1024, 22_050), (512, 22_050), (512, 44_100), (1024, 44_100)):
        spec = DescriptorSpec.parse("mfcc", hop_frames=hop, sample_rate_hz=rate)
        assert_same(described(clip, spec, tmp_path), describe(clip.audio.mean(1, dtype=np.float32), spec))
    assert len(counted) == 4


def test_seed_fault_descriptors_were_stale_after_the_sound_changed_under_its_name(tmp_path, audio, counted):
    described(clip_of(audio), SPEC, tmp_path)
    louder = clip_of(2.0 * audio)
    assert_same(described(louder, SPEC, tmp_path), describe(louder.audio.mean(1, dtype=np.float32), SPEC))
    assert len(counted) == 2


def test_seed_fault_two_sounds_of_the_same_name_collided(tmp_path, audio, counted):
    one, two = clip_of(audio, "loud/a.wav"), clip_of(audio[::-1], "soft/a.wav")
    assert not np.array_equal(described(one, SPEC, tmp_path).frames, described(two, SPEC, tmp_path).frames)
    assert len(counted) == 2


def test_a_renamed_sound_is_remembered_and_a_part_of_it_is_another_sound(tmp_path, audio, counted):
    described(clip_of(audio), SPEC, tmp_path)
    described(clip_of(audio, "b.flac"), SPEC, tmp_path)
    assert len(counted) == 1
    part = clip_of(audio[:20_000])  # as split_in_time cuts it, with the hash of the whole file
    assert len(described(part, SPEC, tmp_path)) == 1 + 20_000 // 1024
    assert len(counted) == 2


def test_a_new_definition_makes_new_entries(tmp_path, audio, counted, monkeypatch):
    described(clip_of(audio), SPEC, tmp_path)
    monkeypatch.setattr(descriptor_cache, "VERSION", descriptor_cache.VERSION + 1)
    described(clip_of(audio), SPEC, tmp_path)
    assert len(counted) == 2


def test_the_definition_has_not_changed_under_its_version():
    """If this fails, the numbers of `describe` are others than they were: raise `descriptor_cache.VERSION`, then change what is here."""
    time = np.arange(12_000) / RATE_HZ
    sound = (0.4 * np.sin(2.0 * np.pi * (300.0 + 9000.0 * time) * time) + 0.05 * np.cos(time * time * 1e7)).astype(np.float32)
    described_now = describe(sound, DescriptorSpec(ALL_NAMES))
    found = {name: float(described_now.frames[6, ALL_NAMES.index(name)]) for name in GOLDEN}
    assert descriptor_cache.VERSION == 2
    assert found == pytest.approx(GOLDEN, rel=1e-5)
    assert described_now.f0_hz[6] == pytest.approx(2829.5938, rel=1e-5)


def damage(path, how):
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "bit":
        path.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(b"\x93NUMPY" + os.urandom(500))


@pytest.mark.parametrize("how", ["cut", "bit", "empty", "noise"])
def test_a_damaged_entry_is_described_again_and_replaced(tmp_path, audio, counted, how):
    clip = clip_of(audio)
    first = described(clip, SPEC, tmp_path)
    damage(entry_path(tmp_path, clip.audio, SPEC), how)
    assert_same(described(clip, SPEC, tmp_path), first)
    assert len(counted) == 2
    assert_same(described(clip, SPEC, tmp_path), first)
    assert len(counted) == 2


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, audio):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert_same(described(clip_of(audio), SPEC, blocked), describe(clip_of(audio).audio.mean(1, dtype=np.float32), SPEC))


def test_what_is_returned_may_be_changed(tmp_path, audio):
    clip = clip_of(audio)
    for _ in range(2):
        got = described(clip, SPEC, tmp_path)
        got.frames[:] = 0.0
    assert described(clip, SPEC, tmp_path).frames.any()


def test_a_sound_that_cannot_be_described_leaves_no_entry(tmp_path, audio):
    broken = clip_of(audio)
    broken.audio[7] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        described(broken, SPEC, tmp_path)
    assert not list(tmp_path.rglob("*.*"))


def test_many_at_once_agree(tmp_path, audio):
    clip, results = clip_of(audio), []
    threads = [threading.Thread(target=lambda: results.append(described(clip, SPEC, tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    for result in results[1:]:
        assert_same(result, results[0])
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".npy"]


def test_trim_deletes_what_was_not_used_for_longest_and_nothing_else(tmp_path, audio):
    clips = [clip_of(audio * gain) for gain in (1.0, 2.0, 3.0)]
    entries = []
    for age, clip in enumerate(clips):
        described(clip, SPEC, tmp_path)
        entries.append(entry_path(tmp_path, clip.audio, SPEC))
        os.utime(entries[-1], (1_000_000 + age, 1_000_000 + age))
    other = entries[0].parent / "0_44100_mono_v2.npy"
    other.write_bytes(b"decoded audio")
    described(clips[0], SPEC, tmp_path)  # used: now the newest
    trim(tmp_path, limit_bytes=2 * entries[0].stat().st_size)
    assert [entry.exists() for entry in entries] == [True, False, True]
    trim(tmp_path, limit_bytes=0)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [other]


def test_the_cache_is_trimmed_as_it_grows(tmp_path, audio, monkeypatch):
    monkeypatch.setattr(descriptor_cache, "TRIM_EVERY", 1)
    calls = []
    monkeypatch.setattr(descriptor_cache, "trim", calls.append)
    described(clip_of(audio), SPEC, tmp_path)
    described(clip_of(audio), SPEC, tmp_path)
    assert calls == [tmp_path]
