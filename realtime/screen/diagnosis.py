"""What may be wrong with the stage, in plain words, with what helps. Pure: it looks at views, asks nothing and draws nothing."""

import sys
from collections.abc import Iterator
from typing import Final

from realtime.attach.view import StageView
from realtime.screen.amounts import about
from realtime.screen.diagnosis_deck import BUSY_SHARE, diagnose_deck
from realtime.screen.finding import Finding, Gravity, Remedy, sentence
from realtime.screen.history import History
from realtime.version import difference

NULL_DEVICE: Final = "null"
ANY_DEVICE: Final = "any device"
OWN_PORT: Final = "Starling"
"""The stage's own MIDI port, for other programs."""
LIMITED_SHARE: Final = 0.2
"""Of the last minute: below, the limiter catches peaks, which is its work."""
SOFTER_DB: Final = 3.0
SHORT_ROOM_S: Final = 600.0
LOUD_DB: Final = -60.0
"""A master softer than this is as good as silent."""
_MACHINE: Final = Remedy("look at the machine", action="doctor.devices")
_GET_SOUND: Final = {
    "linux": "Start PipeWire or JACK and plug the interface in; where PortAudio is missing: sudo apt-get install libportaudio2.",
    "darwin": "Plug the interface in; where PortAudio is missing: pip install --force-reinstall sounddevice.",
    "win32": "Plug the interface in; where PortAudio is missing: pip install --force-reinstall sounddevice.",
}


def diagnose(view: StageView, history: History) -> tuple[Finding, ...]:
    """Everything that is to be said, the gravest first; never empty."""
    found = [*_sound(view), *_hearing(view), *_device(view, history), *_level(view, history)]
    for deck in view.decks:
        if deck.patch or deck.state == "failed":
            found += diagnose_deck(view, deck, history)
    found += [*_record(view), *_reach(view)]
    found.sort(key=lambda finding: finding.gravity)
    if all(finding.gravity == Gravity.HINT for finding in found):
        found.insert(0, _calm(view))
    return tuple(found)


def _calm(view: StageView) -> Finding:
    playing = len(_playing(view))
    if not playing:
        text = "No deck plays yet: load a patch."
        return Finding(Gravity.FINE, "Nothing is wrong", text, Remedy("open the patches", action="panel.browser"))
    drops = sum(deck.underruns for deck in view.decks if deck.patch)
    plays = "1 deck plays" if playing == 1 else f"{playing} decks play"
    text = f"{plays}. Drop-outs in the last minute: 0, before: {drops}."
    return Finding(Gravity.FINE, "Nothing is wrong", text)


def _sound(view: StageView) -> Iterator[Finding]:
    """Whether sound goes anywhere at all."""
    how = _GET_SOUND.get(sys.platform, "Plug an interface in and install PortAudio.")
    again = f"{how} Then end Starling and start it again; `python -m realtime devices` lists what there is."
    if view.device_awaited == ANY_DEVICE:
        soon = "Starling plays through the first device there is, by itself; `python -m realtime devices` lists what there is."
        yield Finding(Gravity.BAD, "No sound: there is no device", f"{sentence(view.notice)} {how} {soon}", _MACHINE)
    elif view.device_awaited:
        back = "Plug it in again, or start what it belongs to (JACK, PipeWire): Starling plays on through it, by itself."
        yield Finding(Gravity.BAD, "No sound: the device is gone", f"{sentence(view.notice)} {back}", _MACHINE)
    elif view.device.partition(" ")[0] == NULL_DEVICE:
        if view.notice:
            yield Finding(Gravity.BAD, "No sound: there is no device", f"{sentence(view.notice)} {again}", _MACHINE)
        else:
            yield Finding(Gravity.HINT, "No sound, as you asked", "It plays to null: start without --device null to be heard.")
    elif view.notice:
        yield Finding(Gravity.BAD, "The sound system has something to say", f"{sentence(view.notice)} {again}")


def _hearing(view: StageView) -> Iterator[Finding]:
    """Why a stage that plays is not heard."""
    if view.panicked:
        yield Finding(
            Gravity.BAD, "Silent by panic", "Everything is muted until it is taken back.", Remedy("open the sound again", "/panic", (0,))
        )
        return
    playing = _playing(view)
    if not playing or max(view.rms_db) > LOUD_DB:
        return
    gain = view.values.get("/master/gain", 0.0)
    if float(gain) <= LOUD_DB:
        yield Finding(
            Gravity.BAD,
            "The master is down",
            "Its gain is at the end of its way.",
            Remedy("master gain to -12 dB", "/master/gain", (-12.0,)),
        )
    muted = [deck for deck in playing if _is_on(view, f"/deck/{deck}/mute")]
    solo = [deck.number for deck in view.decks if _is_on(view, f"/deck/{deck.number}/solo")]
    down = [deck for deck in playing if float(view.values.get(f"/deck/{deck}/gain", 0.0)) <= LOUD_DB]
    if solo and not set(solo) & set(playing):
        remedy = Remedy(f"take solo off deck {solo[0]}", f"/deck/{solo[0]}/solo", (0.0,))
        yield Finding(Gravity.BAD, f"Solo on deck {solo[0]}, which plays nothing", "It silences every deck without it.", remedy)
    elif muted == playing:
        remedy = Remedy(f"open deck {muted[0]}", f"/deck/{muted[0]}/mute", (0.0,))
        yield Finding(Gravity.BAD, "Every deck that plays is muted", "Mute silences a deck until it is taken off.", remedy)
    elif down == playing:
        remedy = Remedy(f"gain of deck {down[0]} to -12 dB", f"/deck/{down[0]}/gain", (-12.0,))
        yield Finding(Gravity.BAD, "Every deck that plays is turned down", "Their gains are at the end of their way.", remedy)


