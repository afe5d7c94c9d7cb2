"""The rows under `/rack`: the show written as a rack file, and a rack file taken by a show that goes on. It knows the show's parts."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patches.errors import PatchError
from realtime.control.address import Address, Value
from realtime.control.outcome import Origin
from realtime.engine import Engine
from realtime.errors import RackError, StageError
from realtime.midi.mapping_file import to_table
from realtime.options import check_setup
from realtime.rack import read_rack
from realtime.rack_file import plain_name, rack_table, sound_table, wanted_sound, write_rack
from realtime.setup import DeckSetup, Setup
from realtime.show_settings import TransportSettings
from realtime.stage_setup import send_deck, send_master

if TYPE_CHECKING:
    from realtime.show import Show


class RackRows:
    """Serves ``/rack/save`` and ``/rack/load``.

    Parameters
    ----------
    show : Show
        Made as far as these rows need it: all but what listens.
    engine : Engine

    Thread
    ------
    Rows from the core's clerks; `table` and `file` any.
    """

    def __init__(self, show: "Show", engine: Engine) -> None:
        self._show = show
        self._engine = engine
        # Of now: once a device is lost the stage shows another, but that one is wanted again.
        self.sound = sound_table(wanted_sound(show.settings.sound, engine.snapshot()))
        """What the stage is heard and listened to with, as tables of a rack file."""
        self.file: Path | None = None
        """The rack file that was loaded or saved last, in full."""
        show.core.serve("/rack/save", self._save, slow=True)
        show.core.serve("/rack/load", self._load)

    def table(self) -> dict[str, Any]:
        """The show now, as the table of a rack file."""
        show, transport = self._show, self._show.transport
        now = TransportSettings(transport.tempo_bpm, transport.quantum_beats, transport.source, transport.running)
        settings = replace(show.settings, transport=now)
        stage = self._engine.snapshot()
        table = rack_table(stage, settings, to_table(show.mapper.mapping), show.scenes.tables())
        # While a lost device is waited for the stage hears silence; what it heard before is meant.
        return table | {"input": self.sound["input"]} if stage.device_awaited and "input" in self.sound else table

    def _save(self, address: Address, values: tuple[Value, ...], origin: Origin) -> None:
        path = Path(str(values[0]))
        edition = self._show.scenes.edition
        folder = self._show.recorder.folder.absolute()
        if path.absolute().parent == folder:
            # Where the screen proposes to save it; before the first take it is not there. What cannot be made is said by the writer.
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
        write_rack(path, self.table())
        self._show.scenes.kept(edition)
        self.file = path.absolute()

    def _load(self, address: Address, values: tuple[Value, ...], origin: Origin) -> dict[int, int] | None:
        """Take a rack: nothing of it before all of it is known to be possible."""
        path = Path(str(values[0]))
        setup = read_rack(path)
        check_setup(setup)
        decks = len(self._engine.snapshot().decks)
        needed = max((number for number, deck in enumerate(setup.decks, 1) if deck.patch), default=0)
        if needed > decks:
            hint = f"python -m realtime --rack {path} starts with all of them"
            raise RackError(f"rack {path}: more decks than this stage has", got=str(needed), allowed=f"up to {decks}", hint=hint)
        show = self._show
        # A morph on its way would go on to a scene of the rack before.
        show.mover.panic()
        send_master(self._engine, setup)
        loads, failed = self._send_decks(setup, decks)
        if "scene" in setup.named:
            show.scenes.take(setup.show.scenes)
        if setup.show.midi.mapping is not None:
            show.mapper.use(setup.show.midi.mapping)
        if "transport" in setup.named:
            show.set_transport(setup.show.transport)
        self.file = path.absolute()
        self._say_left(path, setup)
        if failed:
            raise RackError(f"rack {path}: taken, but for {'; '.join(failed)}")
        return loads or None

    def _send_decks(self, setup: Setup, decks: int) -> tuple[dict[int, int], list[str]]:
        """Loads by deck, and what a deck was refused."""
        loads, failed = {}, []
        for number in range(decks):
            deck = setup.decks[number] if number < len(setup.decks) else DeckSetup()
            try:
                load = send_deck(self._engine, number, deck, self._engine.config.lead_frames)
            except (StageError, PatchError) as error:
                # Checked a moment ago: its files have gone meanwhile.
                failed.append(f"deck {number + 1}: {error}")
                continue
            if load:
                loads[number] = load
        return loads, failed

    def _say_left(self, path: Path, setup: Setup) -> None:
        """Say what of the file counts only where Starling is started with it."""
        now, wanted, named = self._show.settings, setup.show, setup.named
        left = ["[sound]"] if "sound" in named and replace(wanted.sound, input=now.sound.input) != now.sound else []
        left += ["[osc]"] if "osc" in named and wanted.osc != now.osc else []
        if "midi" in named and replace(wanted.midi, mapping=None) != replace(now.midi, mapping=None):
            left.append("ports and backend of [midi]")
        left += ["[record]"] if "record" in named and wanted.record != now.record else []
        left += ["[input]"] if wanted.sound.input not in (None, plain_name(self._engine.snapshot().input_name)) else []
        if left:
            self._show.log.say("rack", f"rack {path}: {', '.join(left)} left as it is: that counts from a start with --rack")
