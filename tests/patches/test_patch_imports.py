"""Reading a manifest costs no framework."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = ("numpy", "onnx", "onnxruntime", "torch", "numba", "soundfile", "sounddevice", "realtime", "training", "export")
"""Beyond these, nothing but the standard library and platformdirs is imported at all: see the second test."""


@pytest.mark.parametrize("modules", ["patches.library, patches.validate", "patches.reader", "patches.__main__"])
def test_fresh_interpreter(modules: str) -> None:
    code = f"import {modules}, sys; print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_only_the_standard_library_and_platformdirs() -> None:
    imported = set()
    for path in (ROOT / "patches").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert imported - sys.stdlib_module_names == {"patches", "platformdirs"}
    assert not imported & {"pickle", "marshal", "shelve", "importlib", "ctypes"}
