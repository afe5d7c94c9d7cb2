"""Views of a stage for screens under test, made of the real namespace and the real table."""

from dataclasses import replace
from typing import Any

from patches.library import available
from realtime.attach.view import (
    AutomationView,
    DeckView,
    LineView,
    MidiView,
    OscView,
    PatchView,
    RecordView,
    SceneView,
    StageView,
    TransportView,
)
from realtime.control.audition import Audition
from realtime.control.outcome import Origin
from realtime.control.transport import Transport
from realtime.midi.mapper import MidiMapper
from realtime.midi.service import serve_midi
from realtime.version import own_version
from tests.memory_stage import memory_core

_NOBODY = Origin("screen")
BUNDLED = {entry.slug: entry.manifest for entry in available() if entry.manifest is not None}


def stage_view(**changes: Any) -> StageView:
    """Three decks: `textures` plays loud, `field` is frozen and late, the third is empty. Nothing moves by itself."""
    patches = {slug: manifest for slug, manifest in BUNDLED.items() if slug in ("textures", "field")}
    core = memory_core((), decks=3)
    stage = core.stage
    Transport(core.sample_rate_hz, core.frame_now).serve(core)
    Audition(core)
    serve_midi(core, MidiMapper(core, core.log))
    stage.patches.update(patches)
    for deck, slug in enumerate(("textures", "field")):
        core.request(f"/deck/{deck + 1}/load", (slug,), _NOBODY)
    core.drain()
    stage.finish()
    core.request("/deck/2/freeze", (1.0,), _NOBODY)
    core.request("/deck/1/class/rain", (0.62,), _NOBODY)
    core.request("/transport/tempo", (96.0,), _NOBODY)
    core.request("/transport/run", (1,), _NOBODY)
    _, found = core.changes(0)
    values = {path: value[0] for path, value in found.items() if len(value) == 1}
    decks = (
        DeckView(
            1, "textures", "Textures", "tokens", "playing", peak_db=(-6.2, -7.9), rms_db=(-18.3, -19.1), lead_ms=29.0, lead_frames=1280,
            fill_ms=27.0, step_ms=1.9, step_max_ms=4.2, step_share=0.16, mode="full", latency_ms=36.4, pid=9_004_242, seed=7,
            labels=_labels(1, "textures"),
        ),
        DeckView(
            2, "field", "Field", "mosaic", "frozen", peak_db=(-0.1, 0.0), rms_db=(-12.0, -11.0), lead_ms=12.0, lead_frames=512,
            fill_ms=10.0, step_ms=9.4, step_max_ms=14.0, step_share=0.81, underruns=3, late_steps=12, restarts=1, mode="light",
            degraded=True, latency_ms=24.1, pid=9_004_243, seed=11, note="the corpus has no unit of the label bees",
            labels=_labels(2, "field"),
        ),
        DeckView(3),
    )  # fmt: skip
    lines = (
        LineView(1, 1_700_000_000.0, "osc", "OSC on 127.0.0.1:9000, OSCQuery on http://127.0.0.1:9001"),
        LineView(2, 1_700_000_004.0, "midi", "nanoKONTROL2 is here"),
        LineView(3, 1_700_000_060.0, "deck 2", "the model was late: a cheaper mode plays"),
        LineView(4, 1_700_000_075.0, "osc", "/deck/9/gain: there is no such address", 31),
        LineView(5, 1_700_000_090.0, "record", "recording take 2026-11-21 20.15.wav"),
    )
    made = StageView(
        sample_rate_hz=44_100, block_frames=128, device="JACK system", clock_frames=5_292_000, peak_db=(-5.0, -6.0), rms_db=(-16.0, -17.0),
        callback_share=0.09, device_latency_ms=5.8, decks=decks, edition=1, addresses=dict(core.addresses()), values=values, lines=lines,
        scenes=SceneView(("rain", "swarm", "quiet end"), "rain", saved=False),
        midi=MidiView(
            ("nanoKONTROL2",),
            (("cc 70", "/deck/1/class/rain", "/deck/1/class/rain"), ("cc 71", "/deck/1/gain", "/deck/1/gain")),
            (("cc 71", "/deck/1/gain", -0.2),), "", ("nanoKONTROL2", "channel 1 cc 70 79 of 127"), 814,
            ("follow 0 to 1", "follow -60 to 12 dB"), backend="jack",
        ),
        osc=OscView("127.0.0.1", 9000, 9001, 52_012, 900),
        record=RecordView(True, "Starling/take 2026-11-21 20.15.wav", 75.4, 13_300_000, preroll_s=60.0, folder="Starling"),
        transport=TransportView(17.25, 96.0, True), automation=AutomationView("storm.toml"), pid=9_004_200, version=own_version(),
    )  # fmt: skip
    return replace(made, **changes)


def library() -> tuple[PatchView, ...]:
    """A library with one patch that is broken."""
    return (
        PatchView("field", "Field", "mosaic", "MIT", 7_850_000, 0.31, True, ("applause", "bees", "rain"), "six textures, unit by unit"),
        PatchView(
            "textures", "Textures", "tokens", "MIT", 12_200_000, 1.8, False, ("applause", "bees", "rain"), "six textures from codec tokens"
        ),
        PatchView("broken", error="patch.json: the hash is another; install it again"),
    )


def _labels(deck: int, slug: str) -> dict[str, str]:
    made = {}
    for control in BUNDLED[slug].controls:
        kind, _, name = control.id.partition("_")
        if kind in ("class", "label"):
            made[f"/deck/{deck}/class/{name}"] = control.label
        else:
            made[f"/deck/{deck}/param/{control.id}"] = control.label
    return made
