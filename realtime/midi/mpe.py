"""Zones of MIDI polyphonic expression, and the bend of every channel. It knows channels and notes, not what they move.

::

    RPN 6 on channel 1: lower zone, members 2, 3, ...        RPN 6 on channel 16: upper zone, members 15, 14, ...
    bend of a note = bend of its member x range of the members + bend of the master x range of the master
"""

from dataclasses import dataclass, field
from typing import Final

LOWER_MASTER: Final = 1
UPPER_MASTER: Final = 16
MEMBERS_OF_BOTH: Final = 14
"""Channels that are left for members where both zones have a master."""
CHANNEL_RANGE_SEMITONES: Final = 2.0
"""Bend range of an ordinary channel and of a master until it is told otherwise (General MIDI; MPE 1.0, 2.4)."""
MEMBER_RANGE_SEMITONES: Final = 48.0
"""Bend range of the members until they are told otherwise (MPE 1.0, 2.4)."""
BEND_REST: Final = 8_192
BEND_TOP: Final = 16_383


def bend_raw(share: float) -> int:
    """Inverse of `bend_share`."""
    return BEND_REST + round(share * (BEND_TOP - BEND_REST if share > 0 else BEND_REST))


def bend_share(raw: int) -> float:
    """A bend of -1 to 1, exactly 0 at rest and exact at both ends, though there is one step more below than above."""
    offset = raw - BEND_REST
    return offset / BEND_REST if offset < 0 else offset / (BEND_TOP - BEND_REST)


@dataclass
class Channel:
    """State of one channel."""

    bend: float = 0.0
    """-1 to 1."""
    range_semitones: float = CHANNEL_RANGE_SEMITONES
    pressure: int = 0
    notes: list[int] = field(default_factory=list)
    """Notes that are down, oldest first."""

    @property
    def semitones(self) -> float:
        """Its own bend."""
        return self.bend * self.range_semitones


class Zones:
    """Sixteen channels and the zones they form.

    Source
    ------
    MIDI Polyphonic Expression 1.0 (RP-053), 2.1 to 2.4; written anew.
    """

    def __init__(self) -> None:
        self._channels = {number: Channel() for number in range(1, 17)}
        self._members: dict[int, int] = {LOWER_MASTER: 0, UPPER_MASTER: 0}

    def __getitem__(self, channel: int) -> Channel:
        return self._channels[channel]

    def members(self, master: int) -> range:
        """Member channels of a master, nearest first; none if it has no zone."""
        count = self._members.get(master, 0)
        return range(2, 2 + count) if master == LOWER_MASTER else range(15, 15 - count, -1)

    def master_of(self, channel: int) -> int | None:
        """Master of the zone that the channel is a member of; None: it is no member."""
        return next((master for master in self._members if channel in self.members(master)), None)

    def is_master(self, channel: int) -> bool:
        """Whether the channel is the master of a zone."""
        return self._members.get(channel, 0) > 0

    def configure(self, master: int, count: int) -> list[int] | None:
        """Give a zone so many members; the other zone gives way.

        Returns
        -------
        list of int, or None
            The channels of the zone, and those that changed theirs: call `begin_anew` for each. None: no master can stand on this channel.
        """
        if master not in self._members:
            return None
        before = {channel: self.master_of(channel) for channel in self._channels}
        masters = {channel: self.is_master(channel) for channel in self._channels}
        other = UPPER_MASTER if master == LOWER_MASTER else LOWER_MASTER
        count = min(count, MEMBERS_OF_BOTH + 1)
        self._members[master] = count
        self._members[other] = min(self._members[other], max(MEMBERS_OF_BOTH - count, 0)) if count else self._members[other]
        touched = {master, *self.members(master)}
        for channel in self._channels:
            if self.master_of(channel) != before[channel] or self.is_master(channel) != masters[channel]:
                touched.add(channel)
        return sorted(touched)

    def begin_anew(self, channel: int) -> None:
        """At rest, no note, range as after a zone message."""
        is_member = self.master_of(channel) is not None
        self._channels[channel] = Channel(range_semitones=MEMBER_RANGE_SEMITONES if is_member else CHANNEL_RANGE_SEMITONES)

    def set_range(self, channel: int, semitones: float) -> None:
        """Range of a channel; told to one member it holds for all of its zone."""
        master = self.master_of(channel)
        for one in self.members(master) if master is not None else (channel,):
            self._channels[one].range_semitones = semitones

    def semitones(self, channel: int) -> float:
        """Bend that a note on this channel has now."""
        own = self._channels[channel].semitones
        master = self.master_of(channel)
        return own if master is None else own + self._channels[master].semitones

    def newest_note(self, channel: int) -> int | None:
        """The note pressed last of those that are down on this channel."""
        notes = self._channels[channel].notes
        return notes[-1] if notes else None
