"""When a screen under test has done all it began, told by its event loop: the processor's load tells it wrongly on a busy machine."""

import asyncio
from typing import Any

from textual._context import active_app
from textual.app import ScreenStackError

from realtime.screen.app import StarlingScreen
from realtime.screen.typeahead import POLL_S

ROUNDS = 3
"""What one drawing begins is drawn by the next: two are seen to be needed."""


async def quiet(*_: Any, **__: Any) -> None:
    """Wait until no message and no key waits, and what they changed is laid out."""
    await _messages()
    # A key that found nothing to go to comes again by a timer, which the loop's list does not show; it waits some seconds at most.
    while isinstance(app := active_app.get(None), StarlingScreen) and app.is_running and len(app.typeahead):
        await asyncio.sleep(POLL_S)
        await _messages()


async def _messages() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(ROUNDS):
        # The loop's own list of what can run now: asyncio has no public question for it.
        await asyncio.sleep(0)
        while loop._ready:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        try:
            app = active_app.get()
            # What Textual leaves to timers of a few milliseconds: a new size, and the drawing.
            app._check_resize()
            app.screen._on_timer_update()
        except (LookupError, ScreenStackError):
            return
