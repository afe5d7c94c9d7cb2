"""What a host does with its terminal, one scene after the other: run on a pseudo-terminal by tests/realtime/test_terminal.py."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from realtime.control.event_log import EventLog
from realtime.host_signals import HostSignals
from realtime.screen_process import ScreenProcess
from realtime.terminal import Terminal

SCREEN = (
    "import os, sys, time, tty; tty.setraw(0); os.write(1, b'\\x1b[?1049h\\x1b[?25l\\x1b[?1003hdrawn ' + str(os.getpid()).encode() + b'.');"
    "key = os.read(0, 1); os.write(1, b'\\x1b[?1049lbye'); sys.exit(key == b'x')"
)
"""A screen as rude as they come: raw, on the other page, and it puts nothing right but the page. `q` ends it well, `x` badly."""
OPEN_FILES = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)), flush=True)"


def held(folder: Path) -> None:
    with Terminal(folder) as terminal:
        print("printed")
        os.write(1, b"library 1\n")
        os.write(2, b"library 2\n")
        subprocess.run([sys.executable, "-c", "import os; os.write(1, b'child\\n'); print(os.read(0, 9), os.isatty(0))"], check=True)
        terminal.write("written\n")
    print("after")


def files(folder: Path) -> None:
    secret = os.open(folder / "secret", os.O_RDWR | os.O_CREAT)
    with Terminal(folder) as terminal:
        screen = ScreenProcess(terminal, EventLog(), [sys.executable, "-c", OPEN_FILES])
        screen.open()
        while screen.process_id:
            screen.watch()
            time.sleep(0.02)
    os.close(secret)


def missing(folder: Path) -> None:
    with Terminal(folder) as terminal:
        log = EventLog()
        screen = ScreenProcess(terminal, log, [str(folder / "no such program")])
        terminal.write(f"opened: {screen.open()}\n")
        terminal.write(f"{log.lines()[0].text}\n")


def screens(folder: Path) -> None:
    """One screen after the other, until it is told to end."""
    with HostSignals(keeps_on=True) as signals, Terminal(folder) as terminal:
        log = EventLog()
        screen = ScreenProcess(terminal, log, [sys.executable, "-c", SCREEN])
        screen.open()
        said = 0
        while not signals.stop.wait(0.02):
            told = screen.watch()
            for line in log.lines(said):
                said = line.number
                terminal.write(f"said: {line.text}\n")
                with (folder / "said.txt").open("a") as file:
                    file.write(line.text + "\n")
            terminal.write(f"{told}\n" if told else "")
            if signals.take_suspended():
                terminal.write("not suspended\n")
        began = time.monotonic()
        screen.close()
        (folder / "closed.txt").write_text(f"{time.monotonic() - began:.2f}")
    print("ended", flush=True)


def stuck(folder: Path) -> None:
    """Write to a terminal that takes nothing (Ctrl-S)."""
    with HostSignals(keeps_on=True) as signals, Terminal(folder) as terminal:
        terminal.write("ready\n")
        while not (folder / "stopped").exists():
            time.sleep(0.02)
        for _ in range(10_000):
            terminal.write("x" * 70 + "\n")
        terminal.take_back(torn=True)
        (folder / "written").touch()
        signals.stop.wait(60)


def signals(folder: Path) -> None:
    """Processes started while the terminal's signals are held, one at each stage of its start: none may be hit."""
    from realtime import terminal_signals

    code = "import time; {first}; print('up', flush=True); time.sleep(60)"
    with terminal_signals.held():
        started = subprocess.Popen([sys.executable, "-c", code.format(first="pass")], stdin=subprocess.DEVNULL)
        first = "from realtime import terminal_signals; terminal_signals.ignore()"
        ignoring = subprocess.Popen([sys.executable, "-c", code.format(first=first)], stdin=subprocess.DEVNULL)
    after = subprocess.Popen([sys.executable, "-c", code.format(first="pass")], stdin=subprocess.DEVNULL)
    with HostSignals(keeps_on=True):
        (folder / "pids").write_text(f"{started.pid} {ignoring.pid} {after.pid}")
        while not (folder / "end").exists():
            time.sleep(0.02)
        codes = [process.poll() for process in (started, ignoring, after)]
        (folder / "codes").write_text(repr(codes))
        for process in (started, ignoring, after):
            process.send_signal(signal.SIGKILL)
            process.wait()


def processes(folder: Path) -> None:
    """The stage's own processes, as the host starts them: a deck's, MIDI's, and the one that cleans up after a crash."""
    from multiprocessing import resource_tracker

    from realtime.midi.wire_process import WireProcess
    from realtime.shared import SharedBlock
    from realtime.worker import Worker

    with HostSignals(keeps_on=True), Terminal(folder) as terminal:
        block = SharedBlock.create(44_100)
        worker = Worker(block.name)
        # Of a server that is not there: it goes on looking for it.
        wire = WireProcess(EventLog(), ["jack"], lambda frame: None, lambda: None)
        wire.start()
        while not any(event["event"] == "idle" for event in worker.events()) or not wire.process_id:
            time.sleep(0.02)
        (folder / "pids").write_text(f"{worker.pid} {wire.process_id} {resource_tracker._resource_tracker._pid}")
        terminal.write("up\n")
        while not (folder / "end").exists():
            time.sleep(0.02)
        worker.finish()
        wire.close()
        block.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
