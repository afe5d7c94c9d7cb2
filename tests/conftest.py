"""What every test gets: a kernel cache, a folder with a small patch, and none of the user's own settings."""

import os
from pathlib import Path

import pytest

from realtime.compiled import use_kernel_cache

use_kernel_cache()
os.environ["NUMBA_NRT_STATS"] = "1"  # lets a test prove that a kernel allocates nothing


@pytest.fixture(scope="session")
def patch_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small patches: `tiny` (mono), `wide` (stereo, another rate), `low` and `high` (one tone each)."""
    from tests.stage_patch import make_patch

    folder = tmp_path_factory.mktemp("patches")
    make_patch(folder, "tiny")
    make_patch(folder, "wide", channels=2, rate_hz=48_000)
    make_patch(folder, "low", seconds=2.0, tone_hz=430.0)
    make_patch(folder, "high", seconds=2.0, tone_hz=3_000.0)
    return folder


@pytest.fixture(autouse=True)
def _own_settings_only(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's patches or disturbs a stage that plays."""
    for name in list(os.environ):
        if name.startswith("STARLING_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STARLING_RUNTIME", str(tmp_path / "runtime"))
    if "patch_folder" in request.fixturenames:
        monkeypatch.setenv("STARLING_PATCHES", str(request.getfixturevalue("patch_folder")))
