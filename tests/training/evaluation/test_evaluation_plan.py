from pathlib import Path

import numpy as np
import pytest
import soundfile

from patches.manifest import Control
from training.evaluation.embedding import clap, log_mel
from training.evaluation.errors import ClassMismatchError, EmbeddingUnavailableError, RenderFailedError, TooFewClipsError
from training.evaluation.plan import Sizes, make_plan, settings
from training.evaluation.real import RealSounds, control_of, read_real_sounds
from training.evaluation.rendering import RenderJob, Stage, read_render

RATE = 44_100
CONTROLS = (
    Control("class_big_cat", "Big cat", "", 0.0, 1.0, 1.0, "linear", 0.0),
    Control("class_dog", "dog", "", 0.0, 1.0, 0.0, "linear", 0.0),
    Control("size", "size", "kg", 2.0, 10.0, 6.0, "linear", 0.0),
    Control("dog", "dog", "", 0.0, 1.0, 0.0, "linear", 0.0),
    Control("temperature", "Temperature", "", 0.0, 2.0, 1.0, "linear", 0.0),
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def make_folder(folder: Path, clips: int = 4, sheet: bool = True) -> Path:
    rows = ["file,class,size"]
    rng = np.random.default_rng(0)
    for name in ("Big cat", "dog", "fish"):
        (folder / name).mkdir(parents=True)
        for number in range(clips):
            path = folder / name / f"{number}.wav"
            soundfile.write(path, 0.1 * rng.standard_normal(round((2.5 + 0.1 * number) * 8000)), 8000)
            rows.append(f"{name}/{number}.wav,{name},{2 + 2 * number if name == 'dog' else ''}")
    if sheet:
        (folder / "parameters.csv").write_text("\n".join(rows) + "\n")
    return folder


def read(folder: Path, **changed) -> RealSounds:
    return read_real_sounds(folder, 8000, changed.pop("controls", CONTROLS), **{"seconds": 12.0} | changed)


def test_real_sounds_are_those_the_patch_knows(tmp_path):
    real = read(make_folder(tmp_path / "held"))
    assert [(kind.name, kind.parameters, len(kind.clips)) for kind in real.classes] == [("Big cat", (), 4), ("dog", ("size",), 4)]
    assert list(real.unused) == ["fish"]
    assert real.piece_seconds == pytest.approx(2.5)
    assert [len(piece) for piece in real.pieces(np.zeros(45_000, np.float32))] == [20_000] * 2
    assert [len(piece) for piece in real.pieces(np.zeros(20_000, np.float32))] == [20_000]
    assert len(read(tmp_path / "held", clips_per_class=4, seconds=2.0).classes) == 2


def test_a_folder_without_sheet_has_no_parameters_and_a_patch_without_classes_one_class(tmp_path):
    folder = make_folder(tmp_path / "held", sheet=False)
    assert [kind.parameters for kind in read(folder).classes] == [(), ()]
    (only,) = read(folder, controls=CONTROLS[2:]).classes
    assert len(only.clips) == 12
    assert only.parameters == ()


def test_what_cannot_be_judged_is_named(tmp_path):
    with pytest.raises(TooFewClipsError, match=r"'Big cat'.*got 3"):
        read(make_folder(tmp_path / "few", clips=3))
    with pytest.raises(ClassMismatchError, match=r"got Big cat, dog, fish; allowed: bird"):
        read(make_folder(tmp_path / "held"), controls=[Control("class_bird", "bird", "", 0.0, 1.0, 1.0, "linear", 0.0)])


def test_controls_are_found_by_what_they_are():
    assert control_of(CONTROLS, "class_", "Big cat").id == "class_big_cat"
    assert control_of(CONTROLS, "class_", "BIG-CAT").id == "class_big_cat"
    assert control_of(CONTROLS, "class_", "dog").id == "class_dog"
    assert control_of(CONTROLS, "", "dog").id == "dog"
    assert control_of(CONTROLS, "", "bird") is None


def test_settings_switch_the_other_classes_off_and_speak_the_controls_unit():
    assert dict(settings(CONTROLS, {"dog": 1.0}, {"size": 0.25})) == {"class_big_cat": 0.0, "class_dog": 1.0, "size": 4.0}
    assert dict(settings(CONTROLS, {"dog": 0.5, "Big cat": 0.5}, {})) == {"class_big_cat": 0.5, "class_dog": 0.5}
    assert settings(CONTROLS[2:], {"sound": 1.0}, {}) == ()


def test_a_plan_holds_every_level_twin_and_blend_once_with_its_own_seed(tmp_path):
    real = read(make_folder(tmp_path / "held"))
    plan = make_plan(CONTROLS, real, Sizes(3, 2, 20, 20.0, 60.0), seed=0)
    swept = [(step.class_name, step.parameter, step.level) for step in plan.steps]
    assert swept.count(("dog", "size", 0.5)) == swept.count(("Big cat", "", 1.0)) == 2
    assert len(swept) == 12
    assert [dict(step.job.controls)["size"] for step in plan.steps if step.class_name == "dog"] == [2.0, 2.0, 6.0, 6.0, 10.0, 10.0]
    twins = [twin for twin in plan.twins if twin.class_name == "dog"]
    assert [dict(twin.job.controls)["size"] for twin in twins] == [2.0 + 2.0 * twin.clip for twin in twins]
    assert all(abs(twin.clip - twin.neighbour) == 1 for twin in twins)
    assert [blend.classes for blend in plan.blends] == [("Big cat", "dog")]
    assert len({job.seed for job in plan.jobs}) == len(plan.jobs)
    assert plan.jobs[-1] is plan.drift
    assert make_plan(CONTROLS, real, Sizes(3, 2, 20, 20.0, 60.0), seed=0) == plan
    assert make_plan(CONTROLS, real, Sizes(3, 2, 20, 20.0, 0.0), seed=0).drift is None


# --- rendering ---


def test_the_stage_renders_what_was_asked(patch_folder, tmp_path):
    jobs = [RenderJob((("brightness", 2.0),), 2.0, 1), RenderJob((("brightness", -2.0),), 2.0, 1), RenderJob((), 1.0, 1)]
    renders = Stage("tiny", RATE, tmp_path, 2).render(jobs)
    assert [render.job for render in renders] == jobs
    first, second, third = (read_render(render) for render in renders)
    assert len(first) == len(second) == 2 * RATE
    assert len(third) == RATE
    assert first.std() > 0.001
    assert not np.array_equal(first, second)


def test_a_render_that_the_stage_refuses_is_named(patch_folder, tmp_path):
    with pytest.raises(RenderFailedError, match=r"tiny: the stage did not render it; got .*wetness.*--set 1\.wetness=1"):
        Stage("tiny", RATE, tmp_path, 1).render([RenderJob((("wetness", 1.0),), 1.0, 0)])


# --- embedding ---


def test_an_embedding_has_one_row_per_second():
    sounds = [np.random.default_rng(0).standard_normal(frames).astype(np.float32) for frames in (RATE, 5 * RATE // 2)]
    assert log_mel(sounds, RATE).shape == (3, 128)
    assert np.isfinite(log_mel([np.zeros(RATE, np.float32)], RATE)).all()


def test_clap_without_weights_is_refused(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", "/nowhere")
    with pytest.raises(EmbeddingUnavailableError, match=r"--embedding clap.*log-mel"):
        clap([], RATE)
