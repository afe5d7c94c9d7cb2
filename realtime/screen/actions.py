"""Everything a performer can do at the screen: one literal table.

Keys, footer, command palette, F1 help, jump mode, user keymaps and the page docs/playing.md are derived from it. What is not here cannot be
bound. It knows names, not what they do: `Action.method` names the method that does it.
"""

from dataclasses import dataclass
from typing import Literal

Where = Literal["", "decks", "browser", "scenes", "mapping", "takes", "log", "scope", "doctor"]
"""The panel that has to have the focus; empty: everywhere."""


@dataclass(frozen=True)
class Action:
    """One thing that can be done. `keys` are Textual's names, the first is shown; `footer` puts it there."""

    id: str
    label: str
    keys: tuple[str, ...]
    summary: str
    where: Where = ""
    footer: bool = False

    @property
    def group(self) -> str:
        """Part of the instrument it belongs to."""
        return self.id.partition(".")[0]

    @property
    def method(self) -> str:
        """Method that does it, of the panel `where` or of the screen's commands."""
        return "do_" + self.id.replace(".", "_").removesuffix(f"_{self.number}")

    @property
    def number(self) -> int:
        """The deck or scene it is for, which `method` gets as its argument; 0: for none."""
        number = self.id.rpartition("_")[2]
        return int(number) if number.isdigit() else 0


