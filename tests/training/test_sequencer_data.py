import numpy as np
import pytest
import soundfile
import torch

from training.descriptors import HOP_FRAMES, NAMES, SAMPLE_RATE_HZ, describe
from training.errors import NothingToHoldOutError
from training.sequencer_data import EDGE_ROWS, HELD_OUT_ROWS, HeldOutBatches, WindowBatches, mono, read_frames


def numbered(length, first):
    """A clip whose every value is its frame's number, so that a window shows where it comes from."""
    return np.repeat(np.arange(first, first + length, dtype=np.float32)[:, None], len(NAMES), axis=1)


def windows(clips, **changes):
    dials = {"window": 8, "batch_size": 16, "seed": 1, "interval": 5, "last_update": 100, "next_update": lambda: 0} | changes
    return WindowBatches(clips, **dials)


def sounds(folder, seconds, names=("a/0", "a/1", "a/2", "b/0", "b/1", "b/2")):
    random = np.random.default_rng(0)
    for level, name in enumerate(names, start=1):
        file = folder / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        audio = 0.05 * level * random.standard_normal(int(seconds * SAMPLE_RATE_HZ))
        soundfile.write(file, np.clip(audio, -1, 1), SAMPLE_RATE_HZ, subtype="PCM_16")
    return folder


def test_the_target_is_the_next_frame_of_the_same_clip():
    frames, target, real = windows([numbered(50, 0), numbered(30, 1000)]).batch(3)
    assert torch.equal(target, frames + 1)
    assert torch.equal(frames[:, 1:], target[:, :-1])
    assert real.min() == 1


def test_windows_reach_every_frame_and_every_item_of_a_batch_differs():
    clip = numbered(20, 0)
    seen = torch.cat([windows([clip]).batch(update)[1].flatten() for update in range(20)]).unique()
    assert seen.tolist() == list(range(1, 20))
    starts = windows([numbered(5000, 0)]).batch(0)[0][:, 0, 0]
    assert len(starts.unique()) == 16


def test_a_clip_is_drawn_in_proportion_to_its_length():
    batch = windows([numbered(900, 0), numbered(100, 5000)], batch_size=2000).batch(0)[0]
    # Five standard deviations of a share of 0.1 in 2000 draws are 0.034.
    assert abs(float((batch[:, 0, 0] >= 5000).float().mean()) - 0.1) < 0.034


def test_a_clip_shorter_than_the_window_is_whole_and_the_rest_is_masked():
    frames, target, real = windows([numbered(5, 1)]).batch(0)
    assert real.sum(1).tolist() == [4.0] * 16
    assert (target[real.bool()] == frames[real.bool()] + 1).all()
    assert (target[~real.bool()] == 0).all()


def test_a_splice_goes_on_elsewhere_and_the_jump_is_learned():
    frames, target, real = windows([numbered(500, 0), numbered(500, 5000)], splice_share=1.0).batch(0)
    steps = target - frames
    assert torch.equal(frames[:, 1:], target[:, :-1])
    assert ((steps[..., 0] != 1).sum(1) <= 1).all()
    assert ((steps[..., 0] != 1).sum(1) == 1).float().mean() > 0.9
    assert real.min() == 1
    assert torch.equal(windows([numbered(500, 0)], splice_share=0.0).batch(4)[0], windows([numbered(500, 0)]).batch(4)[0])


def test_a_spliced_short_clip_is_masked_where_it_ends():
    frames, target, real = windows([numbered(4, 1)], splice_share=1.0).batch(0)
    assert (frames[real.bool()] > 0).all()
    assert (target[real.bool()] > 0).all()


def test_a_batch_depends_on_seed_and_update_alone():
    clips = [numbered(500, 0)]
    first, again = windows(clips), windows(clips, interval=7, next_update=lambda: 40)
    assert torch.equal(first.batch(41)[0], again.batch(41)[0])
    assert torch.equal(list(again)[1][0], first.batch(41)[0])
    assert not torch.equal(first.batch(41)[0], first.batch(42)[0])
    assert not torch.equal(first.batch(41)[0], windows(clips, seed=2).batch(41)[0])


