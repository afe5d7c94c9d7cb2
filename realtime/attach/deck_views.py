"""A deck's snapshot as a screen sees it. It knows snapshots and manifests, nobody who sends them."""

from collections.abc import Mapping

from patches.manifest import Manifest
from realtime.attach.view import DeckView
from realtime.control.table import CLASS_PREFIXES
from realtime.controls import DECK_CONTROLS
from realtime.snapshot import DeckSnapshot

_FREEZE = next(place for place, control in enumerate(DECK_CONTROLS) if control.id == "freeze")


class DeckViews:
    """Makes them; what a patch says of itself is looked up once.

    Thread
    ------
    One.
    """

    def __init__(self) -> None:
        self._labels: dict[int, tuple[Manifest, Mapping[str, str]]] = {}

    def view(self, deck: DeckSnapshot, sample_rate_hz: int) -> DeckView:
        """The deck; levels and times rounded to what can be seen, so that what stands still is not sent."""
        manifest = deck.manifest
        number = deck.number + 1
        loading = deck.state == "playing" and bool(deck.coming)
        frozen = deck.state == "playing" and bool(deck.stage) and deck.stage[_FREEZE] >= 0.5
        return DeckView(
            number=number,
            patch=deck.patch,
            name=manifest.name if manifest is not None else "",
            kind=manifest.kind if manifest is not None else "",
            # What sounds may be another patch still: `patch` is the one that was asked for.
            state="loading" if loading else "frozen" if frozen else deck.state,
            error=deck.error,
            note=deck.note,
            peak_db=(round(deck.peak_db[0], 1), round(deck.peak_db[1], 1)),
            rms_db=(round(deck.rms_db[0], 1), round(deck.rms_db[1], 1)),
            lead_ms=round(1000.0 * deck.lead_frames / sample_rate_hz, 1),
            lead_frames=deck.lead_frames,
            lead_fixed=deck.lead_asked is not None,
            fill_ms=round(1000.0 * deck.fill_frames / sample_rate_hz, 1),
            step_ms=round(deck.step_ms, 2),
            step_max_ms=round(deck.step_max_ms, 2),
            step_share=round(deck.step_share, 3),
            underruns=deck.recent_underruns,
            late_steps=deck.late_steps,
            faults=deck.faults,
            restarts=deck.restarts,
            mode=deck.mode,
            modes=deck.modes,
            mode_asked=-1 if deck.mode_asked is None else deck.mode_asked,
            degraded=deck.mode_place > 0,
            latency_ms=round(deck.latency_ms, 1),
            pid=deck.pid,
            seed=deck.seed,
            corpora=deck.corpora,
            labels=self._of(number, manifest),
            loading=deck.loading,
            load_share=round(deck.load_share, 2),
            load_text=deck.load_text,
        )

    def _of(self, number: int, manifest: Manifest | None) -> Mapping[str, str]:
        """Address -> label of every control of the patch, a class by its own address."""
        if manifest is None:
            return {}
        known = self._labels.get(number)
        if known is None or known[0] is not manifest:
            labels = {_path(number, control.id): control.label for control in manifest.controls}
            known = self._labels[number] = manifest, labels
        return known[1]


def _path(number: int, control_id: str) -> str:
    short = next((control_id.removeprefix(prefix) for prefix in CLASS_PREFIXES if control_id.startswith(prefix)), "")
    return f"/deck/{number}/class/{short}" if short else f"/deck/{number}/param/{control_id}"
