"""What the commands of decks and the questions about the whole do."""

from dataclasses import replace

import pytest

from patches.library import available
from realtime import commands as do
from realtime.control.outcome import Origin, Outcome
from realtime.control.table import BY_PATH
from realtime.voices.voice import CorpusChoice
from tests.memory_stage import RATE_HZ, MemoryCore, memory_core


@pytest.fixture(name="slugs")
def _slugs(patch_folder) -> list[str]:
    """Every patch there is, by name: those of the tests and those that come with the program."""
    slugs = sorted(entry.slug for entry in available() if entry.manifest is not None)
    assert {"high", "low", "tiny", "wide"} <= set(slugs)
    return slugs


@pytest.fixture(name="core")
def _core(slugs) -> MemoryCore:
    return memory_core(("tiny", *slugs), decks=2)


def ask(core: MemoryCore, path: str, *arguments: object) -> list[Outcome]:
    told: list[Outcome] = []
    core.stage.sent.clear()
    core.request(path, arguments, Origin("osc", tell=told.append))
    core.advance(2_048)
    return told


@pytest.mark.parametrize(
    ("path", "arguments", "command"),
    [
        ("/deck/1/load", ("wide",), do.Load(0, "wide", None)),
        ("/deck/2/load", ("wide", 7), do.Load(1, "wide", 7)),
        ("/deck/1/unload", (), do.Unload(0)),
        ("/deck/1/reset", (), do.Reset(0, None)),
        ("/deck/1/reset", (0,), do.Reset(0, 0)),
        ("/deck/1/seed", (2**63 - 1,), do.Reset(0, 2**63 - 1)),
        ("/deck/1/lead", (2_048,), do.SetLead(0, 2_048)),
        ("/deck/1/lead", (0,), do.SetLead(0, None)),
        ("/deck/1/mode", (1.0,), do.SetMode(0, 1)),
        ("/deck/1/mode", (-1,), do.SetMode(0, None)),
        ("/deck/1/corpora", ("glass", "@patch"), do.SetCorpora(0, (CorpusChoice("glass"), CorpusChoice("@patch")))),
        ("/counts/clear", (), do.ClearCounts()),
    ],
)
def test_a_command_reaches_the_stage(core, path, arguments, command):
    core.stage.send(do.Load(0, "tiny"))
    ask(core, path, *arguments)
    assert core.stage.sent == [command]


def test_a_prime_keeps_the_pinned_mode(core):
    core.stage.send(do.Load(0, "tiny"))
    core.stage.decks[0] = replace(core.stage.decks[0], mode_asked=1)
    ask(core, "/deck/1/prime", "clip.wav")
    (load,) = core.stage.sent
    assert (load.patch, load.prime, load.mode) == ("tiny", "clip.wav", 1)


def test_next_and_previous_go_round(core, slugs):
    for path, step in (("next", 1), ("previous", -1)):
        for place, slug in enumerate(slugs):
            core.stage.send(do.Load(0, slug))
            (told,) = ask(core, f"/deck/1/patch/{path}")
            assert told.state == "done"
            assert core.stage.decks[0].patch == slugs[(place + step) % len(slugs)]


def test_in_an_empty_deck_next_is_the_first_and_previous_the_last(core, slugs):
    for path, first in (("/deck/2/patch/next", slugs[0]), ("/deck/2/patch/previous", slugs[-1])):
        core.stage.send(do.Unload(1))
        ask(core, path)
        assert core.stage.decks[1].patch == first


def test_random_is_never_the_same_again(core):
    for _ in range(20):
        before = core.stage.decks[0].patch
        ask(core, "/deck/1/patch/random")
        assert core.stage.decks[0].patch != before


def test_a_program_is_a_place_in_the_list(core, slugs):
    for place, slug in enumerate(slugs):
        ask(core, "/deck/1/patch/program", place)
        assert core.stage.decks[0].patch == slug
    (told,) = ask(core, "/deck/1/patch/program", len(slugs))
    assert told.state == "failed"
    assert f"got {len(slugs)}; allowed: 0 to {len(slugs) - 1}: {', '.join(slugs)}" in told.why
    assert core.stage.sent == []


def test_answers_are_what_the_table_says(core):
    for path in ("/status", "/version", "/deck/1/state", "/deck/2/state"):
        (told,) = ask(core, path)
        wanted = BY_PATH[path.replace("/1/", "/{deck}/").replace("/2/", "/{deck}/")].answer
        kinds = {"s": str, "i": int, "f": float}
        assert [type(value) for value in told.values] == [kinds[part.split()[-1]] for part in wanted.split(", ")], path


def test_how_far_a_load_is_can_be_asked(core):
    assert ask(core, "/deck/2/load/state")[0].values == ("idle", "", -1.0, "")
    coming = replace(core.stage.decks[1], loading="low", load_share=0.25, load_text="reading the model")
    core.stage.decks = [core.stage.decks[0], coming]
    core._mirror.refresh(now=True)
    assert ask(core, "/deck/2/load/state")[0].values == ("loading", "low", 0.25, "reading the model")


def test_the_clock_in_a_status_fits_an_integer_of_osc(core):
    core.stage.clock.frame = 2**31 + 5
    core._mirror.refresh(now=True)
    (told,) = ask(core, "/status")
    assert 5 <= told.values[-1] < 5 + 2 * RATE_HZ


def test_drop_outs_are_those_since_the_last_load_reset_or_clear(core):
    core.stage.decks = [replace(deck, underruns=9, underruns_before=before) for deck, before in zip(core.stage.decks, (4, 7), strict=True)]
    core._mirror.refresh(now=True)
    assert [ask(core, f"/deck/{number}/state")[0].values[5] for number in (1, 2)] == [5, 2]
    assert ask(core, "/status")[0].values[5] == 7


def test_the_peak_load_is_that_since_counts_were_cleared(core):
    for share, peak in ((0.75, 75.0), (0.25, 75.0)):
        core.stage.decks = [replace(core.stage.decks[0], step_share=share), core.stage.decks[1]]
        core._mirror.refresh(now=True)
        assert ask(core, "/status")[0].values[2] == peak
    ask(core, "/counts/clear")
    assert ask(core, "/status")[0].values[2] == 25.0


@pytest.mark.parametrize(("arguments", "on"), [((), 1), ((1,), 1), ((0,), 0), ((True,), 1)])
def test_a_panic_says_what_it_did(core, arguments, on):
    (told,) = ask(core, "/panic", *arguments)
    assert (told.state, told.values) == ("done", (on,))
    assert core.stage.sent == [do.Panic(bool(on))]
