import filecmp
import hashlib
import importlib.util
import os
import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training import audio_cache, errors
from training.audio_folder import AudioFolder, read_audio_folder

HOSTILE = Path(__file__).parents[1] / "data" / "hostile" / "audio"
RATE_HZ = 8000
MIN_SECONDS = 0.1

# Every hostile file and why it is left out; None for the two that are good alone and wrong together.
REFUSED = {
    "empty.wav": errors.UnreadableAudioError,
    "header_only.wav": errors.UnreadableAudioError,
    "infinity.wav": errors.NonFiniteAudioError,
    "mixed/mono.wav": None,
    "mixed/stereo.wav": None,
    "nan.wav": errors.NonFiniteAudioError,
    "no_frames.wav": errors.EmptyAudioError,
    "silent.wav": errors.SilentAudioError,
    "six_channels.wav": errors.TooManyChannelsError,
    "text_as.wav": errors.UnreadableAudioError,
    "too_short.wav": errors.TooShortAudioError,
    "truncated.flac": errors.UnreadableAudioError,
    "truncated.wav": errors.TruncatedAudioError,
}


def tone(seconds: float = 0.25, hz: float = 220.0, channels: int = 1, rate_hz: int = RATE_HZ) -> np.ndarray:
    sine = 0.5 * np.sin(2.0 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.repeat(sine[:, None], channels, axis=1)


def write(path: Path, audio: np.ndarray, rate_hz: int = RATE_HZ, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate_hz, **options)
    return path


@pytest.fixture
def read(tmp_path):
    def read(folder: Path, rate_hz: int = RATE_HZ, **options) -> AudioFolder:
        return read_audio_folder(folder, rate_hz, **{"min_seconds": MIN_SECONDS, "cache": tmp_path / "cache"} | options)

    return read


@pytest.fixture
def sounds(tmp_path):
    return tmp_path / "sounds"


# --- what is refused ---


def test_every_hostile_file_is_in_the_table():
    assert {path.relative_to(HOSTILE).as_posix() for path in HOSTILE.rglob("*") if path.is_file()} == set(REFUSED)


def test_the_hostile_files_are_what_their_maker_makes(tmp_path):
    spec = importlib.util.spec_from_file_location("make_audio", HOSTILE.parent / "make_audio.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.make(tmp_path)
    # FLAC bytes are the encoder's choice and may change with its version; the rest is fixed by the format.
    names = sorted(set(REFUSED) - {"truncated.flac"})
    assert filecmp.cmpfiles(HOSTILE, tmp_path, names, shallow=False) == (names, [], [])


@pytest.mark.parametrize("name", sorted(name for name, reason in REFUSED.items() if reason))
def test_a_bad_file_is_skipped_with_its_reason(read, sounds, name):
    write(sounds / "good.wav", tone())
    shutil.copy(HOSTILE / name, sounds / name)
    folder = read(sounds)
    assert [clip.path for clip in folder.clips] == [Path("good.wav")]
    ((path, reason),) = folder.skipped
    assert path == Path(name)
    assert type(reason) is REFUSED[name]
    assert name in str(reason)
    assert reason.exit_code == 1


@pytest.mark.parametrize("name", sorted(name for name, reason in REFUSED.items() if reason))
def test_nothing_but_bad_files_names_the_reasons(read, sounds, name):
    sounds.mkdir()
    shutil.copy(HOSTILE / name, sounds / name)
    with pytest.raises(errors.NoUsableAudioError, match=name) as caught:
        read(sounds)
    assert caught.value.exit_code == 2


def test_only_the_first_reasons_are_listed(read, sounds):
    for number in range(5):
        write(sounds / f"short_{number}.wav", tone(0.01))
    with pytest.raises(errors.NoUsableAudioError, match=r"none of the 5 .*short_0.*short_2\.wav: too short.*\.\.\.$") as caught:
        read(sounds)
    assert "short_3" not in str(caught.value)


def test_mono_and_stereo_together_are_refused_and_both_named(read):
    with pytest.raises(errors.MixedChannelsError, match=r"mono mono\.wav and stereo stereo\.wav.*--channels mono\|stereo") as caught:
        read(HOSTILE / "mixed")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("channels", "count"), [("mono", 1), ("stereo", 2)])
def test_channels_resolve_the_mix(read, channels, count):
    folder = read(HOSTILE / "mixed", channels=channels)
    assert folder.channels == count
    assert [clip.audio.shape for clip in folder.clips] == [(2000, count)] * 2
    assert np.array_equal(folder.clips[0].audio, folder.clips[1].audio)


def test_a_skipped_file_does_not_make_a_mix(read, sounds):
    write(sounds / "mono.wav", tone())
    write(sounds / "short_stereo.wav", tone(0.01, channels=2))
    assert read(sounds).channels == 1


def test_no_folder_and_no_audio(read, sounds):
    with pytest.raises(errors.MissingFolderError, match="sounds"):
        read(sounds)
    sounds.mkdir()
    (sounds / "notes.txt").write_text("nothing to hear")
    write(sounds / ".hidden.wav", tone())
    write(sounds / ".trash" / "old.wav", tone())
    with pytest.raises(errors.EmptyFolderError, match=r"\.flac"):
        read(sounds)


def test_options_are_checked(read, sounds):
    with pytest.raises(errors.OptionError, match="'both'; allowed: as_is, mono, stereo"):
        read(sounds, channels="both")
    with pytest.raises(errors.OptionError, match="-1"):
        read(sounds, rate_hz=-1)


def test_a_wav_written_into_a_pipe_is_whole(read, sounds):
    path = write(sounds / "piped.wav", tone())
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content))
    assert len(read(sounds).clips[0].audio) == 2000


