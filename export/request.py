"""Which exporter a run folder needs, and what the command line asks of it. It knows every kind of run, and no model."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from export.mosaic import CORPUS_SECONDS, Request, export_mosaic
from export.tokens import TokensRequest, export_tokens
from patches.errors import shown
from patches.library import user_folder
from training.errors import OptionError
from training.run_folder import META

__all__ = ["export_run"]

# Options that only one kind of run knows.
ONLY_MOSAIC = ("corpus", "corpus_seconds", "channels")
ONLY_TOKENS = ("codec", "data", "decoder_steps", "decoder_lookahead", "codebook_temperature", "no_torchscript")


def export_run(options: argparse.Namespace, *, say: Callable[[str], None]) -> Path:
    """Export the run that the command line names and return the patch's folder.

    Raises
    ------
    OptionError
        An option is for another kind of run.
    StudioError, PatchError
        As `export_mosaic` and `export_tokens`.
    """
    kind = _kind(options.run)
    for name in ONLY_MOSAIC if kind == "tokens" else ONLY_TOKENS:
        if getattr(options, name) not in (None, False):
            option = "--" + name.replace("_", "-")
            raise OptionError("not for this kind of run", where=option, got=f"a run of kind {kind}")
    asked = {name: getattr(options, name) for name in ("run", "slug", "name", "summary", "replace")}
    asked |= {"out": options.out or user_folder(), "authors": tuple(options.author)}
    if kind == "tokens":
        return export_tokens(
            TokensRequest(
                **asked,
                codec=options.codec,
                data=options.data,
                decoder_steps=options.decoder_steps,
                decoder_lookahead=options.decoder_lookahead,
                codebook_temperatures=_temperatures(options.codebook_temperature),
                torchscript=not options.no_torchscript,
            ),
            say=say,
        )
    return export_mosaic(
        Request(
            **asked,
            corpus=options.corpus,
            corpus_seconds=options.corpus_seconds or CORPUS_SECONDS,
            channels=options.channels,
        ),
        say=say,
    )


def _temperatures(text: str | None) -> tuple[float, ...]:
    """Return the numbers of ``--codebook-temperature``; raises OptionError."""
    if text is None:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        allowed = "numbers with commas between, one per codebook"
        raise OptionError("not temperatures", where="--codebook-temperature", got=shown(text), allowed=allowed) from error


def _kind(run: Path) -> str:
    """Return the kind a run says it is; what cannot be read is left to the exporter, whose errors say why."""
    try:
        values = json.loads((run / META).read_text(encoding="utf-8"))
        return str(values.get("kind", "sequencer"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return "sequencer"
