"""Who may import whom, proved in a fresh interpreter: what a contract on the source cannot see, a lazy import of a library can bring."""

import json
import subprocess
import sys

import pytest

STUDIO = {"torch", "torchaudio", "lightning", "librosa", "onnx", "training", "export", "sklearn", "matplotlib"}
UI = {"textual", "curses"}

CASES = [
    ("patches.library, patches.validate, patches.writer", STUDIO | UI | {"numpy", "numba", "onnxruntime", "sounddevice", "realtime"}),
    (
        "realtime.kernels.callback, realtime.kernels.tap",
        STUDIO | UI | {"patches", "logging.handlers", "onnxruntime", "sounddevice", "soundfile", "soxr", "multiprocessing.shared_memory"},
    ),
    ("realtime.engine, realtime.deck_process, realtime.voices.mosaic, realtime.render, realtime.device", STUDIO | UI | {"realtime.status"}),
    ("realtime.doctor, realtime.status, realtime.__main__", STUDIO | UI),
    ("realtime.__main__", STUDIO | UI | {"numpy", "numba", "onnxruntime", "sounddevice"}),
    (
        "realtime.attach.client, realtime.screen.session",
        STUDIO | UI | {"numpy", "numba", "onnxruntime", "sounddevice", "soundfile", "soxr", "rtmidi", "pythonosc", "asyncio"},
    ),
    ("training.__main__", {"torch", "lightning", "realtime"}),
    ("export.__main__", {"realtime"}),
]


@pytest.mark.parametrize(("modules", "forbidden"), CASES, ids=[case[0][:50] for case in CASES])
def test_a_fresh_interpreter_loads_nothing_it_must_not(modules: str, forbidden: set[str]) -> None:
    code = f"import {modules}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & forbidden


@pytest.mark.parametrize("module", ["realtime.__main__", "realtime.engine", "patches.__main__", "training.__main__", "export.__main__"])
def test_importing_prints_nothing(module: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", f"import {module}"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
