"""What several files share because it takes long to make."""

from pathlib import Path

import pytest

from tests.integration.sequencer_patches import make_sequencers


@pytest.fixture(scope="session")
def sequencers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `make_sequencers`. Read only."""
    folder = tmp_path_factory.mktemp("sequencers")
    make_sequencers(folder)
    return folder
