"""Take the README's picture of the screen from a stage that plays: python scripts/screen_picture.py docs/images/screen.svg."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from realtime.attach.client import SocketLink
from realtime.attach.errors import AttachError
from realtime.instance import FOLDER_VARIABLE
from realtime.screen.app import StarlingScreen

SIZE = (132, 38)
START_S = 60.0
ASKS: tuple[tuple[str, tuple[float | str, ...]], ...] = (
    ("/deck/1/class/applause", (0.0,)),
    ("/deck/1/class/rain", (0.8,)),
    ("/deck/1/class/pistons", (0.55,)),
    ("/deck/2/gain", (-7.0,)),
    ("/deck/2/pan", (-0.3,)),
    ("/deck/2/param/brightness", (0.8,)),
    ("/scene/save", ("rain",)),
    ("/record/start", ()),
)
LOOKS_S = 9.0
"""As long as the spectrogram is wide."""
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.S)


def main(target: Path) -> int:
    """Start a stage, play a little, draw."""
    with tempfile.TemporaryDirectory() as folder:
        # All colours, whatever terminal this is run from.
        os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color"}
        environment = os.environ | {FOLDER_VARIABLE: folder, "STARLING_KEYMAP": f"{folder}/none.toml"}
        os.environ.update(environment)
        command = [sys.executable, "-m", "realtime", "textures", "field", "--headless", "--device", "null", "--seed", "7"]
        stage = subprocess.Popen(
            [*command, "--osc-port", "0", "--oscquery-port", "0", "--record-folder", folder], stdout=subprocess.DEVNULL
        )
        try:
            link = _reach(Path(folder))
            svg = asyncio.run(_draw(link))
            link.close()
        finally:
            stage.terminate()
            stage.wait()
    # In whatever font the reader has, and without asking another server for one.
    target.write_text(_FONT.sub("", svg), encoding="utf-8")
    return 0


def _reach(folder: Path) -> SocketLink:
    end_s = time.monotonic() + START_S
    while True:
        link = SocketLink(folder)
        try:
            link.open()
        except AttachError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.1)
            continue
        while not all(deck.state == "playing" for deck in link.look().decks):
            time.sleep(0.05)
        return link


async def _draw(link: SocketLink) -> str:
    for path, values in ASKS:
        link.ask(path, *values)
    app = StarlingScreen(link)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("w")
        await asyncio.sleep(LOOKS_S)
        await pilot.pause()
        return app.export_screenshot(title="Starling")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
