"""Where a patch shall go and what it shall be called, checked before the work and not after it. It knows no kind of patch."""

import os
from pathlib import Path

from export.errors import SlugError
from patches.errors import PatchExistsError, shown
from patches.fields import FIELDS, SLUG
from patches.names import is_device
from training.errors import OptionError

__all__ = ["check_place", "shortened"]


def check_place(slug: str, out: Path, name: str | None, summary: str | None, authors: tuple[str, ...], *, replace: bool) -> None:
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
    if not SLUG.fullmatch(slug) or is_device(slug):
        raise SlugError("cannot name a patch", where="--slug", got=repr(slug), allowed=f"text matching {SLUG.pattern}, no Windows device")
    for option, path, texts in (("--name", "name", (name,)), ("--summary", "summary", (summary,)), ("--author", "authors[]", authors)):
        field = next(field for field in FIELDS if field.path == path)
        for text in texts:
            if (text and not (field.low <= len(text) <= field.high and text.isprintable())) or text == "":
                raise OptionError("cannot stand in a manifest", where=option, got=shown(text), allowed=field.allowed)
    field = next(field for field in FIELDS if field.path == "authors")
    if len(authors) > field.high:
        raise OptionError("too many authors", where="--author", got=len(authors), allowed=f"{field.high} at most")
    target = out / slug
    if os.path.lexists(target) and not replace:
        raise PatchExistsError(file=str(target), hint="choose another slug, or replace it (--replace)")


def shortened(text: str, characters: int = 400) -> str:
    """Return `text`, or its beginning and an ellipsis where it is longer than a manifest allows."""
    return text if len(text) <= characters else text[: characters - 1] + "…"
