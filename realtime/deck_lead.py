"""The lead of one deck: asked for, or chosen and lengthened where it does not do. It knows the shared block, no process and no patch."""

import time

from realtime.kernels import layout as at
from realtime.lead import SCHEDULING_S, choose_lead, least_lead
from realtime.shared import SharedBlock

AWAKE_S = 0.1
"""A process that turned its loop within this time is at work: what ran dry then was a matter of the lead."""
MOST_LENGTHENED = 4
"""Times a chosen lead grows by another wait for a core; a machine that needs more needs something else."""


class DeckLead:
    """Writes how far ahead a deck keeps.

    Parameters
    ----------
    block : SharedBlock
    deck : int
        From 0.

    Thread
    ------
    The engine's; `asked` from any.
    """

    def __init__(self, block: SharedBlock, deck: int) -> None:
        self.asked: int | None = None
        """Frames somebody fixed; None: chosen."""
        self.block_frames = 0
        self._block = block
        self._deck = deck
        self._lengthened = 0
        self._underruns = 0

    @property
    def _words(self) -> int:
        return at.deck_words(self._deck)

    def begin(self) -> None:
        """Choose from the step time alone again: another patch, or another wish."""
        self._lengthened = 0

    def apply(self, step_ms_p99: float) -> None:
        """Write the lead for steps that take so long; never less than a block needs."""
        rate = self._block.sample_rate_hz
        frames = self.asked
        if frames is None:
            frames = choose_lead(step_ms_p99, self.block_frames, rate) + self._lengthened * round(SCHEDULING_S * rate)
        self._block.words[self._words + at.D_LEAD_FRAMES] = min(max(frames, least_lead(self.block_frames, rate)), at.MAX_LEAD_FRAMES)

    def watch(self, ring: int, step_ms_p99: float) -> str:
        """Lengthen a chosen lead when the ring that is heard ran dry since the last call; returns what to say, empty for nothing.

        One that was asked for stays, and so does that of a process that hangs.
        """
        words = self._block.words
        seen, self._underruns = self._underruns, int(words[self._words + at.D_UNDERRUNS])
        beat = int(words[at.ring_words(self._deck, ring) + at.R_HEARTBEAT_NS])
        hangs = time.monotonic_ns() - beat > AWAKE_S * 1e9
        if self._underruns <= seen or self.asked is not None or hangs or self._lengthened >= MOST_LENGTHENED:
            return ""
        self._lengthened += 1
        self.apply(step_ms_p99)
        lead_ms = 1000 * int(words[self._words + at.D_LEAD_FRAMES]) / self._block.sample_rate_hz
        return f"ran dry; it keeps {lead_ms:.0f} ms ready from now on"
