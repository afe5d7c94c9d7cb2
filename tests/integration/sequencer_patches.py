"""All four sequencers, each trained for seconds on a folder of real audio and made a patch by the command line."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.integration.jack_server import ROOT

SOUNDS = ROOT.parent / "shared" / "data" / "unagan"
MODELS = ("LSTM", "LSTMEncoderDecoderModel", "TransformerEncoderOnlyModel", "TransformerModel")
_SHORT = ("--hidden_size", "64", "--num_layers", "1", "--updates", "60", "--validation_interval", "30")


def run(*arguments: str) -> str:
    """What a module of ours says on its way to a good end."""
    # Two run at a time, each on one thread.
    own = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False, cwd=ROOT, env=own)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_sequencers(folder: Path) -> None:
    """Run folders by the models' names, their patches in `patches`, and a corpus of the violins alone in `violins`."""
    with ThreadPoolExecutor(2) as pool:
        made = [pool.submit(_train_and_export, folder, model) for model in MODELS]
        made.append(pool.submit(run, "training", "corpus", "--audio", str(SOUNDS / "violin"), "--out", str(folder / "violins")))
        for one in made:
            one.result()


def _train_and_export(folder: Path, model: str) -> None:
    run("training", "sequencer", "--audio", str(SOUNDS), "--out", str(folder / model), "--selected_model", model, *_SHORT)
    run("export", str(folder / model), "--slug", model.lower(), "--out", str(folder / "patches"))
