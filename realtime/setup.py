"""What is to be played: decks, patches, seeds, corpora and control values. It knows no engine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from realtime.errors import OptionError, SettingError, UnknownDeckError
from realtime.kernels.layout import MAX_DECKS
from realtime.show_settings import ShowSettings
from realtime.voices.voice import OWN_CORPUS, CorpusChoice


@dataclass(frozen=True)
class DeckSetup:
    """One deck: a patch by slug or folder, and what differs from its defaults. Without a patch it is empty."""

    patch: str = ""
    seed: int | None = None
    lead_frames: int | None = None
    controls: tuple[tuple[str, float], ...] = ()
    corpora: tuple[CorpusChoice, ...] = ()
    labels: tuple[str, ...] = ()
    """For every corpus that names none itself, the patch's own among them."""
    prime: str | None = None
    """A sound file, or (for renders only) a folder of them."""
    mode: int | None = None
    """Mode of the voice that is pinned."""

    @property
    def choices(self) -> tuple[CorpusChoice, ...]:
        """The corpora with their labels; none where neither was named."""
        if not self.labels:
            return self.corpora
        return tuple(replace(c, labels=c.labels or self.labels) for c in self.corpora or (CorpusChoice(OWN_CORPUS),))


@dataclass(frozen=True)
class Setup:
    """Every deck in order, the master's values, and how the show is heard and reached."""

    decks: tuple[DeckSetup, ...]
    master: tuple[tuple[str, float], ...] = field(default=())
    show: ShowSettings = field(default_factory=ShowSettings)
    file: Path | None = None
    """The rack it was read from."""
    named: frozenset[str] = frozenset()
    """Tables that stand in that file: what a stage that plays takes from it."""


@dataclass(frozen=True)
class Setting:
    """One ``--set DECK.CONTROL=VALUE``; deck None is the master, decks count from 0 here."""

    deck: int | None
    control: str
    value: float


def parse_setting(text: str) -> Setting:
    """Read ``DECK.CONTROL=VALUE``, where DECK is a number from 1 or ``master``.

    Raises
    ------
    SettingError — another form, or a value that is no number.
    """
    name, equals, value_text = text.partition("=")
    deck_text, dot, control = name.partition(".")
    shape = "DECK.CONTROL=VALUE, as in 1.temperature=0.8 or master.gain=-6"
    if not (equals and dot and control):
        raise SettingError("--set: not a setting", got=text, allowed=shape)
    try:
        value = float(value_text)
    except ValueError:
        raise SettingError(f"--set {name}: the value is no number", got=value_text, allowed=shape) from None
    if not math.isfinite(value):
        raise SettingError(f"--set {name}: the value is not finite", got=value_text, allowed=shape)
    if deck_text == "master":
        return Setting(None, control, value)
    if not deck_text.isdecimal() or int(deck_text) < 1:
        raise SettingError("--set: no deck is called this", got=deck_text, allowed=f"1 to {MAX_DECKS}, master")
    return Setting(int(deck_text) - 1, control, value)


def apply_settings(setup: Setup, settings: list[Setting]) -> Setup:
    """`setup` with settings laid over it; a later one wins.

    Raises
    ------
    UnknownDeckError — a setting for a deck that is not there.
    """
    decks, master = list(setup.decks), dict(setup.master)
    for setting in settings:
        if setting.deck is None:
            master[setting.control] = setting.value
            continue
        if setting.deck >= len(decks):
            raise UnknownDeckError("--set: no deck has this number", got=str(setting.deck + 1), allowed=f"1 to {len(decks)}")
        deck = decks[setting.deck]
        controls = dict(deck.controls) | {setting.control: setting.value}
        decks[setting.deck] = replace(deck, controls=tuple(controls.items()))
    return replace(setup, decks=tuple(decks), master=tuple(master.items()))


def deck_of(option: str, text: str, decks: int) -> tuple[int, str]:
    """The deck that ``[N:]VALUE`` is for, from 0, and the value. Without a number it is for the only deck.

    Raises
    ------
    UnknownDeckError — no deck has this number.
    OptionError — no value, or no number where there is more than one deck.
    """
    number, colon, value = text.partition(":")
    numbered = bool(colon) and number.isdecimal()
    if not (value if numbered else text).strip():
        raise OptionError(option, got=repr(text), allowed="[N:]VALUE, as in 2:corpora/glass")
    if not numbered:
        if decks > 1:
            raise OptionError(f"{option}: for which deck", got=text, allowed=f"1:{text} to {decks}:{text}")
        return 0, text
    if not 1 <= int(number) <= decks:
        raise UnknownDeckError(f"{option}: no deck has this number", got=number, allowed=f"1 to {decks}")
    return int(number) - 1, value


def apply_corpora(setup: Setup, corpora: Sequence[str], labels: Sequence[str], primes: Sequence[str]) -> Setup:
    """`setup` with what ``--corpus``, ``--label`` and ``--prime`` say, each ``[N:]VALUE``; for a deck they replace what a rack says.

    Raises
    ------
    UnknownDeckError, OptionError — see `deck_of`; an empty name in a list, or two primes for one deck.
    """
    decks = list(setup.decks)
    given: dict[tuple[str, int], list[str]] = {}
    for option, texts in (("--corpus", corpora), ("--label", labels)):
        for text in texts:
            deck, value = deck_of(option, text, len(decks))
            names = [name.strip() for name in value.split(",")]
            if not all(names):
                raise OptionError(f"{option}: an empty name", got=text, allowed="names with one comma between")
            given.setdefault((option, deck), []).extend(names)
    for (option, deck), names in given.items():
        if option == "--corpus":
            decks[deck] = replace(decks[deck], corpora=tuple(CorpusChoice(name) for name in names))
        else:
            decks[deck] = replace(decks[deck], labels=tuple(names))
    primed: set[int] = set()
    for text in primes:
        deck, value = deck_of("--prime", text, len(decks))
        if deck in primed:
            raise OptionError("--prime: one deck hears one prime", got=text, hint="give a folder to render one file for each clip in it")
        primed.add(deck)
        decks[deck] = replace(decks[deck], prime=value)
    return replace(setup, decks=tuple(decks))