@pytest.mark.parametrize(
    ("audio", "rate_hz", "error"),
    [
        (3e4 * tone(), RATE_HZ, errors.TooLoudAudioError),
        (tone(), 1, errors.SampleRateError),
        (tone(), 400_000, errors.SampleRateError),
    ],
)
def test_numbers_that_are_no_sound_are_skipped(read, sounds, audio, rate_hz, error):
    write(sounds / "good.wav", 100.0 * tone(), subtype="FLOAT")
    write(sounds / "bad.wav", audio, rate_hz, subtype="FLOAT")
    folder = read(sounds)
    assert [clip.path.name for clip in folder.clips] == ["good.wav"]
    assert [type(reason) for _, reason in folder.skipped] == [error]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other names and pipes")
def test_pipes_linked_folders_and_names_that_are_no_text_are_skipped(read, sounds, tmp_path):
    write(sounds / "good.wav", tone())
    write(tmp_path / "elsewhere" / "a.wav", tone())
    (sounds / "linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(sounds / "pipe.wav")
    shutil.copy(sounds / "good.wav", os.fsencode(sounds) + b"/\xff.wav")
    folder = read(sounds)
    assert [clip.path.name for clip in folder.clips] == ["good.wav"]
    assert {os.fsencode(path): type(reason) for path, reason in folder.skipped} == {
        b"linked": errors.LinkedFolderError,
        b"pipe.wav": errors.UnreadableAudioError,
        b"\xff.wav": errors.FileNameTextError,
    }


def test_a_name_longer_than_the_system_takes_is_no_folder(read, tmp_path):
    with pytest.raises(errors.MissingFolderError):
        read(tmp_path / ("x" * 300))


# --- what is read ---


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg", "a.mp3", "A.WAV"])
def test_formats(read, sounds, name):
    kind = {"mp3": "MP3", "ogg": "OGG"}.get(name.split(".")[1])
    write(sounds / name, tone(0.5, rate_hz=44100), 44100, **({"format": kind} if kind else {}))
    (clip,) = read(sounds, 44100).clips
    assert clip.audio.dtype == np.float32
    assert clip.audio.ndim == 2
    assert len(clip.audio) == pytest.approx(22050, abs=0.06 * 44100)  # MP3 pads
    assert np.sqrt(np.mean(clip.audio[4000:18000] ** 2)) == pytest.approx(0.5 / np.sqrt(2.0), rel=0.02)


def test_resampling_keeps_the_tone_and_the_length(read, sounds):
    write(sounds / "a.wav", tone(1.0, 1000.0, rate_hz=22050), 22050)
    audio = read(sounds, 44100).clips[0].audio[:, 0]
    assert len(audio) == 44100
    expected = tone(1.0, 1000.0, rate_hz=44100)[:, 0]
    assert np.max(np.abs(audio - expected)[2000:-2000]) < 1e-4  # measured 3e-5: 16 bits of the file, not the resampler


def test_mono_is_the_mean_of_both_sides(read, sounds):
    write(sounds / "a.wav", np.stack([tone()[:, 0], np.zeros(2000)], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(read(sounds, channels="mono").clips[0].audio, 0.5 * tone(), atol=1e-7)


def test_classes_and_order_do_not_depend_on_the_file_system(read, sounds):
    for number, name in enumerate(["wind/b.wav", "bees/deep/a.wav", "wind/a.wav", "loose.wav"]):
        write(sounds / name, tone(hz=200.0 + number))
    folder = read(sounds)
    assert [(clip.path.as_posix(), clip.class_name) for clip in folder.clips] == [
        ("bees/deep/a.wav", "bees"),
        ("loose.wav", ""),
        ("wind/a.wav", "wind"),
        ("wind/b.wav", "wind"),
    ]
    assert folder.class_names == ("", "bees", "wind")
    assert folder.seconds == pytest.approx(1.0)


# --- the cache ---


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.npy"))


def test_the_cache_is_used(read, sounds, tmp_path, monkeypatch):
    write(sounds / "a.wav", tone())
    first = read(sounds).clips[0].audio
    monkeypatch.setattr(soundfile, "SoundFile", None)  # a second decoding would fail
    write_again = sounds / "renamed.wav"
    (sounds / "a.wav").rename(write_again)
    second = read(sounds).clips[0].audio
    assert np.array_equal(first, second)
    assert not second.flags.writeable
    assert isinstance(second, np.memmap)


def test_rate_channels_and_content_have_entries_of_their_own(read, sounds, tmp_path):
    write(sounds / "a.wav", tone())
    read(sounds)
    read(sounds, 16000)
    read(sounds, channels="stereo")
    assert len(entries(tmp_path)) == 3
    write(sounds / "a.wav", tone(hz=330.0))
    assert np.max(np.abs(read(sounds).clips[0].audio - tone(hz=330.0))) < 1e-4
    assert len(entries(tmp_path)) == 4


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-100], lambda b: b[:500] + bytes([b[500] ^ 1]) + b[501:], lambda b: b"x" * 300]
)
def test_a_damaged_entry_is_made_again(read, sounds, tmp_path, damage):
    write(sounds / "a.wav", tone())
    good = np.array(read(sounds).clips[0].audio)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert audio_cache.load(entry) is None
    assert np.array_equal(read(sounds).clips[0].audio, good)
    assert entry.read_bytes() == whole


