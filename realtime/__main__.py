"""`python -m realtime`: parse, wire, exit."""

import argparse
import contextlib
import secrets
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from patches.errors import PatchError, UnknownPatchError
from realtime.compiled import use_kernel_cache, use_one_thread
from realtime.errors import OptionError, StageError

if TYPE_CHECKING:
    from realtime.engine import Engine
    from realtime.setup import Setup

DEFAULT_PATCH = "textures"
STATUS_S = 0.2
PLAIN_STATUS_S = 10.0

_CLEAR = "\r\x1b[K"
_EPILOG = """\
commands instead of a patch:
  doctor    devices, PortAudio, priorities, providers, step time of each patch, what to install
  devices   the output devices

decks are numbered from 1 in the order of the patches; --set reaches the controls of a patch (python -m patches show SLUG) and of
every deck: gain (dB), pan, mute, solo, freeze; --set master.gain=-6 the master.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m realtime",
        description="Play patches, live or to a file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("patches", nargs="*", metavar="SLUG", help=f"patch (slug or folder) for each deck; none: {DEFAULT_PATCH}")
    made.add_argument("--render", type=Path, metavar="FILE", help="write a WAV file instead of playing")
    made.add_argument("--seconds", type=float, metavar="S", help="how long; without --render, play this long and end")
    made.add_argument("--headless", action="store_true", help="no status line; messages only")
    made.add_argument("--device", metavar="NAME", help="output device by name or number, or null")
    made.add_argument("--sample-rate", type=int, metavar="HZ", help="the device's rate (patches are resampled to it)")
    made.add_argument("--block-frames", type=int, metavar="N", help="frames the device asks for at once")
    made.add_argument("--lead-frames", type=int, metavar="N", help="frames a deck keeps ready; default: from its measured step time")
    made.add_argument("--seed", type=int, metavar="N", help="repeat a performance; default: another one each time, and it is shown")
    made.add_argument("--set", action="append", default=[], metavar="DECK.CONTROL=VALUE", help="set a control; may be given again")
    made.add_argument("--rack", type=Path, metavar="FILE", help="decks, patches and values from a TOML file")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns the exit code: 0, 2 for what the user typed, 1 for what failed."""
    use_one_thread()
    use_kernel_cache()
    arguments = parser().parse_args(argv)
    try:
        if arguments.patches in (["doctor"], ["devices"]):
            return _report(arguments.patches[0])
        return _play(arguments) if arguments.render is None else _render(arguments)
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


def _fail(text: str, code: int) -> int:
    print(f"starling: error: {text}", file=sys.stderr)
    return code


def _report(name: str) -> int:
    from realtime import doctor

    for line in doctor.device_lines() if name == "devices" else doctor.doctor_lines():
        print(line, flush=True)
    return 0


def _setup(arguments: argparse.Namespace) -> "Setup":
    from realtime.kernels.layout import MAX_DECKS, MAX_LEAD_FRAMES
    from realtime.setup import DeckSetup, Setup, apply_settings, parse_setting, read_rack

    settings = [parse_setting(text) for text in arguments.set]
    if arguments.rack is not None and arguments.patches:
        raise OptionError("--rack names the patches itself", got=" ".join(arguments.patches), hint="give patches or --rack, not both")
    if arguments.lead_frames is not None and not 1 <= arguments.lead_frames <= MAX_LEAD_FRAMES:
        raise OptionError("--lead-frames", got=str(arguments.lead_frames), allowed=f"1 to {MAX_LEAD_FRAMES}")
    if arguments.seed is not None and not 0 <= arguments.seed < 2**63:
        raise OptionError("--seed", got=str(arguments.seed), allowed="0 to 2^63-1")
    if arguments.rack is not None:
        setup = read_rack(arguments.rack)
    else:
        patches = arguments.patches or [DEFAULT_PATCH]
        if len(patches) > MAX_DECKS:
            raise OptionError("number of patches", got=str(len(patches)), allowed=f"up to {MAX_DECKS}")
        setup = Setup(tuple(DeckSetup(patch) for patch in patches))
    return apply_settings(setup, settings)


