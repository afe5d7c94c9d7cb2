"""Every fault of the Descriptor Transformer and of Demiurge's sequencer, and the test that would notice it here.

The first table is the whole list; the tests below are those that are at home nowhere else: each plays or trains from end to end, small.
"""

import ast
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from patches.descriptors import DEFAULT_SPEC, DescriptorSpec
from patches.manifest import Control
from patches.mosaic_controls import MOSAIC_CONTROLS
from patches.reader import read_manifest
from realtime.descriptors.live import LiveDescriptors
from realtime.voices import session
from realtime.voices.mosaic import Mosaic
from realtime.voices.voice import CorpusChoice, UnitEvent, VoiceOptions, make_voice
from tests import mosaic_patch
from tests.corpus_folders import write_corpus
from tests.mosaic_patch import make_mosaic, sounds
from tests.stage_patch import HOP_FRAMES, RATE_HZ
from training.__main__ import main
from training.descriptors import describe
from training.recipe import MODELS, read_recipe
from training.sequencer_folder import load_sequencer, read_meta
from training.sequencer_models import build_model
from training.sequencer_module import SequencerModule
from training.sequencer_windows import HeldOutBatches, WindowBatches

HERE = "tests/test_seed_faults.py::"
VOICES = "tests/realtime/voices/"
PLAYER = VOICES + "test_unit_player_faults.py::"
RENDER = "tests/realtime/test_render_command.py::"
JSON = "tests/training/test_descriptor_json.py::"
CORPUS = "tests/training/test_corpus_build.py::"
DATA = "tests/training/test_sequencer_data.py::"
RUN = "tests/training/test_sequencer_run.py::"