def _device(view: StageView, history: History) -> Iterator[Finding]:
    larger = (
        f"end Starling and start it with --block-frames {2 * view.block_frames}"
        if view.block_frames
        else "start it with --block-frames 512"
    )
    xruns = history.grown(view, lambda seen: seen.device_xruns)
    if xruns:
        yield Finding(
            Gravity.BAD,
            "Clicks from the sound system",
            f"The device itself dropped out {xruns} times in the last minute. Close other programs; if it goes on, {larger}. JACK and "
            "PipeWire have their own setting for it.",
        )
    # The longest callback since counts were cleared: one of an hour ago is no matter now.
    if view.callback_share > BUSY_SHARE and history.grown(view, lambda seen: round(1000 * seen.callback_share)):
        text = f"It needs up to {100 * view.callback_share:.0f} % of a block's time. Empty a deck, or {larger}."
        yield Finding(Gravity.CARE, "The mixer is near its limit", text)
    if view.audio_priority.startswith("normal") and view.device.partition(" ")[0] != NULL_DEVICE:
        text = "A busy machine can make the sound stutter. The page of the machine says how to give your user the right to it, once."
        yield Finding(Gravity.HINT, "The sound has no real-time priority", text, _MACHINE)
    if view.input_guarded:
        text = "It hears what the loudspeakers play, and opens again when that ends. Turn them away, use headphones, or lower the input."
        gain = max(float(view.values.get("/master/input_gain", 0.0)) - SOFTER_DB, LOUD_DB)
        yield Finding(Gravity.CARE, "The input is muted: feedback", text, Remedy(f"input to {gain:.0f} dB", "/master/input_gain", (gain,)))


def _level(view: StageView, history: History) -> Iterator[Finding]:
    frames = history.grown(view, lambda seen: seen.clock_frames)
    limited = history.grown(view, lambda seen: seen.limited_frames)
    if frames and limited > LIMITED_SHARE * frames:
        gain = max(float(view.values.get("/master/gain", 0.0)) - SOFTER_DB, LOUD_DB)
        yield Finding(
            Gravity.CARE,
            "Too loud: the limiter works all the time",
            f"In {100 * min(limited / frames, 1):.0f} % of the last minute. The decks together are over full scale: it sounds flat and "
            "cannot get louder. Lower the master, or the loudest deck.",
            Remedy(f"master gain to {gain:.0f} dB", "/master/gain", (gain,)),
        )
    if history.grown(view, lambda seen: seen.nonfinite):
        text = "It was left out before it could be heard. Begin the deck that made it anew."
        yield Finding(Gravity.CARE, "A deck made what is no sound", text)


def _record(view: StageView) -> Iterator[Finding]:
    record = view.record
    if record.problem:
        remedy = Remedy("save the minute before now elsewhere", action="record.preroll")
        yield Finding(
            Gravity.BAD, "The recording has a problem", f"{sentence(record.problem)} What was written so far can be played.", remedy
        )
    if record.lost_frames:
        text = "The disk was too slow: the gaps are silence, so that everything stays in time. Record to another disk."
        yield Finding(Gravity.CARE, f"The take lacks {1000 * record.lost_frames / view.sample_rate_hz:.0f} ms", text)
    if 0 <= record.room_s < SHORT_ROOM_S:
        gravity = Gravity.BAD if record.recording else Gravity.CARE
        yield Finding(
            gravity, "The disk is nearly full", f"It has room for {about(record.room_s)} in {record.folder}. Free some space now."
        )
    if record.clipped:
        yield Finding(
            Gravity.HINT, "The take is clipped", "Some of it is over full scale. Lower the master; a .wav file keeps what a .flac cannot."
        )


def _reach(view: StageView) -> Iterator[Finding]:
    """Whether controllers, other programs and this screen reach the stage."""
    if another := difference(view.version):
        yield Finding(Gravity.CARE, "The stage is another version of Starling", sentence(another))
    for line in view.lines:
        if line.channel == "osc" and line.text.startswith("OSC is off"):
            text = f"{sentence(line.text)} End the program that has the port, or start with another: --osc-port 9010."
            yield Finding(Gravity.CARE, "Other programs cannot reach it", text)
        elif line.channel == "midi" and line.text.startswith("MIDI is off"):
            yield Finding(Gravity.CARE, "MIDI is off", f"{sentence(line.text)} The page of the machine says what is missing.", _MACHINE)
    midi = view.midi
    if midi.on and midi.backend and not set(midi.ports) - {OWN_PORT}:
        yield Finding(Gravity.HINT, "No MIDI controller", "Plug one in: it is found by itself. If it is not, another program may hold it.")
    elif midi.on and not midi.backend:
        text = "JACK or ALSA has gone, or was not there yet: Starling looks for it every other second, and opens the controllers by itself."
        yield Finding(Gravity.HINT, "No MIDI system", text)
    if view.midi.learning:
        remedy = Remedy("leave it", "/midi/learn/cancel")
        yield Finding(Gravity.HINT, f"{view.midi.learning} waits for a knob", "The next one that is moved drives it.", remedy)
    if view.midi.waiting:
        text = "They stand elsewhere than their values, so that nothing jumps: turn each past the mark at its value."
        yield Finding(Gravity.HINT, f"Knobs that wait to be picked up: {len(view.midi.waiting)}", text)


def _playing(view: StageView) -> list[int]:
    return [deck.number for deck in view.decks if deck.state in ("playing", "frozen")]


def _is_on(view: StageView, path: str) -> bool:
    return float(view.values.get(path, 0.0)) >= 0.5