def test_a_stretch_ends_with_its_interval_with_the_last_update_or_when_told():
    clips = [numbered(50, 0)]
    assert len(list(windows(clips))) == 5
    assert len(list(windows(clips, next_update=lambda: 97))) == 3
    batches = windows(clips)
    for made, _ in enumerate(batches, start=1):
        batches.stop = made == 2
    assert made == 2


@pytest.mark.parametrize("lengths", [[2], [5, 40, 7], [HELD_OUT_ROWS + 1], [HELD_OUT_ROWS + 2, 3], [2 * HELD_OUT_ROWS + 100] * 20])
def test_every_held_out_frame_is_predicted_once_from_the_frame_before_it(lengths):
    clips = [numbered(length, 10_000 * index) for index, length in enumerate(lengths)]
    predicted = []
    batches = HeldOutBatches(clips)
    assert len(batches) == len(list(batches))
    for frames, target, real in batches:
        assert torch.equal(target[real.bool()], frames[real.bool()] + 1)
        predicted += target[real.bool()][:, 0].tolist()
    assert sorted(predicted) == [float(value) for clip in clips for value in clip[1:, 0]]


def test_held_out_files_are_never_trained_on_and_the_statistics_are_those_of_training(tmp_path):
    data = read_frames(sounds(tmp_path / "audio", 1.0), held_out_share=0.34, seed=1, cache=tmp_path / "cache")
    learned, judged = ({part.clip.path for part in side} for _, side in data.sides())
    assert data.split == "file"
    assert len(judged) == 2
    assert learned.isdisjoint(judged)
    assert learned | judged == {clip.path for clip in data.folder.clips}
    frames = np.concatenate([part.frames for part in data.training])
    assert np.abs(frames.mean(0)).max() < 1e-3
    assert np.abs(frames.std(0) - 1).max() < 1e-3
    raw = np.concatenate([describe(mono(part.clip.audio)).frames[EDGE_ROWS:-EDGE_ROWS] for part in data.training])
    assert np.allclose(data.mean, raw.mean(0), rtol=1e-4, atol=1e-4)
    assert np.allclose(data.std, raw.std(0), rtol=1e-4)


def test_one_clip_holds_out_its_end(tmp_path):
    data = read_frames(sounds(tmp_path / "audio", 8.0, ["only"]), held_out_share=0.1, seed=1, cache=tmp_path / "cache")
    (learned,), (judged,) = data.training, data.held_out
    assert data.split == "time"
    whole = data.folder.clips[0].audio
    cut = len(learned.clip.audio)
    assert abs(cut / len(whole) - 0.9) < 0.01
    assert np.array_equal(judged.clip.audio, whole[cut:])


def test_rows_that_hear_the_silence_outside_a_file_are_left_out(tmp_path):
    data = read_frames(sounds(tmp_path / "audio", 1.0), held_out_share=0.34, seed=1, cache=tmp_path / "cache")
    part = data.training[0]
    silence = np.zeros(20 * HOP_FRAMES, dtype=np.float32)
    noise = np.random.default_rng(1).standard_normal(20 * HOP_FRAMES).astype(np.float32)
    inside = [describe(np.concatenate([around, mono(part.clip.audio), around])).frames for around in (silence, noise)]
    rows = slice(20 + EDGE_ROWS, 20 + EDGE_ROWS + len(part.frames))
    assert np.allclose(inside[0][rows], inside[1][rows], atol=1e-3)
    assert not np.allclose(inside[0][rows.start - 1], inside[1][rows.start - 1], atol=1e-3)


def test_too_little_audio_to_hold_out_is_refused(tmp_path):
    with pytest.raises(NothingToHoldOutError, match="too short to hold a part out"):
        read_frames(sounds(tmp_path / "audio", 0.6, ["only"]), held_out_share=0.1, seed=1, cache=tmp_path / "cache")


def test_content_tells_the_data_and_its_split(tmp_path):
    folder = sounds(tmp_path / "audio", 1.0)
    read = {seed: read_frames(folder, held_out_share=0.34, seed=seed, cache=tmp_path / "cache").content for seed in (1, 2, 3, 4)}
    assert read_frames(folder, held_out_share=0.34, seed=1, cache=tmp_path / "cache").content == read[1]
    assert len(set(read.values())) > 1
    sounds(folder, 1.5, ["a/0"])
    assert read_frames(folder, held_out_share=0.34, seed=1, cache=tmp_path / "cache").content != read[1]
