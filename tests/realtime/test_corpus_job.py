"""A corpus made beside the show: by the real studio, and by short programs in its place where only the process matters."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from patches.corpus_folder import check_corpus_folder
from realtime import corpus_job
from realtime.control.event_log import EventLog
from realtime.control.outcome import Origin, Outcome
from realtime.corpora import check_options
from realtime.corpus_job import NICE, STAGING_PREFIX, CorpusJob, CorpusJobError, CorpusJobSnapshot, serve
from realtime.voices.voice import CorpusChoice
from tests.memory_stage import memory_core
from tests.screen.views import BUNDLED

LIMIT_S = 120.0
RATE_HZ = 44_100
REAL = subprocess.Popen


def until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(name="sounds")
def _sounds(tmp_path: Path) -> Path:
    """Three sounds of two labels in a folder whose name is no easy one."""
    folder = tmp_path / "my=sounds (1)"
    random = np.random.default_rng(1)
    for name in ("rain/1.wav", "rain/2.wav", "wind/1.wav"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * random.standard_normal(RATE_HZ // 2), RATE_HZ)
    return folder


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Iterator[CorpusJob]:
    job = CorpusJob(EventLog(), tmp_path / "corpora")
    yield job
    job.close()


def instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have a short program run in place of the studio, with the same arguments."""

    def start(command: list[str], **options: object) -> "subprocess.Popen[str]":
        return REAL([sys.executable, "-u", "-c", code, *command[4:]], **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(corpus_job.subprocess, "Popen", start)


LONG = "import time\nprint('progress 1 of 4')\nprint('describing')\ntime.sleep(600)"
MAKES = (
    "import sys, pathlib\nout = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\nout.mkdir()\n(out / 'corpus.json').write_text('{}')\n"
)


def runs(pid: int) -> bool:
    """Whether a process runs. One that has ended may wait for somebody to look at it."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def left(job: CorpusJob) -> list[str]:
    """What stands in the folder of corpora beside the lock."""
    return sorted(path.name for path in job.folder.iterdir() if path.name != f"{STAGING_PREFIX}lock")


def test_the_studio_makes_a_corpus_that_a_deck_takes(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A machine that tests something else beside this would not let it come to its end.
    monkeypatch.setattr(corpus_job, "NICE", 0)
    ended: list[CorpusJobSnapshot] = []
    shares: set[float] = set()
    target = job.make(str(sounds), ended=ended.append)
    assert target.name == "my-sounds-1"

    def done() -> bool:
        shares.add(job.snapshot().share)
        return bool(ended)

    until(done)
    (now,) = ended
    assert (now.state, now.name, now.share, now.path) == ("done", "my-sounds-1", 1.0, str(target)), now
    assert job.snapshot() == now
    assert -1.0 in shares
    assert shares & {1 / 3, 2 / 3, 1.0}
    check_corpus_folder(target)
    assert check_options("deck 1", BUNDLED["field"], (CorpusChoice(str(target)),)).corpora[0].path == str(target)
    assert left(job) == ["my-sounds-1"]
    (line,) = job._log.lines()
    assert line.text == f"corpus my-sounds-1: made, {target}"


def test_what_the_studio_refuses_is_told_as_it_says_it(job: CorpusJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_job, "NICE", 0)
    (tmp_path / "empty").mkdir()
    ended: list[CorpusJobSnapshot] = []
    job.make(str(tmp_path / "empty"), ended=ended.append)
    until(lambda: bool(ended))
    assert ended[0].state == "failed"
    assert "audio" in ended[0].text
    assert not ended[0].text.startswith("training: error")
    assert left(job) == []


def test_it_gives_way_to_everything_and_has_one_thread(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "'nice', os.nice(0), os.environ['OMP_NUM_THREADS'], os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()"
    code = f"import os, time\ntime.sleep(0.3)\nprint({said})\ntime.sleep(600)"
    instead(monkeypatch, code)
    job.make(str(sounds))
    until(lambda: job.snapshot().text.startswith("nice"))
    # In the session of the host: Linux weighs sessions before niceness.
    assert job.snapshot().text == f"nice {NICE} 1 True False"
    job.close()


def test_a_cancel_ends_all_its_processes_and_leaves_nothing(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "import subprocess, sys, time\nmore = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    instead(monkeypatch, MAKES + child + "(out.parents[1] / 'child').write_text(str(more.pid))\nprint('progress 1 of 4')\ntime.sleep(600)")
    ended: list[CorpusJobSnapshot] = []
    job.make(str(sounds), "mine", ended.append)
    until(lambda: job.snapshot().share == 0.25)
    assert job.snapshot().text == "1 of 4 sounds"
    assert job._process is not None
    pids = [job._process.pid, int((job.folder / "child").read_text())]
    (job.folder / "child").unlink()
    assert len(left(job)) == 1
    job.cancel()
    until(lambda: bool(ended))
    assert ended[0] == CorpusJobSnapshot("cancelled", "mine", -1.0, "cancelled; nothing of it stays")
    assert left(job) == []
    until(lambda: not any(map(runs, pids)))
    with pytest.raises(CorpusJobError, match="no corpus is being made"):
        job.cancel()


def test_after_a_cancel_another_can_be_made(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, LONG)
    job.make(str(sounds))
    job.cancel()
    until(lambda: job.snapshot().state == "cancelled")
    instead(monkeypatch, MAKES)
    job.make(str(sounds), "mine")
    until(lambda: job.snapshot().state == "done")
    assert left(job) == ["mine"]


def test_the_end_of_the_show_ends_it(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, LONG)
    job.make(str(sounds))
    job.close()
    assert job.snapshot().state == "cancelled"
    assert left(job) == []
    job.close()


def test_a_process_that_dies_is_told_with_what_it_said_last(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, MAKES + "print('progress 1 of 4')\nprint('training: error: the disk is full', file=sys.stderr)\nsys.exit(1)")
    job.make(str(sounds))
    until(lambda: job.snapshot().state == "failed")
    assert job.snapshot().text == "the disk is full"
    instead(monkeypatch, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    job.make(str(sounds))
    until(lambda: job.snapshot().text != "the disk is full" and job.snapshot().state == "failed")
    assert job.snapshot().text == "the studio ended with code -9"
    assert left(job) == []


def test_a_studio_that_is_not_installed_is_said_with_the_next_step(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_job, "STUDIO", ("training", "surely_not_there"))
    with pytest.raises(CorpusJobError, match=r"not installed here; got no surely_not_there; install the studio: make setup"):
        job.make(str(sounds))
    monkeypatch.setattr(corpus_job, "STUDIO", ("training",))
    instead(monkeypatch, "import surely_not_there_either")
    job.make(str(sounds))
    until(lambda: job.snapshot().state == "failed")
    assert "install the studio" in job.snapshot().text
    assert "surely_not_there_either" in job.snapshot().text


def test_what_cannot_be_is_refused_before_anything_begins(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, LONG)
    with pytest.raises(CorpusJobError, match="no such folder of sounds"):
        job.make(str(sounds / "none"))
    for name in ("../x", "a/b", ".hidden", "-", "x" * 49):
        with pytest.raises(CorpusJobError, match="cannot have this name"):
            job.make(str(sounds), name)
    (job.folder / "taken").mkdir(parents=True)
    with pytest.raises(CorpusJobError, match="there is a corpus of this name"):
        job.make(str(sounds), "taken")
    job.make(str(sounds))
    with pytest.raises(CorpusJobError, match="being made already; got my-sounds-1"):
        job.make(str(sounds))
    other = CorpusJob(EventLog(), job.folder)
    with pytest.raises(CorpusJobError, match="another Starling"):
        other.make(str(sounds))
    job.close()
    assert left(job) == ["taken"]


def test_the_name_of_a_folder_gets_a_number_where_it_is_taken(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(monkeypatch, MAKES)
    for name in ("my-sounds-1", "my-sounds-1-2", "my-sounds-1-3"):
        assert job.make(str(sounds)).name == name
        until(lambda name=name: job.snapshot().state == "done" and job.snapshot().name == name)  # type: ignore[misc]


def test_what_a_killed_stage_left_goes_with_the_next(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job.folder / f"{STAGING_PREFIX}old" / "x").mkdir(parents=True)
    instead(monkeypatch, MAKES)
    job.make(str(sounds), "mine")
    until(lambda: job.snapshot().state == "done")
    assert left(job) == ["mine"]


def test_the_rows_make_tell_and_cancel(job: CorpusJob, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = memory_core()
    serve(core, job)
    told: list[Outcome] = []
    heard = threading.Event()

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        if outcome.reply == "/corpus/make.reply":
            heard.set()

    origin = Origin("osc", tell=tell)
    assert core.read("/corpus/state") == ("idle", "", -1.0, "", "")
    core.request("/corpus/cancel", (), origin)
    assert told.pop().why == "no corpus is being made"
    instead(monkeypatch, MAKES + "print('3 units of 2 sounds')")
    core.request("/corpus/make", (str(sounds), "mine"), origin)
    core.drain()
    assert heard.wait(LIMIT_S)
    path = str(job.folder / "mine")
    assert Outcome("/corpus/make", "done", (path,)) in told
    assert Outcome("/corpus/make", "answer", ("done", path, ""), reply="/corpus/make.reply") in told
    assert core.read("/corpus/state") == ("done", "mine", 1.0, "3 units of 2 sounds", path)
    instead(monkeypatch, LONG)
    heard.clear()
    core.request("/corpus/make", (str(sounds),), origin)
    core.drain()
    core.request("/corpus/cancel", (), origin)
    assert heard.wait(LIMIT_S)
    assert told[-1].values == ("cancelled", "", "cancelled; nothing of it stays")
