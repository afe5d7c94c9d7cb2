"""Playing live: engine, show, control socket, screen and console wired together, and the loop that waits for the end."""

import argparse
import gc
import secrets
from contextlib import ExitStack

from realtime.attach.server import AttachServer
from realtime.attach.viewer import Viewer
from realtime.console import Console
from realtime.control.automation_file import read_automation
from realtime.engine import Engine, EngineConfig
from realtime.engine_start import start_engine
from realtime.errors import OptionError, StageError
from realtime.host_signals import HostSignals
from realtime.instance import Instance
from realtime.last_rack import LastRack, find_last
from realtime.options import check_setup, read_setup, refuse
from realtime.render import MAX_BLOCK_FRAMES, MAX_RATE_HZ, MIN_RATE_HZ
from realtime.screen_process import CHANNEL, ScreenProcess
from realtime.setup import Setup
from realtime.show import Show
from realtime.show_settings import LEAST_BLOCK_FRAMES
from realtime.snapshot import Snapshot
from realtime.stage_setup import send_deck, send_master
from realtime.stage_watch import StageWatch, failure
from realtime.status import summary
from realtime.terminal import Terminal

LOOK_S = 0.2
RENDER_ONLY = ("--hops", "--input-file", "--units", "--replace", "--performance")
_KEPT_ON = "Ctrl-Z would silence the stage; it plays on. Ctrl-C ends it"


def play_command(arguments: argparse.Namespace, signals: HostSignals, *, with_screen: bool) -> tuple[list[str], str]:
    """Play until it is ended.

    Parameters
    ----------
    arguments : Namespace
    signals : HostSignals
        Entered.
    with_screen : bool
        There is a terminal to show a screen on.

    Returns
    -------
    list of str
        What there is to say of it.
    str
        Why it failed, empty if it did not.

    Raises
    ------
    StageError, PatchError — it cannot be begun.
    """
    setup = _checked(arguments)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(2**31)
    sound = setup.show.sound
    config = EngineConfig(
        decks=len(setup.decks),
        device=sound.device,
        sample_rate_hz=sound.sample_rate_hz,
        block_frames=sound.block_frames,
        lead_frames=sound.lead_frames,
        seed=seed,
        input=sound.input,
        audition=True,
    )
    with ExitStack() as opened:
        instance = opened.enter_context(Instance())
        folder = instance.folder
        # Before the engine: its libraries and processes keep the output they are started with.
        terminal = opened.enter_context(Terminal(folder)) if with_screen else None
        console = Console(terminal, headless=arguments.headless)
        console.note("opening the sound device")
        engine = start_engine(opened, config, _kept(arguments))
        show = Show(engine, setup.show)
        last_rack = LastRack(show, folder)
        watch = StageWatch(engine, show.log, console)
        screen = None if terminal is None else ScreenProcess(terminal, show.log)
        server = AttachServer(Viewer(show, engine), show.core, show.log)
        try:
            show.start()
            # What is there now stays: the collector shall not look through all of it again and again while packets come in.
            gc.collect()
            gc.freeze()
            console.say(f"playing on {engine.snapshot().device} at {engine.snapshot().sample_rate_hz} Hz, seed {seed}; Ctrl-C ends")
            try:
                server.start(folder)
            except (StageError, OSError) as error:
                show.log.say(CHANNEL, f"no screen can be attached: {error}")
            if screen is not None and (told := screen.open()):
                console.say(told)
            # Decks of the stage before that name no lead had one that was chosen.
            loads = _load(engine, setup, arguments.lead_frames if arguments.resume else config.lead_frames)
            if arguments.resume:
                # No file of the performer's own has them.
                show.scenes.kept(-1)
            else:
                show.racks.file = setup.file and setup.file.absolute()
                if instance.cut_off and find_last(folder):
                    show.log.say("rack", "the stage before was cut off; python -m realtime --resume brings it back")
            last_rack.start()
            if arguments.record:
                show.ask("/record/start")
            if arguments.automation is not None:
                # From the first sound on, as in a render.
                show.ask_when_heard(loads, "/automation/play", str(arguments.automation))
            failed = _wait(arguments.seconds, engine, signals, server, screen, watch, console)
            last = engine.snapshot()
            # The fade is a part of the take, and what it is heard by ends before the memory it is heard from.
            engine.fade_out()
        finally:
            server.close()
            last_rack.close()
            show.close()
            if screen is not None:
                screen.close()
            # What became of a take is known only now.
            watch.say_log()
    return summary(last), failed


def _checked(arguments: argparse.Namespace) -> Setup:
    """The set-up, once everything the user typed is known to be possible: before a device opens for it."""
    for name, value, low, high in (
        ("--sample-rate", arguments.sample_rate, MIN_RATE_HZ, MAX_RATE_HZ),
        ("--block-frames", arguments.block_frames, LEAST_BLOCK_FRAMES, MAX_BLOCK_FRAMES),
        ("--seconds", arguments.seconds, 0.0, 1e9),
    ):
        if value is not None and not low <= value <= high:
            raise OptionError(name, got=f"{value:g}", allowed=f"{low:g} to {high:g}")
    refuse(arguments, RENDER_ONLY, "is for --render", "leave it out, or name a file: --render take.wav")
    setup = read_setup(arguments)
    check_setup(setup)
    if arguments.automation is not None:
        read_automation(arguments.automation)
    return setup


def _kept(arguments: argparse.Namespace) -> list[str]:
    """What of the sound nobody asks for now, where it is that of the stage before: it must not keep the show from coming back."""
    asked = {
        "device": arguments.device,
        "sample_rate_hz": arguments.sample_rate,
        "block_frames": arguments.block_frames,
        "input": arguments.input,
    }
    return [name for name, value in asked.items() if value is None] if arguments.resume else []


def _load(engine: Engine, setup: Setup, lead_frames: int | None) -> dict[int, int]:
    """Send a set-up to the engine; returns the number of every deck's load."""
    send_master(engine, setup)
    loads = {number: send_deck(engine, number, deck, lead_frames) for number, deck in enumerate(setup.decks)}
    return {number: load for number, load in loads.items() if load}


def _wait(
    seconds: float | None,
    engine: Engine,
    signals: HostSignals,
    server: AttachServer,
    screen: ScreenProcess | None,
    watch: StageWatch,
    console: Console,
) -> str:
    """Look after screen and console until the end; returns why it failed when no deck ever played."""
    failed = ""
    while not (signals.stop.is_left or server.quit_asked.is_set() or failed):
        snapshot = engine.snapshot()
        if seconds is not None and _is_over(snapshot, seconds):
            break
        told = [screen.watch() if screen is not None else "", _KEPT_ON if signals.take_suspended() else ""]
        watch.look(snapshot, LOOK_S)
        for text in filter(None, told):
            console.say(text)
        # Who sees it on a screen can load something else.
        failed = failure(snapshot) if screen is None and not server.screens else ""
        if not failed:
            signals.stop.wait(LOOK_S)
    if console.live:
        console.status("")
    return failed


def _is_over(snapshot: Snapshot, seconds: float) -> bool:
    return snapshot.clock_frames >= seconds * snapshot.sample_rate_hz
