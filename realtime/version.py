"""Which Starling this is, and how another one is told from it."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

UNKNOWN: Final = "0"
"""Of a program that runs without having been installed."""


def own_version() -> str:
    """The version of this program."""
    try:
        return version("starling-live")
    except PackageNotFoundError:
        return UNKNOWN


def difference(stage: str) -> str:
    """What there is to say of a stage of this version to who looks at it with this program; empty: it is the same, or nobody knows."""
    own = own_version()
    if UNKNOWN in (own, stage) or stage in ("", own):
        return ""
    return f"the stage is Starling {stage}, this screen is {own}: what only one of them knows is missing; attach with the stage's own"
