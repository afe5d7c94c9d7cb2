"""`python -m realtime`: parse, wire, exit."""

import argparse
import contextlib
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final, NoReturn

from patches.errors import PatchError, UnknownPatchError
from realtime.compiled import is_compiled, note_compiled, use_kernel_cache, use_one_thread
from realtime.errors import OptionError, StageError
from realtime.options import COMMANDS, parser
from realtime.plain import plain

_START: Final = "Starling starts"
_FIRST_START: Final = "Starling starts; the first time it compiles its audio path, which takes half a minute or more"


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns the exit code: 0, 2 for what the user typed, 1 for what failed."""
    _take_any_text()
    use_one_thread()
    arguments = parser().parse_args(argv)
    try:
        command = arguments.patches[0] if arguments.patches and arguments.patches[0] in COMMANDS else ""
        if command and len(arguments.patches) > 1:
            raise OptionError(f"{command} stands alone", got=" ".join(arguments.patches))
        if command == "attach":
            return _attach()
        kernels = use_kernel_cache()
        if command:
            return _report(command)
        if arguments.render is None:
            return _play(arguments, kernels)
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
        _flush()


def _take_any_text() -> None:
    """A terminal of few characters (`LANG=C`) shows a question mark for what it has not; that is no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _say(text: str, *, error: bool = False) -> None:
    print(text, file=sys.stderr if error else sys.stdout, flush=True)


def _fail(text: str, code: int) -> int:
    # Who cannot be told has the code.
    with contextlib.suppress(OSError, ValueError):
        print(f"starling: error: {plain(text)}", file=sys.stderr, flush=True)
    return code


def _flush() -> None:
    """What is still buffered for a pipe or terminal that is gone must not become an error, and another exit code, at the very end."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, number)
                os.close(null)


def _attach() -> int:
    from realtime.instance import stage_folder
    from realtime.screen.start import run_screen

    try:
        return run_screen(stage_folder(), lambda text: _say(text, error=True))
    except KeyboardInterrupt:
        # Before there was a screen to take the key.
        return 1


def _report(name: str) -> int:
    from realtime import doctor

    lines = {"doctor": doctor.doctor_lines, "machine": doctor.machine_lines, "devices": doctor.device_lines}
    for line in lines[name]():
        print(plain(line), flush=True)
    return 0


def _play(arguments: argparse.Namespace, kernels: Path) -> int:
    from realtime.host_signals import HostSignals
    from realtime.terminal import why_not_held

    screen_wanted = not arguments.headless and not arguments.no_screen
    why_not = why_not_held()
    with_screen = screen_wanted and not why_not
    # Before anything else is imported: a Ctrl-C that falls into an import can get lost there. It ends the start as clean as the show.
    with HostSignals(keeps_on=with_screen) as signals:
        from realtime.console import Console
        from realtime.instance import Instance

        # Who may not play is told so before all that takes long.
        Instance().check()
        console = Console(None, headless=arguments.headless)
        console.note(_START if is_compiled(kernels) else _FIRST_START)
        if screen_wanted and why_not:
            console.note(f"without a screen: {why_not}; python -m realtime attach opens one in a terminal window")
        from realtime.play_command import play_command

        note_compiled(kernels)
        lines, failed = play_command(arguments, signals, with_screen=with_screen)
    with contextlib.suppress(OSError, ValueError):
        print("\n".join(map(plain, lines)), flush=True)
    return _fail(failed, 1) if failed else 0


def _leave(code: int) -> NoReturn:
    """End the process. A stream that was let go may call until then: the machine code it calls must not be taken apart before."""
    device = sys.modules.get("realtime.device")
    if device is not None and device.is_any_abandoned():
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _leave(main())
