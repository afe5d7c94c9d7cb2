"""The tokens voice with real models: tiny ones, but with attention, caches, sampling and a streaming decoder."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patches.reader import read_manifest
from realtime.voices.tokens import Tokens
from realtime.voices.voice import make_voice
from tests import tokens_patch as tiny
from tests.tokens_patch import make_tokens_patch

STEPS = 60


def open_voice(folder: Path) -> Tokens:
    voice = make_voice(folder, read_manifest(folder))
    assert isinstance(voice, Tokens)
    voice.prepare()
    return voice


def controls(voice: Tokens, **values: float) -> np.ndarray:
    listed = voice._manifest.controls
    assert values.keys() <= {c.id for c in listed}
    return np.array([values.get(c.id, c.default) for c in listed], np.float32)


def run(voice: Tokens, steps: int, values: np.ndarray, frozen: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Sound (T,) and the codes that went to the decoder (frames, K)."""
    out = np.zeros((voice.step_frames, 1), np.float32)
    sound, codes = [], []
    for _ in range(steps):
        voice.step(values, frozen, out)
        sound.append(out[:, 0].copy())
        codes += [column.copy() for column in voice._decoder.columns]
    return np.concatenate(sound), np.array(codes)


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tokens_patch(tmp_path_factory.mktemp("tokens"))


@pytest.fixture(name="shared", scope="module")
def _shared(folder: Path) -> Tokens:
    return open_voice(folder)


@pytest.fixture(name="voice")
def _voice(shared: Tokens) -> Tokens:
    shared.set_mode(0)
    shared.reset(0)
    shared.faults = 0
    return shared


def test_a_seed_repeats_and_another_differs(voice: Tokens) -> None:
    values = controls(voice)
    voice.reset(7)
    first = run(voice, STEPS, values)
    voice.reset(8)
    other = run(voice, STEPS, values)
    voice.reset(7)
    again = run(voice, STEPS, values)
    np.testing.assert_array_equal(again[0], first[0])
    assert np.mean(other[1] != first[1]) > 0.5
    assert first[0].std() > 0.01
    assert voice.faults == 0


def test_reset_is_fresh(voice: Tokens, folder: Path) -> None:
    """Whatever was done before: other modes, freeze, primes, controls."""
    run(voice, 31, controls(voice, class_rain=1.0, prime=2.0))
    voice.set_mode(3)
    run(voice, 21, controls(voice, class_wind=0.0, class_rain=0.0), frozen=True)
    voice.set_mode(0)
    voice.reset(3)
    fresh = open_voice(folder)
    fresh.reset(3)
    # All classes at zero: the mix kept is that of a fresh voice.
    for values in (controls(voice, class_wind=0.0), controls(voice)):
        np.testing.assert_array_equal(run(voice, 40, values)[0], run(fresh, 40, values)[0])


@pytest.mark.parametrize("mode", range(4))
def test_every_mode_repeats_after_a_reset(voice: Tokens, mode: int) -> None:
    voice.set_mode(mode)
    voice.reset(3)
    first = run(voice, 40, controls(voice))
    run(voice, 5, controls(voice, prime=3.0))
    voice.reset(3)
    np.testing.assert_array_equal(run(voice, 40, controls(voice))[0], first[0])


def test_a_control_acts_at_the_next_step_and_never_before(voice: Tokens) -> None:
    plain = controls(voice, temperature=0.5)
    for changed in ({"class_wind": 0.0, "class_bees": 1.0}, {"strength": 1.0, "rate": 2.0}, {"temperature": 0.0}, {"prime": 3.0}):
        voice.reset(1)
        whole = run(voice, 40, plain)
        voice.reset(1)
        before = run(voice, 20, plain)
        after = run(voice, 20, controls(voice, **({"temperature": 0.5} | changed)))
        np.testing.assert_array_equal(before[0], whole[0][: len(before[0])])
        assert not np.array_equal(after[1][0], whole[1][20]), changed


def test_the_condition_is_the_mix_of_classes_and_the_parameters(voice: Tokens) -> None:
    run(voice, 1, controls(voice, class_wind=0.5, class_rain=0.5, class_bees=1.0, strength=0.25, rate=4.0))
    np.testing.assert_allclose(voice._condition, [0.25, 0.25, 0.5, 0.25, 0.25], rtol=1e-6)
    run(voice, 1, controls(voice, class_wind=0.0, rate=100.0, strength=-1.0))
    np.testing.assert_allclose(voice._condition, [0.25, 0.25, 0.5, 0.0, 1.0], rtol=1e-6)


