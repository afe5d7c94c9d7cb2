"""Stages that nobody would build, one after the other and made of chance: what a screen must bear. They come to it as over the socket."""

import base64
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from random import Random
from typing import Any, Final

from realtime.attach.news import APART, take_news
from realtime.attach.records import difference, from_table, to_table
from realtime.attach.view import (
    AutomationView,
    DeckView,
    JobView,
    LineView,
    MidiView,
    OscView,
    PatchView,
    RecordView,
    SceneView,
    StageView,
    TransportView,
)
from realtime.control.address import Address, Argument, Value, to_value
from tests.screen.views import stage_view

NAMES: Final = (
    "", "a", "rain", "x" * 300, "雨の音" * 9, "e\u0301\u0301\u0301" * 20, "\u202egnirts\u202c", "بحر الليل", "👩\u200d🎤🏳️\u200d🌈",
    "\x1b[31m\x1b]0;t\x07", "a\nb\rc\td", "\x9b2J\x85\u2028", "[red]x[/red]", "[/]", "[@click=app.quit]y[/]", "[", "]\\", "\\[b]",
    "%s {0} {x}", "\ufeff\u00ad", "𝔘𝔫𝔦", "ﷺ" * 5,
)  # fmt: skip
STATES: Final = ("empty", "loading", "playing", "frozen", "restarting", "failed", "dreaming", "")
LEVELS: Final = (-120.0, -60.0, -12.3, 0.0, 6.0, 1e9, -1e300, 1e300)
TIMES: Final = (0.0, 1e-9, 0.5, 33.3, 1e6, 1e300)
COUNTS: Final = (0, 1, 7, 10**6, 2**53, 10**40)
SHARES: Final = (0.0, 0.5, 1.0, 7.5, 1e12, 1e300)
RATES: Final = (44_100, 48_000, 8_000, 192_000)
CONTROLS: Final = (
    Argument("g", "f", -60.0, 12.0, "dB", 0.0), Argument("p", "f", -1.0, 1.0, "", 0.0), Argument("i", "i", -1, 63),
    Argument("e", "f", 1e-6, 1e9, "Hz", 1.0, "exponential"), Argument("n", "i", 0, 2**31 - 1, "", 3), Argument("t", "s", 0, 4096),
    Argument("c", "s", choices=("one", "雨", "[/]"), default="one"), Argument("o", "s", choices=("only",)),
    Argument("h", "f", -1e300, 1e300, "x" * 40, 0.0), Argument("z", "f", 2.0, 2.0, "", 2.0),
)  # fmt: skip
PLAIN: Final = stage_view()


