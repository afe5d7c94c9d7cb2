"""Under which terms a patch may be played and passed on: those of its sounds, said in LICENSE.

It does not know models.
"""

from patches.manifest import Licence
from training.audio_folder import AudioFolder
from training.licence import CC0, USER_SUPPLIED, audio_licence

# Sounds and weights learned from them, by their common term.
TOGETHER = {
    CC0: """\
The sounds and the weights of this patch are dedicated to the public domain
under CC0 1.0 Universal (https://creativecommons.org/publicdomain/zero/1.0/).
""",
    USER_SUPPLIED: """\
The sounds of this patch were supplied by its maker, and its weights were
learned from them: the rights in both are those in the sounds. Ask its maker
before you pass it on.
""",
}
# Where the weights were learned from other sounds, each by its own term.
SOUNDS = {
    CC0: """\
The sounds of this patch are dedicated to the public domain under
CC0 1.0 Universal (https://creativecommons.org/publicdomain/zero/1.0/).
""",
    USER_SUPPLIED: """\
The sounds of this patch were supplied by its maker: ask its maker before you
pass them on.
""",
}
WEIGHTS = {
    CC0: """\
The weights of this patch were learned from other sounds and are dedicated to
the public domain under CC0 1.0 Universal
(https://creativecommons.org/publicdomain/zero/1.0/).
""",
    USER_SUPPLIED: """\
The weights of this patch were learned from other sounds, supplied by whoever
trained them: the rights in the weights are those in these other sounds.
""",
}
CODE = "The code that plays them is under the MIT License:\n"
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


def licence_of(learned_from: str, sounds: AudioFolder) -> Licence:
    """Return the licences of a patch.

    Parameters
    ----------
    learned_from : str
        Terms of the sounds that the run learned from: the weights are under them too.
    sounds : AudioFolder
        The sounds that go along.

    Raises
    ------
    SheetError
        The sounds have a sheet that cannot be read.
    """
    return Licence(code="MIT", weights=learned_from, data=audio_licence(sounds))


def licence_text(licence: Licence, *, other_sounds: bool = False) -> str:
    """Return the text of LICENSE.

    Parameters
    ----------
    licence : Licence
    other_sounds : bool
        The patch plays other sounds than those its weights were learned from.
    """
    if other_sounds or licence.data != licence.weights:
        return SOUNDS[licence.data] + WEIGHTS[licence.weights] + CODE + MIT
    return TOGETHER[licence.data] + CODE + MIT


def authors_of(licence: Licence, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return who made a patch: whoever is named, or Starling where all of it is ours and given away."""
    return named or (("Starling",) if licence.weights == licence.data == CC0 else ("unknown",))
