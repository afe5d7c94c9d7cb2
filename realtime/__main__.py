"""`python -m realtime`: parse, wire, exit."""

import argparse
import contextlib
import gc
import secrets
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING

from patches.errors import PatchError, UnknownPatchError
from realtime.compiled import use_kernel_cache, use_one_thread
from realtime.errors import OptionError, StageError
from realtime.options import check_setup, parser, read_setup, refuse

if TYPE_CHECKING:
    from realtime.control.event_log import EventLog
    from realtime.engine import Engine
    from realtime.setup import Setup

STATUS_S = 0.2
PLAIN_STATUS_S = 10.0
RENDER_ONLY = ("--hops", "--input-file", "--units", "--replace", "--performance")

_CLEAR = "\r\x1b[K"


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns the exit code: 0, 2 for what the user typed, 1 for what failed."""
    use_one_thread()
    use_kernel_cache()
    arguments = parser().parse_args(argv)
    try:
        if arguments.patches in (["doctor"], ["devices"]):
            return _report(arguments.patches[0])
        if arguments.render is None:
            return _play(arguments)
        # Imported only now: playing must not wait for what only rendering needs.
        from realtime.render_command import render_command

        return render_command(arguments, _say)
    except StageError as error:
        return _fail(str(error), error.exit_code)
    except PatchError as error:
        return _fail(str(error), 2 if isinstance(error, UnknownPatchError) else 1)
    except KeyboardInterrupt:
        return _fail("stopped; nothing was written", 1)
    except BrokenPipeError:
        return 1
    finally:
        # What is still buffered for a pipe that is gone must not become an error at exit.
        with contextlib.suppress(OSError, ValueError):
            if sys.stdout is not None:
                sys.stdout.flush()


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


def _fail(text: str, code: int) -> int:
    print(f"starling: error: {text}", file=sys.stderr)
    return code


def _report(name: str) -> int:
    from realtime import doctor

    for line in doctor.device_lines() if name == "devices" else doctor.doctor_lines():
        print(line, flush=True)
    return 0


def _play(arguments: argparse.Namespace) -> int:
    stop = threading.Event()
    # Before anything else is imported: a Ctrl-C that falls into an import can get lost there. It ends the start as clean as the show.
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        return _play_until(arguments, stop)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler or signal.SIG_DFL)


def _play_until(arguments: argparse.Namespace, stop: threading.Event) -> int:
    from realtime.control.automation_file import read_automation
    from realtime.engine import Engine, EngineConfig
    from realtime.instance import Instance
    from realtime.render import MAX_BLOCK_FRAMES, MAX_RATE_HZ, MIN_RATE_HZ
    from realtime.show import Show
    from realtime.status import summary

    for name, value, low, high in (
        ("--sample-rate", arguments.sample_rate, MIN_RATE_HZ, MAX_RATE_HZ),
        ("--block-frames", arguments.block_frames, 16, MAX_BLOCK_FRAMES),
        ("--seconds", arguments.seconds, 0.0, 1e9),
    ):
        if value is not None and not low <= value <= high:
            raise OptionError(name, got=f"{value:g}", allowed=f"{low:g} to {high:g}")
    refuse(arguments, RENDER_ONLY, "is for --render", "leave it out, or name a file: --render take.wav")
    setup = read_setup(arguments)
    check_setup(setup)
    if arguments.automation is not None:
        # Before a device opens for it.
        read_automation(arguments.automation)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(2**31)
    engine = Engine(
        EngineConfig(
            decks=len(setup.decks),
            device=arguments.device,
            sample_rate_hz=arguments.sample_rate,
            block_frames=arguments.block_frames,
            lead_frames=arguments.lead_frames,
            seed=seed,
            input=arguments.input if arguments.input is not None else setup.input,
        )
    )
    with Instance(), engine:
        show = Show(engine, setup.show)
        lines = _Lines(show.log, live=_is_live(arguments.headless))
        try:
            show.start()
            # What is there now stays: the collector shall not look through all of it again and again while packets come in.
            gc.collect()
            gc.freeze()
            _show(f"playing on {engine.snapshot().device} at {engine.snapshot().sample_rate_hz} Hz, seed {seed}; Ctrl-C ends")
            loads = _load(engine, setup)
            if arguments.record:
                show.ask("/record/start")
            if arguments.automation is not None:
                # From the first sound on, as in a render.
                show.ask_when_heard(loads, "/automation/play", str(arguments.automation))
            failed = _follow(engine, lines, stop, arguments.seconds, headless=arguments.headless)
            last = engine.snapshot()
            # The fade is a part of the take, and what it is heard by ends before the memory it is heard from.
            engine.fade_out()
        finally:
            show.close()
            # What became of a take is known only now.
            lines.show()
    _show("\n".join(summary(last)))
    return _fail(failed, 1) if failed else 0


def _show(text: str, end: str = "\n", *, error: bool = False) -> None:
    """Print while the show runs: a terminal or pipe that is gone must not end it."""
    # A ValueError is a closed file; Python has no stream at all (None) when it was started with a closed one.
    with contextlib.suppress(OSError, ValueError):
        print(text, end=end, file=sys.stderr if error else sys.stdout, flush=True)


def _load(engine: "Engine", setup: "Setup") -> list[int]:
    """Send a set-up to the engine; returns the number of every deck's load."""
    from realtime import commands as do
    from realtime.controls import DECK_CONTROLS
    from realtime.controls import find as find_control

    for control, value in setup.master:
        engine.send(do.SetControl(None, control, value))
    loads = []
    for number, deck in enumerate(setup.decks):
        stage = [(control, value) for control, value in deck.controls if find_control(DECK_CONTROLS, control)]
        own = tuple(pair for pair in deck.controls if pair not in stage)
        for control, value in stage:
            engine.send(do.SetControl(number, control, value))
        if deck.lead_frames is not None:
            engine.send(do.SetLead(number, deck.lead_frames))
        loads.append(engine.send(do.Load(number, deck.patch, deck.seed, own, deck.choices, deck.prime)))
    return loads


