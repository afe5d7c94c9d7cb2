"""Following live input on a real audio server: a melody of excerpts from the corpus comes back as those excerpts, in time."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from tests.integration.again import undisturbed
from tests.integration.jack_server import begin, result, server
from tests.integration.places import Places

pytestmark = [pytest.mark.device, pytest.mark.real_audio]
RATE_HZ, HOP_FRAMES = 44_100, 1_024
BLOCK_FRAMES = 128
LEAD_FRAMES = 1_024
NOTE_FRAMES = RATE_HZ // 2
NOTES = 16


@pytest.fixture(name="patch")
def _patch(sequencers: Path) -> Path:
    # Which place follows is a matter of what is heard, not of what was learned: any of them will do.
    return sequencers / "patches" / "lstm"


def melody(patch: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half-second excerpts of files of the corpus one after the other, the file of each, and the files' first and last frames."""
    audio, _ = soundfile.read(patch / "corpus.flac", dtype="float32")
    with np.load(patch / "corpus.npz") as arrays:
        spans = arrays["file_spans"][:, :2]
    rng = np.random.default_rng(4)
    files = rng.permutation(len(spans))[:NOTES]
    fade = np.sin(np.linspace(0, np.pi / 2, 200)) ** 2
    notes = []
    for file in files:
        first, last = spans[file]
        # From the middle of a file, where it is not silent.
        start = int(rng.integers(first + (last - first) // 4, first + (last - first) // 2))
        note = audio[start : start + NOTE_FRAMES].copy()
        note[:200] *= fade
        note[-200:] *= fade[::-1]
        notes.append(note)
    return np.concatenate(notes), files, spans


def test_a_melody_of_excerpts_comes_back_as_those_excerpts(patch: Path, tmp_path: Path) -> None:
    sound, files, spans = melody(patch)
    # Silence first: the cable is plugged once both ends are there.
    silence = np.zeros(3 * RATE_HZ)
    soundfile.write(tmp_path / "melody.wav", np.concatenate([silence, sound]), RATE_HZ, subtype="FLOAT")
    seconds = len(sound) / RATE_HZ + 12.0
    kept = tmp_path / "kept.npy"

    def follow() -> dict[str, float]:
        with server(BLOCK_FRAMES, RATE_HZ) as jack:
            module = "tests.integration.jack_follow"
            following = begin(jack, module, "follow", str(patch), str(kept), "--seconds", str(seconds), "--lead-frames", str(LEAD_FRAMES))
            assert following.stdout is not None
            assert following.stdout.readline() == "ready\n"
            playing = begin(jack, module, "play", str(tmp_path / "melody.wav"))
            found, _ = result(following), result(playing)
        return found

    found = undisturbed(follow, lambda found: int(found["underruns"]))
    assert found["underruns"] == 0, found
    assert found["guards"] == 0
    assert found["skipped_frames"] == 0
    heard, played = np.load(kept)
    share = right_share(heard, played, sound, files, spans, patch)
    assert share >= 0.9, (share, found)


def right_share(heard: np.ndarray, played: np.ndarray, sound: np.ndarray, files: np.ndarray, spans: np.ndarray, patch: Path) -> float:
    """Share of the hops put out that are a piece of a file that was heard in the time allowed: two hops, and the lead of the deck.

    Where each note was heard is looked up: a server that is not real-time drops a block now and then.
    """
    notes = sound.reshape(NOTES, NOTE_FRAMES)
    energy = np.sqrt(np.maximum(fftconvolve(heard**2, np.ones(NOTE_FRAMES), mode="valid"), 1e-6))
    heard_at = [int(np.argmax(fftconvolve(heard, note[::-1], mode="valid") / energy)) for note in notes]
    assert sum(np.diff(heard_at) > NOTE_FRAMES // 2) >= NOTES - 2, heard_at
    corpus, _ = soundfile.read(patch / "corpus.flac", dtype="float32")
    places = [Places(corpus[slice(*spans[file])], HOP_FRAMES // 2) for file in files]
    limit = 2 * HOP_FRAMES + LEAD_FRAMES
    first, last = heard_at[0] + limit, heard_at[-1] + NOTE_FRAMES

    def found(starts: range, shift: int) -> np.ndarray:
        """For each hop, how like its second half, where no fade is, is to a file that was heard, and to one that was not."""
        likes = []
        for start in starts:
            piece = played[start + HOP_FRAMES // 2 : start + HOP_FRAMES].astype(np.float64)
            at = [place for place in heard_at if place < start + HOP_FRAMES and place + NOTE_FRAMES > start - limit]
            sources = [places[(heard_at.index(place) + shift) % NOTES] for place in at]
            likes.append(max((source.likeness(piece) for source in sources), default=0.0))
        return np.array(likes) > 0.95

    # Where in a hop the deck's steps begin is not known outside.
    phases = range(first, first + HOP_FRAMES, HOP_FRAMES // 8)
    phase = max(phases, key=lambda begin: found(range(begin, last, 12 * HOP_FRAMES), 0).mean())
    assert found(range(phase, last, 4 * HOP_FRAMES), 7).mean() < 0.1
    return float(found(range(phase, last, HOP_FRAMES), 0).mean())
