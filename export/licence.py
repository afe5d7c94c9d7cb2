"""Under which terms a patch may be played and passed on: read from its sounds, and said in LICENSE.

It does not know models.
"""

import csv
import json
from pathlib import Path

from export.errors import SheetError
from patches.manifest import Licence
from training.audio_folder import AudioFolder

SHEET = "textures.json"
LIST = "parameters.csv"
CC0 = "CC0-1.0"
USER_SUPPLIED = "user-supplied"

TERMS = {
    CC0: """\
The sounds and the weights of this patch are dedicated to the public domain
under CC0 1.0 Universal (https://creativecommons.org/publicdomain/zero/1.0/).
The code that plays them is under the MIT License:
""",
    USER_SUPPLIED: """\
The sounds of this patch were supplied by its maker, and its weights were
learned from them: the rights in both are those in the sounds. Ask its maker
before you pass it on. The code that plays them is under the MIT License:
""",
}
MIT = """
MIT License

Copyright (c) 2026 Starling

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def licence_of(weights_are_free: bool, sounds: AudioFolder) -> Licence:
    """Return the licences of a patch.

    Parameters
    ----------
    weights_are_free : bool
        Whether the sounds that the run learned from are all CC0.
    sounds : AudioFolder
        The sounds that go along.

    Raises
    ------
    SheetError
        The sounds have a sheet that cannot be read.
    """
    return Licence(code="MIT", weights=CC0 if weights_are_free else USER_SUPPLIED, data=CC0 if is_free(sounds) else USER_SUPPLIED)


def licence_text(licence: Licence) -> str:
    """Return the text of LICENSE."""
    return TERMS[CC0 if licence.weights == licence.data == CC0 else USER_SUPPLIED] + MIT


def is_free(sounds: AudioFolder) -> bool:
    """Tell whether all sounds of a folder are CC0: its sheet says so and its list names every one of them.

    Raises
    ------
    SheetError
        Sheet or list cannot be read.
    """
    sheet, listing = sounds.folder / SHEET, sounds.folder / LIST
    if not sheet.is_file() or not listing.is_file():
        return False
    description = _read(sheet)
    try:
        values = json.loads(description)
    except ValueError as error:
        raise SheetError("not JSON", where=sheet, got=str(error), hint="Make the textures again, or remove the sheet") from error
    listed = {row.get("file") for row in csv.DictReader(_read(listing).splitlines())}
    named = all(clip.path.as_posix() in listed for clip in sounds.clips)
    return isinstance(values, dict) and values.get("licence") == CC0 and named


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SheetError("cannot be read", where=file, got=type(error).__name__, hint="Make the textures again, or remove it") from error
