from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from realtime.errors import ClipError
from realtime.input_file import InputFile


def sound(rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.random.default_rng(3).uniform(-0.5, 0.5, (round(seconds * rate_hz), 2)).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("step", [1, 441, 1_024, 30_000])
def test_pieces_equal_the_whole_and_silence_follows(rate_hz: int, step: int, tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    soundfile.write(path, sound(rate_hz), rate_hz, subtype="FLOAT")
    whole = sound(rate_hz).mean(axis=1)
    if rate_hz != 44_100:
        whole = soxr.resample(whole, rate_hz, 44_100, quality="HQ")
    ends = range(0, 60_000 if step > 1 else 2_000, step)
    file = InputFile(path, 44_100)
    heard = np.concatenate([file.until(end) for end in ends])
    file.close()
    assert len(heard) == ends[-1]
    expected = np.pad(whole, (0, 60_000))[: len(heard)]
    tolerance = 1e-6  # measured 2e-7: chunks of the resampler
    np.testing.assert_allclose(heard, expected, atol=tolerance)


def test_going_back_hears_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", sound(44_100), 44_100)
    file = InputFile(tmp_path / "in.wav", 44_100)
    assert len(file.until(100)) == 100
    assert len(file.until(50)) == 0
    assert len(file.until(101)) == 1
    file.close()


def test_an_empty_file_is_silence_and_no_file_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros(0), 44_100)
    file = InputFile(tmp_path / "in.wav", 48_000)
    assert not file.until(1_000).any()
    file.close()
    with pytest.raises(ClipError, match="cannot be read"):
        InputFile(tmp_path / "none.wav", 48_000)


def test_what_is_no_number_is_never_heard(tmp_path: Path) -> None:
    made = sound(44_100)
    made[30_000] = np.nan
    soundfile.write(tmp_path / "in.wav", made, 44_100, subtype="FLOAT")
    file = InputFile(tmp_path / "in.wav", 44_100)
    file.until(10_000)
    with pytest.raises(ClipError, match="no number"):
        file.until(40_000)
    file.close()
