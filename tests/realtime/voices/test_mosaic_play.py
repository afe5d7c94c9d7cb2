"""What every control of a mosaic does to what is heard, and what its input does."""

import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from patches.descriptors import GROUPS
from patches.mosaic_controls import MOSAIC_CONTROLS
from patches.reader import read_manifest
from realtime.voices.mosaic import Mosaic
from realtime.voices.voice import CorpusChoice, UnitEvent, VoiceOptions, make_voice
from tests.mosaic_patch import make_mosaic, sounds
from tests.stage_patch import HOP_FRAMES, RATE_HZ
from training.__main__ import main

STEPS_HZ = RATE_HZ / HOP_FRAMES


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mosaic(tmp_path_factory.mktemp("mosaic"))


@pytest.fixture(name="prepared", scope="module")
def _prepared(folder: Path) -> Mosaic:
    voice = make_voice(folder, read_manifest(folder))
    assert isinstance(voice, Mosaic)
    voice.prepare()
    return voice


@pytest.fixture(name="voice")
def _voice(prepared: Mosaic) -> Iterator[Mosaic]:
    prepared.reset(1)
    yield prepared
    prepared.log = None


def controls(voice: Mosaic, **values: float) -> np.ndarray:
    listed = voice._manifest.controls
    unknown = set(values) - {c.id for c in listed}
    assert not unknown
    return np.array([values.get(c.id, c.default) for c in listed], np.float32)


