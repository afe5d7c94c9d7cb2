"""The MIDI process, kept running: begun again when it ends or stops answering. It knows frames, not MIDI."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from realtime.control.event_log import EventLog
from realtime.midi.frames import Frame, FrameKind, read_frame
from realtime.terminal_signals import held

CHANNEL: Final = "midi"
HUNG_S: Final = 3.0
"""A process that has not looked at its ports for so long is given up."""
WATCH_S: Final = 0.5
RESTART_S: Final = 0.25
SLOWEST_RESTART_S: Final = 8.0
LIVED_S: Final = 5.0
"""One that lived so long is begun again without much delay."""
JOIN_LIMIT_S: Final = 1.0
_CODE: Final = "import sys; sys.path.insert(0, {root!r}); from realtime.midi.wire import main; main(*sys.argv[1:])"


class WireProcess:
    """A process that is there again a moment after it ended, and a pipe each way.

    Parameters
    ----------
    log : EventLog
    arguments : sequence of str
        Those of `wire.main`.
    take : callable
        Hears every frame, on the thread `midi`.
    lost : callable
        Hears that a process ended, on the thread `midi`.

    Thread
    ------
    `start`, `close`: control. `send`: any.
    """

    def __init__(self, log: EventLog, arguments: Sequence[str], take: Callable[[Frame], None], lost: Callable[[], None]) -> None:
        self._log = log
        # The process finds the same code as this one, from wherever it was started.
        self._command = [sys.executable, "-c", _CODE.format(root=str(Path(__file__).parents[2])), *arguments]
        self._take = take
        self._lost = lost
        self._process: subprocess.Popen[bytes] | None = None
        self._process_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._seen_s = 0.0
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._run, name="midi", daemon=True)
        self._watcher = threading.Thread(target=self._watch, name="midi-watch", daemon=True)

    @property
    def process_id(self) -> int:
        """Process that runs now; 0: none."""
        process = self._process
        return process.pid if process is not None else 0

    def start(self) -> None:
        """Begin."""
        self._reader.start()
        self._watcher.start()

    def close(self) -> None:
        """End; nothing is told after it."""
        self._stop.set()
        with self._process_lock:
            self._let_go()
            process = self._process
        self._join(self._reader)
        if self._reader.is_alive() and process is not None:
            process.kill()
            self._join(self._reader)
        self._join(self._watcher)

    def send(self, frame: Frame) -> bool:
        """Send a frame; False: there is nobody to take it."""
        process = self._process
        if process is None:
            return False
        try:
            with self._write_lock:
                pipe = cast(BinaryIO, process.stdin)
                pipe.write(frame.pack())
                pipe.flush()
        except (OSError, ValueError):
            # It ended meanwhile, or its pipe was closed.
            return False
        return True

    def _run(self) -> None:
        delay_s = RESTART_S
        while not self._stop.is_set():
            began_s = time.monotonic()
            process = self._begin()
            if process is not None:
                hopeless = self._read(cast(BinaryIO, process.stdout))
                self._end(process)
                if self._stop.is_set():
                    return
                self._lost()
                if hopeless:
                    return
                self._log.say(CHANNEL, "the MIDI system went away; it is looked for again")
            delay_s = RESTART_S if time.monotonic() - began_s > LIVED_S else min(2 * delay_s, SLOWEST_RESTART_S)
            self._stop.wait(delay_s)

    def _begin(self) -> subprocess.Popen[bytes] | None:
        with self._process_lock:
            if self._stop.is_set():
                return None
            try:
                with held():
                    process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            except OSError as error:
                self._log.say(CHANNEL, f"the MIDI process does not start: {error.strerror}; it is tried again")
                return None
            self._seen_s = time.monotonic()
            self._process = process
            return process

    def _read(self, pipe: BinaryIO) -> bool:
        """Take frames to the end; True: it is no use to begin again."""
        while (frame := read_frame(pipe)) is not None and not self._stop.is_set():
            self._seen_s = time.monotonic()
            if frame.kind == FrameKind.HOPELESS:
                self._log.say(CHANNEL, f"MIDI is off: {frame.text}")
                return True
            self._take(frame)
        return False

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with self._process_lock:
            self._let_go()
            self._process = None
        try:
            process.wait(JOIN_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cast(BinaryIO, process.stdout).close()

    def _let_go(self) -> None:
        # It ends when its input does, by itself and tidily.
        if self._process is None:
            return
        if not self._write_lock.acquire(timeout=JOIN_LIMIT_S):
            # Somebody waits to send to a process that takes nothing.
            self._process.kill()
            self._write_lock.acquire()
        try:
            with contextlib.suppress(OSError, ValueError):
                cast(BinaryIO, self._process.stdin).close()
        finally:
            self._write_lock.release()

    @staticmethod
    def _join(thread: threading.Thread) -> None:
        if thread.is_alive() and thread is not threading.current_thread():
            thread.join(JOIN_LIMIT_S)

    def _watch(self) -> None:
        last_s = time.monotonic()
        while not self._stop.wait(WATCH_S):
            now_s = time.monotonic()
            # Who stood still itself (Ctrl-Z) says nothing about others.
            awake = now_s - last_s < 2 * WATCH_S
            last_s = now_s
            process = self._process
            if process is not None and awake and now_s - self._seen_s > HUNG_S:
                process.kill()
