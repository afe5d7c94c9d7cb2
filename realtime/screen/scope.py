"""The scope: wave and scrolling spectrogram of the master. It takes sound only while it is to be seen, and draws it ten times a second."""

import os
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from realtime.attach.view import StageView
from realtime.screen.actions import Where
from realtime.screen.panel import Panel, bindings
from realtime.screen.picture import SpectrogramPicture, WavePicture
from realtime.screen.spectrogram import COLUMNS_PER_S, SoundColumns

VIEWS: Final = ("both", "waveform", "spectrogram", "nothing")
RANGES_DB: Final = (60, 80, 100)
OFF: Final = "The scope is off. Press space to switch it on."
OFF_AFAR: Final = (
    "The scope is off, because this screen comes over SSH: a moving picture sends half a megabyte a second. Press space to switch it on."
)


class ScopePanel(Panel, can_focus=True):
    """Wave and spectrogram.

    Thread
    ------
    The screen's.
    """

    NAME: ClassVar[Where] = "scope"
    MOVES: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scope")]
    DEFAULT_CSS = """
    ScopePanel #scope-state { height: 1; width: 1fr; }
    ScopePanel #scope-off { height: 1fr; width: 1fr; padding: 1 2; }
    ScopePanel WavePicture { height: 1fr; min-height: 3; }
    ScopePanel SpectrogramPicture { height: 4fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._afar = bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"))
        self._shown = "nothing" if self._afar else "both"
        self._held = False
        self._open = False
        self._columns = SoundColumns(2)
        self._said = ""
        self.wave = WavePicture(self._columns)
        self.spectrogram = SpectrogramPicture(self._columns)

    def compose(self) -> ComposeResult:
        """A line of words, and the pictures."""
        yield Static(id="scope-state", markup=False)
        yield Static(OFF_AFAR if self._afar else OFF, id="scope-off", markup=False)
        yield self.wave
        yield self.spectrogram

    def on_mount(self) -> None:
        """Show what is chosen."""
        self._arrange()

    def opened(self) -> None:
        """Have the sound come."""
        self._open = True
        self.focus()
        self._arrange()

    def closed(self) -> None:
        """Have it come no more."""
        self._open = False
        self._arrange()

    def show(self, view: StageView) -> None:
        """Take what is new of the sound, and draw it where that makes a column."""
        if self._shown == "nothing" or self._held:
            return
        if self._columns.take(view.sound, view.sample_rate_hz):
            for picture in (self.wave, self.spectrogram):
                if picture.display:
                    picture.redraw()

    def do_scope_view(self) -> None:
        """The next of `VIEWS`."""
        self._shown = VIEWS[(VIEWS.index(self._shown) + 1) % len(VIEWS)]
        self._arrange()

    def do_scope_hold(self) -> None:
        """Hold the picture, or let it go on."""
        self._held = not self._held
        self._say_state()

    def do_scope_range(self) -> None:
        """The next of `RANGES_DB`."""
        now = RANGES_DB.index(self.spectrogram.range_db)
        self.spectrogram.range_db = RANGES_DB[(now + 1) % len(RANGES_DB)]
        self.spectrogram.redraw()
        self._say_state()

    def on_resize(self) -> None:
        """The time that fits is another."""
        self._say_state()

    def _arrange(self) -> None:
        on = self._shown != "nothing"
        self.session.link.want_sound(on and self._open)
        self.query_one("#scope-off").display = not on
        self.wave.display = self._shown in ("both", "waveform")
        self.spectrogram.display = self._shown in ("both", "spectrogram")
        self._say_state()

    def _say_state(self) -> None:
        shown = "wave and spectrogram" if self._shown == "both" else "off" if self._shown == "nothing" else self._shown
        parts = [shown]
        if self._shown != "nothing":
            parts.append(f"{self.seconds:.0f} s")
            if self.spectrogram.display:
                parts.append(f"0 to -{self.spectrogram.range_db} dB")
            if self._held:
                parts.append("❚❚ held")
        said = " · ".join(parts)
        if said != self._said:
            self._said = said
            self.query_one("#scope-state", Static).update(said)

    @property
    def seconds(self) -> float:
        """Time from the left edge to the right."""
        return self.wave.time_columns / COLUMNS_PER_S if self.wave.display else self.spectrogram.time_columns / COLUMNS_PER_S
