import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from patches.errors import WrongValueError
from patches.reader import read_manifest
from realtime.errors import VoiceError
from realtime.voices.mosaic import Mosaic
from realtime.voices.voice import UnitEvent, make_voice
from tests.stage_patch import HOP_FRAMES, corpus_audio, corpus_bytes


def make(folder: Path, slug: str = "tiny") -> Mosaic:
    voice = make_voice(folder / slug, read_manifest(folder / slug))
    assert isinstance(voice, Mosaic)
    voice.prepare()
    return voice


def controls(voice: Mosaic, **values: float) -> np.ndarray:
    listed = voice._manifest.controls
    return np.array([values.get(c.id, c.default) for c in listed], np.float32)


def run(voice: Mosaic, hops: int, values: np.ndarray, frozen: bool = False) -> np.ndarray:
    made = np.zeros((hops * voice.hop_frames // voice.step_frames, voice.step_frames, voice.channels), np.float32)
    for out in made:
        voice.step(values, frozen, out)
    return made.reshape(-1, voice.channels)


@pytest.fixture(name="voice", scope="module")
def _voice(patch_folder: Path) -> Mosaic:
    return make(patch_folder)


def test_a_seed_repeats_and_another_differs(voice: Mosaic) -> None:
    values = controls(voice)
    voice.reset(7)
    first = run(voice, 60, values)
    voice.reset(8)
    other = run(voice, 60, values)
    voice.reset(7)
    np.testing.assert_array_equal(run(voice, 60, values), first)
    assert not np.array_equal(first, other)


def test_reset_is_fresh(patch_folder: Path, voice: Mosaic) -> None:
    values = controls(voice)
    voice.set_mode(0)
    run(voice, 37, controls(voice, brightness=2.0), frozen=False)
    voice.reset(3)
    fresh = make(patch_folder)
    fresh.reset(3)
    np.testing.assert_array_equal(run(voice, 50, values), run(fresh, 50, values))


def test_causal_a_later_control_changes_nothing_before_it(voice: Mosaic) -> None:
    plain, bright = controls(voice), controls(voice, brightness=3.0)
    voice.reset(1)
    whole = run(voice, 40, plain)
    voice.reset(1)
    half = run(voice, 20, plain)
    changed = run(voice, 20, bright)
    np.testing.assert_array_equal(half, whole[: len(half)])
    assert not np.array_equal(changed, whole[len(half) :])


def test_the_log_says_where_every_frame_came_from(voice: Mosaic) -> None:
    events: list[UnitEvent] = []
    voice.reset(5)
    voice.log = events.append
    sound = run(voice, 200, controls(voice, density=6.0))
    voice.log = None
    assert [e.frame for e in events] == list(range(0, 200 * HOP_FRAMES, HOP_FRAMES))
    fade = voice._manifest.settings["crossfade_frames"]
    audio = voice._corpus.audio.audio
    assert [e.start for e in events] == [e.source_start for e in events]  # a corpus of one file
    assert {e.frames for e in events} == {HOP_FRAMES}
    for event in events:
        first = event.frame + (fade if event.faded else 0)
        source = audio[event.start + (fade if event.faded else 0) : event.start + HOP_FRAMES]
        np.testing.assert_array_equal(sound[first : event.frame + HOP_FRAMES], source)


def test_no_immediate_repeats(voice: Mosaic) -> None:
    events: list[UnitEvent] = []
    voice.reset(2)
    voice.log = events.append
    run(voice, 300, controls(voice, density=43.0, continuity=0.0, temperature=0.0))
    voice.log = None
    jumps = [e.unit for e in events if e.faded]
    assert len(jumps) > 100
    for i, unit in enumerate(jumps[1:], 1):
        assert all(abs(unit - earlier) > 2 for earlier in jumps[max(0, i - 4) : i])


def share_of_jumps(voice: Mosaic, **values: float) -> float:
    events: list[UnitEvent] = []
    voice.reset(2)
    voice.log = events.append
    run(voice, 300, controls(voice, **values))
    voice.log = None
    return sum(e.faded for e in events) / len(events)


def test_density_sets_how_often_a_unit_is_chosen(voice: Mosaic) -> None:
    shares = [share_of_jumps(voice, density=d, continuity=0.0, temperature=0.0) for d in (2.0, 8.0, 20.0, 43.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.8


def test_continuity_prefers_the_natural_continuation(voice: Mosaic) -> None:
    shares = [share_of_jumps(voice, density=43.0, continuity=c, temperature=0.0) for c in (0.0, 0.5, 1.0)]
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 0.05


@pytest.mark.parametrize(("control", "column"), [("loudness", 0), ("brightness", 1), ("noisiness", 2)])
def test_an_offset_moves_its_attribute(voice: Mosaic, control: str, column: int) -> None:
    attributes = voice._target.rows[:, -3:]
    means = []
    for value in (-2.0, -1.0, 0.0, 1.0, 2.0):
        events: list[UnitEvent] = []
        voice.reset(4)
        voice.log = events.append
        run(voice, 200, controls(voice, density=20.0, **{control: value}))
        voice.log = None
        means.append(float(np.mean([attributes[e.unit, column] for e in events])))
    assert means[0] < means[2] < means[-1]
    assert means[-1] - means[0] > 0.5


def test_freeze_holds_the_target(voice: Mosaic) -> None:
    voice.reset(6)
    values = controls(voice, temperature=0.0, continuity=0.0, density=43.0)
    run(voice, 20, values)
    held = voice._forecaster.next.copy()
    run(voice, 20, values, frozen=True)
    np.testing.assert_array_equal(voice._forecaster.next, held)
    run(voice, 1, values)
    assert not np.array_equal(voice._forecaster.next, held)


def test_the_cheaper_mode_runs_the_sequencer_half_as_often(voice: Mosaic) -> None:
    calls = 0
    original = voice._forecaster.hear

    def counting(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        original(*arguments)

    voice.reset(0)
    voice.set_mode(1)
    voice._forecaster.hear = counting
    try:
        run(voice, 40, controls(voice))
    finally:
        voice._forecaster.hear = original
        voice.set_mode(0)
    assert calls == 20


def test_stereo(patch_folder: Path) -> None:
    voice = make(patch_folder, "wide")
    sound = run(voice, 30, controls(voice))
    assert sound.shape == (30 * HOP_FRAMES, 2)
    assert not np.array_equal(sound[:, 0], sound[:, 1])


def test_a_kind_without_a_voice_is_refused(patch_folder: Path) -> None:
    manifest = replace(read_manifest(patch_folder / "tiny"), kind="latent")
    with pytest.raises(VoiceError, match="no voice plays this kind"):
        make_voice(patch_folder / "tiny", manifest)


def test_audio_of_another_rate_is_refused(patch_folder: Path, tmp_path: Path) -> None:
    from patches.manifest import Audio
    from patches.writer import write_patch
    from tests.stage_patch import manifest, sequencer_bytes

    audio = corpus_audio(2.0, 1)
    flac = io.BytesIO()
    soundfile.write(flac, audio, 22_050, format="FLAC", subtype="PCM_16")
    files = {"sequencer.onnx": sequencer_bytes(), "corpus.npz": corpus_bytes(audio, 256), "corpus.flac": flac.getvalue()}
    with pytest.raises(WrongValueError, match="22050"):
        write_patch(tmp_path, manifest("slow", Audio(44_100, 1, HOP_FRAMES, 0)), files, "CC0-1.0\n")
