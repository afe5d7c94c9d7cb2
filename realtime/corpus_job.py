"""Makes a corpus beside the show: the studio's own command in a process that gives way to everything. It knows no deck and no screen.

What is made stands in a folder of its own until it is whole, so that whatever ends the work leaves nothing half-made where corpora are.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from realtime.control.address import Address, Value
from realtime.control.core import ControlCore
from realtime.control.event_log import EventLog
from realtime.control.outcome import Origin, Outcome
from realtime.errors import StageError

CHANNEL = "corpus"
STUDIO = ("training", "librosa", "torch")
"""What has to be installed; of the studio's libraries these are the ones that a corpus needs."""
STUDIO_HINT = "install the studio: make setup, or pip install 'starling-live[studio]'"
NICE = 19
CLOSE_LIMIT_S = 5.0
LONGEST_NAME = 48
LONGEST_TEXT = 300
STAGING_PREFIX = ".making-"

_PROGRESS = re.compile(r"progress (\d+) of (\d+)")
_NAME = re.compile(rf"\w[\w.-]{{0,{LONGEST_NAME - 1}}}")
_ERROR_PREFIX = "training: error: "
_MISSING = "ModuleNotFoundError: "


class CorpusJobError(StageError):
    """A corpus that cannot be made."""


@dataclass(frozen=True)
class CorpusJobSnapshot:
    """The work now. `share` from 0 to 1, -1 where nobody knows; `path` is the corpus once it is made, `text` what it says."""

    state: Literal["idle", "running", "done", "failed", "cancelled"] = "idle"
    name: str = ""
    share: float = -1.0
    text: str = ""
    path: str = ""


Ended = Callable[[CorpusJobSnapshot], None]


def corpora_folder() -> Path:
    """Where corpora that are made here go; it may not exist yet."""
    return user_data_path("starling", appauthor=False) / "corpora"


class CorpusJob:
    """One corpus at a time.

    Parameters
    ----------
    log : EventLog
        Told how each ended.
    folder : Path, optional
        Where corpora go.

    Thread
    ------
    Any; a thread of its own reads what the process says.
    """

    def __init__(self, log: EventLog, folder: Path | None = None) -> None:
        self.folder = folder or corpora_folder()
        self._log = log
        self._door = threading.Lock()
        self._now = CorpusJobSnapshot()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._cancelled = False

    def snapshot(self) -> CorpusJobSnapshot:
        """The work now."""
        return self._now

    def make(self, source: str, name: str = "", ended: Ended = lambda now: None) -> Path:
        """Begin to make a corpus of all sounds in a folder; returns where it will be.

        Parameters
        ----------
        source : str
            A folder; its sub-folders are labels.
        name : str, optional
            Of the corpus; by default the folder's, with a number where that is taken.
        ended : callable, optional
            Called once with how it ended, from the job's thread.

        Raises
        ------
        CorpusJobError — one is being made, the studio is not installed, no such folder, the name is taken or none, no place to write.
        """
        with self._door:
            if self._process is not None:
                raise CorpusJobError("a corpus is being made already", got=self._now.name, hint="wait for it, or /corpus/cancel ends it")
            missing = [module for module in STUDIO if importlib.util.find_spec(module) is None]
            if missing:
                raise _studio_missing(", ".join(missing))
            sounds = Path(source).expanduser()
            if not os.path.isdir(sounds):  # noqa: PTH112 - `Path.is_dir` takes no name that is too long for the disk
                raise CorpusJobError("no such folder of sounds", got=source, allowed="a folder of WAV, FLAC, MP3 or OGG files")
            sounds = sounds.resolve()
            lock, target, staging = self._place(sounds, name)
            try:
                process = _begin(sounds, staging / target.name)
            except OSError as error:
                _remove(staging, lock)
                raise CorpusJobError("the studio did not start", got=error.strerror or str(error)) from None
            self._cancelled = False
            self._process = process
            self._now = CorpusJobSnapshot("running", target.name, -1.0, f"reads {sounds}")
            self._thread = threading.Thread(target=self._follow, args=(process, staging, target, lock, ended), name="corpus", daemon=True)
            self._thread.start()
        return target

    def cancel(self) -> None:
        """End the work; nothing of it stays. Does not wait for that.

        Raises
        ------
        CorpusJobError — there is none.
        """
        with self._door:
            if self._process is None:
                raise CorpusJobError("no corpus is being made")
            self._cancelled = True
            _kill(self._process)

    def close(self) -> None:
        """End the work if there is any, and wait until nothing of it is left."""
        with contextlib.suppress(CorpusJobError):
            self.cancel()
        if self._thread is not None:
            self._thread.join(CLOSE_LIMIT_S)

    # --- how it is done -----------------------------------------------------------------------------------------------------

    def _place(self, sounds: Path, name: str) -> tuple[FileLock, Path, Path]:
        """Where the corpus goes and where it is made, with the lock that says that somebody works there."""
        if name and _NAME.fullmatch(name) is None:
            allowed = f"up to {LONGEST_NAME} letters, digits, dots, dashes, the first a letter or digit"
            raise CorpusJobError("the corpus cannot have this name", got=name[:64], allowed=allowed)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f"{STAGING_PREFIX}lock", thread_local=False)
            lock.acquire(timeout=0)
        except Timeout:
            raise CorpusJobError("another Starling makes a corpus", got=str(self.folder), hint="wait until it is done") from None
        except OSError as error:
            raise CorpusJobError(f"{self.folder}: cannot be written", got=error.strerror or str(error)) from None
        try:
            # Of a stage that was killed: whoever has the lock is the only one at work.
            for left in self.folder.glob(f"{STAGING_PREFIX}*/"):
                shutil.rmtree(left, ignore_errors=True)
            target = self.folder / (name or self._free(sounds))
            if os.path.lexists(target):
                raise CorpusJobError("there is a corpus of this name", got=str(target), hint="choose another name")
            return lock, target, Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=self.folder))
        except OSError as error:
            lock.release()
            raise CorpusJobError(f"{self.folder}: cannot be written", got=error.strerror or str(error)) from None
        except BaseException:
            lock.release()
            raise

    def _free(self, sounds: Path) -> str:
        name = re.sub(r"[^\w.-]+", "-", sounds.name).strip("-._")[: LONGEST_NAME - 4] or "corpus"
        number = 1
        while os.path.lexists(self.folder / (name if number == 1 else f"{name}-{number}")):
            number += 1
        return name if number == 1 else f"{name}-{number}"

    def _follow(self, process: "subprocess.Popen[str]", staging: Path, target: Path, lock: FileLock, ended: Ended) -> None:
        """Read what the process says until it ends, and put what it made into its place."""
        last = ""
        assert process.stdout is not None  # a pipe: see _begin
        with process.stdout as lines:
            for line in lines:
                last = line.strip()[:LONGEST_TEXT] or last
                self._now = _said(self._now, last)
        code = process.wait()
        now = self._now
        try:
            if self._cancelled:
                now = replace(now, state="cancelled", share=-1.0, text="cancelled; nothing of it stays")
            elif code == 0:
                (staging / target.name).rename(target)
                now = replace(now, state="done", share=1.0, text=last.replace(str(staging / target.name), target.name), path=str(target))
            else:
                missing = str(_studio_missing(last.removeprefix(_MISSING))) if last.startswith(_MISSING) else ""
                why = missing or last.removeprefix(_ERROR_PREFIX) or f"the studio ended with code {code}"
                now = replace(now, state="failed", share=-1.0, text=why)
        except OSError as error:
            now = replace(now, state="failed", share=-1.0, text=f"{target}: cannot be written; got {error.strerror or error}")
        finally:
            _remove(staging, lock)
        with self._door:
            self._process = None
            self._now = now
        self._log.say(CHANNEL, f"corpus {now.name}: {now.text if now.state != 'done' else f'made, {now.path}'}")
        ended(now)


