"""The loop of a deck process, turned by hand in this process: what it hears, what it says, what it is made with."""

import gc
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patches.reader import read_manifest
from realtime import deck_process
from realtime.deck_process import NOTE_CHARACTERS, NOTE_S, DeckProcess
from realtime.job import Job
from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.kernels.input import hear
from realtime.kernels.ring import fill
from realtime.shared import SharedBlock
from realtime.voices.voice import CorpusChoice, VoiceOptions
from tests.echo_voice import Echo, use_echo

HOP = 1_024
RATE_HZ = 44_100


class Turned:
    """A deck process that steps only when told to."""

    def __init__(self) -> None:
        self.block = SharedBlock.private(RATE_HZ)
        self.block.words[at.W_INPUT_CHANNELS] = 1
        self.block.words[at.deck_words(0) + at.D_LEAD_FRAMES] = 60_000
        self.host, theirs = multiprocessing.Pipe()
        self.process = DeckProcess(self.block, theirs)

    def load(self, folder: Path, **options: Any) -> list[dict[str, Any]]:
        self.block.open_ring(0, 0)
        asked = {"corpora": [], "prime": None} | options
        message = {"do": "load", "load": 3, "folder": str(folder), "deck": 0, "ring": 0, "seed": 1, "mode": None, "options": asked}
        self.host.send_bytes(json.dumps(message).encode())
        self.process._handle()
        return self.events()

    def events(self) -> list[dict[str, Any]]:
        heard = []
        while self.host.poll(0):
            heard.append(json.loads(self.host.recv_bytes()))
        return heard

    def step(self) -> np.ndarray:
        """The next step's left channel."""
        stream = self.process._stream
        assert stream is not None
        words = self.block.words
        before = int(words[at.ring_words(0, 0) + at.R_HEAD])
        self.process._keep_ahead(stream)
        count = int(words[at.ring_words(0, 0) + at.R_HEAD]) - before
        data = at.ring_floats(0, 0) + at.RF_DATA
        return self.block.floats[data + 2 * before : data + 2 * (before + count) : 2].copy()

    def play_in(self, frames: np.ndarray) -> None:
        for piece in np.array_split(frames.astype(np.float32), 8):
            hear(self.block.words, self.block.floats, piece, np.zeros((len(piece), 2), np.float32))


@pytest.fixture(name="echo")
def _echo(monkeypatch: pytest.MonkeyPatch) -> type[Echo]:
    # The priorities and the collector of the tests' own process are to stay as they are.
    monkeypatch.setattr(deck_process, "raise_deck", lambda: "")
    monkeypatch.setattr(deck_process, "rest_deck", lambda: None)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    return use_echo(monkeypatch)


@pytest.fixture(name="turned")
def _turned(echo: type[Echo]) -> Iterator[Turned]:
    turned = Turned()
    yield turned
    turned.process.release()
    turned.block.close()


def test_the_voice_is_made_with_what_was_asked_for(echo: type[Echo], turned: Turned, patch_folder: Path) -> None:
    said = turned.load(patch_folder / "tiny", corpora=[{"path": "/glass", "weight": 0.5, "labels": ["struck"]}])
    assert [event["event"] for event in said] == ["accepted", "loaded"]
    assert echo.made == [VoiceOptions((CorpusChoice("/glass", 0.5, ("struck",)),))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corpora": [{"path": "/wrong", "weight": 1.0, "labels": []}]}, "/wrong: hop_frames is not the model's; got 512; allowed: 1024"),
        ({"prime": "/none/seed.wav"}, "/none/seed.wav: cannot be read"),
    ],
)
def test_what_cannot_be_loaded_is_said_by_name(echo: type[Echo], turned: Turned, patch_folder: Path, options: Any, message: str) -> None:
    said = turned.load(patch_folder / "tiny", **options)
    assert [event["event"] for event in said] == ["accepted", "failed"]
    assert message in said[-1]["error"]
    # And it can load something else after that.
    assert turned.load(patch_folder / "tiny")[-1]["event"] == "loaded"


def test_a_patch_that_plays_no_corpus_is_given_none(turned: Turned, tmp_path: Path) -> None:
    from tests.tokens_patch import make_tokens_patch

    said = turned.load(make_tokens_patch(tmp_path), corpora=[{"path": "@patch", "weight": 1.0, "labels": []}])
    assert "plays no corpus" in said[-1]["error"]