FAULTS: dict[str, str] = {
    # Facts 1.1: descriptors and their files.
    "top_db relative to the file's maximum": "tests/training/test_descriptors.py::"
    "test_seed_fault_the_scale_was_relative_to_each_files_maximum",
    "live frames not comparable": "tests/realtime/descriptors/test_live_descriptors.py::"
    "test_seed_fault_a_live_row_depended_on_the_loudest_moment_of_its_file",
    "files under nine frames failed": HERE + "test_files_under_nine_frames",
    "yin without the sample rate": "tests/training/test_descriptors.py::test_seed_fault_yin_was_not_told_the_sample_rate",
    "order of columns not stored": "tests/patches/test_descriptor_spec.py::test_seed_fault_the_models_order_of_columns_was_not_stored",
    "order of columns was the file's": JSON + "test_seed_fault_the_order_of_features_was_the_files",
    "feature order not in the checkpoint": RUN + "test_the_order_of_descriptors_is_in_the_run",
    "older list off by one": JSON + "test_seed_fault_the_rows_of_the_older_list_were_off_by_one",
    "older list opened in append mode": JSON + "test_seed_fault_the_older_list_was_appended_to_its_file",
    "wav only": CORPUS + "test_fault_wav_only_every_format_is_read_and_labelled_by_its_folder",
    "stale descriptors after a change of hop": "tests/training/test_descriptor_command.py::"
    "test_seed_fault_a_second_run_at_another_hop_kept_the_old_numbers",
    "stale descriptors of a changed sound": "tests/training/test_descriptor_cache.py::"
    "test_seed_fault_descriptors_were_stale_after_the_sound_changed_under_its_name",
    "stale corpus after a change of hop": CORPUS + "test_fault_nothing_stale_is_left_when_the_hop_changes",
    "another hop played as ours": VOICES
    + "test_stage_corpus.py::test_fault_a_corpus_of_another_hop_rate_or_description_is_never_taken_for_ours",
    "changed hop of a JSON": JSON + "test_seed_fault_a_changed_hop_was_not_noticed",
    "changed rate of a JSON": JSON + "test_seed_fault_a_changed_sample_rate_was_not_noticed",
    "same-named files collide": CORPUS + "test_fault_same_named_files_of_two_folders_never_meet",
    "same-named files share descriptors": "tests/training/test_descriptor_cache.py::test_seed_fault_two_sounds_of_the_same_name_collided",
    "same-named files write one JSON": JSON + "test_seed_fault_sounds_of_the_same_name_wrote_the_same_file",
    "same-named sounds of a database": "tests/training/test_corpus_seed.py::test_fault_same_named_sounds_are_never_mistaken_for_each_other",
    "names cut to 30 characters": RENDER + "test_one_file_per_seed_and_same_names_do_not_collide",
    "folder of outputs emptied first": RENDER + "test_nothing_in_the_folder_of_outputs_is_deleted",
    "database as indented text": CORPUS + "test_fault_the_database_is_no_text",
    # Facts 1.2 and 1.3: options and data.
    "no options for hop and rate": "tests/training/test_training_main.py::test_hop_and_rate_and_descriptors_have_options",
    "first 64 seeds only": RENDER + "test_every_seed_is_rendered_not_only_the_first_64",
    "first 64 files judged only": DATA + "test_more_files_than_a_batch_are_all_judged",
    "outliers leave gaps in time": DATA + "test_an_outlier_is_left_out_and_its_file_is_cut_there",
    "short files skipped": HERE + "test_short_files_skipped",
    # Facts 1.4: models.
    "whole sequence computed again each frame": HERE + "test_whole_sequence_computed_again_each_frame",
    "positions end at 5000": "tests/training/test_sequencer_models.py::test_positions_go_round_and_the_cache_stays_full",
    # Facts 1.5 and 9: query and playback.
    "duration shrink": PLAYER + "test_duration_shrink",
    "duration shrink of a mosaic": VOICES + "test_mosaic_play.py::test_forty_frames_are_forty_hops_at_every_rate",
    "duration shrink of a render": RENDER + "test_forty_hops_last_forty_hops_at_any_rate",
    "every sample inside a cross-fade": PLAYER + "test_every_sample_inside_a_crossfade",
    "equal-gain cross-fade": PLAYER + "test_linear_amplitude_crossfade",
    "times cut to milliseconds": PLAYER + "test_truncation_to_integer_ms",
    "whole-file append at frame 0": PLAYER + "test_whole_file_append_at_frame_0",
    "crash on the last frame": PLAYER + "test_crash_on_last_frame",
    "un-normalised distance": HERE + "test_un_normalised_distance",
    "no concatenation cost": HERE + "test_no_concatenation_cost",
    "single nearest frame": HERE + "test_single_nearest_frame",
    "no avoidance of repeats": VOICES + "test_mosaic_play.py::test_no_unit_comes_again_within_the_taboo_time",
    "equal grains only": HERE + "test_equal_grains_only",
    "no units from onset to onset": CORPUS + "test_units_from_onset_to_onset",
    "half-window misalignment": CORPUS + "test_fault_half_window_a_unit_is_what_its_row_is_centred_on",
    "per-frame reopening": HERE + "test_per_frame_reopening",
    "per-frame reopening of a corpus": VOICES + "test_audio_source.py::test_fault_a_step_opens_no_file",
    "growing output buffer": VOICES + "test_unit_player.py::test_nothing_is_allocated_by_a_step",
    "flat trajectories": "tests/training/test_sequencer_scores.py::test_the_ratio_sees_flat_samples_and_live_ones",
    "collapse to the mean": "tests/training/test_sequencer_scores.py::"
    "test_samples_of_a_begun_model_keep_the_spread_and_do_not_collapse_to_the_mean",
    "deterministic": HERE + "test_deterministic",
    "options advertised and never used": HERE + "test_options_advertised_and_never_used",
    # Facts 1.6 and 9: training.
    "batch of one": HERE + "test_batch_of_one",
    "validation on training data": DATA + "test_validation_on_training_data_never_happens_and_the_statistics_are_those_of_training",
    "training clip judged in a run": RUN + "test_no_held_out_clip_is_learned_from",
    "each JSON found twice": JSON + "test_seed_fault_each_json_was_found_twice",
    "unbound variable without positions": "tests/training/test_sequencer_models.py::test_an_encoder_decoder_without_positions_works",
    "positional embedding never passed on": HERE + "test_positional_embedding_never_passed_on",
    "bool options always true": "tests/training/test_training_main.py::test_remove_outliers_false_means_false",
    "NameError after the training": HERE + "test_name_error_after_the_training",
    "same random numbers in every worker": HERE + "test_same_random_numbers_in_every_worker",
    # Facts 1.7 and 1.8: runs, and control of them.
    "options stored as text": HERE + "test_options_stored_as_text",
    "resume needs W&B": RUN + "test_resume_needs_no_wandb",
    "no measure of what is heard": "tests/training/test_sequencer_report.py::test_a_patch_adds_mosaics_and_the_map_of_its_corpus",
    "no weights per descriptor": VOICES + "test_mosaic_play.py::test_weights_decide_what_is_near",
    "no temperature": "tests/training/test_sequencer.py::test_temperature_spreads_the_draw_and_zero_takes_the_likeliest_mean",
    "no live input": VOICES + "test_mosaic_play.py::test_followed_input_comes_back_as_itself",
    # Facts 9, from the other seeds, where a mosaic could have them too.
    "target off by one": DATA + "test_the_target_is_the_next_frame_of_the_same_clip",
    "padding learned from": "tests/training/test_sequencer_module.py::test_what_fills_a_window_up_is_not_learned_from",
    "batch helper dropped the last item": HERE + "test_batch_helper_dropped_the_last_item",
    "context reshaped, not transposed": "tests/export/test_exported_sequencer.py::test_both_exports_repeat_the_model",
    "random state at inference": "tests/training/test_sequencer_models.py::test_a_fresh_state_is_zeros_and_forgets_what_came_before",
    "class order not in the checkpoint": HERE + "test_class_order_not_in_the_checkpoint",
    "loudness normalised per block": HERE + "test_loudness_normalised_per_block",
    "loudness normalised per file": CORPUS + "test_loudness_is_recorded_and_not_applied",
    "silent drop of mono files": CORPUS + "test_mono_sounds_are_doubled_where_others_are_stereo_unless_all_are_to_be_mono",
    "silent drop of any file": CORPUS + "test_every_file_left_out_is_named_with_its_reason",
    "model loaded for every request": HERE + "test_model_loaded_for_every_request",
    "entry that never matched its function": "tests/training/test_training_main.py::test_every_dial_is_an_option",
}
"""Fault -> test. What else facts 9 lists is of tokens, text and concepts (rotary positions, top-n, chunked .dac), which no mosaic has."""

