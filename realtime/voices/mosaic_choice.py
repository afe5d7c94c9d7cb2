"""Which unit comes next: target cost, concatenation cost, labels, taboo and chance. It knows rows and units, not sound.

A unit u costs |w(t - u)|² + c |w(n - u)|², where t is the row asked for, n the row of the natural continuation and w the weights. That has
the same order as the distance to one point between t and n, so one search ranks by both. With foresight the path through the next hops is
what is cheap, not the next hop alone.
"""

import math

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import GROUPS
from patches.mosaic_controls import MAX_LABEL_TEXT
from realtime.kernels.views import Floats
from realtime.voices.corpus import UnitCorpus
from realtime.voices.forecaster import AHEAD_MAX, Forecaster
from realtime.voices.mosaic_settings import MosaicSettings
from realtime.voices.mosaic_target import MosaicTarget
from realtime.voices.unit_path import UnitPath
from realtime.voices.unit_search import MAXIMUM_FOUND, UnitSearch

NEIGHBOURS = 2
"""Units to either side share half of their analysis window with a unit, so they would sound like a repeat too."""
CONTINUITY_SHARE = 0.4
"""Share of the natural continuation in the query at full continuity: in 42 dimensions nothing else is then ever nearer (measured: at 43
choices per second 94 % of steps jump at 0, 84 % at 0.13, 34 % at 0.25, 3 % at 0.4)."""
CHANCE = 0.25
"""A candidate worse than the best by this share of the best's distance is chosen e times less often, at temperature 1."""
MOVEMENT = GROUPS.index("movement")
ONSET = GROUPS.index("onset")

Units = NDArray[np.int64]
Costs = NDArray[np.float64]


