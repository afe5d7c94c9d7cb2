"""The real Pure Data without a screen, played by hand: message boxes of the patch are clicked and its faders dragged, by the mouse.

A second patch beside it, made here, brings the mouse: it takes ``receiver message`` lines from a socket. Pd's own editor does the rest, so
that what is tested is the file as it ships.
"""

import queue
import re
import shutil
import socket
import threading
import time
from pathlib import Path
from types import TracebackType

from tests.integration.osc_stage import program

PATIENCE_S = 150.0
SLIDER_PIXELS = 127
_MOUSE = """#N canvas 0 0 450 300 12;
#X obj 10 10 netreceive {port};
#X obj 10 40 list prepend;
#X obj 10 70 t l l;
#X obj 10 100 list split 1;
#X obj 150 100 list split 1;
#X obj 10 130 list trim;
#X obj 10 160 send;
#X obj 10 200 r starling-gain;
#X obj 10 230 print fader of gain;
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 2 0 3 0;
#X connect 2 1 4 0;
#X connect 3 1 5 0;
#X connect 4 0 6 1;
#X connect 5 0 6 0;
#X connect 7 0 8 0;
"""


class PureData:
    """Pd with a patch open.

    Parameters
    ----------
    patch : Path
    osc_port : int
        Told to the patch as a user would, by its `starling-port`.
    folder : Path
        Of the test's own.
    """

    def __init__(self, patch: Path, osc_port: int, folder: Path) -> None:
        assert shutil.which("pd"), "puredata-core is not installed: .ci/run installs it"
        self._window = f"pd-{patch.name}"
        text = patch.read_text(encoding="utf-8")
        self._boxes = {found[2]: (int(found[0]), int(found[1])) for found in re.findall(r"#X msg (\d+) (\d+) (.*);", text)}
        self._sliders = _sliders(text)
        mouse_port = _free_port()
        mouse = folder / "mouse.pd"
        mouse.write_text(_MOUSE.format(port=mouse_port), encoding="utf-8")
        options = ["-nogui", "-noaudio", "-nomidi", "-noprefs", "-stderr", "-open", str(patch), "-open", str(mouse)]
        self._process = program(["pd", *options, "-send", f"; starling-port {osc_port}"])
        self._said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._mouse = _connected(mouse_port)

    def __enter__(self) -> "PureData":
        for message in ("vis 1", "map 1"):
            self.send(self._window, message)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._mouse.close()
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def send(self, receiver: str, message: str) -> None:
        """Send a message to whatever receives by a name."""
        self._mouse.sendall(f"{receiver} {message};\n".encode())

    def click(self, message: str) -> None:
        """Click the message box that says so."""
        x, y = self._boxes[message]
        self.send(self._window, f"mouse {x + 4} {y + 5} 1 0")
        self.send(self._window, f"mouseup {x + 4} {y + 5} 1")

    def drag(self, address: str, value: float) -> None:
        """Drag the fader of an address from end to end, and to a value."""
        x, y, low, high = self._sliders[address]
        # All the way down first: where it stands is not known here.
        for pixels in (-2 * SLIDER_PIXELS, round(SLIDER_PIXELS * (value - low) / (high - low))):
            self.send(self._window, f"mouse {x + 60} {y + 8} 1 0")
            self.send(self._window, f"motion {x + 60 + pixels} {y + 8} 0")
            self.send(self._window, f"mouseup {x + 60 + pixels} {y + 8} 1")

    def wait(self, seconds: float) -> None:
        """Leave it alone; it must stay alive."""
        time.sleep(seconds)
        assert self._process.poll() is None

    def hear(self, pattern: str) -> str:
        """Wait until a line is printed that begins as the pattern says; other lines are let go."""
        end_s = time.monotonic() + PATIENCE_S
        heard = []
        while time.monotonic() < end_s:
            try:
                line = self._said.get(timeout=0.1)
            except queue.Empty:
                continue
            if re.match(pattern, line):
                return line
            heard.append(line)
        raise AssertionError(f"{pattern} was not printed, but {heard}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as said:
            for line in said:
                self._said.put(line.rstrip("\n"))


def _sliders(text: str) -> dict[str, tuple[int, int, float, float]]:
    """Place and range of each fader, by the address in the message box of its row."""
    found = {}
    rows = re.findall(r"#X obj (\d+) (\d+) hsl \d+ \d+ (\S+) (\S+) .*\n#X floatatom .*\n#X msg \d+ \d+ (\S+) \\\$1;", text)
    for x, y, low, high, address in rows:
        found[address] = (int(x), int(y), float(low), float(high))
    return found


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _connected(port: int) -> socket.socket:
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < end_s, "Pd does not open the mouse's port"
            time.sleep(0.1)