def test_with_all_classes_at_zero_from_the_start_the_patch_s_own_mix_is_played(folder: Path) -> None:
    manifest = read_manifest(folder)
    listed = tuple(replace(c, default=float(c.id == "class_bees")) if c.id.startswith("class_") else c for c in manifest.controls)
    other = Tokens(folder, replace(manifest, controls=listed))
    other.prepare()
    run(other, 1, controls(other, class_bees=0.0))
    np.testing.assert_array_equal(other._condition[:3], [0.0, 0.0, 1.0])


def test_sampling_controls_reach_the_model_in_their_ranges(voice: Tokens) -> None:
    run(voice, 1, controls(voice, temperature=2.0, top_k=0.0, top_p=3.0))
    inputs = voice._model.inputs
    np.testing.assert_allclose(inputs["temperature"], [[1.8, 2.0, 2.0, 2.0]], rtol=1e-6)
    assert (inputs["top_k"][0], inputs["top_p"][0]) == (1.0, 1.0)
    run(voice, 1, controls(voice, temperature=-1.0, top_k=1e6, top_p=-1.0))
    assert not inputs["temperature"].any()
    assert (inputs["top_k"][0], inputs["top_p"][0]) == (float(tiny.SIZE), 0.0)


@pytest.mark.parametrize("greedy", [{"temperature": 0.0}, {"top_k": 1.0}, {"top_p": 0.0}])
def test_greedy_says_the_same_whatever_the_seed(voice: Tokens, greedy: dict[str, float]) -> None:
    said = []
    for seed in (1, 2):
        voice.reset(seed)
        said.append(run(voice, 30, controls(voice, **greedy))[1])
    np.testing.assert_array_equal(said[0], said[1])
    voice.reset(1)
    np.testing.assert_array_equal(run(voice, 30, controls(voice, temperature=0.0))[1], said[0])


def test_the_first_prime_is_the_nearest_and_a_number_chooses_it(voice: Tokens) -> None:
    asked = {
        1: {"class_wind": 1.0, "strength": 0.1, "rate": 2.8},
        2: {"class_wind": 0.2, "class_rain": 1.0, "strength": 0.3, "rate": 10.0},  # its own rate is open
        3: {"class_wind": 0.3, "class_bees": 0.7, "strength": 1.0, "rate": 10.0},  # the class counts for more than its parameters
        4: {"class_wind": 1.0, "strength": 0.8, "rate": 9.0},
    }
    for prime, values in asked.items():
        voice.reset(5)
        automatic = run(voice, 10, controls(voice, **values))
        voice.reset(5)
        chosen = run(voice, 10, controls(voice, prime=prime - 0.3, **values))
        np.testing.assert_array_equal(automatic[0], chosen[0])
        assert voice._prime == prime


def test_a_prime_is_what_the_models_hear_from_its_codes(voice: Tokens, folder: Path) -> None:
    """A start equals the same codes told to a second pair of models step by step."""
    with np.load(folder / "primes.npz") as primes:
        codes, condition = primes["codes"][1].astype(np.int64), np.nan_to_num(primes["condition"][1], nan=0.5)
    other = open_voice(folder)
    model = other._model
    model.reset()
    for frame in codes.T:
        model.inputs["condition"][0] = condition
        model.step()
        model.inputs["codes"][0] = frame
    start = voice._primes.starts[1]
    np.testing.assert_array_equal(model.save().caches, start.tokens.caches)
    assert start.tokens.position == tiny.CONTEXT
    np.testing.assert_array_equal(start.tokens.codes[0], codes[:, -1])
    np.testing.assert_array_equal(start.codes, codes.T[-12:])


def test_a_prime_in_mid_stream_joins_without_a_click(voice: Tokens) -> None:
    """The codes start anew at the next step, as after a reset but with other noise; the decoder overlaps old and new."""
    values = controls(voice, temperature=0.0)
    sound, _ = run(voice, 30, values)
    joined, codes = run(voice, 10, controls(voice, temperature=0.0, prime=3.0))
    voice.reset(0)
    _, expected = run(voice, 10, controls(voice, temperature=0.0, prime=3.0))
    np.testing.assert_array_equal(codes, expected)
    steepest = np.abs(np.diff(sound)).max()
    assert np.abs(np.diff(np.concatenate([sound[-256:], joined[:512]]))).max() < 1.5 * steepest