def _begin(sounds: Path, out: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-u", "-m", "training", "corpus", "--audio", str(sounds), "--out", str(out), "--workers", "1", "--progress"]
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
    # A group of its own, so that Ctrl-C of the terminal is not for it and all it starts can be killed; not a session of its own, as Linux
    # weighs sessions before it weighs their processes, and then the last of one session would be as good as the first of another.
    group = {"process_group": 0} if os.name == "posix" else {"creationflags": getattr(subprocess, "IDLE_PRIORITY_CLASS", 0)}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | one | {"PYTHONIOENCODING": "utf-8"},
        **group,
    )
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    return process


def _kill(process: "subprocess.Popen[str]") -> None:
    """End the process and all that it started, at once: what it made so far is removed anyway."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _remove(staging: Path, lock: FileLock) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    lock.release()


def _said(now: CorpusJobSnapshot, line: str) -> CorpusJobSnapshot:
    found = _PROGRESS.fullmatch(line)
    if found is None:
        return replace(now, text=line.removeprefix(_ERROR_PREFIX))
    done, count = int(found[1]), int(found[2])
    return replace(now, share=done / max(count, 1), text=f"{done} of {count} sounds")


def _studio_missing(what: str) -> CorpusJobError:
    return CorpusJobError("the studio makes corpora and is not installed here", got=f"no {what}", hint=STUDIO_HINT)


def serve(core: ControlCore, job: CorpusJob) -> None:
    """Let the job answer the rows under `/corpus`."""

    def make(address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        def ended(now: CorpusJobSnapshot) -> None:
            why = "" if now.state == "done" else now.text
            origin.tell(Outcome("/corpus/make", "answer", (now.state, now.path, why), reply="/corpus/make.reply"))

        return (str(job.make(str(values[0]), str(values[1]) if len(values) > 1 else "", ended)),)

    def state(address: Address, values: tuple[Value, ...], origin: Origin) -> tuple[Value, ...]:
        now = job.snapshot()
        return now.state, now.name, now.share, now.text, now.path

    core.serve("/corpus/make", make, slow=True)
    core.serve("/corpus/cancel", lambda address, values, origin: job.cancel())
    core.serve("/corpus/state", state)