def test_a_voice_that_listens_hears_the_input_from_its_start_on(turned: Turned, patch_folder: Path) -> None:
    turned.play_in(np.full(3_000, 0.7))  # before it was loaded: never heard
    turned.load(patch_folder / "tiny")
    turned.step()
    played = 0.3 * np.sin(np.arange(3 * HOP) / 20)
    turned.play_in(played[:HOP])
    np.testing.assert_allclose(turned.step(), played[:HOP], atol=1e-6)
    turned.play_in(played[HOP:])
    heard = np.concatenate([turned.step(), turned.step()])
    np.testing.assert_allclose(heard, played[HOP:], atol=1e-6)


def test_a_restart_goes_on_hearing(turned: Turned, patch_folder: Path) -> None:
    turned.load(patch_folder / "tiny")
    turned.step()
    turned.play_in(np.full(2 * HOP, 0.25))
    turned.process._reset({"seed": 4})
    turned.step()
    turned.play_in(np.full(HOP, 0.5))
    np.testing.assert_allclose(turned.step(), 0.5, atol=1e-6)


def test_a_voice_that_does_not_listen_is_left_alone(echo: type[Echo], turned: Turned, patch_folder: Path) -> None:
    echo.listens = False
    turned.load(patch_folder / "tiny")
    turned.play_in(np.full(4 * HOP, 0.5))
    assert np.abs(turned.step()).max() < 0.06
    assert fill(turned.block.words, at.ring_words(0, 0)) == HOP


def test_notes_are_passed_on_once_and_not_too_often(
    echo: type[Echo], turned: Turned, patch_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo.notes = ["3 units left out", "3 units left out"]
    said = turned.load(patch_folder / "tiny")
    assert [event["event"] for event in said] == ["accepted", "loaded", "note"]
    assert said[-1] == {"event": "note", "load": 3, "text": "3 units left out"}
    voice = turned.process._stream.voice  # type: ignore[union-attr]
    voice.waiting = ["one", "two", "x" * 1_000]  # type: ignore[attr-defined]
    now = deck_process.time.monotonic_ns()
    turned.step()
    assert turned.events() == []
    monkeypatch.setattr(deck_process.time, "monotonic_ns", lambda: now + round(NOTE_S * 1e9) + 1)
    turned.step()
    [note] = turned.events()
    assert note["text"].startswith("one; two; xxx")
    assert len(note["text"]) == NOTE_CHARACTERS
    voice.waiting = ["three"]  # type: ignore[attr-defined]
    turned.step()
    assert turned.events() == []


def test_every_step_notes_what_it_heeded(turned: Turned, patch_folder: Path) -> None:
    journal = Journal(turned.block)
    folder = patch_folder / "tiny"
    journal.begin_load(0, 0, 3, Job(folder, read_manifest(folder), 1))
    turned.load(folder)
    controls = turned.block.controls(0, 0)
    controls[:] = 0.5
    turned.step()
    controls[2] = 0.75
    turned.process._reset({"seed": 4})
    turned.process._reset({"seed": 5})
    turned.play_in(np.full(HOP, 0.5))
    turned.step()
    turned.play_in(np.full(HOP, 0.5))
    turned.block.floats[at.ring_floats(0, 0) + at.RF_FREEZE] = 1.0
    turned.step()
    entries = [e for e in journal.copy().entries if e["source"] == 0]
    noted = [(int(e["when"]), int(e["what"]), float(e["value"]), int(e["number"])) for e in entries]
    count = len(journal.copy().takes[0].controls)
    assert noted[:count] == [(0, index, 0.5, 0) for index in range(count)]
    assert noted[count:] == [
        (0, at.J_FREEZE, 0.0, 0),
        (1, 2, 0.75, 0),
        (1, at.J_HEARD, 0.0, 0),
        (1, at.J_RESET, 0.0, 5),
        (2, at.J_FREEZE, 1.0, 0),
    ]
    journal.close()


def test_a_pinned_mode_is_noted_with_the_step_it_begins_with(
    echo: type[Echo], turned: Turned, patch_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(echo, "modes", ("full", "small"))
    journal = Journal(turned.block)
    folder = patch_folder / "tiny"
    journal.begin_load(0, 0, 3, Job(folder, read_manifest(folder), 1))
    turned.load(folder)
    turned.step()
    turned.process._pin_mode({"mode": 1})
    turned.step()
    turned.step()
    modes = [(int(e["when"]), int(e["number"])) for e in journal.copy().entries if e["what"] == at.J_MODE]
    assert modes == [(2, 1)]
    journal.close()