ACTIONS: tuple[Action, ...] = (
    # The screen itself: first, so that help is in the footer of the narrowest terminal.
    Action("screen.help", "Help", ("f1", "question_mark"), "keys of what is in front of you, and all others", footer=True),
    Action("screen.palette", "Find", ("ctrl+p",), "find anything by name", footer=True),
    Action("screen.jump", "Jump", ("ctrl+o", "g"), "letters on everything: type one to be there"),
    Action("screen.theme", "Theme", ("t",), "dark, light, high contrast"),
    # The whole.
    Action("stage.panic", "Panic", ("p", "ctrl+x"), "silence everything at once; again opens the sound", footer=True),
    Action("stage.quit", "Quit", ("q", "ctrl+c", "ctrl+q"), "end: asks once while sound plays, then fades", footer=True),
    Action("stage.detach", "Close the screen", ("ctrl+d",), "close the screen only; the sound goes on, `attach` brings it back"),
    Action("stage.undo", "Undo", ("u", "ctrl+z"), "take back the last change of a control", footer=True),
    Action("stage.save_rack", "Save rack", ("ctrl+s",), "write decks, patches, values, scenes and mappings to a file"),
    Action("stage.load_rack", "Load rack", ("ctrl+l",), "take decks, patches, values, scenes and mappings from a file"),
    Action("stage.command", "Any address", ("colon",), "type an address and arguments as for OSC; without a / it is the deck's"),
    Action("stage.clear_counts", "Clear counts", ("C",), "count underruns, xruns and the longest time of the mixer from now on"),
    Action("record.toggle", "Record", ("R", "f12"), "begin or end a take", footer=True),
    Action("record.preroll", "Save last minute", ("ctrl+r",), "save the 60 seconds before now as a take"),
    Action("master.up", "Master louder", ("plus", "equals_sign"), "master gain 1 dB up"),
    Action("master.down", "Master softer", ("minus",), "master gain 1 dB down"),
    Action("master.input_up", "Input louder", ("right_curly_bracket",), "gain of the live input 1 dB up"),
    Action("master.input_down", "Input softer", ("left_curly_bracket",), "gain of the live input 1 dB down"),
    # Decks.
    *(Action(f"deck.select_{n}", f"Deck {n}", (str(n),), f"go to deck {n}") for n in range(1, 9)),
    Action("deck.next", "Next deck", ("tab",), "go to the next deck", "decks"),
    Action("deck.previous", "Previous deck", ("shift+tab",), "go to the deck before", "decks"),
    Action("deck.mute", "Mute", ("m",), "mute the deck, or open it"),
    Action("deck.solo", "Solo", ("s",), "hear this deck alone, or all"),
    Action("deck.freeze", "Freeze", ("f",), "hold the present state of the model, or let it go on"),
    Action("deck.reset", "Reset", ("r",), "begin anew with the same seed"),
    Action("deck.new_seed", "New seed", ("N",), "begin anew with another seed"),
    Action("deck.seed", "Seed", ("number_sign",), "type a seed and begin anew with it"),
    Action("deck.prime", "Prime", ("H",), "begin anew after the sequencer has heard a sound file"),
    Action("deck.unload", "Unload", ("ctrl+u",), "fade out and empty the deck"),
    Action("deck.next_patch", "Next patch", ("full_stop",), "load the next patch by name"),
    Action("deck.previous_patch", "Previous patch", ("comma",), "load the one before"),
    Action("deck.random_patch", "Random patch", ("asterisk",), "load any other"),
    Action("deck.mode", "Next mode", ("M",), "pin the next mode of the voice; after the last the machine chooses again"),
    Action("deck.longer_lead", "Longer lead", ("right_square_bracket",), "keep more sound ready: fewer drop-outs, later response"),
    Action("deck.shorter_lead", "Shorter lead", ("left_square_bracket",), "keep less sound ready: earlier response"),
    Action("deck.auto_lead", "Automatic lead", ("backslash",), "let the deck choose its lead from its step time"),
    # The selected control.
    Action("control.previous", "Control above", ("up",), "select the control above", "decks"),
    Action("control.next", "Control below", ("down",), "select the control below", "decks"),
    Action("control.first", "First control", ("home",), "select the first control", "decks"),
    Action("control.last", "Last control", ("end",), "select the last control", "decks"),
    Action("control.less", "Less", ("left",), "5 % of its range less", "decks"),
    Action("control.more", "More", ("right",), "5 % of its range more", "decks"),
    Action("control.less_fine", "A little less", ("shift+left",), "0.5 % of its range less", "decks"),
    Action("control.more_fine", "A little more", ("shift+right",), "0.5 % of its range more", "decks"),
    Action("control.minimum", "Minimum", ("ctrl+left",), "to the lowest value", "decks"),
    Action("control.maximum", "Maximum", ("ctrl+right",), "to the highest value", "decks"),
    Action("control.default", "Default", ("backspace", "delete"), "to the value it begins with", "decks"),
    Action("control.type", "Type a value", ("enter",), "type the value", "decks"),
    Action("control.only", "Only this class", ("o",), "this class at full, all others of the deck at nothing", "decks"),
    Action("control.learn", "Learn MIDI", ("l",), "the next knob moved drives the selected control; again leaves it", footer=True),
    Action("control.unlearn", "Unlearn MIDI", ("L",), "take every knob off the selected control"),
    # Panels.
    Action("panel.decks", "Decks", ("escape",), "close the panel and go to the decks"),
    Action("panel.browser", "Patches", ("b",), "patches: search, audition, load", footer=True),
    Action("panel.scenes", "Scenes", ("c",), "scenes: store, recall, morph, rename", footer=True),
    Action("panel.mapping", "Mapping", ("k",), "what is mapped to what; learn"),
    Action("panel.takes", "Takes", ("a",), "automation and recorder"),
    Action("panel.log", "Log", ("e",), "what happened"),
    Action("panel.scope", "Scope", ("w",), "waveform and spectrogram of the master"),
    Action("panel.doctor", "Doctor", ("d",), "what is wrong and what helps, in plain words"),
    # Patch browser.
    Action("browser.load", "Load", ("enter",), "load the patch into the selected deck", "browser", footer=True),
    Action("browser.audition", "Audition", ("space",), "hear the patch in the hidden deck; again ends it", "browser", footer=True),
    Action("browser.search", "Search", ("slash",), "type a part of name, kind or class", "browser", footer=True),
    Action("browser.corpus", "Make a corpus", ("n",), "make a corpus from a folder of sounds, while the show goes on", "browser"),
    Action("browser.cancel", "Cancel", ("x",), "leave a load that does not sound yet, or the making of a corpus", "browser"),
    Action("browser.take", "Play corpus", ("y",), "play a corpus in the selected deck: the one made last, or another", "browser"),
    Action("browser.refresh", "Look again", ("v",), "read the library again", "browser"),
    # Scenes.
    Action("scenes.recall", "Recall", ("enter",), "take the scene's values, at the next bar where a clock runs", "scenes", footer=True),
    Action("scenes.store", "Store", ("n",), "store everything as a new scene", "scenes", footer=True),
    Action("scenes.overwrite", "Store here", ("S",), "store everything in this scene", "scenes"),
    Action("scenes.morph", "Morph", ("o",), "move to the scene over seconds", "scenes", footer=True),
    Action("scenes.rename", "Rename", ("f2",), "give the scene another name", "scenes"),
    Action("scenes.delete", "Delete", ("delete", "x"), "forget the scene", "scenes"),
    # Scenes by one key, from everywhere.
    Action("scene.store", "Store scene", ("S",), "store everything as the next scene"),
    *(Action(f"scene.recall_{n}", f"Scene {n}", (f"f{n + 2}",), f"recall scene {n}") for n in range(1, 9)),
    Action("scene.previous", "Previous scene", ("9",), "recall the scene before; before the first comes the last"),
    Action("scene.next", "Next scene", ("0",), "recall the scene after; after the last comes the first"),
    # Mapping table.
    Action("mapping.learn", "Learn", ("enter", "l"), "the next knob moved drives this address", "mapping", footer=True),
    Action("mapping.range", "Learn a range", ("i",), "type from and to, then turn the knob: it moves the address between them", "mapping"),
    Action("mapping.unlearn", "Unlearn", ("delete", "x"), "take the knob off", "mapping", footer=True),
    Action("mapping.save", "Save mapping", ("n",), "write the mapping as a file", "mapping", footer=True),
    Action("mapping.load", "Load mapping", ("o",), "take a mapping from a file", "mapping"),
    Action("mapping.takeover", "Takeover", ("v",), "off, pick-up or scale: what a knob does that stands elsewhere", "mapping"),
    # Automation, recorder, clock.
    Action("takes.play", "Play automation", ("enter",), "play a breakpoint file", "takes", footer=True),
    Action("takes.record", "Record automation", ("n",), "write every change of a control to a breakpoint file", "takes", footer=True),
    Action("takes.stop", "Stop automation", ("x",), "end playing, or end and write the recording", "takes", footer=True),
    Action("takes.stems", "Record with stems", ("o",), "begin a take with a file for each deck", "takes"),
    Action("takes.clock", "Clock", ("space",), "start or stop the clock", "takes"),
    Action("takes.tempo", "Tempo", ("v",), "type the tempo", "takes"),
    Action("takes.tap", "Tap", ("j",), "tap the tempo, from everywhere: the mean of up to eight taps"),
    Action("takes.source", "Clock source", ("i",), "the stage's own clock, a MIDI clock, Ableton Link", "takes"),
    Action("takes.bar", "Bar", ("h",), "type the beats of a bar: what scenes and automation wait for; 0: nothing waits", "takes"),
    Action("takes.copy", "Copy the path", ("y",), "put the path of the last take on the clipboard", "takes"),
    # Event log.
    Action("log.osc", "OSC", ("o",), "show or hide what OSC says", "log", footer=True),
    Action("log.midi", "MIDI", ("i",), "show or hide what MIDI says", "log", footer=True),
    Action("log.engine", "Engine", ("n",), "show or hide what engine and decks say", "log", footer=True),
    Action("log.other", "Everything else", ("v",), "show or hide the rest", "log"),
    Action("log.messages", "Messages", ("space",), "single messages of OSC and MIDI: in and out, in, out, none", "log"),
    Action("log.search", "Search", ("slash",), "only lines with this text", "log"),
    Action("log.end", "Newest", ("end",), "go to the newest line and stay there", "log"),
    # Scope.
    Action("scope.view", "Waveform or spectrogram", ("space",), "both, waveform, spectrogram, nothing", "scope", footer=True),
    Action("scope.hold", "Hold", ("enter",), "hold the picture, or let it go on", "scope", footer=True),
    Action("scope.range", "Range", ("v",), "levels that the colours stand for: 60, 80, 100 dB", "scope"),
    # Doctor.
    Action("doctor.fix", "Do it", ("enter",), "do what the selected advice says, where the screen can", "doctor", footer=True),
    Action("doctor.devices", "Look at the machine", ("n",), "list devices, priorities and libraries", "doctor", footer=True),
)  # fmt: skip
BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}
