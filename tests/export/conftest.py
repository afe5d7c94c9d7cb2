"""One tiny trained run for all tests of the export."""

import pytest

from tests.small_trainings import write_swells
from training.recipe import read_recipe
from training.sequencer_run import train_sequencer

RECIPE = read_recipe().with_changes(
    hidden_size=10, num_layers=2, components=3, window_size=12, batch_size=8, updates=20, validation_interval=20, held_out_share=0.34
)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory):
    """Two classes of three clips of different lengths."""
    return write_swells(tmp_path_factory.mktemp("sounds"), seconds=1.0, longer=0.3, subtype="PCM_24")


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
