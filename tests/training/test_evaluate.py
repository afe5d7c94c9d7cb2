import argparse
import json
import multiprocessing
import os
import signal

import numpy as np
import pytest
import soundfile

from tests.tokens_patch import make_tokens_patch
from training import evaluate as command
from training.errors import OptionError, OutputFailedError
from training.evaluate import EvaluateOptions, add_evaluate_parser, evaluate
from training.evaluation.errors import EmbeddingUnavailableError, PatchUnusableError
from training.evaluation.verdict import TARGETS
from training.textures import make_textures

RATE = 44_100


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def held(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "held" / name).mkdir(parents=True)
        for number in range(2):
            soundfile.write(tmp_path / "held" / name / f"{number}.flac", 0.1 * rng.standard_normal(2 * RATE), RATE)
    return tmp_path / "held"


def test_a_patch_says_where_its_report_is_to_go(patch_folder, held):
    parser = argparse.ArgumentParser()
    add_evaluate_parser(parser.add_subparsers(), print)
    options = parser.parse_args(["evaluate", "tiny", "--data", str(held)])
    with pytest.raises(OptionError, match="--report: where is the report of a patch to go"):
        options.run(options)


def test_a_patch_without_classes_is_judged_as_far_as_it_goes(patch_folder, held, tmp_path, capsys):
    parser = argparse.ArgumentParser()
    add_evaluate_parser(parser.add_subparsers(), print)
    report = tmp_path / "new" / "report"
    typed = ["evaluate", "tiny", "--data", str(held), "--report", str(report), "--quick", "--drift-minutes", "0.1"]
    options = parser.parse_args(typed)
    assert options.run(options) == 0
    assert "Fréchet" in capsys.readouterr().out
    scores = json.loads((report / "scores.json").read_text())
    assert scores["frechet_ratio"] > 1.0
    assert scores["drift_db"] >= 0.0
    assert scores["class_accuracy"] is None
    # Every target is there, measured or with the reason why not.
    for target in TARGETS:
        assert scores[target.key] is not None or target.key.removesuffix("_max") in scores["reasons"], target.key
    assert "real" in (report / "report.html").read_text()
    assert sorted(path.name for path in report.iterdir()) == ["report.html", "scores.json"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"levels": 1}, "--levels"),
        ({"seconds": 1.0}, "--seconds"),
        ({"seconds": float("nan")}, "--seconds"),
        ({"takes": 0}, "--takes"),
        ({"drift_minutes": -1.0}, "--drift-minutes"),
        ({"workers": 0}, "--workers"),
        ({"seed": -1}, "--seed"),
        ({"embedding": "ears"}, "--embedding"),
        ({"data": "nowhere"}, "--data"),
    ],
)
def test_options_that_cannot_be_are_named(held, tmp_path, changed, named):
    values = {"patch": "field", "data": held, "report": tmp_path / "report"} | changed
    with pytest.raises(OptionError, match=named):
        evaluate(EvaluateOptions(**values))
    assert not (tmp_path / "report").exists()


def test_what_is_missing_is_said_before_anything_is_rendered(patch_folder, held, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(PatchUnusableError, match="no-such"):
        evaluate(EvaluateOptions("no-such", held, tmp_path / "report"))
    with pytest.raises(EmbeddingUnavailableError):
        evaluate(EvaluateOptions("tiny", held, tmp_path / "report", embedding="clap"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailedError):
        evaluate(EvaluateOptions("tiny", held, tmp_path / "file" / "report"))


def struck(sound):
    """Get Ctrl-C in a worker, as every process of a terminal does."""
    assert multiprocessing.parent_process() is not None
    os.kill(os.getpid(), signal.SIGINT)
    return sound[0] * sound[1]


def test_ctrl_c_is_not_for_the_workers(monkeypatch):
    monkeypatch.setattr(command, "_features", struck)
    with command._pool(2) as pool:
        described = command._describe(pool, ((np.full(2, float(number)), 3) for number in range(5)))
    assert [one.tolist() for one in described] == [[3.0 * number] * 2 for number in range(5)]


def test_a_patch_with_an_encoder_is_judged_by_its_own(patch_folder, tmp_path):
    # A mosaic has no codec, whatever folder is named beside it.
    reasons = {}
    assert command._codec("tiny", tmp_path, command._manifest("tiny"), reasons) is None
    assert "kind mosaic" in reasons["codec"]
    # The bundled textures encode themselves: a folder that is no codec at all is not even opened.
    codec = command._codec("textures", tmp_path, command._manifest("textures"), reasons)
    assert type(codec).__name__ == "PatchCodec"


@pytest.mark.slow
def test_a_tokens_patch_with_classes_is_judged_as_a_whole(tmp_path):
    patch = make_tokens_patch(tmp_path / "patches")
    held = make_textures(tmp_path / "held", seed=3, clips_per_class=6, seconds=3.0, classes=["wind", "rain"])
    report = tmp_path / "report"
    options = EvaluateOptions(str(patch), held, report, levels=3, seconds=3.0, takes=1, drift_minutes=0.1, quick=True)
    scores = evaluate(options)
    assert scores == json.loads((report / "scores.json").read_text())
    assert scores["classes"] == ["rain", "wind"]
    assert scores["judge"]["class_accuracy"] == 1.0
    # The patch makes neither wind nor rain: whatever it is taken for, it is far from both.
    assert 0.0 <= scores["class_accuracy"] <= 1.0
    assert scores["frechet_ratio"] > 3.0
    assert list(scores["parameter_rank_correlation"]) == ["wind"]
    assert list(scores["blend"]) == ["rain+wind"]
    assert scores["level_error_db_max"] > 2.0
    assert "no encoder" in scores["reasons"]["codec_log_mel"]
    page = (report / "report.html").read_text()
    assert page.count("data:audio/flac;base64,") == 4
    for part in ("does not hold", "Weaknesses", "strength: heard"):
        assert part in page