class Wild:
    """A stage that is another one whenever it is asked. It is made of `chance` alone."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self._edition = 0

    def name(self) -> str:
        return self.chance.choice(NAMES) + self.chance.choice(("", "", f" {self.chance.randrange(99)}"))

    def news(self, before: StageView) -> StageView:
        """Another stage, as a screen that saw `before` takes it off the wire."""
        after = self.view(before)
        news: dict[str, Any] = {"stage": difference(before, after, APART)}
        if after.addresses is not before.addresses:
            news |= {"edition": after.edition, "addresses": [to_table(address) for address in after.addresses.values()]}
        news["values"] = dict(after.values)
        news["lines"] = news["traffic"] = [to_table(line) for line in after.lines]
        frames = self.chance.choice((0, 441, 50_000))
        news["sound"] = [
            before.sound.end + self.chance.choice((frames, 0, 2**40)),
            base64.b64encode(self.chance.randbytes(2 * frames)).decode(),
        ]
        return take_news(before, json.loads(json.dumps(news, allow_nan=False)))

    def view(self, before: StageView) -> StageView:
        """A stage that has something to do with the one before, or nothing."""
        chance, pick = self.chance, self.chance.choice
        decks = tuple(self._deck(number + 1) for number in range(pick((0, 1, 1, 2, 3, 8, len(before.decks)))))
        addresses = before.addresses if chance.random() < 0.5 else self._addresses(len(decks))
        self._edition += addresses is not before.addresses
        values = {
            path: self._value(address.argument) for path, address in addresses.items() if address.kind == "value" and chance.random() < 0.9
        }
        first = before.lines[-1].number if before.lines else 0
        lines = tuple(self._line(first + place + 1) for place in range(pick((0, 0, 1, 40))))
        paths = [*addresses, self.name()]
        midi, osc = self._midi(paths), OscView(self.name(), pick((0, 9000)), pick((0, 9001)), pick(COUNTS), pick(COUNTS))
        return replace(
            PLAIN if chance.random() < 0.1 else before,
            sample_rate_hz=pick(RATES), block_frames=pick((0, 64, 8192)), device=self.name(), notice=pick(("", "", self.name())),
            device_awaited=pick(("", "any device", self.name())),
            clock_frames=pick(COUNTS), audio_priority=self.name(), peak_db=self._pair(), rms_db=self._pair(), callback_share=pick(SHARES),
            device_xruns=pick(COUNTS), device_latency_ms=pick(TIMES), limited_frames=pick(COUNTS), nonfinite=pick(COUNTS),
            panicked=chance.random() < 0.3, input_name=self.name(), input_peak_db=pick(LEVELS), input_guarded=chance.random() < 0.3,
            decks=decks, audition=pick((None, self._deck(9))), edition=self._edition, addresses=addresses, values=values, lines=lines,
            scenes=self._scenes(), midi=midi, osc=osc, record=self._record(), transport=self._transport(),
            automation=AutomationView(self.name(), self.name(), pick(COUNTS)), rack=self.name(),
            job=JobView(self.name(), pick((-1.0, *SHARES)), self.name(), pick(("", "running", "done", "failed", "cancelled", "napping"))),
            pid=0, version=self.name(),
        )  # fmt: skip

    def library(self) -> tuple[PatchView, ...]:
        pick = self.chance.choice
        patches = (
            PatchView(
                f"{self.name()}{place}", self.name(), self.name(), self.name(), pick(COUNTS), pick(TIMES), pick((True, False)),
                tuple(self.name() for _ in range(pick((0, 2, 60)))), self.name() * 3, self.name(), pick(("", "", self.name())),
            )
            for place in range(pick((0, 1, 5, 200)))
        )  # fmt: skip
        return tuple(from_table(PatchView, to_table(patch)) for patch in patches)

    def _deck(self, number: int) -> DeckView:
        pick = self.chance.choice
        if pick((True, False, False)):
            return DeckView(number, state=pick(("empty", "failed", "loading")), error=pick(("", self.name())))
        known = DeckView(
            number, self.name(), self.name(), self.name(), pick(STATES), pick(("", self.name())), pick(("", self.name())), self._pair(),
            self._pair(), labels={f"/deck/{number}/class/{n}": self.name() for n in range(pick((0, 6)))}, mode=self.name(),
            corpora=(self.name(),), seed=pick(COUNTS), degraded=pick((True, False)), lead_fixed=pick((True, False)),
            modes=tuple(self.name() for _ in range(pick((0, 1, 9)))), mode_asked=pick((-1, 0, 99)), loading=self.name(),
            load_share=pick((-1.0, *SHARES)), load_text=self.name(),
        )  # fmt: skip
        times = {field.name: pick(TIMES) for field in fields(DeckView) if field.name.endswith("_ms")}
        counts = {name: pick(COUNTS) for name in ("lead_frames", "underruns", "late_steps", "faults", "restarts")}
        return replace(known, step_share=pick(SHARES), **times, **counts)

    def _addresses(self, decks: int) -> dict[str, Address]:
        found = {path: address for path, address in PLAIN.addresses.items() if not path.startswith("/deck/") or self.chance.random() < 0.5}
        for number in range(1, decks + 1):
            for n in range(self.chance.choice((0, 0, 3, 40))):
                path = f"/deck/{number}/{self.chance.choice(('class', 'param', 'gain', 'odd/deep'))}/{n}"
                found[path] = Address(path, "value", (self.chance.choice(CONTROLS),), self.name())
        return found

    def _value(self, argument: Argument) -> Value:
        if argument.tag == "s":
            return self.chance.choice((*argument.choices, self.name()))
        low, high = max(argument.minimum, -(2.0**53)), min(argument.maximum, 2.0**53)
        value = self.chance.choice((low, high, to_value(self.chance.random(), replace(argument, minimum=low, maximum=high))))
        return int(value) if argument.tag == "i" else float(value)

    def _pair(self) -> tuple[float, float]:
        return self.chance.choice(LEVELS), self.chance.choice(LEVELS)

    def _line(self, number: int) -> LineView:
        pick = self.chance.choice
        time_s = pick((0.0, 1.7e9, 2.0**53, -1e15, 1e300))
        return LineView(number, time_s, pick(("osc", "midi", "deck 1", self.name())), self.name(), pick(COUNTS))

    def _scenes(self) -> SceneView:
        names = tuple(dict.fromkeys(f"{self.name()}{n}" for n in range(self.chance.choice((0, 1, 9, 1000)))))
        some = self.chance.choice((*names, "", self.name()))
        return SceneView(names, some, self.chance.choice((-1.0, 0.3, 1.0)), self.chance.random() < 0.5, some, self.name())

    def _midi(self, paths: Sequence[str]) -> MidiView:
        pick = self.chance.choice
        bindings = tuple((self.name(), pick(paths), pick((pick(paths), "asleep"))) for _ in range(pick((0, 2, 300))))
        waiting = tuple((source, path, pick((-1.0, 0.4, 1e9))) for source, path, _ in bindings[:5])
        ways = tuple(self.name() for _ in bindings[: pick((None, 1))])
        return MidiView(
            tuple(self.name() for _ in range(pick((0, 1, 9)))),
            bindings,
            waiting,
            pick(("", pick(paths))),
            (self.name(), self.name()),
            pick(COUNTS),
            ways,
            pick((True, False)),
            pick(("", "jack", self.name())),
        )

    def _record(self) -> RecordView:
        pick = self.chance.choice
        return RecordView(
            pick((True, False)), self.name(), pick(TIMES), pick(COUNTS), pick(COUNTS), pick(COUNTS), pick(TIMES), pick(TIMES),
            pick(("", self.name())), self.name(), pick((-1.0, *TIMES)), self.name(), pick(TIMES),
        )  # fmt: skip

    def _transport(self) -> TransportView:
        pick = self.chance.choice
        source = pick(("internal", "midi", "link", self.name()))
        return TransportView(pick((0.0, -3.0, 1e15)), pick((20.0, 120.0, 1e9)), pick((True, False)), source, pick((0, 1, 4, 64, 10**9)))
