"""How far a load is: in numbers and words, told by voices, and seen of real processes; and that it can be left at every stage."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patches.fields import KINDS
from patches.reader import read_manifest
from realtime import commands as do
from realtime import deck_process
from realtime.attach.deck_views import DeckViews
from realtime.deck_process import MEASURED_STEPS
from realtime.engine import Engine, EngineConfig
from realtime.kernels import layout as at
from realtime.load_progress import WEIGHTS, LoadStage, pack, share_of, text_of, unpack
from realtime.shared import SharedBlock
from realtime.snapshot import DeckSnapshot, Snapshot
from realtime.voices.voice import OWN_CORPUS, VOICES, CorpusChoice, VoiceOptions, make_voice, prepare
from tests import gated_deck
from tests.corpus_folders import write_corpus
from tests.gated_deck import GATE, GATED, PREPARED
from tests.tokens_patch import PRIMES, make_tokens_patch

LIMIT_S = 60.0
MEASURING = PREPARED + 30
"""Pieces of work after which 30 steps have been measured."""
LOADED = PREPARED + MEASURED_STEPS
NOTHING = ("", -1.0, "")


def test_a_word_holds_what_was_told_and_an_open_ring_none() -> None:
    for told in ((LoadStage.STARTING, 0, 0), (LoadStage.MEASURING, 30, 48), (LoadStage.FILLING, 1, 2)):
        assert unpack(pack(*told)) == told
    assert unpack(pack(LoadStage.READING, 1 << 40, 1 << 41))[0] is LoadStage.READING
    block = SharedBlock.private(44_100)
    place = at.ring_words(0, 1) + at.R_LOAD
    block.words[place] = pack(LoadStage.MEASURING, 48, 48)
    block.open_ring(0, 1)
    assert unpack(int(block.words[place])) == (LoadStage.STARTING, 0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_shares_grow_from_nothing_to_all(kind: str) -> None:
    shares = [share_of(kind, stage, done, 8) for stage in LoadStage for done in range(9)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, pytest.approx(1.0))
    assert kind in WEIGHTS or kind not in VOICES


def test_what_is_done_is_said_in_plain_words() -> None:
    assert text_of(LoadStage.MEASURING, 30, 48) == "measuring 30 of 48"
    assert text_of(LoadStage.HEARING, 7, 18) == "hearing prime 7 of 18"
    assert [text_of(stage, 0, 1) for stage in (LoadStage.STARTING, LoadStage.READING)] == ["starting", "reading the model"]


def told_by(folder: Path, options: VoiceOptions | None = None) -> list[tuple[LoadStage, int, int]]:
    """What a voice tells while it is prepared."""
    manifest, told = read_manifest(folder), []
    prepare(make_voice(folder, manifest, options), lambda *now: told.append(now))
    shares = [share_of(manifest.kind, *now) for now in told]
    assert shares == sorted(shares), "it never goes back"
    assert all(done <= of for _, done, of in told)
    return told


def test_a_token_model_counts_its_models_primes_and_modes(tmp_path: Path) -> None:
    told = told_by(make_tokens_patch(tmp_path))
    assert [now[0] for now in told] == sorted(now[0] for now in told)
    assert [now[1:] for now in told if now[0] is LoadStage.HEARING] == [(done, PRIMES) for done in range(PRIMES)]
    assert told[0][0] is LoadStage.READING
    assert told[-1][0] is LoadStage.WARMING


def test_a_mosaic_counts_its_corpora_by_the_bytes_of_their_tables(patch_folder: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "glass")
    read = [now for now in told_by(patch_folder / "tiny") if now[0] is LoadStage.READING]
    assert [done / of for _, done, of in read] == [1.0]
    options = VoiceOptions((CorpusChoice(OWN_CORPUS), CorpusChoice(str(tmp_path / "glass"))))
    shares = [done / of for stage, done, of in told_by(patch_folder / "tiny", options) if stage is LoadStage.READING]
    assert len([share for share in shares if 2 / 3 < share < 1.0]) > 3, "table by table"
    assert shares[-1] == 1.0


class Stage:
    """`tiny` plays in the only deck, beside the hidden one; `low` gets no further than the gate is opened."""

    def __init__(self, engine: Engine, gate: Path) -> None:
        self.engine = engine
        self._gate = gate

    def allow(self, pieces: int) -> None:
        whole = self._gate.with_suffix(".new")
        whole.write_text(str(pieces))
        whole.replace(self._gate)

    def until(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        end = time.monotonic() + LIMIT_S
        while not condition(now := self.engine.snapshot()):
            assert time.monotonic() < end, (now.decks[0], now.audition)
            time.sleep(0.005)
        return now


@pytest.fixture(name="stage", scope="module")
def _stage(patch_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    gate = tmp_path_factory.mktemp("gate") / "pieces"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        patch.setenv(GATE, str(gate))
        patch.setattr(deck_process, "run", gated_deck.run)
        config = EngineConfig(device="null", sample_rate_hz=44_100, block_frames=128, lead_frames=at.MAX_LEAD_FRAMES, audition=True)
        with Engine(config) as engine:
            stage = Stage(engine, gate)
            engine.send(do.Load(0, "tiny"))
            stage.until(lambda now: now.decks[0].state == "playing")
            yield stage


def load(deck: DeckSnapshot | None) -> tuple[str, float, str]:
    """What a deck says of its load."""
    assert deck is not None
    return deck.loading, round(deck.load_share, 4), deck.load_text


def test_a_load_is_followed_and_left_while_steps_are_measured_and_while_its_ring_fills(stage: Stage) -> None:
    engine = stage.engine
    before = engine.snapshot().decks[0]
    assert load(before) == NOTHING
    stage.allow(MEASURING)
    for deck in (0, do.AUDITION):
        engine.send(do.Load(deck, GATED))
    assert load(engine.snapshot().decks[0])[0] == GATED, "from the moment it is asked for"
    measured = (GATED, 0.8625, "measuring 30 of 48")
    now = stage.until(lambda now: load(now.decks[0]) == load(now.audition) == measured)
    assert (now.decks[0].state, now.decks[0].pid) == ("playing", before.pid), "what sounds goes on"
    seen = DeckViews().view(now.decks[0], now.sample_rate_hz)
    assert (seen.state, seen.loading, seen.load_share, seen.load_text) == ("loading", GATED, 0.86, "measuring 30 of 48")
    engine.send(do.Unload(do.AUDITION))
    now = stage.until(lambda now: now.audition is not None and now.audition.state == "empty")
    assert load(now.audition) == NOTHING
    # The process of the other one is lost: the next begins from nothing, and gets to the second of four files.
    stage.allow(2)
    os.kill(incoming(engine), signal.SIGKILL)
    now = stage.until(lambda now: now.decks[0].restarts == 1)
    assert now.decks[0].load_share < 0.5
    stage.until(lambda now: load(now.decks[0]) == (GATED, 0.3, "reading the model"))
    # From the first step that is not measured on all are slow, and the lead is the longest: seconds pass before it would sound.
    stage.allow(LOADED)
    shares: list[float] = []

    def fills(now: Snapshot) -> bool:
        shares.append(now.decks[0].load_share)
        return now.decks[0].load_text == "filling" and shares[-1] > 0.9

    stage.until(fills)
    assert shares == sorted(shares)
    engine.send(do.CancelLoad(0))
    now = stage.until(lambda now: not now.decks[0].coming)
    assert load(now.decks[0]) == NOTHING
    assert (now.decks[0].patch, now.decks[0].pid, now.decks[0].state, now.decks[0].error) == ("tiny", before.pid, "playing", "")


def test_a_load_is_left_before_its_process_answers(stage: Stage) -> None:
    engine = stage.engine
    pid = engine.snapshot().decks[0].pid
    stage.allow(0)
    engine.send(do.Load(0, GATED))
    assert load(engine.snapshot().decks[0]) == (GATED, 0.0, "starting")
    stage.until(lambda now: incoming(engine) != 0)
    engine.send(do.CancelLoad(0))
    now = stage.until(lambda now: load(now.decks[0]) == NOTHING)
    assert (now.decks[0].patch, now.decks[0].pid, now.decks[0].state) == ("tiny", pid, "playing")


def incoming(engine: Engine) -> int:
    """The process that loads; 0: there is none yet."""
    take = engine._decks[0]._incoming
    return take.worker.pid if take is not None else 0