def test_an_entry_with_a_pickle_is_not_opened(tmp_path):
    entry = tmp_path / "entry.npy"
    np.save(entry, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    content = entry.read_bytes()
    entry.write_bytes(content + hashlib.sha256(content).digest())
    assert audio_cache.load(entry) is None


def test_a_disk_that_refuses_costs_only_the_cache(read, sounds, tmp_path, caplog):
    write(sounds / "a.wav", tone())
    (tmp_path / "cache").write_text("a file where the cache should be")
    audio = read(sounds).clips[0].audio
    assert len(audio) == 2000
    assert not audio.flags.writeable
    assert "audio cache not written" in caplog.text


def test_nothing_is_left_of_an_interrupted_entry(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    assert len(audio_cache.store(tmp_path / "aa" / "entry.npy", np.zeros((5, 1), np.float32))) == 5
    assert list((tmp_path / "aa").iterdir()) == []


# --- the split ---


@pytest.fixture
def classes(sounds):
    for name in ("bees", "wind"):
        for number in range(10):
            write(sounds / name / f"{number}.wav", tone(hz=200.0 + number + 50.0 * (name == "wind")))
    return sounds


def test_each_class_is_held_out_in_proportion_and_nothing_is_lost(read, classes):
    folder = read(classes)
    training, held_out = folder.split(0.3, seed=1)
    assert [clip.class_name for clip in held_out] == ["bees"] * 3 + ["wind"] * 3
    assert sorted(clip.path for clip in training + held_out) == [clip.path for clip in folder.clips]
    assert {clip.sha256 for clip in training}.isdisjoint(clip.sha256 for clip in held_out)


def test_the_split_depends_on_content_and_seed_only(read, classes):
    before = {clip.sha256 for clip in read(classes).split(seed=3).held_out}
    other = {clip.sha256 for clip in read(classes).split(0.3, seed=4).held_out}
    assert other != {clip.sha256 for clip in read(classes).split(0.3, seed=3).held_out}
    for number, path in enumerate(sorted(classes.glob("*/*.wav"), reverse=True)):
        path.rename(path.with_name(f"renamed_{number:02d}.wav"))
    assert {clip.sha256 for clip in read(classes).split(seed=3).held_out} == before


def test_copies_stay_on_one_side(read, classes):
    for path in list(classes.glob("*/*.wav")):
        shutil.copy(path, path.with_stem(path.stem + "_copy"))
    training, held_out = read(classes).split(0.3, seed=1)
    assert len(held_out) == 12
    assert {clip.sha256 for clip in training}.isdisjoint(clip.sha256 for clip in held_out)


def test_two_clips_are_enough_and_one_is_not(read, sounds):
    write(sounds / "wind" / "a.wav", tone())
    folder = read(sounds)
    with pytest.raises(errors.NothingToHoldOutError, match="split each clip in time"):
        folder.split()
    training, held_out = folder.split_in_time(0.25)
    assert [len(clip.audio) for clip in training + held_out] == [1500, 500]
    assert np.array_equal(np.concatenate([training[0].audio, held_out[0].audio]), folder.clips[0].audio)
    write(sounds / "wind" / "b.wav", tone(hz=300.0))
    write(sounds / "bees" / "only.wav", tone(hz=400.0))
    training, held_out = read(sounds).split()
    assert [clip.class_name for clip in held_out] == ["wind"]
    assert sorted(clip.class_name for clip in training) == ["bees", "wind"]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_lies_between(read, classes, share):
    folder = read(classes)
    with pytest.raises(errors.OptionError, match="held_out_share"):
        folder.split(share)
    with pytest.raises(errors.OptionError, match="held_out_share"):
        folder.split_in_time(share)


# --- the errors ---


def test_an_error_survives_the_way_home_from_a_worker():
    error = errors.TooShortAudioError("too short", where=Path("a.wav"), got="0.1 s", allowed="1 s and up", hint="Record more")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is errors.TooShortAudioError
    assert str(again) == str(error) == "a.wav: too short; got 0.1 s; allowed: 1 s and up. Record more"


def test_the_tree_in_the_docstring_is_the_tree():
    for name in errors.__all__:
        assert name in errors.__doc__, name
