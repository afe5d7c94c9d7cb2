"""What every test gets: a kernel cache, a folder with a small patch, and none of the user's own settings; and which ones run alone."""

import os
from pathlib import Path

import pytest

from realtime.compiled import use_kernel_cache, use_one_thread

use_kernel_cache()
if "PYTEST_XDIST_WORKER" in os.environ:
    # Several of these share the cores already.
    use_one_thread()
os.environ["NUMBA_NRT_STATS"] = "1"  # lets a test prove that a kernel allocates nothing

HERE = Path(__file__).parent
LIVE = (
    "attach",
    "integration",
    "realtime/midi/test_ports.py",
    "realtime/osc/test_osc_server.py",
    "realtime/oscquery",
    "realtime/recording",
    "realtime/test_audition.py",
    "realtime/test_deck_process.py",
    "realtime/test_device.py",
    "realtime/test_dispatch.py",
    "realtime/test_engine.py",
    "realtime/test_engine_overlap.py",
    "realtime/test_engine_start.py",
    "realtime/test_load_progress.py",
    "realtime/test_performance.py",
    "realtime/test_rack_rows.py",
    "realtime/test_show.py",
    "realtime/test_step_times.py",
    "realtime/test_terminal.py",
    "realtime/test_tokens_live.py",
    "screen/test_cpu.py",
    "screen/test_memory.py",
    "test_pages.py",
)
"""Folders and files whose tests play, or count time or memory: they have the machine to themselves, but for those below."""
TOGETHER = (
    "integration/test_attach.py",
    "integration/test_device_return.py",
    "integration/test_examples.py",
    "integration/test_full_disk.py",
    "integration/test_midi_ports.py",
    "integration/test_midi_show.py",
    "integration/test_recording.py",
    "integration/test_screen_played.py",
    "integration/test_unagan.py",
    "integration/test_violin.py",
)
"""In those folders, what only computes, and what plays and mostly waits: it claims no short lead, and holds on a busy machine."""


def is_live(path: Path) -> bool:
    """Whether the tests of a file run alone."""
    places = {path.relative_to(HERE).as_posix(), *(folder.as_posix() for folder in path.relative_to(HERE).parents)}
    return bool(places.intersection(LIVE)) and not places.intersection(TOGETHER)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only one of the parts is asked for, as by `make test`, files of the other are not even loaded."""
    for end, unwanted in ((" and live", False), (" and not live", True)):
        if config.option.markexpr.endswith(end) and collection_path.is_file() and is_live(collection_path) == unwanted:
            return True
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what must run alone; before pytest looks at the marks."""
    for item in items:
        if is_live(item.path):
            item.add_marker("live")


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
