"""MPE zones that a mapping says: for controllers that announced theirs before the stage listened. It knows names of ports, no port."""

from dataclasses import dataclass
from glob import escape

from realtime.midi.ports import ZoneSetting
from realtime.midi.source_pattern import MAX_PORT_CHARACTERS, MappingError

MASTERS = (1, 16)
MAX_MEMBERS = 15


@dataclass(frozen=True)
class Zone:
    """One zone. `port` is a piece of the port's name, ``*`` in it any text, as for a binding.

    Raises
    ------
    MappingError — a channel that cannot be a master, a number of members that cannot be, or a port name too long.
    """

    master: int = 1
    members: int = MAX_MEMBERS
    port: str = ""

    def __post_init__(self) -> None:
        if self.master not in MASTERS:
            raise MappingError("zone: master", got=str(self.master), allowed="1 or 16")
        if not 1 <= self.members <= MAX_MEMBERS:
            raise MappingError("zone: members", got=str(self.members), allowed=f"1 to {MAX_MEMBERS}")
        if len(self.port) > MAX_PORT_CHARACTERS:
            raise MappingError("zone: port", got=f"{len(self.port)} characters", allowed=f"up to {MAX_PORT_CHARACTERS} characters")

    @property
    def key(self) -> tuple[object, ...]:
        """What it is a zone of."""
        return ("zone", self.port, self.master)

    @property
    def setting(self) -> ZoneSetting:
        """The same for the ports, whose patterns are of whole names."""
        pieces = "*".join(escape(piece) for piece in self.port.split("*"))
        return ZoneSetting(f"*{pieces}*", self.master, self.members)
