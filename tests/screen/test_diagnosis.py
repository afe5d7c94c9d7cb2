"""What the doctor finds: one table of states of the stage, and what is said and offered then."""

import re
from dataclasses import replace
from typing import Any

import pytest

from realtime.attach.view import DeckView, LineView, MidiView, RecordView, StageView
from realtime.screen.actions import BY_ID
from realtime.screen.diagnosis import diagnose
from realtime.screen.finding import Finding, Gravity, Remedy
from realtime.screen.history import History
from tests.screen.views import stage_view

WELL = stage_view()
WELL = replace(
    WELL,
    decks=(WELL.decks[0], DeckView(2), DeckView(3)),
    lines=(),
    record=RecordView(folder="/takes", room_s=90_000.0),
    midi=MidiView(("Starling", "nanoKONTROL2"), backend="jack"),
    audio_priority="real-time 60",
)


MACHINE = Remedy("look at the machine", action="doctor.devices")


def deck(**changes: Any) -> StageView:
    """A stage whose first deck is otherwise."""
    return replace(WELL, decks=(replace(WELL.decks[0], **changes), *WELL.decks[1:]))


def values(**changes: float) -> StageView:
    """A stage that is not heard, with other values; `deck_1_gain` is /deck/1/gain."""
    return replace(
        WELL, rms_db=(-120.0, -120.0), values={**WELL.values, **{f"/{name.replace('_', '/')}": value for name, value in changes.items()}}
    )


def found(view: StageView, before: StageView | None = None) -> tuple[Finding, ...]:
    history = History()
    history.note(before or view, 0.0)
    return diagnose(view, history)


