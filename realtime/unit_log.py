"""Where the sound of a render came from: every unit with its time, file and place in it, as JSON and as an Audacity label track.

It knows events of voices and seconds, not how a unit was chosen.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from realtime.voices.voice import CorpusChoice, UnitEvent

FORMAT = 1


@dataclass(frozen=True)
class LoggedDeck:
    """What a reader of the log has to know about a deck; `corpora` and `prime` as the user wrote them."""

    patch: str
    seed: int
    sample_rate_hz: int
    """The patch's rate, in which events count."""
    step_frames: int
    corpora: tuple[CorpusChoice, ...] = ()
    prime: str | None = None


@dataclass(slots=True)
class Unit:
    """Hops of one stream that came out of a corpus file one after the other. Frames are at the patch's rate, `deck` counts from 0."""

    deck: int
    stream: int
    unit: int
    file: str
    file_start: int
    label: str
    faded: bool
    start: int
    end: int = field(default=0)


class UnitLog:
    """Collects the events of a render.

    Parameters
    ----------
    decks : sequence of LoggedDeck
    sample_rate_hz : int
        Of the file rendered.
    frames : int
        Its length: what voices made beyond it is not in it.
    seed : int
        The render's.

    Thread
    ------
    The renderer's.
    """

    def __init__(self, decks: Sequence[LoggedDeck], sample_rate_hz: int, frames: int, seed: int) -> None:
        self._decks = tuple(decks)
        self._rate_hz = sample_rate_hz
        self._frames = frames
        self._seed = seed
        self._units: list[Unit] = []
        self._open: dict[tuple[int, int], Unit] = {}

    def add(self, deck: int, event: UnitEvent) -> None:
        """Take an event: one that goes on where the stream's last one ended prolongs its unit; one that comes earlier ends it there."""
        described = self._decks[deck]
        last = self._open.get((deck, event.stream))
        end = event.frame + (event.frames or described.step_frames)
        if last is not None:
            last.end = min(last.end, event.frame)
        if last is not None and not event.faded and event.frame == last.end and event.file == last.file and event.label == last.label:
            last.end = end
            return
        made = Unit(deck, event.stream, event.unit, event.file, event.source_start, event.label, event.faded, event.frame, end)
        self._units.append(made)
        self._open[deck, event.stream] = made

    @property
    def units(self) -> list[Unit]:
        """Every unit that is heard in the file, by time."""
        heard = [unit for unit in self._units if self._seconds(unit.deck, unit.start) < self._frames / self._rate_hz]
        return sorted(heard, key=lambda unit: (self._seconds(unit.deck, unit.start), unit.deck, unit.stream))

    def _seconds(self, deck: int, frames: int) -> float:
        return frames / self._decks[deck].sample_rate_hz

    def _span_s(self, unit: Unit) -> tuple[float, float]:
        end = min(self._seconds(unit.deck, unit.end), self._frames / self._rate_hz)
        return self._seconds(unit.deck, unit.start), end

    def json_text(self) -> str:
        """The log as JSON: strict, with times in seconds and `frame` at the file's rate."""
        text = json.dumps(
            {
                "format": FORMAT,
                "kind": "units",
                "seed": self._seed,
                "sample_rate_hz": self._rate_hz,
                "frames": self._frames,
                "decks": [self._deck_json(number, deck) for number, deck in enumerate(self._decks, 1)],
                "units": [self._unit_json(unit) for unit in self.units],
            },
            indent=1,
            ensure_ascii=False,
            allow_nan=False,
        )
        return text + "\n"

    def _deck_json(self, number: int, deck: LoggedDeck) -> dict[str, object]:
        return {
            "deck": number,
            "patch": deck.patch,
            "seed": deck.seed,
            "sample_rate_hz": deck.sample_rate_hz,
            "corpus": [{"path": choice.path, "weight": choice.weight, "labels": list(choice.labels)} for choice in deck.corpora],
            "prime": deck.prime,
        }

    def _unit_json(self, unit: Unit) -> dict[str, object]:
        start_s, end_s = self._span_s(unit)
        entry: dict[str, object] = {
            "time_s": round(start_s, 6),
            "frame": round(start_s * self._rate_hz),
            "deck": unit.deck + 1,
            "stream": unit.stream + 1,
            "unit": unit.unit,
            "file": unit.file,
            "file_start_s": round(self._seconds(unit.deck, unit.file_start), 6),
            "duration_s": round(end_s - start_s, 6),
            "faded": unit.faded,
        }
        return entry | ({"label": unit.label} if unit.label else {})

    def labels_text(self) -> str:
        """The log as a label track: start, end and text in a line each, apart by tabs, as Audacity imports it."""
        lines = []
        for unit in self.units:
            start_s, end_s = self._span_s(unit)
            name = f"{unit.file or f'unit {unit.unit}'} {self._seconds(unit.deck, unit.file_start):.3f}"
            whose = f"deck {unit.deck + 1}: " if len(self._decks) > 1 else ""
            lines.append(f"{start_s:.6f}\t{end_s:.6f}\t{' '.join((whose + name).split())}\n")
        return "".join(lines)
