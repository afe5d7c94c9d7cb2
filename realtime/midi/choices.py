"""What a binding can choose among: literal tables of actions, of feedback, and of what controls send. They know names, not what they do.

The reader of mapping files and the page `docs/midi.md` are derived from them.
"""

from dataclasses import dataclass
from typing import Literal

from realtime.midi.parameters import RelativeMode

ActionName = Literal["follow", "momentary", "toggle", "select", "trigger", "velocity", "key"]
FeedbackMode = Literal["none", "show", "move"]
Mode = Literal["absolute"] | RelativeMode


@dataclass(frozen=True)
class Action:
    """What a control does to its address. `notes` and `controls` say what may do it, `commands` whether an address may be a command."""

    name: ActionName
    notes: bool
    controls: bool
    commands: bool
    summary: str


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("follow", False, True, False, "the value follows the control"),
        Action("momentary", True, True, False, "pressed: `maximum`; let go: `minimum`. A note as a gate"),
        Action("toggle", True, True, False, "each press changes between `minimum` and `maximum`"),
        Action(
            "select",
            True,
            True,
            False,
            "pressed: `maximum`, and `minimum` for its siblings: the other classes of the deck, the other solos",
        ),
        Action("trigger", True, True, True, "pressed: asks for a command with `arguments`; sets a value to `arguments` or `maximum`"),
        Action("velocity", True, False, False, "a harder stroke is a greater value; letting go leaves it"),
        Action("key", True, False, False, "a higher key is a greater value, over the keys of the source"),
    )
}
"""The one table of actions. A control is pressed in the upper half of its way."""
FEEDBACKS: dict[FeedbackMode, str] = {
    "none": "nothing is sent back",
    "show": "the value is sent back, for lights and rings; the control itself stays where it is",
    "move": "the value is sent back and the control moves to it: a motor fader, or a knob without end that counts by itself",
}
MODES: dict[str, str] = {
    "absolute": "the control sends where it is",
    "twos_complement": "an encoder: 1, 2, ... to the right, 127, 126, ... to the left",
    "binary_offset": "an encoder: 65, 66, ... to the right, 63, 62, ... to the left",
    "sign_magnitude": "an encoder: 1, 2, ... to the right, 65, 66, ... to the left",
}