def test_freeze_loops_the_last_frames_and_release_goes_on_from_where_it_stood(voice: Tokens) -> None:
    values = controls(voice)
    _, whole = run(voice, 50, values)
    voice.reset(0)
    _, before = run(voice, 30, values)
    sound, loop = run(voice, 36, values, frozen=True)
    _, after = run(voice, 20, values)
    np.testing.assert_array_equal(np.concatenate([before, after]), whole)
    for turn in range(3):
        np.testing.assert_array_equal(loop[12 * turn : 12 * turn + 12], before[-12:])
    _, again = run(voice, 5, values, frozen=True)  # from the oldest frame again, wherever the last loop was left
    np.testing.assert_array_equal(again, after[-12:][:5])
    run(voice, 1, values)
    _, again = run(voice, 5, values, frozen=True)
    np.testing.assert_array_equal(again, after[-11:][:5])
    rounds = sound.reshape(3, -1)
    assert not np.array_equal(rounds[1], rounds[2])  # the decoder's noise is fresh
    np.testing.assert_allclose(rounds[1], rounds[2], atol=0.03)


def test_freeze_before_the_first_step_loops_the_prime(voice: Tokens) -> None:
    _, codes = run(voice, 12, controls(voice, prime=2.0), frozen=True)
    np.testing.assert_array_equal(codes, voice._primes.starts[1].codes)
    _, codes = run(voice, 12, controls(voice, prime=3.0), frozen=True)
    np.testing.assert_array_equal(codes, voice._primes.starts[2].codes)


def test_modes_are_those_of_the_files(voice: Tokens, tmp_path: Path) -> None:
    assert voice.modes == ("full", "int8", "fewer codebooks", "shorter window")
    few = open_voice(make_tokens_patch(tmp_path, "few", leave_out=("step_int8", "step_short")))
    assert few.modes == ("full", "fewer codebooks")
    assert few._model._short is few._model._caches
    one = open_voice(make_tokens_patch(tmp_path, "one", leave_out=("step_int8", "step_light", "step_short")))
    assert one.modes == ("full",)


def test_modes_share_what_was_heard(voice: Tokens) -> None:
    """The caches after a change of mode hold what was heard before it, and every mode goes on from there."""
    model, values = voice._model, controls(voice)
    run(voice, 40, values)
    caches = model._caches.copy()
    for mode, books in ((1, 4), (2, 2), (0, 4)):
        voice.set_mode(mode)
        position = model.position
        _, codes = run(voice, 1, values)
        changed = (model._caches != caches).any(axis=(0, 1, 3))
        assert list(np.flatnonzero(changed)) == [position % tiny.WINDOW]
        assert (codes[:, books:] == -1).all()
        assert (codes[:, :books] >= 0).all()
        caches = model._caches.copy()
    assert voice.faults == 0


def test_the_shorter_window_hears_the_newest_and_forgets_nothing_on_the_way_back(voice: Tokens) -> None:
    model, values = voice._model, controls(voice)
    run(voice, 7, values)
    voice.set_mode(3)
    position, wide, short = model.position, model._caches.copy(), model._short
    assert short.shape[2] == tiny.SHORT_WINDOW
    for q in range(position - tiny.SHORT_WINDOW, position):
        np.testing.assert_array_equal(short[:, :, q % tiny.SHORT_WINDOW], wide[:, :, q % tiny.WINDOW])
    heard = {q: wide[:, :, q % tiny.WINDOW].copy() for q in range(position - tiny.WINDOW, position)}
    for _ in range(21):
        run(voice, 1, values)
        q = model.position - 1
        heard[q] = short[:, :, q % tiny.SHORT_WINDOW].copy()
    voice.set_mode(0)
    for q in range(model.position - tiny.WINDOW, model.position):
        np.testing.assert_array_equal(model._caches[:, :, q % tiny.WINDOW], heard[q])
    _, codes = run(voice, 5, values)
    assert (codes >= 0).all()


def test_a_file_with_an_open_window_is_its_own_short_mode(tmp_path: Path, voice: Tokens) -> None:
    open_window = tiny.step_bytes(grain=0.25, books=tiny.LIGHT_BOOKS, window="window")
    other = open_voice(make_tokens_patch(tmp_path, "open", leave_out=("step_short",), step_light=open_window))
    assert other.modes == voice.modes
    for each in (voice, other):
        each.reset(4)
        each.set_mode(0)
        run(each, 30, controls(each))
        each.set_mode(3)
    np.testing.assert_array_equal(run(other, 30, controls(other))[0], run(voice, 30, controls(voice))[0])


