"""A deck as it is shown: its numbers in the shared block as a snapshot. It knows what plays there, not how it came to."""

from dataclasses import dataclass

from realtime.controls import decibels
from realtime.job import Job, Take
from realtime.kernels import layout as at
from realtime.load_progress import LoadStage, share_of, text_of, unpack
from realtime.shared import SharedBlock
from realtime.snapshot import DeckSnapshot
from realtime.worker import State


@dataclass(frozen=True)
class Standing:
    """What a deck says of itself; the rest is in the shared block."""

    number: int
    patch: str
    state: str
    error: str
    note: str
    restarts: int
    underruns_before: int


def deck_snapshot(block: SharedBlock, standing: Standing, take: Take | None, device_latency_s: float) -> DeckSnapshot:
    """The deck now. Any thread.

    Parameters
    ----------
    block : SharedBlock
    standing : Standing
    take : Take, optional
        What is heard.
    device_latency_s : float
    """
    words, floats, rate = block.words, block.floats, block.sample_rate_hz
    state, own = at.deck_floats(standing.number), at.deck_words(standing.number)
    ring = at.ring_words(standing.number, take.ring if take else 0)
    budget_ns = max(int(words[ring + at.R_BUDGET_NS]), 1)
    step_s = budget_ns / 1e9 if take else 0.0
    lead = int(words[own + at.D_LEAD_FRAMES])
    mode = int(words[ring + at.R_MODE])
    audio = take.job.manifest.audio if take else None
    lookahead_s = audio.lookahead_frames / audio.sample_rate_hz if audio else 0.0
    square = [float(floats[state + at.DF_SQUARE + i]) for i in range(2)]
    return DeckSnapshot(
        number=standing.number,
        patch=standing.patch,
        state=standing.state,
        error=standing.error,
        peak_db=(decibels(float(floats[state + at.DF_PEAK])), decibels(float(floats[state + at.DF_PEAK + 1]))),
        rms_db=(decibels(square[0] ** 0.5), decibels(square[1] ** 0.5)),
        lead_frames=lead,
        fill_frames=block.fill_frames(standing.number, take.ring) if take else 0,
        step_ms=int(words[ring + at.R_STEP_MEAN_NS]) / 1e6 if take else 0.0,
        step_max_ms=int(words[ring + at.R_STEP_MAX_NS]) / 1e6 if take else 0.0,
        step_share=int(words[ring + at.R_STEP_MEAN_NS]) / budget_ns if take else 0.0,
        underruns=int(words[own + at.D_UNDERRUNS]),
        underruns_before=standing.underruns_before,
        missing_frames=int(words[own + at.D_MISSING_FRAMES]),
        late_steps=int(words[ring + at.R_LATE_STEPS]) if take else 0,
        faults=int(words[ring + at.R_FAULTS]) if take else 0,
        restarts=standing.restarts,
        mode_place=mode if take else 0,
        mode=take.modes[mode] if take and mode < len(take.modes) else "",
        modes=take.modes if take else (),
        priority=take.priority if take else "",
        latency_ms=1000.0 * (2.0 * step_s + lead / rate + device_latency_s + lookahead_s) if take else 0.0,
        pid=take.worker.pid if take else 0,
        note=standing.note,
        corpora=tuple(choice.path for choice in take.job.options.corpora) if take else (),
    )


def load_snapshot(block: SharedBlock, deck: int, coming: Job | None, take: Take | None) -> tuple[str, float, str]:
    """Slug of the patch on its way, how much of it is done, and what is being done; see `DeckSnapshot`. Any thread.

    Parameters
    ----------
    block : SharedBlock
    deck : int
        From 0.
    coming : Job, optional
        What was asked for and has no process yet.
    take : Take, optional
        What loads, or fills its ring.
    """
    if coming is not None:
        return coming.manifest.slug, 0.0, text_of(LoadStage.STARTING, 0, 0)
    if take is None:
        return "", -1.0, ""
    if take.worker.state is State.LOADED:
        lead = int(block.words[at.deck_words(deck) + at.D_LEAD_FRAMES])
        now = LoadStage.FILLING, block.fill_frames(deck, take.ring), lead
    else:
        now = unpack(int(block.words[at.ring_words(deck, take.ring) + at.R_LOAD]))
    manifest = take.job.manifest
    return manifest.slug, share_of(manifest.kind, *now), text_of(*now)
