"""A core on a stage in memory, a clock turned by hand and an account of what was asked, for tests of what goes on in time."""

from collections.abc import Sequence
from dataclasses import replace

from realtime import commands as do
from realtime.control.address import Value
from realtime.control.outcome import Origin, Outcome
from realtime.voices.voice import VoiceOptions
from tests.memory_stage import RATE_HZ, memory_core


class Desk:
    """A performer's: asks, lets time pass, looks. `tiny` plays in the first of two decks; `wide` has other controls."""

    def __init__(self) -> None:
        self.core = memory_core(("tiny",))
        self.stage = self.core.stage
        self.asked: list[tuple[int, str, tuple[Value, ...]]] = []
        """Frame, address and arguments of every request, whoever made it."""
        patches = self.stage.patches
        patches["wide"] = replace(patches["wide"], controls=patches["wide"].controls[3:])
        send, request = self.stage.send, self.core.request

        def send_also_corpora(command: do.Command) -> int:
            if isinstance(command, do.SetCorpora):
                paths = tuple(choice.path for choice in command.corpora)
                deck = self.stage.decks[command.deck]
                own = paths == ("@patch",)
                options = VoiceOptions(() if own else command.corpora)
                self.stage.decks[command.deck] = replace(deck, corpora=() if own else paths, options=options)
                return deck.playing
            if isinstance(command, do.Load):
                self.stage.decks[command.deck] = replace(self.stage.decks[command.deck], corpora=(), options=VoiceOptions())
            return send(command)

        def request_noted(path: str, arguments: Sequence[Value], origin: Origin) -> None:
            self.asked.append((self.frame, path, tuple(arguments)))
            request(path, arguments, origin)

        self.stage.send = send_also_corpora
        self.core.request = request_noted
        self.core.turn()

    @property
    def frame(self) -> int:
        return self.stage.clock.frame

    def advance(self, seconds: float, step: int = 64) -> None:
        self.core.advance(round(seconds * RATE_HZ), step)

    def ask(self, path: str, *arguments: Value) -> list[Outcome]:
        """Ask as a client does; what it is told."""
        told: list[Outcome] = []
        self.core.request(path, arguments, Origin("osc", "client", told.append))
        self.core.drain()
        return told

    def read(self, path: str) -> Value:
        self.core._mirror.refresh(now=True)
        return self.core.read(path)[0]

    def scheduled(self, control: str, deck: int = 1) -> list[tuple[int, float]]:
        """Frames and values of a deck's control that were handed on before their time."""
        sent = [command for command in self.stage.sent if isinstance(command, do.ScheduleControl)]
        return [(command.frame, command.value) for command in sent if (command.deck, command.control) == (deck - 1, control)]

    def said(self) -> str:
        return "\n".join(line.text for line in self.core.log.lines())
