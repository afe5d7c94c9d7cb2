"""A folder of real audio becomes an instrument of tokens by the four commands, plays, and is judged honestly."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.real_audio

SOUNDS = Path(__file__).parents[3] / "shared" / "data" / "unagan"
UPDATES = 20
"""A very short training: what is proved here is that the commands fit each other, not how good it sounds."""


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unagan")
    recipe = folder / "short.toml"
    recipe.write_text(
        "width = 48\nlayers = 2\nheads = 2\nattention_window = 32\nwindow_steps = 64\nwarmup_updates = 5\nvalidation_interval = 10\n"
    )
    said = run("training", "prepare", "--audio", str(SOUNDS), "--out", str(folder / "data"))
    assert "piano" in said
    options = ("--recipe", str(recipe), "--updates", str(UPDATES))
    run("training", "tokens", "--data", str(folder / "data"), "--out", str(folder / "run"), *options)
    run("export", str(folder / "run"), "--slug", "trio", "--out", str(folder / "patches"))
    return folder


def test_the_patch_plays(made: Path) -> None:
    manifest = json.loads((made / "patches" / "trio" / "patch.json").read_text())
    assert [c["id"] for c in manifest["controls"]][:3] == ["class_piano", "class_singing", "class_violin"]
    assert manifest["licence"]["weights"] == "user-supplied"
    take = made / "take.wav"
    settings = ("--set", "1.class_piano=0", "--set", "1.class_violin=1")
    run("realtime", str(made / "patches" / "trio"), "--render", str(take), "--seconds", "5", "--seed", "5", *settings)
    audio, rate = soundfile.read(take)
    assert rate == 44_100
    assert np.isfinite(audio).all()
    assert -60.0 < 10.0 * np.log10(np.mean(audio**2)) < -6.0


def test_its_report_says_how_bad_it_is(made: Path) -> None:
    report = made / "report"
    # As few of the sounds as there have to be are enough to be far from.
    some = made / "some"
    for kind in ("piano", "singing", "violin"):
        (some / kind).mkdir(parents=True)
        for clip in sorted((SOUNDS / kind).glob("*.mp3"))[:4]:
            shutil.copy(clip, some / kind)
    run(
        "training",
        "evaluate",
        str(made / "patches" / "trio"),
        "--data",
        str(some),
        "--report",
        str(report),
        "--quick",
        "--drift-minutes",
        "0",
        "--seconds",
        "2",
        "--levels",
        "2",
    )
    scores = json.loads((report / "scores.json").read_text())
    assert scores["class_accuracy"] < 1.0 or scores["frechet_ratio"] > 2.0
    assert scores["parameter_rank_correlation_min"] is None
    assert (report / "report.html").stat().st_size > 10_000