@pytest.mark.parametrize("steps", [2, 3])
def test_several_codec_frames_per_step_are_the_same_codes(tmp_path: Path, voice: Tokens, steps: int) -> None:
    several = open_voice(make_tokens_patch(tmp_path, "several", steps=steps))
    assert several.step_frames == steps * voice.step_frames
    for each in (voice, several):
        each.reset(6)
    sound, codes = run(several, 20, controls(several))
    single, expected = run(voice, 20 * steps, controls(voice))
    np.testing.assert_array_equal(codes, expected)
    # Only the noise differs at first: with so many frames at once the decoder's prime ends in another run of it.
    np.testing.assert_allclose(sound, single, atol=0.03)
    assert np.corrcoef(sound, single)[0, 1] > 0.95


def test_without_primes_a_stream_begins_with_nothing_heard(tmp_path: Path) -> None:
    voice = open_voice(make_tokens_patch(tmp_path, "bare", leave_out=("primes",)))
    voice.reset(2)
    first, codes = run(voice, 30, controls(voice))
    assert voice._model.position == 30
    assert (codes >= 0).all()
    voice.reset(2)
    np.testing.assert_array_equal(run(voice, 30, controls(voice))[0], first)
    voice.reset(2)
    frozen, codes = run(voice, 3, controls(voice), frozen=True)  # nothing to loop: one frame is made, and looped
    np.testing.assert_array_equal(codes, codes[:1].repeat(3, axis=0))
    assert frozen.any()


def test_what_is_no_code_is_mended_and_counted(tmp_path: Path) -> None:
    voice = open_voice(make_tokens_patch(tmp_path, "wild", step=tiny.step_bytes(code_offset=20)))
    voice.faults = 0
    sound, codes = run(voice, 200, controls(voice))
    assert 0 < voice.faults <= 200
    assert codes.min() >= -1
    assert codes.max() < tiny.SIZE
    assert np.isfinite(sound).all()


def test_a_sound_that_is_no_number_is_silent_once_and_the_voice_recovers(tmp_path: Path) -> None:
    voice = open_voice(make_tokens_patch(tmp_path, "loud", decoder=tiny.decoder_bytes(broken_code=3)))
    voice.faults = 0
    sound, codes = run(voice, 300, controls(voice))
    assert np.isfinite(sound).all()
    assert voice.faults > 0
    # Once: what was infinite does not stay in the decoder's state.
    assert voice.faults == np.count_nonzero(codes[:, 0] == 3)
    silent = ~sound.reshape(300, -1).any(axis=1)
    assert np.count_nonzero(silent) == voice.faults
    assert np.count_nonzero(silent) < 150


@pytest.mark.parametrize("leave_out", [(), ("primes",)])
@pytest.mark.parametrize("mode", [0, 3])
def test_a_model_whose_numbers_are_lost_starts_again_from_its_prime(tmp_path: Path, mode: int, leave_out: tuple[str, ...]) -> None:
    """Poisoned caches would never heal by themselves: not even a slot that is masked may hold what is no number."""
    short = tiny.step_bytes(grain=0.25, books=tiny.LIGHT_BOOKS, window=tiny.SHORT_WINDOW, poison=True)
    folder = make_tokens_patch(tmp_path, "poison", leave_out=leave_out, step=tiny.step_bytes(poison=True), step_short=short)
    voice = open_voice(folder)
    chosen = {} if leave_out else {"prime": 1.0}
    voice.set_mode(mode)
    voice.reset(1)
    good = run(voice, 20, controls(voice, **chosen))
    voice.faults = 0
    sound, codes = run(voice, 5, controls(voice, class_wind=0.0, class_bees=1.0, **chosen))
    assert voice.faults == 5
    assert np.isfinite(sound).all()
    assert ((codes >= -1) & (codes < tiny.SIZE)).all()
    after = run(voice, 20, controls(voice, **chosen))
    assert voice.faults == 5
    assert np.isfinite(after[0]).all()
    assert after[0].std() > 0.5 * good[0].std()


def test_a_step_allocates_next_to_nothing(voice: Tokens) -> None:
    values, out = controls(voice), np.zeros((voice.step_frames, 1), np.float32)
    run(voice, 50, values)
    for mode in (0, 3):
        voice.set_mode(mode)
        voice.step(values, False, out)
        tracemalloc.start()
        try:
            for _ in range(20):
                voice.step(values, False, out)
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            for _ in range(500):
                voice.step(values, False, out)
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert after - before < 256
        assert peak - before < voice.step_frames * 4 * 8
