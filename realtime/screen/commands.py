"""Whoever does the actions that belong to no panel, found by the action's group. It knows no key."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from realtime.screen.actions import Action
from realtime.screen.control_actions import ControlActions
from realtime.screen.deck_actions import DeckActions
from realtime.screen.screen_actions import ScreenActions
from realtime.screen.stage_actions import StageActions

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen


class Commands:
    """Does every action whose place is everywhere or the decks.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: "StarlingScreen") -> None:
        stage, screen = StageActions(app), ScreenActions(app)
        self._doers: Mapping[str, Any] = {
            "stage": stage,
            "record": stage,
            "master": stage,
            "scene": stage,
            "takes": stage,
            "deck": DeckActions(app),
            "control": ControlActions(app),
            "panel": screen,
            "screen": screen,
        }

    def do(self, action: Action) -> None:
        """Do an action; one for a numbered deck or scene gets its number."""
        method = getattr(self._doers[action.group], action.method)
        if action.number:
            method(action.number)
        else:
            method()
