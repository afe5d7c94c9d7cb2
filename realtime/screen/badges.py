"""What is mapped to what, as short badges beside the controls. It draws nothing."""

from typing import Final

from realtime.attach.view import MidiView

WIDTH: Final = 6
"""Cells of a badge."""
_SHORT: Final = {"note": "n", "cc14": "hr", "pressure": "press", "mpe_bend": "mbend", "mpe_slide": "mslid", "mpe_pressure": "mpres"}
"""Kinds of controls (`realtime.midi.source_pattern`) that are too long to be written beside a value."""
_LEARN: Final = "learn…"


class Badges:
    """The badges of one view.

    Thread
    ------
    The screen's.
    """

    def __init__(self) -> None:
        self.edition = 0
        """Another number whenever one of them is another."""
        self._seen: tuple[object, ...] = ()
        self._texts: dict[str, str] = {}
        self._ways: dict[str, float] = {}

    def update(self, midi: MidiView) -> None:
        """Take a view; what did not change costs a comparison."""
        seen = (midi.bindings, midi.waiting, midi.learning)
        if seen == self._seen:
            return
        self._seen = seen
        self.edition += 1
        sources: dict[str, list[str]] = {}
        for source, _, path in midi.bindings:
            # A binding that sleeps has its reason there, which is no address.
            if path.startswith("/"):
                sources.setdefault(path, []).append(_short(source))
        self._ways = {path: way for _, path, way in midi.waiting}
        self._texts = {path: self._text(path, names) for path, names in sources.items()}
        if midi.learning:
            self._texts[midi.learning] = _LEARN

    def of(self, path: str) -> str:
        """Badge of an address, at most `WIDTH` characters; empty: nothing is mapped to it."""
        return self._texts.get(path, "")

    def way(self, path: str) -> float | None:
        """How far its knob has yet to go to pick the value up, as a share of its way from -1 to 1; None: it has it."""
        return self._ways.get(path)

    def any(self, prefix: str) -> bool:
        """Whether an address that begins so has one."""
        return any(path.startswith(prefix) for path in self._texts)

    def _text(self, path: str, names: list[str]) -> str:
        text = names[0] + ("+" if len(names) > 1 else "")
        way = self._ways.get(path)
        if way is None:
            return text[:WIDTH]
        return f"{text[: WIDTH - 1]}›" if way > 0.0 else f"‹{text[: WIDTH - 1]}"


def is_learning(badge: str) -> bool:
    """Whether it says that the next knob that moves is taken."""
    return badge == _LEARN


def _short(source: str) -> str:
    # Channel and port stand after commas.
    kind, _, number = source.partition(",")[0].partition(" ")
    return _SHORT.get(kind, kind) + number
