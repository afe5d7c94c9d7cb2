import os
import tracemalloc

import numpy as np
import pytest

from patches.errors import MissingFileError, SymlinkError
from realtime.errors import VoiceError
from realtime.voices.audio_source import BUFFER_FRAMES, FileSource, JoinedSource, MemorySource

FRAMES = 10_000


def samples(channels, seed=0):
    return np.random.default_rng(seed).integers(-32768, 32768, (FRAMES, channels)).astype("<i2")


@pytest.fixture
def pcm(tmp_path):
    """Writes a file of 16-bit samples and returns its path and what it holds, as amplitude."""

    def write(channels=1, seed=0, name="audio.pcm"):
        held = samples(channels, seed)
        (tmp_path / name).write_bytes(held.tobytes())
        return tmp_path / name, held.astype(np.float32) / np.float32(32768)

    return write


def wanted(audio, start, count, channels):
    """The plain form of a read."""
    out = np.zeros((count, audio.shape[1]), np.float32)
    first, last = max(start, 0), min(start + count, len(audio))
    if last > first:
        out[first - start : last - start] = audio[first:last]
    if channels == audio.shape[1]:
        return out
    return np.repeat(out, 2, axis=1) if channels == 2 else np.float32(0.5) * (out[:, :1] + out[:, 1:])


def read(source, start, count, channels):
    out = np.full((count, channels), 9.0, np.float32)
    source.read(start, out)
    return out


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("wide", [1, 2])
def test_a_read_is_what_lies_there_and_silence_outside(pcm, channels, wide):
    path, audio = pcm(channels)
    sources = {"file": FileSource(path, channels, FRAMES), "memory": MemorySource(audio)}
    random = np.random.default_rng(1)
    places = [(0, 1024), (-500, 1024), (FRAMES - 100, 1024), (FRAMES, 64), (-64, 64), (-5000, 20_000), (3, 0), (10**15, 8), (-(10**15), 8)]
    places += [
        (int(start), int(count)) for start, count in zip(random.integers(-2000, 12_000, 40), random.integers(1, 9000, 40), strict=True)
    ]
    for start, count in places:
        for name, source in sources.items():
            assert np.allclose(read(source, start, count, wide), wanted(audio, start, count, wide), atol=1e-7), (name, start, count)
    assert sources["file"].faults == sources["memory"].faults == 0


def test_sources_behind_each_other_read_like_one(pcm):
    first, one = pcm(1, 1, "a.pcm")
    second, two = pcm(2, 2, "b.pcm")
    joined = JoinedSource((FileSource(first, 1, FRAMES), MemorySource(one[:77]), FileSource(second, 2, FRAMES)))
    whole = np.concatenate([np.repeat(one, 2, axis=1), np.repeat(one[:77], 2, axis=1), two])
    assert (joined.frames, joined.channels) == (len(whole), 2)
    for start, count in ((0, 5000), (FRAMES - 10, 1024), (-20, 50), (len(whole) - 9, 100), (len(whole) + 5, 10), (-99, 20), (-9, 30_000)):
        assert np.array_equal(read(joined, start, count, 2), wanted(whole, start, count, 2)), start


def test_fault_a_step_opens_no_file(pcm, monkeypatch):
    """per_frame_wav_reopen: the Descriptor Transformer opened and decoded the whole file again for every frame."""
    path, audio = pcm()
    source = FileSource(path, 1, FRAMES)

    def refuse(*_, **__):
        pytest.fail("a file was opened")

    for name in ("os.open", "builtins.open", "io.open", "pathlib.Path.open"):
        monkeypatch.setattr(name, refuse)
    path.unlink()
    for start in range(0, FRAMES, 1024):
        assert np.array_equal(read(source, start, 1024, 1), wanted(audio, start, 1024, 1))


def test_a_file_that_is_cut_short_while_it_is_open_is_silence_from_there_and_counted(pcm):
    path, audio = pcm()
    source = FileSource(path, 1, FRAMES)
    assert source.changed() == ""
    assert read(source, 0, 4096, 1).any()
    os.truncate(path, 2 * 4000 + 1)
    got = read(source, 3500, 1024, 1)
    assert np.array_equal(got[:500], audio[3500:4000])
    assert not got[501:].any()
    assert source.faults == 1
    assert "8001 bytes, 20000 when it was opened" in source.changed()
    assert np.array_equal(read(source, 100, 1024, 1), audio[100:1124])
    assert source.faults == 1


def test_a_file_that_vanishes_or_is_replaced_sounds_on_and_says_so(pcm, tmp_path):
    path, audio = pcm()
    source = FileSource(path, 1, FRAMES)
    path.unlink()
    assert "No such file" in source.changed()
    assert np.array_equal(read(source, 0, 1024, 1), audio[:1024])
    path.write_bytes(bytes(2 * FRAMES))
    assert "another file" in source.changed()
    assert np.array_equal(read(source, 0, 1024, 1), audio[:1024])
    assert source.faults == 0


def test_a_file_that_is_written_to_says_so(pcm):
    path, _ = pcm()
    source = FileSource(path, 1, FRAMES)
    os.utime(path, ns=(1, 1))
    assert "written to" in source.changed()
    assert "written to" in JoinedSource((MemorySource(np.zeros((5, 1), np.float32)), source)).changed()


def test_a_closed_source_is_silence(pcm):
    path, _ = pcm()
    source = FileSource(path, 1, FRAMES)
    JoinedSource((source,)).close()
    assert not read(source, 0, 64, 1).any()
    assert source.faults == 1


def test_what_cannot_be_opened_is_refused(pcm, tmp_path):
    path, _ = pcm()
    with pytest.raises(VoiceError, match="got 20000 bytes; allowed: 19998"):
        FileSource(path, 1, FRAMES - 1)
    with pytest.raises(MissingFileError):
        FileSource(tmp_path / "none", 1, 1)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(SymlinkError):
        FileSource(tmp_path / "link", 1, FRAMES)


@pytest.mark.parametrize("kind", ["file", "memory", "joined"])
def test_a_read_allocates_nothing_that_stays(pcm, kind):
    path, audio = pcm(2)
    source = {"file": FileSource(path, 2, FRAMES), "memory": MemorySource(audio)}.get(kind) or JoinedSource(
        (FileSource(path, 2, FRAMES), MemorySource(audio))
    )
    out = np.zeros((1024, 2), np.float32)
    for start in range(-1000, 2 * FRAMES, 700):
        source.read(start, out)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for start in range(-1000, 2 * FRAMES, 700):
        source.read(start, out)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A block of 1024 stereo frames is 8 KiB.
    assert peak - before < 4096
    assert after - before < 1024


def test_a_read_longer_than_the_buffer_goes_in_pieces(pcm):
    path, audio = pcm(2)
    assert BUFFER_FRAMES < FRAMES - 2
    assert np.array_equal(read(FileSource(path, 2, FRAMES), 1, FRAMES - 2, 2), audio[1:-1])
