"""What a performer does to the screen itself: panels, help, palette, jump, theme. It knows the app."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.screen.app import StarlingScreen


class ScreenActions:
    """Does the actions of the groups `panel` and `screen`. A panel's action opens it; where it has the focus already, closes it.

    Thread
    ------
    The screen's.
    """

    def __init__(self, app: "StarlingScreen") -> None:
        self._app = app

    def do_panel_decks(self) -> None:
        """Close the panel that is open."""
        self._app.close_panel()

    def do_panel_browser(self) -> None:
        """Patches."""
        self._app.toggle_panel("browser")

    def do_panel_scenes(self) -> None:
        """Scenes."""
        self._app.toggle_panel("scenes")

    def do_panel_mapping(self) -> None:
        """What is mapped to what."""
        self._app.toggle_panel("mapping")

    def do_panel_takes(self) -> None:
        """Automation and recorder."""
        self._app.toggle_panel("takes")

    def do_panel_log(self) -> None:
        """What happened."""
        self._app.toggle_panel("log")

    def do_panel_scope(self) -> None:
        """Waveform and spectrogram."""
        self._app.toggle_panel("scope")

    def do_panel_doctor(self) -> None:
        """What is wrong."""
        self._app.toggle_panel("doctor")

    def do_screen_help(self) -> None:
        """Keys of what is in front, and all others."""
        from realtime.screen.help import Help

        self._app.push_screen(Help(self._app.place, self._app.keymap))

    def do_screen_palette(self) -> None:
        """Find anything by its name."""
        from realtime.screen.palette import Find

        self._app.push_screen(Find())

    def do_screen_jump(self) -> None:
        """Letters on everything."""
        from realtime.screen.jump import Jump, targets

        found = targets(self._app)
        if found:
            self._app.push_screen(Jump(found))

    def do_screen_theme(self) -> None:
        """The next theme."""
        self._app.next_theme()