def _is_live(headless: bool) -> bool:
    """Whether somebody looks at one line that changes."""
    return sys.stdout is not None and sys.stdout.isatty() and not headless


class _Lines:
    """Shows what a log has to say, each line once."""

    def __init__(self, log: "EventLog", *, live: bool) -> None:
        self._log = log
        self._clear = _CLEAR if live else ""
        self._shown = 0

    def show(self) -> None:
        """Show what is new."""
        for line in self._log.lines(self._shown):
            self._shown = line.number
            times = f" ({line.count} times)" if line.count > 1 else ""
            _show(f"{self._clear}{line.text}{times}", error=True)


def _follow(engine: "Engine", lines: _Lines, stop: threading.Event, seconds: float | None, *, headless: bool) -> str:
    """Show the status until the end; returns why it failed when no deck ever played."""
    from realtime.status import status_line

    live = _is_live(headless)
    interval = STATUS_S if live else PLAIN_STATUS_S
    shown: dict[int, str] = {}
    noted: dict[int, str] = {}
    notice = ""
    waited = 0.0
    while not stop.is_set():
        snapshot = engine.snapshot()
        if seconds is not None and snapshot.clock_frames >= seconds * snapshot.sample_rate_hz:
            break
        lines.show()
        if engine.notice != notice:
            notice = engine.notice
            _show(f"{_CLEAR if live else ''}{notice}", error=True)
        for deck in snapshot.decks:
            if deck.error != shown.get(deck.number, ""):
                shown[deck.number] = deck.error
                _show(f"{_CLEAR if live else ''}deck {deck.number + 1}: {deck.error or 'plays again'}")
            if deck.note != noted.get(deck.number, ""):
                noted[deck.number] = deck.note
                if deck.note:
                    _show(f"{_CLEAR if live else ''}deck {deck.number + 1}: {deck.note}")
        if all(deck.state == "failed" for deck in snapshot.decks):
            return "; ".join(f"deck {deck.number + 1}: {deck.error}" for deck in snapshot.decks)
        if live:
            _show(_CLEAR + status_line(snapshot, shutil.get_terminal_size().columns - 1), end="")
        elif not headless and waited >= interval:
            _show(status_line(snapshot, 400))
            waited = 0.0
        stop.wait(STATUS_S)
        waited += STATUS_S
    if live:
        _show("")
    return ""


if __name__ == "__main__":
    sys.exit(main())