class Chooser:
    """Searches a corpus as the performer has set it.

    Parameters
    ----------
    corpus : UnitCorpus
    target : MosaicTarget
    settings : MosaicSettings
        Read at each choice.
    steps_hz : float
        Steps per second.

    Thread
    ------
    The deck's. Owner: the voice.
    """

    def __init__(self, corpus: UnitCorpus, target: MosaicTarget, settings: MosaicSettings, steps_hz: float) -> None:
        columns = target.rows.shape[1]
        self._corpus = corpus
        self._target = target
        self._settings = settings
        self._steps_hz = steps_hz
        self._search = UnitSearch(target.rows, target.weights, corpus.label_index, len(corpus.labels), corpus.weight, corpus.ivf)
        # A control's label is cut where the manifest's bound is.
        place = {label[:MAX_LABEL_TEXT]: index for index, label in enumerate(corpus.labels)}
        self._labels = tuple((place[label], control) for label, control in settings.labels if label in place)
        self._label_weights: Floats = np.ones(len(corpus.labels), np.float32)
        self._asked_weights: Floats = self._label_weights.copy()
        self._groups: Floats = np.ones(len(GROUPS), np.float32)
        self._weights: Floats = target.weights.copy()
        self._query: Floats = np.zeros(columns, np.float32)
        self._path = UnitPath(columns)
        self._found: Units = np.zeros(MAXIMUM_FOUND + 1, np.int64)
        self._distance: Costs = np.zeros(MAXIMUM_FOUND + 1, np.float64)
        self._frames: Floats = np.zeros((AHEAD_MAX, corpus.descriptors.shape[1]), np.float32)
        self._notes: list[str] = []
        self._said_empty = False
        self._said_weightless = False

    def reset(self) -> None:
        """Nothing has been played."""
        self._search.forget()
        self._asked_weights.fill(1.0)
        self._search.set_label_weights(self._asked_weights)

    def leave_out(self, gone: NDArray[np.bool_]) -> None:
        """Never choose these units, (N,), again."""
        self._search.leave_out(gone)

    def take_notes(self) -> list[str]:
        """What there is to say once, since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def follow_settings(self, controls: Floats) -> None:
        """Take the labels' controls of this step."""
        if not self._labels:
            return
        for label, place in self._labels:
            self._label_weights[label] = controls[place]
        if np.array_equal(self._label_weights, self._asked_weights):
            return
        self._asked_weights[:] = self._label_weights
        some = self._search.set_label_weights(self._label_weights)
        if not some and not self._said_empty:
            self._notes.append("no unit has a label that is turned up: the labels stay as they were")
        self._said_empty = not some

    def played(self, unit: int, step: int, follow: float) -> None:
        """Note that a unit sounds in this step: it does not come again for the taboo time, unless it comes by itself.

        What is followed may repeat itself, and so may what follows it.
        """
        taboo = self._settings["taboo"] * (1.0 - follow)
        if taboo > 0.0:
            self._search.played(unit, step + round(taboo * self._steps_hz), NEIGHBOURS)

    def choose(
        self,
        row: Floats,
        follow: float,
        natural: int,
        hint: int,
        step: int,
        forecaster: Forecaster,
        offset: Floats,
        random: np.random.Generator,
    ) -> int:
        """Choose a unit.

        Parameters
        ----------
        row : float32 array, shape (C,)
            What is asked for.
        follow : float, 0..1
            How much of it was heard at the input rather than predicted.
        natural : int
            The unit that would sound without a choice; -1 for none.
        hint : int
            A unit likely to be near.
        step : int
            Now.
        forecaster : Forecaster
            Asked for the frames after the next where there is foresight.
        offset : float32 array, shape (C,)
            The performer's, to be added to those.
        random : numpy.random.Generator

        Returns
        -------
        int
        """
        settings = self._settings
        continuity = min(max(settings["continuity"], 0.0), 1.0)
        if natural >= 0 and continuity >= 1.0 and follow == 0.0:
            return natural
        self._weigh(follow)
        share = CONTINUITY_SHARE * continuity**1.5
        if settings.whole("foresight") > 1 and follow < 1.0:
            count = self._search_path(row, natural, hint, step, forecaster, offset, share)
        else:
            self._query[:] = row
            if natural >= 0:
                self._query += np.float32(share) * (self._target.rows[natural] - row)
            count = self._near(self._query, natural, hint, step, self._found, self._distance)
        if count == 0:
            # A row that is no number is near nothing.
            return natural if natural >= 0 else hint
        return self._draw(count, settings["temperature"], random)

    def _near(self, query: Floats, natural: int, hint: int, step: int, units: Units, costs: Costs) -> int:
        """Find the candidates near a row: within the radius, or where nothing is and nothing comes by itself, without one."""
        radius = self._settings["radius"] or math.inf
        count = min(max(self._settings.whole("candidates"), 1), MAXIMUM_FOUND)
        for reach in (radius, math.inf):
            found = self._search.search(
                query, count, now=step, natural=natural, hint=hint, radius=reach, out_index=units, out_distance=costs
            )
            if found or natural >= 0 or reach == math.inf:
                break
        return found

    def _weigh(self, follow: float) -> None:
        self._groups[:] = self._settings.group_weights
        # What the input is like now says nothing about what looks ahead or a whole hop back.
        self._groups[MOVEMENT] *= 1.0 - follow
        self._groups[ONSET] *= 1.0 - follow
        self._target.weigh(self._groups, follow, self._weights)
        said = self._search.set_weights(self._weights)
        if not said and not self._said_weightless:
            self._notes.append("every weight is turned down to 0: the weights stay as they were")
        self._said_weightless = not said

    def _search_path(self, row: Floats, natural: int, hint: int, step: int, forecaster: Forecaster, offset: Floats, share: float) -> int:
        """Rank first units by the cheapest path through the next hops, as far as the forecaster can see."""
        path, settings = self._path, self._settings
        hops = forecaster.ahead(min(max(settings.whole("foresight"), 1), AHEAD_MAX), self._frames)
        for hop in range(hops):
            self._target.fill(self._frames[hop], path.targets[hop])
            path.targets[hop] += offset
        # What was asked for now may be partly heard.
        path.targets[0] = row
        for hop in range(hops):
            near = hint + hop if hint + hop < len(self._corpus) else hint
            path.counts[hop] = self._near(
                path.targets[hop], natural if hop == 0 else -1, near, step + hop, path.candidates[hop], path.costs[hop]
            )
        return path.choose(
            hops, self._target.rows, self._weights, self._corpus.follows, natural, share / (1.0 - share), self._found, self._distance
        )

    def _draw(self, count: int, temperature: float, random: np.random.Generator) -> int:
        """Pick one of the units found: the best, or by chance one nearly as good."""
        if count == 1 or temperature <= 0.0:
            return int(self._found[0])
        best = float(self._distance[0])
        spread = temperature * (best + 1e-9) * CHANCE
        weights = np.exp(-(self._distance[:count] - best) / spread)
        return int(self._found[min(int(np.searchsorted(np.cumsum(weights), random.random() * weights.sum())), count - 1)])
