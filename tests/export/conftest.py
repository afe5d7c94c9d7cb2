"""One tiny trained run for all tests of the export."""

import numpy as np
import pytest
import soundfile

from training.recipe import read_recipe
from training.sequencer_run import train_sequencer

RATE_HZ = 44_100
RECIPE = read_recipe().with_changes(
    hidden_size=10, num_layers=2, components=3, window_size=12, batch_size=8, updates=20, validation_interval=20, held_out_share=0.34
)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    """Two classes of three clips of different lengths."""
    folder = tmp_path_factory.mktemp("sounds")
    random = np.random.default_rng(0)
    for index in range(6):
        file = folder / ("hiss" if index % 2 else "hum") / f"{index}.wav"
        file.parent.mkdir(exist_ok=True)
        seconds = np.arange(int((1.0 + 0.3 * index) * RATE_HZ)) / RATE_HZ
        tone = np.sin(2 * np.pi * 150 * (index + 1) * seconds) if index % 2 == 0 else random.standard_normal(len(seconds))
        audio = 0.1 * (1 + 0.8 * np.sin(2 * np.pi * (2 + index) * seconds)) * tone + 0.001 * random.standard_normal(len(seconds))
        soundfile.write(file, audio, RATE_HZ, subtype="PCM_24")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Decoded audio, apart from the user's own cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def run(sounds, cache, tmp_path_factory):
    """A finished run folder. Read only: copy it to change it."""
    out = tmp_path_factory.mktemp("runs") / "tiny"
    train_sequencer(sounds, out, RECIPE, cache=cache)
    return out
