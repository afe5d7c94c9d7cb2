"""What a program change does: loads a patch, recalls a scene, or asks for what a mapping says. It knows addresses, no file and no port.

Without a rule of the mapping, bank 0 counts patches and bank 1 counts scenes, both from the first in their list; the channel is the deck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from realtime.control.address import Address, Value
from realtime.midi.event import ProgramEvent
from realtime.midi.source_pattern import CHANNELS, MappingError, port_meets

MAX_BANK = 16_383
MAX_PROGRAM = 127
PATCH_BANKS = (0,)
SCENE_BANKS = (1, 128)
"""Bank 1, whether a controller says it in its first or in its second byte (control change 32 or 0)."""


@dataclass(frozen=True)
class ProgramRule:
    """One program of a bank, and the command it asks for. `bank` None: any; `channel` 0: any; `port` empty: any.

    Raises
    ------
    MappingError — a number out of range.
    """

    program: int
    address: str
    arguments: tuple[Value, ...] = ()
    bank: int | None = None
    channel: int = 0
    port: str = ""

    def __post_init__(self) -> None:
        for name, got, top in (
            ("program", self.program, MAX_PROGRAM),
            ("bank", self.bank or 0, MAX_BANK),
            ("channel", self.channel, CHANNELS),
        ):
            if not 0 <= got <= top:
                raise MappingError(f"program to {self.address}: {name}", got=str(got), allowed=f"0 to {top}")

    @property
    def key(self) -> tuple[object, ...]:
        """What it listens to."""
        return ("program", self.program, self.bank, self.channel, self.port)

    @property
    def what(self) -> str:
        """Program and bank, for a person."""
        return f"program {self.program}" + ("" if self.bank is None else f" of bank {self.bank}")

    @property
    def text(self) -> str:
        """All it listens to, for a person."""
        channel = f", channel {self.channel}" if self.channel else ""
        return f"{self.what}{channel}{', ' + self.port if self.port else ''}"

    def matches(self, event: ProgramEvent) -> bool:
        """Whether this program is meant."""
        return (
            self.program == event.program
            and self.bank in (None, event.bank)
            and self.channel in (0, event.source.channel)
            and port_meets(self.port, event.source.port)
        )


def asked_for(
    event: ProgramEvent, rules: Sequence[ProgramRule], addresses: Mapping[str, Address], scenes: Sequence[str]
) -> tuple[str, tuple[Value, ...]] | str:
    """The address and arguments that a program change asks for, or why it asks for nothing.

    Parameters
    ----------
    rules : sequence of ProgramRule
        The first that matches wins, one that names the bank before one that does not.
    addresses : mapping
        The namespace now.
    scenes : sequence of str
        Names of the scenes, in order.
    """
    for rule in sorted(rules, key=lambda rule: rule.bank is None):
        if rule.matches(event):
            return rule.address, rule.arguments
    if event.bank in SCENE_BANKS:
        if event.program < len(scenes):
            return "/scene/recall", (scenes[event.program],)
        return f"program {event.program} of bank {event.bank}: there are {len(scenes)} scenes"
    if event.bank not in PATCH_BANKS:
        return f"program {event.program} of bank {event.bank}: bank 0 is patches, bank 1 is scenes"
    path = f"/deck/{event.source.channel}/patch/program"
    # Pads send programs on channel 10 whatever they are for.
    return (path if path in addresses else "/deck/1/patch/program"), (event.program,)
