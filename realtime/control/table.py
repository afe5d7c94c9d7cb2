"""Every address there can be: one literal table. It knows names and ranges, not what is behind them.

OSC, OSCQuery, MIDI, scenes, automation, racks and the page docs/osc.md are derived from it. Rows of the controls that every deck or the
master has come from `realtime.controls`, those of a patch from its manifest, so that nothing is typed twice.
"""

from dataclasses import dataclass
from typing import Literal

from realtime.control.address import Argument
from realtime.controls import DECK_CONTROLS, MASTER_CONTROLS, StageControl
from realtime.kernels.layout import MAX_LEAD_FRAMES
from realtime.shared import GAIN_RAMP_S

MAX_TEXT = 4096
"""Characters of a path or name: as long as a path may be."""
AUDITION_GAIN_DB = -12.0
"""What is tried is heard under what plays."""
SEED_MAX = 2**63 - 1
"""As on the command line; what is written as OSC's `i` has 32 bits of it, as `h` all."""
MAX_MODE = 63
LONGEST_MORPH_S = 600.0
TEMPO_MIN, TEMPO_MAX, TEMPO_DEFAULT = 20.0, 400.0, 120.0
MAX_QUANTUM = 64

Place = Literal["", "master", "deck", "patch", "own"]
"""Who holds the value: nobody, the master, a deck, the patch in a deck, or the part that serves the row."""


@dataclass(frozen=True)
class Row:
    """One row: an address with names in braces where it stands for many.

    `{deck}` is a deck's number from 1, `{control}` the id of a control of its patch, `{name}` the short name of a class or label,
    `arguments` are None where the patch says what they are.
    """

    path: str
    kind: Literal["value", "command", "query"]
    summary: str
    arguments: tuple[Argument, ...] | None = ()
    place: Place = ""
    control: str = ""
    """Id of the control of the master, deck or patch that it is."""
    smoothing_ms: float = 0.0
    answer: str = ""
    """What a query answers with, or a command later, besides `/done`."""


def _text(name: str, *, optional: bool = False, choices: tuple[str, ...] = (), many: bool = False) -> Argument:
    return Argument(name, "s", 0 if optional else 1, MAX_TEXT, choices=choices, optional=optional, many=many)


def _whole(name: str, minimum: int, maximum: int, default: int | None = None, *, unit: str = "", optional: bool = False) -> Argument:
    return Argument(name, "i", minimum, maximum, unit, default, optional=optional)


def _stage_row(prefix: str, place: Place, control: StageControl) -> Row:
    argument = Argument(control.id, "f", control.minimum, control.maximum, control.unit, control.default)
    return Row(f"{prefix}/{control.id}", "value", control.summary, (argument,), place, control.id, 1000.0 * GAIN_RAMP_S)


def _audition_gain() -> Row:
    found = next(control for control in DECK_CONTROLS if control.id == "gain")
    argument = Argument("gain", "f", found.minimum, found.maximum, found.unit, AUDITION_GAIN_DB)
    return Row("/audition/gain", "value", "level of what is tried; the minimum is silence", (argument,), "own", "", 1000.0 * GAIN_RAMP_S)


PARAM_ROW = "/deck/{deck}/param/{control}"
CLASS_ROW = "/deck/{deck}/class/{name}"
CLASS_PREFIXES = ("class_", "label_")
"""Controls with these before their ids are classes of sound; what follows is the short name."""

