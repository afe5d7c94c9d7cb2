"""What a performer does to the whole: panic, quitting, recording, master gain, racks, scenes, undo. It knows session and app."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from realtime.attach.view import StageView
from realtime.screen.command_prompt import CommandPrompt
from realtime.screen.link import Told

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen

AGAIN_S: Final = 0.7
"""Panic within this time of panic is a frightened hand, not the wish to open the sound."""
MASTER_STEP_DB: Final = 1.0
INPUT_GAIN: Final = "/master/input_gain"
RACK_NAME: Final = "starling.toml"


def sounds(view: StageView) -> bool:
    """Whether ending the stage ends something: a deck that plays, or a take."""
    return view.record.recording or any(deck.state not in ("empty", "failed") for deck in view.decks)


class StageActions:
    """Does the actions of the groups `stage`, `record`, `master` and `scene`, and those of `takes` that no panel does.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: "StarlingScreen") -> None:
        self._app = app
        self._session = app.session
        self._panic_s = -AGAIN_S
        self._command = CommandPrompt(app)

    def do_stage_panic(self) -> None:
        """Silence everything, or open the sound again."""
        now = self._app.clock()
        opens = self._session.view.panicked and now - self._panic_s >= AGAIN_S
        self._panic_s = now
        self._session.ask("/panic", 0 if opens else 1)

    def do_stage_quit(self) -> None:
        """End the stage; ask before while it sounds."""
        view = self._session.view
        if not sounds(view):
            self._app.quit_stage()
            return
        what = "Sound is playing and a take is being recorded." if view.record.recording else "Sound is playing."
        what += " End it?"
        if view.scenes.names and not view.scenes.saved:
            what += f" Scenes are not saved: {self._app.keys_shown('stage.save_rack')} saves the rack."
        again = self._app.keymap.keys_of("stage.quit")
        self._app.confirm(what, self._app.quit_stage, again)

    def do_stage_detach(self) -> None:
        """Close the screen."""
        self._app.exit("")

    def do_stage_undo(self) -> None:
        """Take the last change back."""
        back = self._session.undo()
        shown = ", ".join(f"{path} {value:g}" if isinstance(value, float) else f"{path} {value}" for path, value in back.items())
        self._session.say(f"back: {shown}" if back else "nothing to take back")

    def do_stage_save_rack(self) -> None:
        """Ask where to, and write the rack."""
        self._app.ask_path("Save the rack as", self._rack(), self._save_rack, new=True)

    def _save_rack(self, path: str) -> None:
        self._session.ask("/rack/save", path, then=lambda told: self._session.say_done(told, f"rack saved: {path}"))

    def do_stage_load_rack(self) -> None:
        """Ask which, and take everything from a rack."""
        self._app.ask_path("Load the rack", self._rack(), self._load_rack)

    def _rack(self) -> str:
        """The rack of this show; else one beside the takes, which are not where the program happened to be started."""
        view = self._session.view
        return view.rack or str(Path(view.record.folder or Path.cwd()) / RACK_NAME)

    def _load_rack(self, path: str) -> None:
        self._session.ask("/rack/load", path, then=lambda told: self._session.say_done(told, f"rack loaded: {path}"))

    def do_stage_command(self) -> None:
        """Ask for an address and its arguments, and do it."""
        self._command.ask()

    def do_stage_clear_counts(self) -> None:
        """Count drop-outs from now on."""
        self._session.ask("/counts/clear", then=lambda told: self._session.say_done(told, "drop-outs are counted from now on"))

    def do_record_toggle(self) -> None:
        """Begin a take, or end it."""
        record = self._session.view.record
        if record.recording:
            self._session.ask("/record/stop", then=lambda told: self._session.say_done(told, f"take: {record.path}"))
        else:
            self._session.ask("/record/start", then=lambda told: self._session.say_done(told, f"recording {_first(told)}"))

    def do_record_preroll(self) -> None:
        """Save the minute before now."""
        self._session.ask("/record/preroll", then=lambda told: self._session.say_done(told, f"the last minute: {_first(told)}"))

    def do_master_up(self) -> None:
        """Louder."""
        self._turn_master("/master/gain", MASTER_STEP_DB)

    def do_master_down(self) -> None:
        """Softer."""
        self._turn_master("/master/gain", -MASTER_STEP_DB)

    def do_master_input_up(self) -> None:
        """The input louder."""
        self._turn_input(MASTER_STEP_DB)

    def do_master_input_down(self) -> None:
        """The input softer."""
        self._turn_input(-MASTER_STEP_DB)

    def _turn_input(self, step_db: float) -> None:
        self._turn_master(INPUT_GAIN, step_db)
        # The strip shows what comes in, not how far it is turned up.
        if (gain_db := self._session.value(INPUT_GAIN)) is not None:
            self._session.say(f"input {float(gain_db):+.1f} dB")

    def _turn_master(self, path: str, step_db: float) -> None:
        address, value = self._session.address(path), self._session.value(path)
        if address is not None and value is not None:
            argument = address.argument
            self._session.set(path, min(max(float(value) + step_db, argument.minimum), argument.maximum))

    def do_scene_store(self) -> None:
        """Store everything under the first free number."""
        names = self._session.view.scenes.names
        name = next(name for number in range(1, len(names) + 2) if (name := f"scene {number}") not in names)
        self._session.ask("/scene/save", name, then=lambda told: self._session.say_done(told, f"stored: {name}"))

    def do_scene_recall(self, number: int) -> None:
        """Recall the scene at this place, from 1."""
        names = self._session.view.scenes.names
        if number > len(names):
            self._session.say(f"there is no scene {number}; {self._app.keys_shown('scene.store')} stores one", True)
            return
        name = names[number - 1]
        self._session.ask("/scene/recall", name, then=lambda told: self._session.say_done(told, f"recalled: {name}"))

    def do_scene_next(self) -> None:
        """Recall the scene after."""
        self._session.ask("/scene/next", then=self._tell_scene)

    def do_scene_previous(self) -> None:
        """Recall the scene before."""
        self._session.ask("/scene/previous", then=self._tell_scene)

    def _tell_scene(self, told: Told) -> None:
        self._session.say_done(told, f"recalled: {_first(told)}")

    def do_takes_tap(self) -> None:
        """Tap the tempo."""
        self._session.ask("/transport/tap")


def _first(told: Told) -> str:
    return str(told.values[0]) if told.values else ""
