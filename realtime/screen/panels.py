"""The panels there are. Each is imported when it is opened first: who never looks at a spectrogram does not wait for NumPy."""

from realtime.screen.actions import Where
from realtime.screen.panel import Panel


def make_panel(name: Where) -> Panel:
    """Make a panel by its name in the action table.

    Raises
    ------
    KeyError — no panel has this name.
    """
    # Each import is in the branch that needs it.
    match name:
        case "browser":
            from realtime.screen.browser import BrowserPanel

            return BrowserPanel()
        case "scenes":
            from realtime.screen.scenes import ScenesPanel

            return ScenesPanel()
        case "mapping":
            from realtime.screen.mapping import MappingPanel

            return MappingPanel()
        case "takes":
            from realtime.screen.takes import TakesPanel

            return TakesPanel()
        case "log":
            from realtime.screen.log import LogPanel

            return LogPanel()
        case "scope":
            from realtime.screen.scope import ScopePanel

            return ScopePanel()
        case "doctor":
            from realtime.screen.doctor import DoctorPanel

            return DoctorPanel()
    raise KeyError(name)
