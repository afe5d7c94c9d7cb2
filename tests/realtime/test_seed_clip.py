from pathlib import Path

import numpy as np
import pytest
import soundfile

from realtime.errors import ClipError
from realtime.seed_clip import CLIP_SUFFIXES, find_clips, read_clip

RATE_HZ = 44_100


def tone(seconds: float, rate_hz: int, level: float = 0.5) -> np.ndarray:
    return level * np.sin(2 * np.pi * 1_000 * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("name", ["clip.wav", "clip.flac", "clip.aiff", "clip.ogg"])
def test_any_format_at_any_rate_is_the_same_sound(name: str, rate_hz: int, tmp_path: Path) -> None:
    sound = tone(0.5, rate_hz)
    soundfile.write(tmp_path / name, np.stack([sound, np.zeros_like(sound)], axis=1), rate_hz)
    clip = read_clip(tmp_path / name, RATE_HZ)
    assert clip.dtype == np.float32
    assert abs(len(clip) - 0.5 * RATE_HZ) <= 1
    # The mean of two channels of which one is silent. Measured: 0.0002 lossless, 0.02 as Vorbis.
    expected = tone(0.5, RATE_HZ, 0.25)[4_000:18_000]
    np.testing.assert_allclose(clip[4_000:18_000], expected, atol=0.04 if name.endswith("ogg") else 0.001)


def test_a_clip_that_is_at_the_rate_is_not_changed(tmp_path: Path) -> None:
    sound = tone(2.0, RATE_HZ).astype(np.float32)
    soundfile.write(tmp_path / "clip.wav", sound, RATE_HZ, subtype="FLOAT")
    np.testing.assert_array_equal(read_clip(tmp_path / "clip.wav", RATE_HZ), sound)


def write(path: Path, sound: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, sound, rate_hz, format="WAV", subtype="FLOAT")
    return path


def with_one(value: float) -> np.ndarray:
    sound = tone(0.5, RATE_HZ)
    sound[7_000] = value
    return sound


BROKEN = {
    "empty": (np.zeros(0), "empty"),
    "silent": (np.zeros(20_000), "silent; got a peak below -90 dBFS"),
    "nearly silent": (tone(0.5, RATE_HZ, 1e-5), "silent"),
    "channels that cancel": (np.stack([tone(0.5, RATE_HZ), -tone(0.5, RATE_HZ)], axis=1), "its channels cancel"),
    "short": (tone(2_047 / RATE_HZ, RATE_HZ), "too short; got 0.046 s"),
    "long": (tone(1.1, RATE_HZ), "too long; got 1 s; allowed: up to 1 s"),
    "nan": (with_one(np.nan), "a sample is no number"),
    "infinite": (with_one(np.inf), "a sample is no number"),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_what_cannot_be_heard_is_a_named_error(name: str, tmp_path: Path) -> None:
    sound, message = BROKEN[name]
    path = write(tmp_path / "clip", sound)
    with pytest.raises(ClipError, match=message) as caught:
        read_clip(path, RATE_HZ, longest_s=1.0)
    assert str(path) in str(caught.value)


def test_the_shortest_and_the_longest_are_heard(tmp_path: Path) -> None:
    assert len(read_clip(write(tmp_path / "a", tone(2_048 / RATE_HZ, RATE_HZ)), RATE_HZ)) == 2_048
    assert len(read_clip(write(tmp_path / "b", tone(1.0, RATE_HZ)), RATE_HZ, longest_s=1.0)) == RATE_HZ


def test_what_is_no_sound_file_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "headless.raw").write_bytes(bytes(20_000))
    for path, message in (
        (tmp_path / "none.wav", "cannot be read; got No such file or directory; allowed: a sound file; check its name"),
        (tmp_path, "is a folder"),
        (tmp_path / "text.wav", "not audio"),
        (tmp_path / "headless.raw", "not audio; got no header"),
    ):
        with pytest.raises(ClipError, match=message):
            read_clip(path, RATE_HZ)


def test_a_file_that_breaks_off_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 300_000), RATE_HZ)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    with pytest.raises(ClipError, match="broken after"):
        read_clip(path, RATE_HZ)


def outputs(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return {clip.path.relative_to(folder).as_posix(): clip.output.as_posix() for clip in find_clips(folder)}


def test_every_clip_of_a_folder_has_an_output_of_its_own(tmp_path: Path) -> None:
    made = outputs(tmp_path, "b/x.wav", "a/x.wav", "x.wav", "x.flac", "X.aif", "y.mp3", "z.txt", ".x.wav", ".git/x.wav", "a/v1.2.wav")
    assert made == {
        "X.aif": "X.aif.wav",
        "a/v1.2.wav": "a/v1.2.wav",
        "a/x.wav": "a/x.wav",
        "b/x.wav": "b/x.wav",
        "x.flac": "x.flac.wav",
        "x.wav": "x.wav.wav",
        "y.mp3": "y.wav",
    }
    assert list(made) == sorted(made)


def test_a_folder_with_nothing_to_hear_or_two_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match=r"no sound file there; allowed: \.aif"):
        find_clips(tmp_path)
    with pytest.raises(ClipError, match="two seeds would be written to one file"):
        outputs(tmp_path, "x.wav", "x.flac", "x.flac.flac")
    with pytest.raises(ClipError, match="cannot be listed"):
        find_clips(tmp_path / "none")


def test_every_suffix_is_one_libsndfile_knows() -> None:
    known = {name.lower() for name in soundfile.available_formats()}
    aliases = {"aif": "aiff", "aifc": "aiff", "wave": "wav", "oga": "ogg", "opus": "ogg"}
    assert {aliases.get(suffix[1:], suffix[1:]) for suffix in CLIP_SUFFIXES} <= known
