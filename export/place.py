"""What every export is asked for: where its patch goes and what it is called, checked before the work. It knows no kind of patch."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.errors import SlugError
from patches.errors import PatchExistsError, shown
from patches.fields import FIELDS, SLUG
from patches.manifest import Manifest
from patches.names import is_device
from patches.writer import write_patch
from training.errors import OptionError

__all__ = ["PatchRequest", "check_place", "put_patch", "shortened"]


@dataclass(frozen=True)
class PatchRequest:
    """What any export is asked for.

    Attributes
    ----------
    run : Path
        Run folder.
    slug : str
        The patch's lasting name; also its folder's.
    out : Path
        Folder of patches.
    name, summary : str, optional
        For people; made from slug and run where left out.
    authors : tuple of str
        Who made it; where left out, Starling for what is all Starling's, and else unknown.
    replace : bool
        Whether a patch of the same slug gives way.
    """

    run: Path
    slug: str
    out: Path
    name: str | None = None
    summary: str | None = None
    authors: tuple[str, ...] = ()
    replace: bool = False


def check_place(request: PatchRequest) -> None:
    """Refuse before the work what the writer would refuse after it.

    Raises
    ------
    SlugError
        The slug cannot name a patch.
    OptionError
        Name, summary or an author cannot stand in a manifest.
    PatchExistsError
        There is a patch of this slug, and it shall not be replaced.
    """
    slug, authors = request.slug, request.authors
    if not SLUG.fullmatch(slug) or is_device(slug):
        raise SlugError("cannot name a patch", where="--slug", got=repr(slug), allowed=f"text matching {SLUG.pattern}, no Windows device")
    given = (("--name", "name", (request.name,)), ("--summary", "summary", (request.summary,)), ("--author", "authors[]", authors))
    for option, path, texts in given:
        field = next(field for field in FIELDS if field.path == path)
        for text in texts:
            if (text and not (field.low <= len(text) <= field.high and text.isprintable())) or text == "":
                raise OptionError("cannot stand in a manifest", where=option, got=shown(text), allowed=field.allowed)
    field = next(field for field in FIELDS if field.path == "authors")
    if len(authors) > field.high:
        raise OptionError("too many authors", where="--author", got=len(authors), allowed=f"{field.high} at most")
    target = request.out / slug
    if os.path.lexists(target) and not request.replace:
        raise PatchExistsError(file=str(target), hint="choose another slug, or replace it (--replace)")


def put_patch(request: PatchRequest, manifest: Manifest, files: Mapping[str, bytes], licence_text: str, say: Callable[[str], None]) -> Path:
    """Write a patch where it was asked for, whole or not at all, say so, and return its folder; raises PatchError."""
    written = write_patch(request.out, manifest, files, licence_text, replace=request.replace)
    say(f"{written}: {sum(len(content) for content in files.values()) / 2**20:.2f} MiB")
    return written


def shortened(text: str, characters: int = 400) -> str:
    """Return `text`, or its beginning and an ellipsis where it is longer than a manifest allows."""
    return text if len(text) <= characters else text[: characters - 1] + "…"
