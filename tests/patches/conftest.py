"""A tiny valid patch, made by the generator of the hostile ones."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

HOSTILE = Path(__file__).parents[1] / "data" / "hostile"


@pytest.fixture(scope="session")
def make() -> ModuleType:
    """``tests/data/hostile/make.py``."""
    spec = importlib.util.spec_from_file_location("hostile_make", HOSTILE / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hostile_folder() -> Path:
    return HOSTILE / "patches"


@pytest.fixture
def patch(make: ModuleType, tmp_path: Path) -> Path:
    """A valid patch folder, ``tiny``."""
    return make.write(tmp_path / "source" / "tiny", make.valid())


@pytest.fixture
def library_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Path, Path]]:
    """A stage of its own: (the folder in STARLING_PATCHES, the user's folder); nothing bundled."""
    named, home, bundled = tmp_path / "named", tmp_path / "home", tmp_path / "bundled"
    monkeypatch.setenv("STARLING_PATCHES", str(named))
    monkeypatch.setattr("patches.library.platformdirs.user_data_path", lambda *_, **__: home)
    monkeypatch.setattr("patches.library.bundled_folder", lambda: bundled)
    return named, home / "patches", bundled
