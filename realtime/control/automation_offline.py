"""An automation file for a render: which float of the mixer and which control of a deck changes when. It knows the table, no renderer.

The same lanes give the same values at the same frames as `AutomationPlayer` hands on live; frame 0 of the render is where the file begins.
"""

from collections.abc import Callable, Iterator, Sequence

from patches.manifest import Manifest
from realtime.control.automation_file import AutomationFile
from realtime.control.automation_track import AutomationTrack, Due, check_lanes, evenly, fit
from realtime.control.namespace import Namespace, Spot
from realtime.control.table import TEMPO_DEFAULT
from realtime.controls import DECK_CONTROLS, FREEZE_LEVEL, MASTER_CONTROLS, stored
from realtime.kernels import layout as at


class OfflineAutomation:
    """What a file changes in a render.

    Parameters
    ----------
    file : AutomationFile
    manifests : sequence of Manifest or None
        Of the patch in each deck.
    sample_rate_hz : int
        Of the render.
    tempo_bpm : float
        For a file in beats.

    Raises
    ------
    AutomationError — a lane that is for no control.

    Thread
    ------
    Any one. Every method is asked with frames that only grow.
    """

    def __init__(
        self, file: AutomationFile, manifests: Sequence[Manifest | None], sample_rate_hz: int, tempo_bpm: float = TEMPO_DEFAULT
    ) -> None:
        self._names = Namespace(manifests)
        self._manifests = manifests
        self.asleep = check_lanes(file, self._names.addresses, self._names.spots)
        """Addresses that these decks and patches do not have."""
        spots = self._names.spots

        def track(wanted: Callable[[Spot], bool]) -> AutomationTrack:
            lanes = file.only(lambda path: path in spots and wanted(spots[path]))
            return evenly(lanes, sample_rate_hz, tempo_bpm=tempo_bpm)

        def due(place: str, deck: int) -> Due:
            return Due(track(lambda spot: (spot.place, spot.deck) == (place, deck) and (place == "patch" or spot.control == "freeze")))

        decks = range(len(manifests))
        self._mixer = track(lambda spot: spot.place in ("master", "deck") and spot.control != "freeze")
        self._mixed = 0
        self._patches = [due("patch", deck) for deck in decks]
        self._freezes = [due("deck", deck) for deck in decks]

    def mixer(self, end: int) -> Iterator[tuple[int, int, float]]:
        """What the mixer reads that changes before frame `end`, in order: frame, position among the block's floats, value there."""
        start, self._mixed = self._mixed, max(end, self._mixed)
        for frame, path, value in self._mixer.until(start, end):
            position, kept = self._stored(path, value)
            yield frame, position, kept

    def patch(self, deck: int, frame: int) -> Iterator[tuple[int, float]]:
        """What changed of a patch's controls at or before the frame that a step's first frame is heard at: place in the manifest, value."""
        manifest = self._manifests[deck]
        for _, path, value in self._patches[deck].by(frame):
            assert manifest is not None  # a deck without a patch has no spots of one
            spot = self._names.spots[path]
            index = next(i for i, control in enumerate(manifest.controls) if control.id == spot.control)
            yield index, fit(self._names.addresses[path], value)[0]

    def frozen(self, deck: int, frame: int, now: bool) -> bool:
        """Whether a deck is frozen at a frame, where it was so before or not."""
        for _, _, value in self._freezes[deck].by(frame):
            now = value >= FREEZE_LEVEL
        return now

    def _stored(self, path: str, value: float) -> tuple[int, float]:
        spot: Spot = self._names.spots[path]
        table = MASTER_CONTROLS if spot.place == "master" else DECK_CONTROLS
        control = next(control for control in table if control.id == spot.control)
        position = control.position if spot.place == "master" else at.deck_floats(spot.deck) + control.position
        return position, stored(control, fit(self._names.addresses[path], value)[0])
