"""The studio's command line: ``python -m training textures | sequencer | codec | codec-import | prepare | tokens | evaluate``.

It only exits as the command ends; everything else is imported inside `main`, where Ctrl-C is heard.
"""

import io
import os
import sys
from collections.abc import Sequence

from patches.errors import printable
from training.errors import StudioError

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0 done, 1 failed, 2 wrongly asked for, 130 stopped by Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a name must not end the program
    try:
        from training.commands import run_command

        code = run_command(arguments, _say)
        sys.stdout.flush()
    except StudioError as error:
        print(f"training: error: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("training: stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code


def _say(line: str) -> None:
    print(printable(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
