"""A performance on the real engine, played again offline: the same samples as its taps."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patches.reader import read_manifest
from realtime import commands as do
from realtime.engine import Engine, EngineConfig
from realtime.errors import PerformanceError
from realtime.job import Job
from realtime.journal import Journal
from realtime.kernels import layout as at
from realtime.kernels import ring
from realtime.kernels.deck_controls import note
from realtime.kernels.mixer import mix
from realtime.performance_file import encode, read_performance, write_performance
from realtime.performance_render import render_performance, render_performance_command
from realtime.schedule import MixerSchedule
from realtime.shared import SharedBlock
from realtime.tap import StemTap, Tap, start_all
from tests.stage_patch import make_patch

RATE_HZ = 44_100
SETTLE_S = 60.0


class Played:
    """Two decks and the hidden one, everything that can happen to them, and what the taps got of it."""

    def __init__(self) -> None:
        self.engine = Engine(EngineConfig(decks=2, device="null", sample_rate_hz=RATE_HZ, block_frames=128, seed=3, audition=True))
        self.engine.start()
        self.block = self.engine.block
        self.journal = self.engine.journal
        self.taps = [Tap(self.block), StemTap(self.block, 0), StemTap(self.block, 1)]
        self.pieces: list[list[np.ndarray]] = [[], [], []]
        self.first = -1
        start_all(self.block, 2)

    def listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for tap, pieces in zip(self.taps, self.pieces, strict=True):
                pieces.append(tap.read())
                if self.first < 0 and tap.frames:
                    self.first = tap.frame
            self.journal.collect()
            time.sleep(0.02)

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + SETTLE_S
        while not done():
            assert time.monotonic() < end
            self.listen(0.03)

    def settle(self) -> None:
        self.until(lambda: self.engine.settle(0.01))

    def perform(self) -> None:
        send = self.engine.send
        rng = np.random.default_rng(4)
        # Loud enough for the limiter to have something to do.
        for deck, patch in ((0, "tiny"), (1, "wide")):
            send(do.SetControl(deck, "gain", 12.0))
            send(do.Load(deck, patch, seed=5 + deck))
        self.settle()
        schedule = MixerSchedule(self.block)
        for turn in range(12):
            for deck in range(2):
                send(do.SetControl(deck, "loudness", float(rng.uniform(-2, 2))))
                send(do.SetControl(deck, "density", float(rng.uniform(1, 40))))
                send(do.SetControl(deck, ("pan", "mute", "solo")[turn % 3], float(rng.integers(0, 2))))
            now = int(self.block.words[at.W_CLOCK])
            for place in range(20):
                frame = now + 3_000 + 311 * place
                schedule.push(frame, at.deck_floats(1) + at.DF_GAIN, float(rng.uniform(0.5, 4.0)))
                self.engine._decks[0].schedule_value(frame, "brightness", float(rng.uniform(-2, 2)))
            send(do.SetControl(None, "gain", float(rng.uniform(-6, 6))))
            self.listen(0.15)
        send(do.SetControl(0, "freeze", 1.0))
        self.listen(0.2)
        send(do.SetControl(0, "freeze", 0.0))
        send(do.SetControl(do.AUDITION, "gain", -3.0))
        send(do.Load(do.AUDITION, "low", seed=9))
        self.settle()
        self.listen(0.3)
        send(do.Load(do.AUDITION, "high"))
        self.settle()
        self.listen(0.3)
        send(do.Unload(do.AUDITION))
        send(do.Reset(1, 77))
        self.listen(0.2)
        # A process that is killed: its ring runs dry, another begins the patch anew.
        os.kill(self.engine.snapshot().decks[1].pid, signal.SIGKILL)
        self.listen(0.3)
        self.settle()
        self.listen(0.2)
        send(do.Load(0, "wide"))
        self.settle()
        self.listen(0.3)
        send(do.Panic(True))
        self.listen(0.2)
        send(do.Panic(False))
        self.listen(0.3)
        # A deck that runs dry and comes back.
        self.block.words[at.deck_words(1) + at.D_LEAD_FRAMES] = 1
        self.listen(0.2)
        send(do.SetLead(1, 8_192))
        self.listen(0.3)
        send(do.Unload(1))
        self.settle()
        self.listen(0.2)

    def write(self, path: Path) -> None:
        """The performance of all that the taps got."""
        write_performance(path, self.journal, self.first, self.first + sum(len(piece) for piece in self.pieces[0]), 2)

    def sounds(self) -> list[np.ndarray]:
        return [np.concatenate(pieces) for pieces in self.pieces]


@pytest.fixture(name="played", scope="module")
def _played(patch_folder: Path) -> Iterator[Played]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STARLING_PATCHES", str(patch_folder))
        played = Played()
        played.perform()
        yield played
        played.engine.close()


def rendered(path: Path) -> list[np.ndarray]:
    made: list[list[np.ndarray]] = [[], [], []]
    for master, stems in render_performance(path):
        for pieces, piece in zip(made, (master, *stems), strict=True):
            pieces.append(piece.copy())
    return [np.concatenate(pieces) for pieces in made]


def first_difference(one: np.ndarray, other: np.ndarray) -> int:
    """Frame of the first sample that differs, -1 if none does."""
    differs = np.flatnonzero((one != other).any(axis=1))
    return int(differs[0]) if len(differs) else -1


def test_a_performance_renders_to_the_samples_of_its_taps(played: Played, patch_folder: Path, tmp_path: Path) -> None:
    heard = played.sounds()
    count = len(heard[0])
    assert [len(sound) for sound in heard] == [count] * 3
    assert [tap.dropped_frames for tap in played.taps] == [0, 0, 0]
    words = played.block.words
    # It was no easy one.
    assert np.abs(heard[0]).max() > 0.7
    assert words[at.W_LIMITED] > 0
    assert words[at.deck_words(1) + at.D_UNDERRUNS] > 0
    assert played.engine.snapshot().decks[1].restarts == 1
    path = tmp_path / "take.performance.json"
    played.write(path)
    made = rendered(path)
    assert [first_difference(one, other) for one, other in zip(made, heard, strict=True)] == [-1, -1, -1]
    # What was tried in the hidden deck was a part of it, and has no stem.
    assert {take.slug for take in read_performance(path).takes if take.deck == 2 and take.needed} == {"low", "high"}


def test_a_part_renders_to_the_same_samples_without_what_came_long_before(played: Played, patch_folder: Path, tmp_path: Path) -> None:
    heard = played.sounds()
    start = len(heard[0]) - RATE_HZ // 4 * 3
    path = tmp_path / "part.performance.json"
    write_performance(path, played.journal, played.first + start, played.first + start + 20_000, 2)
    made = rendered(path)
    for one, other in zip(made, heard, strict=True):
        np.testing.assert_array_equal(one, other[start : start + 20_000])
    said = render_performance_command(path, tmp_path / "part.wav")
    assert said.endswith("0.45 s of a performance")


def test_a_performance_reads_back_as_it_was(played: Played, patch_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "take.performance.json"
    write_performance(path, played.journal, 0, 1_000, 2)
    again = tmp_path / "again.json"
    again.write_text(json.dumps(encode(read_performance(path)), ensure_ascii=False, separators=(",", ":")) + "\n")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("first", "last"), [(-1, 10), (10, 10), (10, 5), (0, 2**62)])
def test_frames_that_were_not_played_are_refused(played: Played, tmp_path: Path, first: int, last: int) -> None:
    with pytest.raises(PerformanceError, match="no such frames"):
        write_performance(tmp_path / "none.json", played.journal, first, last, 2)
    assert not list(tmp_path.iterdir())


def test_a_patch_that_changed_since_is_refused_by_name(played: Played, patch_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "take.performance.json"
    played.write(path)
    raw = json.loads(path.read_text())
    changed = make_patch(tmp_path, "tiny", seconds=4.0)
    for take in raw["takes"]:
        if take["slug"] == "tiny":
            take["folder"] = str(changed)
    path.write_text(json.dumps(raw))
    with pytest.raises(PerformanceError, match="deck 1, tiny: the patch has changed since"):
        rendered(path)


def mode(raw: dict[str, Any], number: int) -> None:
    """Make the first entry of the first take a change of mode."""
    take = raw["takes"][0]
    take["what"][0] = take["names"].index("@mode")
    take["number"][0] = number


def broken(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        raw = json.loads(text)
        change(raw)
        return json.dumps(raw)

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "is no performance"),
        (lambda text: "[]", "format"),
        (lambda text: text.replace('"value":[', '"value":[NaN,', 1), "is no performance"),
        (broken(lambda raw: raw["mixer"]["value"].__setitem__(0, 1e300)), "value; got 1e+300"),
        (
            broken(lambda raw: raw["takes"][0]["options"].update(corpora=[{"path": "x", "weight": "y", "labels": []}])),
            "options.corpora; got",
        ),
        (broken(lambda raw: mode(raw, 9)), "deck 1, tiny: its voice has no such mode; got 9"),
        (broken(lambda raw: raw.update(version=2)), "version; got 2"),
        (broken(lambda raw: raw.update(decks=9)), "decks; got 9; allowed: 1 to 8"),
        (broken(lambda raw: raw.update(decks=True)), "decks; got True"),
        (broken(lambda raw: raw.update(to_frame=0)), "to_frame; got 0"),
        (broken(lambda raw: raw.pop("mixer")), "mixer; got None"),
        (broken(lambda raw: raw["mixer"]["frame"].pop()), "what; got"),
        (broken(lambda raw: raw["mixer"]["take"].__setitem__(0, 99)), "take; got"),
        (broken(lambda raw: raw["mixer"]["deck"].__setitem__(0, 8)), "deck; got"),
        (broken(lambda raw: raw["mixer"]["value"].__setitem__(0, "1")), "value; got"),
        (broken(lambda raw: raw["takes"][0]["step"].__setitem__(0, 10**6)), "step; got"),
        (broken(lambda raw: raw["takes"][0]["what"].__setitem__(0, 99)), "what; got"),
        (broken(lambda raw: raw["takes"][0].update(names=["x"])), "names; got"),
        (broken(lambda raw: raw["takes"][0].update(options={})), "options; got"),
        (broken(lambda raw: raw["takes"][0].update(seed=-1)), "seed; got -1"),
    ],
)
def test_a_file_that_is_no_performance_is_refused_by_name(
    played: Played, patch_folder: Path, tmp_path: Path, change: Callable[[str], str], message: str
) -> None:
    path = tmp_path / "take.performance.json"
    played.write(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(PerformanceError) as caught:
        rendered(path)
    assert message in str(caught.value)


def test_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PerformanceError, match="cannot be read"):
        read_performance(tmp_path / "none.json")


def test_a_journal_with_a_hole_is_no_performance(played: Played, tmp_path: Path) -> None:
    words = played.block.words
    words[at.W_JOURNAL + at.Q_DROPPED] = 3
    with pytest.raises(PerformanceError, match="part of the journal was lost; got 3 entries"):
        write_performance(tmp_path / "none.json", played.journal, 0, 1_000, 2)
    words[at.W_JOURNAL + at.Q_DROPPED] = 0


@pytest.mark.parametrize(
    ("controls", "follow", "refused"), [(("density",), 0.0, True), (("density", "follow"), 0.5, True), (("density", "follow"), 0.0, False)]
)
def test_live_input_cannot_be_repeated_where_the_voice_made_something_of_it(
    patch_folder: Path, tmp_path: Path, controls: tuple[str, ...], follow: float, refused: bool
) -> None:
    block = SharedBlock.private(RATE_HZ)
    journal = Journal(block)
    folder = patch_folder / "tiny"
    manifest = read_manifest(folder)
    named = tuple(replace(manifest.controls[0], id=name) for name in controls)
    journal.begin_load(0, 0, 1, Job(folder, replace(manifest, controls=named), 5))
    words, state = at.ring_words(0, 0), at.ring_floats(0, 0)
    note(block.words, block.floats, words, state, 0, len(controls) - 1, 0, follow)
    note(block.words, block.floats, words, state, 3, at.J_HEARD, 0, 0.0)
    ring.write(block.words, block.floats, words, state + at.RF_DATA, np.zeros((2_000, 2), np.float32), 2_000)
    block.words[at.deck_words(0) + at.D_ACTIVE] = 0
    mix(block.words, block.floats, np.zeros((1_000, 2), np.float32))
    path = tmp_path / "take.json"
    if refused:
        with pytest.raises(PerformanceError, match="deck 1, tiny: the performance cannot be repeated: it heard the live input"):
            write_performance(path, journal, 0, 1_000, 1)
    else:
        write_performance(path, journal, 0, 1_000, 1)
        assert read_performance(path).takes[0].needed
    journal.close()
