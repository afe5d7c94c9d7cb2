"""What a screen needs of the stage, whoever stands behind it: the local socket, or a test."""

from collections.abc import Callable, Sequence
from typing import Protocol

from realtime.attach.told import Told
from realtime.attach.view import PatchView, StageView
from realtime.control.address import Value

__all__ = ["StageLink", "Told"]


class StageLink(Protocol):
    """The stage, within reach of a screen.

    Thread
    ------
    All methods: the screen's. None blocks. Callbacks come on the link's own thread: a screen takes them with `call_from_thread` or
    `post_message`.
    """

    def look(self) -> StageView:
        """The newest view there is. The same object until something newer came."""

    def ask(self, path: str, *arguments: Value, then: Callable[[Told], None] | None = None) -> None:
        """Ask for something by its address. What is refused or clipped is told to `then` (values that are taken are not told of)."""

    def patches(self, then: Callable[[Sequence[PatchView]], None]) -> None:
        """Have the library read."""

    def want_sound(self, on: bool) -> None:
        """Have the newest frames of the master come along."""

    def want_traffic(self, on: bool) -> None:
        """Have the messages come along that went by: OSC in and out, and MIDI."""

    def quit(self) -> None:
        """End the stage: it fades, completes its takes and goes."""

    @property
    def gone(self) -> str:
        """Why the stage is not there any more; empty: it is."""