def play(voice: Mosaic, hops: int, heard: np.ndarray | None = None, **values: float) -> tuple[np.ndarray, list[UnitEvent]]:
    """Some hops of sound, (T, 2), and their log; `heard` is what the input plays meanwhile, each hop of it before ours."""
    events: list[UnitEvent] = []
    voice.log = events.append
    given = controls(voice, **values)
    made = np.zeros((hops, HOP_FRAMES // voice.step_frames, voice.step_frames, voice.channels), np.float32)
    for hop, steps in enumerate(made):
        if heard is not None:
            voice.listen(heard[hop * HOP_FRAMES : (hop + 1) * HOP_FRAMES])
        for step in steps:
            voice.step(given, False, step)
    return made.reshape(-1, voice.channels), events


def level_db(sound: np.ndarray) -> float:
    return 20.0 * float(np.log10(max(float(sound.std()), 1e-9)))


def test_every_control_of_the_table_can_be_turned_to_both_ends(voice: Mosaic) -> None:
    heard = sounds()["hum"][:, 0]
    for control in MOSAIC_CONTROLS:
        for value in (control.min, control.max):
            voice.reset(3)
            made, _ = play(voice, 12, heard, **{control.id: value})
            assert np.isfinite(made).all(), control.id
            assert np.abs(made).max() < 2.0, control.id


def test_a_label_at_0_is_not_heard(voice: Mosaic) -> None:
    for kept in ("hiss", "hum", "whistle"):
        off = {f"label_{label}": 0.0 for label in ("hiss", "hum", "whistle") if label != kept}
        voice.reset(2)
        _, events = play(voice, 60, **off, density=20.0, temperature=1.0)
        assert {event.label for event in events[1:]} == {kept}
        assert {event.file for event in events[1:]} == {f"{kept}/take.wav"}


def test_all_labels_at_0_are_said_once_and_the_sound_goes_on(voice: Mosaic) -> None:
    off = {f"label_{label}": 0.0 for label in ("hiss", "hum", "whistle")}
    made, _ = play(voice, 30, **off)
    assert level_db(made) > -50.0
    assert voice.take_notes() == ["no unit has a label that is turned up: the labels stay as they were"]
    play(voice, 30, **off)
    assert voice.take_notes() == []


def test_no_unit_comes_again_within_the_taboo_time(voice: Mosaic) -> None:
    _, events = play(voice, 200, taboo=1.0, density=43.0, continuity=0.0, temperature=1.0)
    last: dict[int, int] = {}
    again = []
    for step, event in enumerate(events):
        if event.faded and event.unit in last:
            again.append(step - last[event.unit])
        last[event.unit] = step
    assert not again or min(again) >= 43
    voice.reset(1)
    _, events = play(voice, 200, taboo=0.0, density=43.0, continuity=0.0, temperature=0.0)
    assert len({event.unit for event in events}) < 150


def test_one_shots_leave_silence_between_them(voice: Mosaic) -> None:
    made, events = play(voice, 86, one_shot=1.0, density=4.0, temperature=0.0)
    loud = np.abs(made[:, 0]).reshape(-1, 256).max(axis=1) > 1e-4
    assert 0.05 < loud.mean() < 0.45  # four units of 23 ms and their fades a second
    assert len(events) <= 3 * 8


def test_a_one_shot_lasts_as_long_as_its_unit_is_set(voice: Mosaic) -> None:
    shares = []
    for length in (50.0, 150.0):
        voice.reset(4)
        made, _ = play(voice, 86, one_shot=1.0, density=3.0, temperature=0.0, unit_length=length)
        shares.append(float((np.abs(made[:, 0]).reshape(-1, 256).max(axis=1) > 1e-4).mean()))
    assert shares[1] > 2.0 * shares[0]


def test_a_unit_that_ends_makes_the_next_one_due(voice: Mosaic) -> None:
    made, _ = play(voice, 86, unit_length=60.0, density=1.0, temperature=0.0)
    assert (np.abs(made[:, 0]).reshape(-1, 512).max(axis=1) > 1e-4).mean() > 0.9


def test_forty_frames_are_forty_hops_at_every_rate(voice: Mosaic) -> None:
    """The seeds' playback made 500 ms of what should be 929."""
    for rate in (0.25, 1.0, 4.0):
        voice.reset(5)
        made, _ = play(voice, 40, rate=rate)
        assert len(made) == 40 * HOP_FRAMES
        quiet = np.abs(made[:, 0]).reshape(-1, 128).max(axis=1) < 1e-5
        assert not quiet[4:].any()


def test_the_rate_moves_the_pitch(voice: Mosaic) -> None:
    peaks = []
    for rate in (0.5, 1.0, 2.0):
        voice.reset(6)
        made, _ = play(voice, 60, rate=rate, label_hiss=0.0, label_hum=0.0)
        spectrum = np.abs(np.fft.rfft(made[20 * HOP_FRAMES :, 0] * np.hanning(40 * HOP_FRAMES)))
        peaks.append(float(np.argmax(spectrum)) * RATE_HZ / (40 * HOP_FRAMES))
    assert peaks[1] == pytest.approx(1800.0, rel=0.2)
    assert peaks[0] == pytest.approx(peaks[1] / 2, rel=0.45)
    assert peaks[2] == pytest.approx(peaks[1] * 2, rel=0.45)


def test_reverse_goes_back_through_the_corpus(voice: Mosaic) -> None:
    _, events = play(voice, 100, reverse=1.0, density=2.0, continuity=1.0)
    natural = [b.unit - a.unit for a, b in pairwise(events) if not b.faded]
    assert len(natural) > 50
    assert set(natural) == {-1}


def test_streams_sound_together_at_one_level_and_spread(voice: Mosaic) -> None:
    levels, widths = [], []
    for streams in (1.0, 4.0):
        voice.reset(7)
        made, events = play(voice, 120, streams=streams, spread=1.0, density=12.0, label_hum=0.0, label_whistle=0.0)
        assert {event.stream for event in events} == set(range(int(streams)))
        levels.append(level_db(made[20 * HOP_FRAMES :].mean(axis=1)))
        widths.append(level_db(made[20 * HOP_FRAMES :, 0] - made[20 * HOP_FRAMES :, 1]))
    assert abs(levels[0] - levels[1]) < 4.0
    assert widths[0] < -100.0
    assert widths[1] > -40.0


def test_fewer_streams_fade_without_a_click(voice: Mosaic) -> None:
    play(voice, 30, streams=4.0, density=20.0, label_hiss=0.0)
    made, events = play(voice, 30, streams=1.0, density=20.0, label_hiss=0.0)
    assert {event.stream for event in events[4:]} == {0}
    steepest = max(float(np.abs(np.diff(sounds()[label][:, 0])).max()) for label in ("hum", "whistle"))
    assert np.abs(np.diff(made[:, 0])).max() < 2.0 * steepest


def test_weights_decide_what_is_near(voice: Mosaic) -> None:
    """With nothing but loudness to go by, loudness is met better than with everything else as well."""
    attributes = voice._target.rows[:, -3]
    apart = []
    for other in (1.0, 0.0):
        voice.reset(8)
        others = {f"weight_{group}": other for group in ("timbre", "movement", "brightness", "noisiness")}
        missed = []
        for _ in range(100):
            _, events = play(voice, 1, density=43.0, continuity=0.0, temperature=0.0, **others)
            missed += [abs(float(attributes[event.unit] - voice._row[-3])) for event in events if event.faded]
        apart.append(np.mean(missed))
    assert apart[1] < 0.4 * apart[0]


def test_with_foresight_joins_are_paid_for(voice: Mosaic) -> None:
    """The dearer a join, the longer a path goes on naturally; and what is foreseen changes what is chosen."""
    jumps, chosen = [], []
    for hops, continuity in ((6.0, 0.0), (6.0, 0.95), (1.0, 0.0)):
        voice.reset(9)
        _, events = play(voice, 200, foresight=hops, density=43.0, continuity=continuity, temperature=0.0)
        jumps.append(sum(event.faded for event in events))
        chosen.append([event.unit for event in events])
    assert 0 < jumps[1] < jumps[0]
    assert chosen[0] != chosen[2]


def test_autonomy_frees_the_sequencer_from_what_is_played(voice: Mosaic) -> None:
    frames = []
    for autonomy in (0.0, 1.0):
        voice.reset(10)
        play(voice, 60, autonomy=autonomy, temperature=0.0)
        frames.append(voice._forecaster.next.copy())
    # Left to itself the test's sequencer sinks to its mean.
    assert np.abs(frames[1]).max() < 0.02
    assert np.abs(frames[0]).max() > 0.1


@pytest.mark.parametrize("label", ["hiss", "hum", "whistle"])
def test_followed_input_comes_back_as_itself(voice: Mosaic, label: str) -> None:
    heard = sounds()[label][:, 0][3 * HOP_FRAMES // 2 + 37 :]
    _, events = play(voice, 60, heard, follow=1.0, temperature=0.0)
    steps = {event.frame // HOP_FRAMES: event for event in events}
    late = [steps[step] for step in range(6, 60)]
    assert sum(event.label == label for event in late) >= 0.95 * len(late)


def test_followed_input_is_at_most_two_hops_late(tmp_path: Path) -> None:
    """A glide is like itself only at one place: the unit played now is the one that was heard two hops ago or later."""
    time_s = np.arange(6 * RATE_HZ) / RATE_HZ
    glide = (0.2 * np.sin(2 * np.pi * (200.0 * time_s + 300.0 * time_s**2)))[:, None].astype(np.float32)
    folder = make_mosaic(tmp_path, "glide", {"glide": glide, **sounds()})
    voice = make_voice(folder, read_manifest(folder))
    assert isinstance(voice, Mosaic)
    voice.prepare()
    late = []
    for offset in (0, 37, 300, 512, 700, 1000):
        voice.reset(1)
        _, events = play(voice, 150, glide[offset:, 0], follow=1.0, temperature=0.0, continuity=0.0)
        # At the end of step n the input has played up to offset + (n + 1) hops: nothing of that is known before.
        heard = {event.frame: offset + event.frame + HOP_FRAMES for event in events[20:]}
        late += [heard[event.frame] - event.source_start for event in events[20:]]
        assert {event.label for event in events[20:]} == {"glide"}
    # Neighbours in a glide are nearly alike: one in eight is taken for one a hop or two away.
    assert (np.array(late) <= 2 * HOP_FRAMES).mean() >= 0.85
    assert HOP_FRAMES < np.median(late) <= 2 * HOP_FRAMES


def test_a_quiet_input_has_quiet_for_an_answer(voice: Mosaic) -> None:
    heard = np.concatenate([sounds()["hum"][: 20 * HOP_FRAMES, 0], np.zeros(30 * HOP_FRAMES, np.float32)])
    made, _ = play(voice, 50, heard, follow=1.0)
    assert level_db(made[8 * HOP_FRAMES : 20 * HOP_FRAMES]) > -40.0
    assert np.abs(made[26 * HOP_FRAMES :]).max() == 0.0
    made, _ = play(voice, 20, np.zeros(20 * HOP_FRAMES, np.float32), follow=0.2)
    assert level_db(made[4 * HOP_FRAMES :]) > -40.0


def test_a_call_is_listened_to_and_answered(voice: Mosaic) -> None:
    time_s = 0.5
    turn = round(time_s * STEPS_HZ)
    heard = np.tile(sounds()["whistle"][:, 0], 2)[: 4 * turn * HOP_FRAMES]
    made, events = play(voice, 4 * turn, heard, answer=1.0, listen_time=time_s, temperature=0.0)
    loud = np.abs(made[:, 0]).reshape(-1, HOP_FRAMES).max(axis=1) > 1e-3
    assert not loud[: turn - 1].any()
    assert loud[turn + 3 : 2 * turn - 2].all()
    assert not loud[2 * turn + 4 : 3 * turn - 2].any()
    assert events[0].label == "whistle"


def test_nothing_played_is_not_answered(voice: Mosaic) -> None:
    made, events = play(voice, 100, np.zeros(100 * HOP_FRAMES, np.float32), answer=1.0, listen_time=0.5)
    assert np.abs(made).max() == 0.0
    assert events == []


def test_reset_is_fresh_whatever_was_set(folder: Path, voice: Mosaic) -> None:
    heard = sounds()["hum"][:, 0]
    play(voice, 40, heard, streams=3.0, follow=0.7, label_hiss=0.0, rate=1.5, reverse=1.0, answer=1.0, foresight=4.0)
    voice.reset(11)
    fresh = make_voice(folder, read_manifest(folder))
    fresh.prepare()
    fresh.reset(11)
    assert isinstance(fresh, Mosaic)
    one, _ = play(voice, 60, heard, follow=0.6, streams=2.0, spread=0.5)
    other, _ = play(fresh, 60, heard, follow=0.6, streams=2.0, spread=0.5)
    np.testing.assert_array_equal(one, other)


def test_a_prime_is_heard_first(folder: Path, tmp_path: Path) -> None:
    targets = []
    for label in ("hiss", "whistle"):
        clip = tmp_path / f"{label}.wav"
        soundfile.write(clip, sounds()[label], RATE_HZ)
        voice = make_voice(folder, read_manifest(folder), VoiceOptions(prime=clip))
        assert isinstance(voice, Mosaic)
        voice.prepare()
        _, events = play(voice, 3, temperature=0.0)
        targets.append(events[0].label)
    assert targets == ["hiss", "whistle"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_an_input_that_is_no_sound_harms_nothing(voice: Mosaic, bad: float) -> None:
    heard = np.full(30 * HOP_FRAMES, bad, np.float32)
    made, _ = play(voice, 30, heard, follow=1.0)
    assert np.isfinite(made).all()
    made, _ = play(voice, 30, follow=0.0)
    assert np.isfinite(made).all()
    assert level_db(made[4 * HOP_FRAMES :]) > -50.0


@pytest.mark.parametrize("control", ["follow", "answer"])
def test_without_an_input_the_sequencer_leads_and_says_so_once(voice: Mosaic, control: str) -> None:
    made, _ = play(voice, 60, **{control: 1.0})
    assert level_db(made[12 * HOP_FRAMES :]) > -40.0
    assert voice.take_notes() == ["there is no input to follow or to answer: the sequencer leads (start with --input)"]
    play(voice, 20, **{control: 1.0})
    assert voice.take_notes() == []


def test_all_weights_at_0_are_said_once_and_the_sound_goes_on(voice: Mosaic) -> None:
    off = {f"weight_{group}": 0.0 for group in GROUPS}
    made, _ = play(voice, 30, **off)
    assert level_db(made) > -50.0
    assert voice.take_notes() == ["every weight is turned down to 0: the weights stay as they were"]


def test_a_one_shot_shorter_than_its_attack_is_heard(voice: Mosaic) -> None:
    levels = []
    for attack in (10.0, 500.0):
        voice.reset(4)
        made, _ = play(voice, 86, one_shot=1.0, density=8.0, attack=attack, temperature=0.0)
        levels.append(level_db(made))
    assert levels[0] - levels[1] < 8.0


def folder_corpus(tmp_path: Path) -> Path:
    """Two sounds of four seconds in a corpus folder, the second half of its file the second sound."""
    corpus = tmp_path / "corpus"
    for label in ("hum", "whistle"):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "sounds" / label / "take.wav", sounds()[label], RATE_HZ)
    done = main(["corpus", "--audio", str(tmp_path / "sounds"), "--out", str(corpus), "--workers", "1"])
    assert done == 0
    return corpus


def test_a_corpus_cut_while_it_plays_goes_on_with_what_is_left(folder: Path, tmp_path: Path) -> None:
    corpus = folder_corpus(tmp_path)
    voice = make_voice(folder, read_manifest(folder), VoiceOptions((CorpusChoice(str(corpus)),)))
    assert isinstance(voice, Mosaic)
    voice.prepare()
    _, events = play(voice, 200, density=43.0, continuity=0.0, temperature=2.0)
    assert "whistle" in {event.label for event in events}
    sound = corpus / "audio.pcm"
    os.truncate(sound, sound.stat().st_size // 2)
    made, events = play(voice, 200, density=20.0)
    assert {event.label for event in events[4:]} == {"hum"}
    quiet = np.abs(made[4 * HOP_FRAMES :, 0]).reshape(-1, HOP_FRAMES).max(axis=1) < 1e-3
    assert not quiet.any()
    (note,) = voice.take_notes()
    assert "units are gone, the rest plays on" in note
    os.truncate(sound, 0)
    made, _ = play(voice, 20)
    (note,) = voice.take_notes()
    assert "nothing of it is left" in note
    assert np.isfinite(made).all()


def test_a_corpus_deleted_while_it_plays_goes_on(folder: Path, tmp_path: Path) -> None:
    corpus = folder_corpus(tmp_path)
    voice = make_voice(folder, read_manifest(folder), VoiceOptions((CorpusChoice(str(corpus)),)))
    assert isinstance(voice, Mosaic)
    voice.prepare()
    shutil.rmtree(corpus)
    made, _ = play(voice, 60)
    assert level_db(made[4 * HOP_FRAMES :]) > -40.0
    (note,) = voice.take_notes()
    assert "it plays as it was opened" in note
