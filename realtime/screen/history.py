"""What counters were a while ago: whether something happens now or happened once. It knows views, no widget."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Final

from realtime.attach.view import SoundView, StageView

SPAN_S: Final = 60.0
"""How far back `now` reaches for a performer who looks up."""
EVERY_S: Final = 1.0


class History:
    """Views of the last `SPAN_S`, one each `EVERY_S`.

    Capacity: 61 views, without their sound. They share most of what is in them.

    Thread
    ------
    The screen's.
    """

    def __init__(self) -> None:
        self._views: deque[tuple[float, StageView]] = deque()

    def note(self, view: StageView, now_s: float) -> None:
        """Keep a view, where that is due; times do not go back."""
        if self._views and now_s - self._views[-1][0] < EVERY_S:
            return
        self._views.append((now_s, replace(view, sound=SoundView())))
        while now_s - self._views[0][0] > SPAN_S:
            self._views.popleft()

    def grown(self, view: StageView, count: Callable[[StageView], int]) -> int:
        """By how much a count has grown up to `view`; one that went down has begun anew, as that of a patch just loaded."""
        counts = [*(count(kept) for _, kept in self._views), count(view)]
        return sum(after - before if after >= before else after for before, after in pairwise(counts))