TABLE: tuple[Row, ...] = (
    *(_stage_row("/master", "master", control) for control in MASTER_CONTROLS),
    *(_stage_row("/deck/{deck}", "deck", control) for control in DECK_CONTROLS),
    Row(PARAM_ROW, "value", "a control of the patch, by its id (`python -m patches show SLUG`)", None, "patch"),
    Row(CLASS_ROW, "value", "how much of a class (or label) of sound: the control class_<name> or label_<name>", None, "patch"),
    Row("/deck/{deck}/temperature", "value", "how adventurous, where the patch has that control", None, "patch", "temperature"),
    Row("/deck/{deck}/top_k", "value", "how many codes are drawn from, where the patch has that control", None, "patch", "top_k"),
    # What a deck plays.
    Row(
        "/deck/{deck}/load",
        "command",
        "play a patch, cross-fading; done when it sounds",
        (_text("patch"), _whole("seed", 0, SEED_MAX, optional=True)),
    ),
    Row("/deck/{deck}/load/cancel", "command", "leave a load that does not sound yet; what sounds goes on"),
    Row(
        "/deck/{deck}/load/state",
        "query",
        "how far a load is",
        answer="state s (idle, loading), patch s, share f (0 to 1; -1 where nothing loads), text s",
    ),
    Row("/deck/{deck}/unload", "command", "fade out and empty the deck"),
    Row("/deck/{deck}/reset", "command", "begin anew with the same seed, or with another", (_whole("seed", 0, SEED_MAX, optional=True),)),
    Row("/deck/{deck}/seed", "command", "begin anew with this seed", (_whole("seed", 0, SEED_MAX),)),
    Row("/deck/{deck}/lead", "command", "frames kept ready; 0 chooses", (_whole("frames", 0, MAX_LEAD_FRAMES, unit="frames"),)),
    Row(
        "/deck/{deck}/mode", "command", "pin a mode of the voice, 0 the best; -1 leaves it to the machine", (_whole("mode", -1, MAX_MODE),)
    ),
    Row(
        "/deck/{deck}/corpora",
        "command",
        "play other corpora: `FOLDER[;weight=W][;labels=A,B]`, `@patch` for the patch's own",
        (_text("corpus", many=True),),
    ),
    Row("/deck/{deck}/prime", "command", "begin anew after the sequencer has heard a sound file", (_text("file"),)),
    Row("/deck/{deck}/patch/next", "command", "load the next patch by name"),
    Row("/deck/{deck}/patch/previous", "command", "load the one before"),
    Row("/deck/{deck}/patch/random", "command", "load any other"),
    Row("/deck/{deck}/patch/program", "command", "load a patch by its place in the list, from 0", (_whole("program", 0, 16383),)),
    Row(
        "/deck/{deck}/state",
        "query",
        "what the deck does; underruns are those since it was loaded or reset, or counts were cleared",
        answer="patch s, state s, lead frames i, step ms f, share of a step's time f, underruns i, restarts i, latency ms f, error s",
    ),
    # A deck that is hidden: no scene, rack or stem has it, the master has.
    Row("/audition/load", "command", "try a patch in the hidden deck; done when it sounds", (_text("patch"),)),
    Row("/audition/load/cancel", "command", "leave a load that does not sound yet; the trial that sounds goes on"),
    Row("/audition/stop", "command", "end the trial: fade out and empty the hidden deck"),
    _audition_gain(),
    # Scenes.
    Row("/scene/save", "command", "store every control of every deck under a name", (_text("name"),)),
    Row("/scene/recall", "command", "take a scene's values, at the next bar where a clock runs", (_text("name"),)),
    Row(
        "/scene/morph",
        "command",
        "move to a scene over seconds",
        (_text("name"), Argument("seconds", "f", 0.0, LONGEST_MORPH_S, "s")),
    ),
    Row("/scene/next", "command", "recall the scene after the last one recalled; after the last comes the first; done with name s"),
    Row("/scene/previous", "command", "recall the one before; before the first comes the last; done with name s"),
    Row("/scene/delete", "command", "forget a scene", (_text("name"),)),
    Row("/scene/rename", "command", "give a scene another name", (_text("name"), _text("new name"))),
    Row("/scene/list", "query", "names of the scenes", answer="name s, ..."),
    # Automation, recording, racks.
    Row("/automation/play", "command", "play a breakpoint file", (_text("path"),)),
    Row("/automation/stop", "command", "stop playing, or end and write what is being recorded"),
    Row("/automation/record", "command", "record every change of a control into a breakpoint file", (_text("path"),)),
    Row(
        "/record/start",
        "command",
        "record the master, and the decks each for itself where stems is 1; done with path s",
        (_text("path", optional=True), _whole("stems", 0, 1, optional=True)),
    ),
    Row("/record/stop", "command", "end the take; done with path s, seconds f, lost frames i, problem s"),
    Row(
        "/record/preroll",
        "command",
        "save the minute before now; done as /record/stop is",
        (_text("path", optional=True), _whole("stems", 0, 1, optional=True)),
    ),
    Row("/record/state", "query", "what is being recorded", answer="recording i, seconds f, dropped frames i, path s"),
    Row("/rack/save", "command", "write decks, patches, values, scenes and mappings as a rack file", (_text("path"),)),
    Row("/rack/load", "command", "take all of it from a rack file, cross-fading; done when every deck of it sounds", (_text("path"),)),
    # Corpora.
    Row(
        "/corpus/make",
        "command",
        "make a corpus from a folder of sounds, beside the show; done when it has begun, a second answer says how it ended",
        (_text("folder"), _text("name", optional=True)),
        answer="state s (done, failed, cancelled), corpus s, why s",
    ),
    Row("/corpus/cancel", "command", "end the making of a corpus; nothing of it stays"),
    Row(
        "/corpus/state",
        "query",
        "how far the making of a corpus is",
        answer="state s (idle, running, done, failed, cancelled), name s, share f (0 to 1; -1 not known), text s, corpus s",
    ),
    # Time.
    Row("/transport/tempo", "value", "beats per minute", (Argument("tempo", "f", TEMPO_MIN, TEMPO_MAX, "bpm", TEMPO_DEFAULT),), "own"),
    Row("/transport/run", "value", "1: the clock runs, and scenes wait for its bars", (_whole("run", 0, 1, 0),), "own"),
    Row(
        "/transport/source",
        "value",
        "who beats time",
        (Argument("source", "s", choices=("internal", "midi", "link"), default="internal"),),
        "own",
    ),
    Row("/transport/quantum", "value", "beats of a bar; 0: nothing waits", (_whole("quantum", 0, MAX_QUANTUM, 4, unit="beats"),), "own"),
    Row("/transport/tap", "command", "tap the tempo: the mean of up to eight taps; done with tempo f"),
    Row("/transport/beat", "query", "where the clock is", answer="beat f, tempo f, running i"),
    # MIDI.
    Row(
        "/midi/learn",
        "command",
        "the next control moved on a controller drives this address; a second answer says which it was",
        (
            _text("address"),
            Argument("minimum", "f", optional=True),
            Argument("maximum", "f", optional=True),
            Argument("curve", "s", choices=("linear", "exponential"), optional=True),
        ),
        answer="address s, control s, action s, what was taken away s...",
    ),
    Row("/midi/learn/cancel", "command", "leave it"),
    Row("/midi/unlearn", "command", "take every controller off an address", (_text("address"),)),
    Row("/midi/save", "command", "write the mapping as a file", (_text("path"),)),
    Row("/midi/load", "command", "take a mapping from a file", (_text("path"),)),
    Row(
        "/midi/takeover",
        "value",
        "what a knob does that does not stand where its value is",
        (Argument("takeover", "s", choices=("off", "pickup", "scale"), default="pickup"),),
        "own",
    ),
    Row("/midi/map", "query", "what is mapped to what", answer="source s, address s, ..."),
    Row(
        "/midi/waiting",
        "query",
        "controls that were moved in vain: how far each has to go to pick its value up",
        answer="control s, address s, way f (-1 to 1, a share of its way), ...",
    ),
    Row("/midi/ports", "query", "ports that are open", answer="port s, ..."),
    Row("/midi/report", "query", "the last message of a controller", answer="port s, message s"),
    # The whole.
    Row("/panic", "command", "silence, at once; 0 takes it back", (_whole("on", 0, 1, 1, optional=True),)),
    Row("/counts/clear", "command", "count underruns, device xruns, the peak load and the longest time of the mixer from now on"),
    Row(
        "/status",
        "query",
        "the stage in numbers",
        answer="decks i, mean load % f, peak load % f, nominal rate Hz f, measured rate Hz f, underruns i, device xruns i, peak dB f, "
        "clock frames modulo 2^31 i",
    ),
    Row("/version", "query", "program and version", answer="program s, version s"),
)
BY_PATH: dict[str, Row] = {row.path: row for row in TABLE}
