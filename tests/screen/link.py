"""A stage for screens under test: it shows what it is given and notes what is asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from realtime.attach.view import PatchView, StageView
from realtime.control.address import Value
from realtime.screen.link import Told


class NotedLink:
    """Shows `view`; `asked` has every request in order. A path in `refuses` fails with that reason; values that are set are shown."""

    def __init__(self, view: StageView, library: Sequence[PatchView] = ()) -> None:
        self.view = view
        self.library = library
        self.asked: list[tuple[str, tuple[Value, ...]]] = []
        self.refuses: dict[str, str] = {}
        self.answers: dict[str, tuple[Value, ...]] = {}
        self.sound_wanted = False
        self.traffic_wanted = False
        self.quits = 0
        self.gone = ""

    def look(self) -> StageView:
        return self.view

    def ask(self, path: str, *arguments: Value, then: Callable[[Told], None] | None = None) -> None:
        self.asked.append((path, arguments))
        if path in self.refuses:
            told = Told(path, "failed", arguments, self.refuses[path])
        else:
            told = Told(path, "done", self.answers.get(path, arguments))
            if path in self.view.values and len(arguments) == 1:
                self.view = replace(self.view, values={**self.view.values, path: arguments[0]})
                return
        if then is not None:
            then(told)

    def patches(self, then: Callable[[Sequence[PatchView]], None]) -> None:
        then(self.library)

    def want_sound(self, on: bool) -> None:
        self.sound_wanted = on

    def want_traffic(self, on: bool) -> None:
        self.traffic_wanted = on

    def quit(self) -> None:
        self.quits += 1