CASES: dict[str, tuple[StageView, StageView | None, Gravity, str, Remedy | None]] = {
    "no device": (
        replace(WELL, device="null", notice="no sound device, playing to null: this system has no stereo audio output"),
        None,
        Gravity.BAD,
        "no device.*--- no sound device.*PortAudio",
        MACHINE,
    ),
    "null as asked": (replace(WELL, device="null"), None, Gravity.HINT, "as you asked", None),
    "device gone": (replace(WELL, notice="device USB stopped"), None, Gravity.BAD, "device USB stopped", None),
    "panic": (replace(WELL, panicked=True), None, Gravity.BAD, "panic", Remedy("open the sound again", "/panic", (0,))),
    "master down": (
        values(master_gain=-60.0),
        None,
        Gravity.BAD,
        "master is down",
        Remedy("master gain to -12 dB", "/master/gain", (-12.0,)),
    ),
    "all muted": (values(deck_1_mute=1.0), None, Gravity.BAD, "muted", Remedy("open deck 1", "/deck/1/mute", (0.0,))),
    "solo on nothing": (
        values(deck_2_solo=1.0),
        None,
        Gravity.BAD,
        "Solo on deck 2",
        Remedy("take solo off deck 2", "/deck/2/solo", (0.0,)),
    ),
    "gain down": (
        values(deck_1_gain=-60.0),
        None,
        Gravity.BAD,
        "turned down",
        Remedy("gain of deck 1 to -12 dB", "/deck/1/gain", (-12.0,)),
    ),
    "device lost": (
        replace(
            WELL, device="null", device_awaited="USB (ALSA)", notice="device USB (ALSA) stopped; playing to null until it is there again"
        ),
        None,
        Gravity.BAD,
        "device is gone.*USB .ALSA. stopped.*plays on through it",
        MACHINE,
    ),
    "xruns": (replace(WELL, device_xruns=4), WELL, Gravity.BAD, "dropped out 4 times.*--block-frames 256", None),
    "mixer": (replace(WELL, callback_share=0.8), WELL, Gravity.CARE, "80 %.*--block-frames 256", None),
    "no priority": (replace(WELL, audio_priority="normal (no right to real-time)"), None, Gravity.HINT, "real-time", MACHINE),
    "feedback": (
        replace(WELL, input_guarded=True),
        None,
        Gravity.CARE,
        "feedback",
        Remedy("input to -3 dB", "/master/input_gain", (-3.0,)),
    ),
    "limiter": (
        replace(WELL, clock_frames=WELL.clock_frames + 44_100, limited_frames=22_050),
        WELL,
        Gravity.CARE,
        "50 %",
        Remedy("master gain to -3 dB", "/master/gain", (-3.0,)),
    ),
    "not a number": (replace(WELL, nonfinite=1), WELL, Gravity.CARE, "no sound", None),
    "drop-outs": (
        deck(underruns=3),
        WELL,
        Gravity.BAD,
        "Pops and crackles on deck 1.*3 times.*Raise its lead",
        Remedy("lead of deck 1 to 44 ms", "/deck/1/lead", (1920,)),
    ),
    "drop-outs, longest lead": (deck(underruns=1, lead_frames=32_768), WELL, Gravity.BAD, "once.*helps no more", None),
    "drop-outs before": (deck(underruns=2), None, Gravity.HINT, "Twice since", None),
    "near its limit": (deck(step_share=0.81), None, Gravity.CARE, "81 %", None),
    "cheaper mode": (deck(degraded=True, mode="light"), None, Gravity.HINT, "light", None),
    "late": (
        deck(lead_fixed=True, lead_ms=120.0),
        None,
        Gravity.HINT,
        "120 ms",
        Remedy("let deck 1 choose its lead", "/deck/1/lead", (0,)),
    ),
    "failed": (
        deck(state="failed", error="out of memory"),
        None,
        Gravity.BAD,
        "out of memory",
        Remedy("load textures into deck 1 again", "/deck/1/load", ("textures",)),
    ),
    "recovering": (deck(state="restarting"), None, Gravity.CARE, "recovering", None),
    "crashed once": (deck(restarts=1), WELL, Gravity.HINT, "has crashed", None),
    "crashes": (deck(restarts=3), WELL, Gravity.BAD, "3 times", Remedy("load the next patch into deck 1", "/deck/1/patch/next")),
    "faults": (deck(faults=2), None, Gravity.CARE, "Twice", Remedy("begin deck 1 anew", "/deck/1/reset")),
    "note": (deck(note="the corpus has no unit of the label bees"), None, Gravity.HINT, "bees", None),
    "recording": (
        replace(WELL, record=replace(WELL.record, problem="disk full")),
        None,
        Gravity.BAD,
        "disk full",
        Remedy("save the minute before now elsewhere", action="record.preroll"),
    ),
    "lost frames": (replace(WELL, record=replace(WELL.record, lost_frames=4_410)), None, Gravity.CARE, "100 ms", None),
    "disk nearly full": (replace(WELL, record=replace(WELL.record, room_s=300.0)), None, Gravity.CARE, "5 min in /takes", None),
    "disk nearly full, recording": (
        replace(WELL, record=replace(WELL.record, room_s=30.0, recording=True)),
        None,
        Gravity.BAD,
        "30 s",
        None,
    ),
    "clipped": (replace(WELL, record=replace(WELL.record, clipped=3)), None, Gravity.HINT, "clipped", None),
    "port taken": (
        replace(WELL, lines=(LineView(1, 0.0, "osc", "OSC is off: port 9000 is taken"),)),
        None,
        Gravity.CARE,
        "--osc-port 9010",
        None,
    ),
    "MIDI off": (
        replace(WELL, lines=(LineView(1, 0.0, "midi", "MIDI is off: python-rtmidi is missing"),)),
        None,
        Gravity.CARE,
        "rtmidi",
        MACHINE,
    ),
    "no controller": (replace(WELL, midi=MidiView(("Starling",), backend="jack")), None, Gravity.HINT, "Plug one in", None),
    "no MIDI system": (replace(WELL, midi=MidiView()), None, Gravity.HINT, "No MIDI system", None),
    "no device yet": (
        replace(WELL, device="null", device_awaited="any device", notice="no sound device, playing to null until there is one"),
        None,
        Gravity.BAD,
        "there is no device.*until there is one.*the first device there is, by itself",
        MACHINE,
    ),
    "learning": (
        replace(WELL, midi=replace(WELL.midi, learning="/deck/1/gain")),
        None,
        Gravity.HINT,
        "/deck/1/gain waits",
        Remedy("leave it", "/midi/learn/cancel"),
    ),
    "pick-up": (
        replace(WELL, midi=replace(WELL.midi, waiting=(("cc 71", "/deck/1/gain", -0.2),))),
        None,
        Gravity.HINT,
        "picked up: 1",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_found(case: tuple[StageView, StageView | None, Gravity, str, Remedy | None]) -> None:
    view, before, gravity, text, remedy = case
    findings = found(view, before)
    fits = [finding for finding in findings if re.search(text, f"{finding.title} --- {finding.text}", re.S | re.I)]
    assert len(fits) == 1, findings
    assert fits[0].gravity == gravity
    assert fits[0].remedy == remedy
    # Nothing else is found, but that all is well where it is.
    others = [finding for finding in findings if finding is not fits[0]]
    assert [finding.gravity for finding in others] == ([Gravity.FINE] if gravity == Gravity.HINT else [])


def test_a_stage_that_is_well_is_told_so() -> None:
    (finding,) = found(WELL)
    assert finding.gravity == Gravity.FINE
    assert "1 deck plays" in finding.text
    assert finding.remedy is None


def test_an_empty_stage_is_offered_patches() -> None:
    findings = found(StageView(midi=WELL.midi))
    assert [finding.remedy for finding in findings] == [Remedy("open the patches", action="panel.browser")]


def test_the_gravest_comes_first() -> None:
    view = replace(deck(underruns=1, step_share=0.8, note="x"), device_xruns=1)
    gravities = [finding.gravity for finding in found(view, WELL)]
    assert gravities == sorted(gravities)
    assert set(gravities) == {Gravity.BAD, Gravity.CARE, Gravity.HINT}


def test_no_lead_helps_a_deck_that_is_too_slow() -> None:
    drops, busy = found(deck(underruns=3, step_share=1.1), WELL)
    assert "helps no more" in drops.text
    assert drops.remedy is None
    assert "110 %" in busy.text


def test_empty_decks_have_nothing_to_say() -> None:
    assert found(replace(WELL, decks=(WELL.decks[0], DeckView(2, underruns=9, restarts=4)))) == found(WELL)


def test_whatever_is_offered_can_be_done() -> None:
    remedies = [finding.remedy for view, before, *_ in CASES.values() for finding in found(view, before) if finding.remedy is not None]
    assert remedies
    for remedy in remedies:
        if remedy.action:
            assert remedy.action in BY_ID
        else:
            address = WELL.addresses[remedy.path]
            least = sum(not argument.optional for argument in address.arguments)
            assert least <= len(remedy.values) <= len(address.arguments)
            for argument, value in zip(address.arguments, remedy.values, strict=False):
                assert isinstance(value, str) or argument.minimum <= value <= argument.maximum


def test_sentences_begin_like_sentences_and_end() -> None:
    for view, before, *_ in CASES.values():
        for finding in found(view, before):
            assert finding.title[0].isupper() or finding.title.startswith("/")
            assert finding.text[0] == finding.text[0].upper()
            assert finding.text.endswith(".")
            assert ".." not in finding.text


def test_a_long_callback_of_before_is_no_finding() -> None:
    history = History()
    view = replace(WELL, callback_share=5.5)
    history.note(view, 0.0)
    assert all("mixer" not in finding.title for finding in diagnose(view, history))
