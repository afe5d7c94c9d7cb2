"""A JACK server of one's own on the dummy driver: real PortAudio, real callbacks, no sound hardware."""

import os
import shutil
import subprocess
import time
from types import TracebackType

from benchmarks.report import BenchmarkError

RATE_HZ = 48_000
BLOCK_FRAMES = 128


class JackServer:
    """Runs while it is entered; PortAudio in this process finds it by the environment.

    Parameters
    ----------
    name : str
        Server name; with the number of this process, so that it disturbs no other.
    """

    def __init__(self, name: str = "starling-bench", rate_hz: int = RATE_HZ, block_frames: int = BLOCK_FRAMES) -> None:
        if shutil.which("jackd") is None:
            raise BenchmarkError("the JACK server is not installed: apt-get install jackd2, or measure with --device null")
        self._name = f"{name}-{os.getpid()}"
        driver = ["-d", "dummy", "-r", str(rate_hz), "-p", str(block_frames)]
        self._command = ["jackd", "-n", self._name, "--no-realtime", *driver]

    def __enter__(self) -> "JackServer":
        os.environ["JACK_DEFAULT_SERVER"] = self._name
        os.environ["JACK_NO_START_SERVER"] = "1"
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        if self._process.poll() is not None:
            raise BenchmarkError(f"the JACK server did not start: {' '.join(self._command)}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import sounddevice

        try:
            # PortAudio must let go first: its JACK part aborts the program when its server has gone. It may have been let go before.
            if sounddevice._initialized:
                sounddevice._terminate()
        finally:
            self._process.terminate()
            self._process.wait()
