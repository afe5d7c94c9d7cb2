"""A folder of real audio becomes a patch by three commands and plays nothing but that folder."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from realtime.render import RenderConfig, render
from realtime.setup import DeckSetup, Setup
from realtime.voices.voice import UnitEvent
from tests.integration.places import Places

pytestmark = pytest.mark.real_audio

VIOLIN = Path(__file__).parents[3] / "shared" / "data" / "unagan" / "violin"
RATE_HZ = 44_100
WINDOW_FRAMES = 2_048
HOP_FRAMES = 1_024
SECONDS = 20.0
UPDATES = 60
"""A short training: what is proved here is where the sound comes from, not how well the next frame is predicted."""


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(name="patch", scope="module")
def _patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("violin")
    recipe = folder / "short.toml"
    recipe.write_text(f"hidden_size = 64\nnum_layers = 1\nupdates = {UPDATES}\nvalidation_interval = 30\n")
    run("training", "sequencer", "--audio", str(VIOLIN), "--out", str(folder / "run"), "--recipe", str(recipe))
    run("export", str(folder / "run"), "--slug", "violin", "--out", str(folder / "patches"))
    # A pitch-synchronous join bends its fade to the sound: here every fade is the plain one.
    options = ("--seconds", str(SECONDS), "--seed", "5", "--set", "1.pitch_join=0")
    run("realtime", str(folder / "patches" / "violin"), "--render", str(folder / "take.wav"), *options)
    return folder


def source() -> np.ndarray:
    """Every clip as the studio reads it, one after the other, mono at 44.1 kHz."""
    clips = []
    for path in sorted(VIOLIN.glob("*.mp3")):
        sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
        clips.append(soxr.resample(sound, rate, RATE_HZ)[:, 0])
    return np.concatenate(clips)


def take(patch: Path) -> tuple[np.ndarray, list[UnitEvent]]:
    """The same sound as the command wrote, with the player's log."""
    events: list[UnitEvent] = []
    setup = Setup((DeckSetup(str(patch / "patches" / "violin"), seed=5, controls=(("pitch_join", 0.0),)),))
    blocks = [b[:, 0].copy() for b in render(setup, RenderConfig(SECONDS, 5), lambda _, event: events.append(event))]
    return np.concatenate(blocks), events


def from_log(audio: np.ndarray, events: list[UnitEvent], crossfade_frames: int) -> np.ndarray:
    """The take put together again from the log, by another program than the player."""
    made = np.zeros(events[-1].frame + HOP_FRAMES)
    angle = (np.arange(crossfade_frames) + 0.5) / crossfade_frames * np.pi / 2
    for before, event in zip([None, *events], events, strict=False):
        piece = audio[event.start : event.start + HOP_FRAMES].astype(float)
        if event.faded:
            piece[:crossfade_frames] *= np.sin(angle)
            if before is not None:
                leaving = audio[before.start + HOP_FRAMES : before.start + HOP_FRAMES + crossfade_frames]
                piece[:crossfade_frames] += leaving * np.cos(angle)
        made[event.frame : event.frame + HOP_FRAMES] = piece
    return made


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / scale) if scale > 1e-9 else 0.0


def test_the_take_is_made_of_the_corpus(patch: Path) -> None:
    written, _ = soundfile.read(patch / "take.wav", dtype="float32")
    played, events = take(patch)
    np.testing.assert_allclose(written[:, 0], played, atol=2.0**-22)
    corpus, _ = soundfile.read(patch / "patches" / "violin" / "corpus.flac", dtype="float32")
    rebuilt = from_log(corpus, events, 512)[: len(played)]
    starts = range(0, len(played) - WINDOW_FRAMES, WINDOW_FRAMES // 2)
    # By the log: every window against what the log says it is.
    by_log = np.array([correlation(played[s : s + WINDOW_FRAMES], rebuilt[s : s + WINDOW_FRAMES]) for s in starts])
    assert (by_log > 0.99).mean() >= 0.95  # measured: 0.996
    # By the source: windows against every place of the original files, without the log.
    places = Places(source(), WINDOW_FRAMES)
    jumps = {event.frame for event in events if event.faded}
    whole = [s for s in starts if not any(s - 512 < j < s + WINDOW_FRAMES for j in jumps) and s > RATE_HZ]
    chosen = np.random.default_rng(0).choice(whole, 40, replace=False)
    blind = np.array([places.likeness(played[s : s + WINDOW_FRAMES]) for s in chosen])
    assert (blind > 0.98).mean() >= 0.95, np.sort(blind)[:5]  # measured: 1.0


def test_another_folder_would_be_noticed(patch: Path) -> None:
    """The blind search finds nothing of the kind in audio that is not in the corpus: the proof above can fail."""
    piano = next((VIOLIN.parent / "piano").glob("*.mp3"))
    other, rate = soundfile.read(piano, dtype="float32", always_2d=True)
    window = soxr.resample(other, rate, RATE_HZ)[RATE_HZ : RATE_HZ + WINDOW_FRAMES, 0]
    assert Places(source(), WINDOW_FRAMES).likeness(window) < 0.9