ROOT = Path(__file__).parents[1]
HOPS = 40
FAR_APART = {"density": 43.0, "continuity": 0.0, "taboo": 0.0}
"""A choice every hop that nothing holds back."""
NEEDS: dict[str, dict[str, float]] = {
    "candidates": FAR_APART,
    "radius": FAR_APART,
    "foresight": FAR_APART | {"continuity": 0.9},
    "taboo": FAR_APART,
    "overlap": FAR_APART,
    "attack": FAR_APART,
    "release": FAR_APART,
    "spread": {"streams": 2.0},
    "pitch_join": FAR_APART | {"label_hiss": 0.0, "label_whistle": 0.0},
    "listen_time": {"answer": 1.0},
}
"""What else must be set for a control to be heard."""
LEAST_LIMIT = {"radius": 0.05, "unit_length": 40.0}
"""A limit of 0 is none, and so is one at its largest."""


@pytest.mark.parametrize("fault", FAULTS)
def test_the_test_of_every_fault_is_there(fault: str) -> None:
    path, name = FAULTS[fault].split("::")
    functions = {node.name: node for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}
    assert name in functions
    assert not any("skip" in ast.unparse(mark) or "xfail" in ast.unparse(mark) for mark in functions[name].decorator_list)
    assert Path(path).name.startswith("test_")


# --- what is played ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_mosaic(tmp_path_factory.mktemp("mosaic"))


def prepared(folder: Path, *corpora: CorpusChoice) -> Mosaic:
    voice = make_voice(folder, read_manifest(folder), VoiceOptions(corpora=corpora))
    assert isinstance(voice, Mosaic)
    voice.prepare()
    return voice


@pytest.fixture(name="whole", scope="module")
def _whole(folder: Path) -> Mosaic:
    return prepared(folder)


@pytest.fixture(name="voice")
def _voice(whole: Mosaic) -> Iterator[Mosaic]:
    whole.reset(1)
    yield whole
    whole.log = None


