import dataclasses

import numpy as np
import pytest

from tests.token_sets import CODES, clip, dataset
from training.tokens_data import HeldOutWindows, TokensData, TokenWindows, clip_condition
from training.tokens_errors import EmptyClassError, NoHeldOutError, ShortClipError
from training.tokens_recipe import read_tokens_recipe

PLAIN = read_tokens_recipe().with_changes(
    window_steps=20, batch_size=64, corruption=0.0, codebook_dropout=0.0, start_share=0.0, splice_share=0.0, blend_share=0.2
)


def windows(recipe=PLAIN, clips=None, steps=60):
    clips = clips or [clip(index, steps, "training", index % 3) for index in range(9)]
    return TokenWindows(clips, CODES, recipe, lambda: 0)


def test_a_batch_follows_from_seed_and_update_alone():
    first, again, other = windows(), windows(), windows(PLAIN.with_changes(seed=2))
    again.batch(4)
    for left, right in zip(first.batch(5), again.batch(5), strict=True):
        assert left.equal(right)
    assert not first.batch(5)[0].equal(first.batch(6)[0])
    assert not first.batch(5)[0].equal(other.batch(5)[0])


def test_targets_are_the_steps_after_what_was_heard():
    heard, condition, target = windows().batch(0)
    assert heard.shape == target.shape == (64, 20, 3)
    assert condition.shape == (64, 20, 5)
    assert heard[:, 1:].equal(target[:, :-1])
    assert int(target.min()) >= 0
    clips = [clip(index, 20, "training", index % 3) for index in range(9)]
    heard, _, _ = windows(clips=clips).batch(0)
    assert (heard[:, 0] == -1).all()  # every window begins where its clip does


def test_a_parameter_that_is_not_given_is_anything_and_one_that_is_trembles():
    random = np.random.default_rng(0)
    given = clip(1, 60, "training", 1)
    drawn = np.stack([clip_condition(given, random, 0.02) for _ in range(400)])
    assert (drawn[:, :3] == given.weights).all()
    assert drawn[:, 3].std() == pytest.approx(0.02, rel=0.2)
    assert drawn[:, 3].mean() == pytest.approx(given.values[0], abs=0.01)
    assert drawn[:, 4].std() == pytest.approx(12**-0.5, rel=0.15)
    edge = dataclasses.replace(given, values=np.array([1.0, 0.0], np.float32))
    assert (np.abs(clip_condition(edge, random, 0.5)[3:] - 0.5) <= 0.5).all()


def test_classes_are_drawn_evenly_and_blends_apart():
    clips = [clip(index, 60, "training", 0) for index in range(20)]
    clips += [clip(30, 60, "training", 1), clip(31, 60, "training", 2), clip(40, 60, "training", 1, blend=True)]
    batches = windows(clips=clips)
    weights = np.concatenate([batches.batch(update)[1][:, 0, :3].numpy() for update in range(15)])
    blended = weights.max(1) < 0.9
    assert blended.mean() == pytest.approx(0.2, abs=0.05)
    assert weights[~blended].mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.06)


def test_corruption_dropout_and_starts_touch_only_what_is_heard():
    recipe = PLAIN.with_changes(corruption=0.25, codebook_dropout=0.5, start_share=0.5)
    plain, (heard, _, target) = windows().batch(3)[0], windows(recipe).batch(3)
    assert target.equal(windows().batch(3)[2])
    dropped = (heard[:, 1:] == -1).any(-1).all(1)
    assert 0.3 < dropped.float().mean() < 0.7
    assert (heard[:, 1:, 0] >= 0).all()
    assert 0.3 < (heard[:, 0] == -1).all(-1).float().mean() < 0.7
    changed = (heard[:, 1:, 0] != plain[:, 1:, 0]).float().mean()
    assert changed == pytest.approx(0.25 * (1 - 1 / CODES), abs=0.05)


def test_a_splice_changes_sound_and_condition_in_the_same_step():
    heard, condition, target = windows(PLAIN.with_changes(splice_share=1.0)).batch(1)
    assert heard[:, 1:].equal(target[:, :-1])
    spliced = 0
    for row in range(len(heard)):
        cuts = np.flatnonzero((np.diff(condition[row].numpy(), axis=0) != 0).any(1))
        assert len(cuts) <= 1
        for cut in cuts:
            spliced += 1
            way = target[row, :, 0].numpy()
            # Within a clip the walk goes on by none or one.
            moves = np.diff(way) % CODES
            assert set(np.flatnonzero(moves > 1)) <= {cut}
    assert spliced > 50


def test_held_out_windows_are_always_the_same_and_from_every_clip():
    clips = [clip(index, 60, "held_out", index % 3) for index in range(6)]
    first, again = HeldOutWindows(clips, 40, 20), HeldOutWindows(clips, 40, 20)
    assert len(first) == 2
    assert sum(len(batch[0]) for batch in first) == 20
    assert all(left.equal(right) for one, two in zip(first, again, strict=True) for left, right in zip(one, two, strict=True))
    speeds = {float(value) for batch in first for value in batch[1][:, 0, 3]}
    assert len(speeds) == 6


def test_held_out_windows_are_twice_as_long_where_the_clips_are(tmp_path):
    data = TokensData(dataset(tmp_path / "set"), PLAIN)
    assert next(iter(data.val_dataloader()))[0].shape[1] == 40
    data = TokensData(dataset(tmp_path / "short", steps=25), PLAIN)
    assert next(iter(data.val_dataloader()))[0].shape[1] == 25


def test_datasets_that_cannot_be_learned_from_are_refused_by_name(tmp_path):
    def no_bees(clips):
        return [part for part in clips if part.split == "held_out" or part.weights[2] == 0.0]

    def short(clips):
        return [*clips[:4], clip(50, 12, "training", 1), *clips[4:]]

    with pytest.raises(ShortClipError, match=r"clip 5 of 21, wind/50\.wav.*got 12 steps.*at least 20.*--shortest 20, .*window_steps"):
        TokensData(dataset(tmp_path / "a", changed=short), PLAIN)
    with pytest.raises(EmptyClassError, match=r"class bees.*got 2 held out"):
        TokensData(dataset(tmp_path / "b", changed=no_bees), PLAIN)
    with pytest.raises(NoHeldOutError, match="no clip is held out"):
        TokensData(dataset(tmp_path / "c", changed=lambda clips: [part for part in clips if part.split == "training"]), PLAIN)
