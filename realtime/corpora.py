"""The corpora and the prime a deck is asked to play: checked, and as they travel to its process.

It looks at names, weights and folders, not into a corpus.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from patches.corpus_fields import CORPUS_NAME
from patches.corpus_folder import is_corpus_folder
from patches.manifest import Manifest
from realtime.errors import ClipError, CorpusError
from realtime.voices.voice import CORPUS_KINDS, OWN_CORPUS, CorpusChoice, VoiceOptions

MAX_CORPORA = 16
MAX_WEIGHT = 100.0
"""A unit of the least weight is then practically never chosen; more would only lose precision."""
MAX_LABELS = 64


def check_options(where: str, manifest: Manifest, corpora: Sequence[CorpusChoice], prime: str | Path | None = None) -> VoiceOptions:
    """What a voice is made with, if the patch can use it: paths absolute, every folder and file there.

    Parameters
    ----------
    where : str
        For the message: ``deck 1``.
    manifest : Manifest
        Of the patch to play.
    corpora : sequence of CorpusChoice
        None: the patch's own.
    prime : str or Path, optional
        A sound file.

    Raises
    ------
    CorpusError — the patch plays no corpus; too many of them, the same one twice, a weight or label out of range, no such folder.
    ClipError — no such prime.
    """
    if not corpora and prime is None:
        return VoiceOptions()
    if manifest.kind not in CORPUS_KINDS:
        what = "plays no corpus" if corpora else "has no sequencer to hear a prime"
        raise CorpusError(
            f"{where}: patch {manifest.slug} {what}",
            got=f"a patch of kind {manifest.kind}",
            allowed=f"patches of kind {', '.join(sorted(CORPUS_KINDS))}",
            hint="python -m patches list shows the kinds",
        )
    if len(corpora) > MAX_CORPORA:
        raise CorpusError(f"{where}: number of corpora", got=str(len(corpora)), allowed=f"up to {MAX_CORPORA}")
    checked = tuple(_check_choice(where, choice) for choice in corpora)
    paths = [choice.path for choice in checked]
    for path in paths:
        if paths.count(path) > 1:
            raise CorpusError(f"{where}: the same corpus twice", got=path, hint="give it a weight instead")
    return VoiceOptions(checked, None if prime is None else _check_prime(where, Path(prime)))


def _check_choice(where: str, choice: CorpusChoice) -> CorpusChoice:
    if not (math.isfinite(choice.weight) and 0.0 < choice.weight <= MAX_WEIGHT):
        raise CorpusError(f"{where}: weight of corpus {choice.path}", got=f"{choice.weight:g}", allowed=f"over 0, up to {MAX_WEIGHT:g}")
    if len(choice.labels) > MAX_LABELS or any(not label.strip() for label in choice.labels):
        raise CorpusError(f"{where}: labels of corpus {choice.path}", got=repr(choice.labels), allowed=f"up to {MAX_LABELS}, none empty")
    if choice.path == OWN_CORPUS:
        return choice
    folder = Path(choice.path)
    made = "python -m training corpus --audio SOUNDS --out FOLDER makes one"
    if not choice.path or not folder.is_dir():
        got = f"{choice.path}, which is a file" if folder.is_file() else choice.path or "nothing"
        raise CorpusError(f"{where}: no such corpus folder", got=got, allowed=f"a folder, or {OWN_CORPUS}", hint=made)
    if not is_corpus_folder(folder):
        raise CorpusError(f"{where}: {choice.path} is no corpus", got=f"a folder without {CORPUS_NAME}", hint=made)
    return replace(choice, path=str(folder.resolve()))


def _check_prime(where: str, path: Path) -> Path:
    if path.is_dir():
        raise ClipError(f"{where}: the prime is a folder", got=str(path), allowed="one sound file; a folder of them only with --render")
    if not path.is_file():
        raise ClipError(f"{where}: no such prime", got=str(path), allowed="a sound file")
    return path.resolve()


def write_options(options: VoiceOptions) -> dict[str, Any]:
    """Options as JSON values, for the pipe to a deck process."""
    corpora = [{"path": choice.path, "weight": choice.weight, "labels": list(choice.labels)} for choice in options.corpora]
    return {"corpora": corpora, "prime": None if options.prime is None else str(options.prime)}


def read_options(raw: dict[str, Any]) -> VoiceOptions:
    """What `write_options` wrote."""
    corpora = tuple(CorpusChoice(str(c["path"]), float(c["weight"]), tuple(map(str, c["labels"]))) for c in raw["corpora"])
    return VoiceOptions(corpora, None if raw["prime"] is None else Path(raw["prime"]))


_CORPUS_TEXT = re.compile(r"(?P<path>.+?)(?:;weight=(?P<weight>[^;]+))?(?:;labels=(?P<labels>.+))?", re.S)


def corpus_text(choice: CorpusChoice) -> str:
    """A corpus in one line, as OSC and scenes say it: ``FOLDER[;weight=W][;labels=A,B]``."""
    weight = f";weight={choice.weight:g}" if choice.weight != 1.0 else ""
    return f"{choice.path}{weight}" + (f";labels={','.join(choice.labels)}" if choice.labels else "")


def parse_corpus(text: str) -> CorpusChoice:
    """Read what `corpus_text` writes.

    Raises
    ------
    CorpusError — no folder, or a weight that is no number.
    """
    found = _CORPUS_TEXT.fullmatch(text)
    if found is None:
        raise CorpusError("a corpus without a folder", got=repr(text), allowed="FOLDER[;weight=W][;labels=A,B]")
    try:
        weight = 1.0 if found["weight"] is None else float(found["weight"])
    except ValueError:
        raise CorpusError(f"corpus {found['path']}: the weight is no number", got=found["weight"]) from None
    labels = tuple(label.strip() for label in (found["labels"] or "").split(",") if label.strip())
    return CorpusChoice(found["path"], weight, labels)