def play(voice: Mosaic, hops: int = HOPS, *, heard: np.ndarray | None = None, **values: float) -> tuple[np.ndarray, list[UnitEvent]]:
    """Some hops of sound, (T, C), and their log; `heard` is what the input plays meanwhile."""
    events: list[UnitEvent] = []
    voice.log = events.append
    given = np.array([values.get(control.id, control.default) for control in voice._manifest.controls], np.float32)
    made = np.zeros((hops, HOP_FRAMES // voice.step_frames, voice.step_frames, voice.channels), np.float32)
    for hop, steps in enumerate(made):
        if heard is not None:
            voice.listen(heard[hop * HOP_FRAMES : (hop + 1) * HOP_FRAMES])
        for step in steps:
            voice.step(given, False, step)
    return made.reshape(-1, voice.channels), events


def test_un_normalised_distance(folder: Path, voice: Mosaic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loudness (mfcc0, in hundreds) decided alone: a corpus with one column a thousand times as wide is the same corpus."""
    plain = mosaic_patch.mosaic_files

    def wide(*arguments: object) -> dict[str, bytes]:
        files = plain(*arguments)  # type: ignore[arg-type]
        (tmp_path / "corpus.npz").write_bytes(files["corpus.npz"])
        arrays = dict(np.load(tmp_path / "corpus.npz"))
        for name in ("descriptors", "mean", "std"):
            arrays[name][..., 0] *= np.float32(1024)
        np.savez(tmp_path / "wide.npz", **arrays)
        return files | {"corpus.npz": (tmp_path / "wide.npz").read_bytes()}

    monkeypatch.setattr(mosaic_patch, "mosaic_files", wide)
    other = prepared(make_mosaic(tmp_path / "patches"))
    assert np.ptp(other._corpus.descriptors[:, 0]) > 500 * np.ptp(voice._corpus.descriptors[:, 1:].astype(float), axis=0).max()
    other.reset(1)
    # A power of two: the z-scores are the same to the last bit.
    assert play(other, 80, **FAR_APART)[1] == play(voice, 80, **FAR_APART)[1]


def chosen(voice: Mosaic, row: np.ndarray, natural: int, seed: int = 0, **values: float) -> int:
    """The unit that is chosen for a row."""
    voice._settings.read(np.array([values.get(control.id, control.default) for control in voice._manifest.controls], np.float32))
    random = np.random.default_rng(seed)
    return voice._chooser.choose(row, 0.0, natural, 0, 0, voice._forecaster, np.zeros_like(row), random)


def test_no_concatenation_cost(voice: Mosaic) -> None:
    """Every frame was the nearest, whatever came before it: here what goes on by itself may be a little further away."""
    rows, natural, other = voice._target.rows, 20, 220
    row = np.float32(0.4) * rows[natural] + np.float32(0.6) * rows[other]
    assert chosen(voice, row, natural, continuity=0.0, candidates=1.0) != natural
    assert chosen(voice, row, natural, continuity=0.98, candidates=1.0) == natural
    assert chosen(voice, rows[other], natural, continuity=0.98, candidates=1.0) != natural


def test_single_nearest_frame(voice: Mosaic) -> None:
    """There was one answer to a question; here chance has a say among the near ones, as far as it is asked for."""
    middle = voice._target.rows.mean(axis=0)
    one, eight = ({chosen(voice, middle, -1, seed, candidates=count) for seed in range(40)} for count in (1.0, 8.0))
    assert len(one) == 1
    assert one < eight
    assert 3 <= len(eight) <= 8
    assert {chosen(voice, middle, -1, seed, temperature=0.0) for seed in range(5)} == one


def test_equal_grains_only(voice: Mosaic) -> None:
    """Every unit was 23 ms; here a one-shot is as long as it is asked to be."""
    sounding = []
    for length in (50.0, 200.0):
        voice.reset(1)
        made, _ = play(voice, 86, one_shot=1.0, unit_length=length, density=2.0, temperature=0.0)
        sounding.append(float((np.abs(made[:, 0]).reshape(-1, 256).max(axis=1) > 1e-4).mean()))
    assert sounding[1] > 2.5 * sounding[0] > 0.0


def test_per_frame_reopening(folder: Path, tmp_path: Path) -> None:
    """The file of every frame was opened and decoded again: what is open here plays on when its files are gone."""
    patch, corpus = shutil.copytree(folder, tmp_path / folder.name), tmp_path / "corpus"
    write_corpus(corpus, files=3, units=40)
    takes = []
    for gone in (False, True):
        voice = prepared(patch, CorpusChoice("@patch"), CorpusChoice(str(corpus)))
        if gone:
            shutil.rmtree(patch)
            shutil.rmtree(corpus)
        voice.reset(3)
        made, events = play(voice, **FAR_APART)
        assert {event.file.split("/")[0] for event in events} >= {"sounds"}
        assert voice.faults == 0
        takes.append(made)
    np.testing.assert_array_equal(takes[0], takes[1])


def test_deterministic(voice: Mosaic) -> None:
    """The same seed clip was the same sound, each time."""
    takes = []
    for seed in (1, 2, 1):
        voice.reset(seed)
        takes.append(play(voice)[0])
    assert np.array_equal(takes[0], takes[2])
    assert not np.array_equal(takes[0], takes[1])


@pytest.mark.parametrize(
    "control", [row for row in MOSAIC_CONTROLS if row.id not in ("weight_pitch", "weight_onset")], ids=lambda row: row.id
)
def test_options_advertised_and_never_used(voice: Mosaic, control: Control) -> None:
    """Cosine and Minkowski distance were offered and never used: every control changes what is heard (no weight of what MFCCs are not)."""
    heard = np.concatenate([sounds(1.0)["hum"], np.zeros((RATE_HZ, 1), np.float32)])[:, 0]
    ends = []
    for value in (LEAST_LIMIT.get(control.id, control.min), control.max):
        voice.reset(1)
        ends.append(play(voice, 80, heard=heard, **NEEDS.get(control.id, {}) | {control.id: value})[0])
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


def test_model_loaded_for_every_request(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    plain = session.ort.InferenceSession
    monkeypatch.setattr(session.ort, "InferenceSession", lambda *given, **how: opened.append(1) or plain(*given, **how))
    voice = prepared(folder)
    assert opened == [1]
    for seed in range(3):
        voice.reset(seed)
        play(voice, 5, foresight=4.0)
    assert opened == [1]


# --- what is described --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [1, 8 * 1024])
def test_files_under_nine_frames(frames: int) -> None:
    """Derivatives over nine frames ended in an error where a file had fewer."""
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, frames).astype(np.float32)
    rows = describe(audio)
    assert len(rows) == 1 + frames // DEFAULT_SPEC.hop_frames
    assert np.isfinite(rows.frames).all()
    assert rows.frames[:, 0].any()


def test_loudness_normalised_per_block() -> None:
    """A block that is 20 dB quieter is described as 20 dB quieter, whatever block came before."""
    noise = (0.5 * np.random.default_rng(0).standard_normal(8 * 4096)).clip(-1, 1).astype(np.float32)
    live = LiveDescriptors(DescriptorSpec.parse("loudness"))
    quiet, loud = (
        np.concatenate([live.push(level * noise).frames, live.flush().frames])[:, 0] for level in (np.float32(0.1), np.float32(1))
    )
    assert loud - quiet == pytest.approx(20.0, abs=0.01)


# --- what is learned ----------------------------------------------------------------------------------------------------------------

SPEC = DescriptorSpec.parse("mfcc0,mfcc1,loudness")
RECIPE = read_recipe().with_changes(
    hidden_size=8,
    num_layers=1,
    components=2,
    dropout=0.0,
    positional_encoding_dropout=0.0,
    input_noise=0.0,
    window_size=6,
    forecast_size=4,
    dim_pos_encoding=2,
    nhead=1,
)


def clips(*lengths: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.standard_normal((length, len(SPEC))).astype(np.float32) for length in lengths]


def batches(pieces: list[np.ndarray], *, multi_step: bool = False, items: int = 8) -> WindowBatches:
    return WindowBatches(
        pieces, window=6, forecast=4 * multi_step, batch_size=items, seed=1, interval=9, last_update=9, next_update=lambda: 0
    )


@pytest.mark.parametrize("name", MODELS)
def test_batch_of_one(name: str) -> None:
    """Only the first window of each batch was trained on: here each changes the step that is taken."""
    recipe = RECIPE.with_changes(selected_model=name)
    torch.manual_seed(0)
    module = SequencerModule(recipe, SPEC, lambda *_: None)
    module.log = module.log_dict = lambda *_, **__: None  # type: ignore[method-assign,assignment]
    module.eval()
    frames, target, real = batches(clips(50, 40), multi_step=build_model(recipe, SPEC).multi_step).batch(0)
    assert len(frames) == 8

    def step(given: torch.Tensor) -> torch.Tensor:
        module.zero_grad()
        module.training_step((frames, given, real), 0).backward()
        return torch.cat([value.grad.flatten() for value in module.parameters() if value.grad is not None]).clone()

    usual = step(target)
    for item in range(len(frames)):
        other = target.clone()
        other[item] += real[item, ..., None]
        assert not torch.allclose(step(other), usual, rtol=1e-4, atol=1e-9), item


@pytest.mark.parametrize("multi_step", [False, True])
def test_short_files_skipped(multi_step: bool) -> None:
    """Files of no more frames than the window and one were left out without a word."""
    short = clips(3)[0] + np.float32(100)
    seen = [batches([*clips(12), short], multi_step=multi_step).batch(update) for update in range(9)]
    assert any(((target > 50).all(-1) & real.bool()).any() for _, target, real in seen)


@pytest.mark.parametrize("count", [1, 16, 17, 33])
@pytest.mark.parametrize("forecast", [0, 4])
def test_batch_helper_dropped_the_last_item(count: int, forecast: int) -> None:
    """One item more than whole batches was lost, and one alone gave nothing."""
    numbered = [np.full((5, 1), index, np.float32) for index in range(count)]
    judged = torch.cat([frames[:, -1, 0] for frames, _, _ in HeldOutBatches(numbered, window=6, forecast=forecast)])
    assert sorted(judged.unique().tolist()) == list(range(count))


def test_same_random_numbers_in_every_worker() -> None:
    """Four workers drew the same windows: no two updates have a window in common more often than chance."""
    made = batches([np.arange(100_000, dtype=np.float32)[:, None]])
    starts = torch.stack([made.batch(update)[0][:, 0, 0] for update in range(9)])
    assert len(starts.unique()) == starts.numel()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "LSTM"])
def test_positional_embedding_never_passed_on(name: str) -> None:
    """The notebook's option reached no model: here it makes another one, up to its outputs."""
    said = []
    frames = torch.from_numpy(np.stack(clips(6)))
    for size in (0, 2):
        torch.manual_seed(0)
        model = build_model(RECIPE.with_changes(selected_model=name, dim_pos_encoding=size), SPEC).eval()
        said.append((sum(value.numel() for value in model.parameters()), model.expected(frames, 4)))
    assert said[0][0] != said[1][0]
    assert not torch.equal(said[0][1], said[1][1])


def test_whole_sequence_computed_again_each_frame() -> None:
    """A step of the encoder-only model grew with every frame: here one frame comes in and the state stays as large as it is."""
    model = build_model(RECIPE.with_changes(selected_model="TransformerEncoderOnlyModel"), SPEC).eval()
    step = model.step_form()
    given = {name: torch.zeros(shape) for name, shape in step.input_shapes().items()}
    assert given["frame"].shape == (1, len(SPEC))
    sizes = {name: tensor.shape for name, tensor in given.items()}
    with torch.no_grad():
        for _ in range(20):
            said = dict(zip(step.output_shapes(), step(*given.values()), strict=True))
            given |= {fed: said[output] for output, fed in step.FEEDBACK}
            assert {name: tensor.shape for name, tensor in given.items()} == sizes


@pytest.fixture(name="run", scope="module")
def _run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as the command makes it."""
    place = tmp_path_factory.mktemp("command")
    random = np.random.default_rng(0)
    for label in ("wind", "bees"):
        (place / "sounds" / label).mkdir(parents=True)
        for index in range(2):
            soundfile.write(place / "sounds" / label / f"{index}.wav", 0.1 * random.standard_normal(RATE_HZ), RATE_HZ)
    small = "--hidden_size 4 --num_layers 1 --components 1 --updates 2 --validation_interval 1 --remove_outliers False"
    asked = f"sequencer --audio {place / 'sounds'} --out {place / 'run'} --descriptors loudness,onset {small}"
    assert main(asked.split(" ")) == 0
    return place / "run"


def test_name_error_after_the_training(run: Path) -> None:
    """The script's last lines read a name that is nowhere. The fixture ran the whole command; what it leaves can be used."""
    meta, model = load_sequencer(run)
    assert (meta.updates_done, meta.spec()) == (2, DescriptorSpec.parse("loudness,onset"))
    assert torch.isfinite(model.expected(torch.zeros(1, 5, 2), 3)).all()


def test_options_stored_as_text(run: Path) -> None:
    recipe = json.loads((run / "meta.json").read_text())["recipe"]
    assert (recipe["hidden_size"], recipe["remove_outliers"], recipe["selected_model"]) == (4, False, "LSTM")
    assert type(recipe["learning_rate"]) is float
    assert read_meta(run).sequencer_recipe().hidden_size == 4


def test_class_order_not_in_the_checkpoint(run: Path) -> None:
    """Which class was which followed from the file system of the day: here every clip is written down with its path."""
    assert sorted(clip["path"] for clip in read_meta(run).clips) == ["bees/0.wav", "bees/1.wav", "wind/0.wav", "wind/1.wav"]