def _render(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from realtime.audio_file import AudioFileWriter
    from realtime.render import DEFAULT_BLOCK_FRAMES, DEFAULT_RATE_HZ, RenderConfig, render

    if arguments.device is not None:
        raise OptionError("--render needs no device", got=f"--device {arguments.device}", hint="leave out --device")
    if arguments.seconds is None:
        raise OptionError("--render needs a length", allowed="--seconds S")
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(2**31)
    config = RenderConfig(
        arguments.seconds,
        seed,
        DEFAULT_RATE_HZ if arguments.sample_rate is None else arguments.sample_rate,
        DEFAULT_BLOCK_FRAMES if arguments.block_frames is None else arguments.block_frames,
    )
    faults: list[int] = []
    blocks = render(_setup(arguments), config, finished=faults.append)
    with (
        AudioFileWriter(arguments.render, config.sample_rate_hz, config.frames) as file,
        tqdm(total=config.frames, unit_scale=1 / config.sample_rate_hz, desc="render", disable=arguments.headless, bar_format=_BAR) as bar,
    ):
        for frames in blocks:
            file.write(frames)
            bar.update(len(frames))
    print(f"{arguments.render}: {config.seconds:g} s, {config.sample_rate_hz} Hz, seed {seed}, {sum(faults)} non-finite")
    return 0


_BAR = "{desc} {percentage:3.0f}%|{bar}| {n:.1f}/{total:.1f} s [{elapsed}<{remaining}]"


def _play(arguments: argparse.Namespace) -> int:
    stop = threading.Event()
    # Before anything else is imported: a Ctrl-C that falls into an import can get lost there. It ends the start as clean as the show.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    from realtime.engine import Engine, EngineConfig
    from realtime.instance import Instance
    from realtime.render import MAX_BLOCK_FRAMES, MAX_RATE_HZ, MIN_RATE_HZ
    from realtime.status import summary

    for name, value, low, high in (
        ("--sample-rate", arguments.sample_rate, MIN_RATE_HZ, MAX_RATE_HZ),
        ("--block-frames", arguments.block_frames, 16, MAX_BLOCK_FRAMES),
        ("--seconds", arguments.seconds, 0.0, 1e9),
    ):
        if value is not None and not low <= value <= high:
            raise OptionError(name, got=f"{value:g}", allowed=f"{low:g} to {high:g}")
    setup = _setup(arguments)
    _check(setup)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(2**31)
    engine = Engine(
        EngineConfig(
            decks=len(setup.decks),
            device=arguments.device,
            sample_rate_hz=arguments.sample_rate,
            block_frames=arguments.block_frames,
            lead_frames=arguments.lead_frames,
            seed=seed,
        )
    )
    with Instance(), engine:
        _show(f"playing on {engine.snapshot().device} at {engine.snapshot().sample_rate_hz} Hz, seed {seed}; Ctrl-C ends")
        _load(engine, setup)
        failed = _follow(engine, stop, arguments.seconds, headless=arguments.headless)
        last = engine.snapshot()
    _show("\n".join(summary(last)))
    return _fail(failed, 1) if failed else 0


def _check(setup: "Setup") -> None:
    """Refuse what cannot be played before a device is opened for it."""
    from patches.library import find
    from patches.reader import read_manifest
    from realtime.controls import DECK_CONTROLS, check_patch_values
    from realtime.controls import find as find_control

    for number, deck in enumerate(setup.decks):
        own = [(control, value) for control, value in deck.controls if not find_control(DECK_CONTROLS, control)]
        check_patch_values(number, read_manifest(find(deck.patch)), own)


def _show(text: str, end: str = "\n", *, error: bool = False) -> None:
    """Print while the show runs: a terminal or pipe that is gone must not end it."""
    # A ValueError is a closed file; Python has no stream at all (None) when it was started with a closed one.
    with contextlib.suppress(OSError, ValueError):
        print(text, end=end, file=sys.stderr if error else sys.stdout, flush=True)


def _load(engine: "Engine", setup: "Setup") -> None:
    """Send a set-up to the engine."""
    from realtime import commands as do
    from realtime.controls import DECK_CONTROLS
    from realtime.controls import find as find_control

    for control, value in setup.master:
        engine.send(do.SetControl(None, control, value))
    for number, deck in enumerate(setup.decks):
        stage = [(control, value) for control, value in deck.controls if find_control(DECK_CONTROLS, control)]
        own = tuple(pair for pair in deck.controls if pair not in stage)
        for control, value in stage:
            engine.send(do.SetControl(number, control, value))
        if deck.lead_frames is not None:
            engine.send(do.SetLead(number, deck.lead_frames))
        engine.send(do.Load(number, deck.patch, deck.seed, own))


def _follow(engine: "Engine", stop: threading.Event, seconds: float | None, *, headless: bool) -> str:
    """Show the status until the end; returns why it failed when no deck ever played."""
    from realtime.status import status_line

    live = sys.stdout is not None and sys.stdout.isatty() and not headless
    interval = STATUS_S if live else PLAIN_STATUS_S
    shown: dict[int, str] = {}
    notice = ""
    waited = 0.0
    while not stop.is_set():
        snapshot = engine.snapshot()
        if seconds is not None and snapshot.clock_frames >= seconds * snapshot.sample_rate_hz:
            break
        if engine.notice != notice:
            notice = engine.notice
            _show(f"{_CLEAR if live else ''}{notice}", error=True)
        for deck in snapshot.decks:
            if deck.error != shown.get(deck.number, ""):
                shown[deck.number] = deck.error
                _show(f"{_CLEAR if live else ''}deck {deck.number + 1}: {deck.error or 'plays again'}")
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
