import contextlib
import io
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dac_reference import FOLDER, odd_codec, tiny_codec, truncated, vectors
from training.codecs.dac_errors import ChunkedDacFileError, DacFileError, DamagedDacFileError, OtherDacFileError, UnsafeDacFileError
from training.codecs.dac_file import DacFile, decode_dac, read_dac, stream_codes, write_dac
from training.codecs.loudness import QUIETEST_DB, integrated_loudness_db

# Measured: 7.5e-8.
DECODED_ERROR = 1e-6


def layout() -> dict[str, Any]:
    metadata = {
        "input_db": np.array([-20.0], np.float32),
        "original_length": 2048,
        "sample_rate": 44_100,
        "chunk_length": 4,
        "channels": 1,
        "padding": True,
        "dac_version": "1.0.0",
    }
    return {"codes": np.zeros((1, 4, 4), np.uint16), "metadata": metadata}


def saved(path: Path, value: Any, protocol: int = 4) -> Path:
    content = io.BytesIO()
    whole = np.empty((), object)
    whole[()] = value
    np.lib.format.write_array_header_1_0(content, {"descr": "|O", "fortran_order": False, "shape": ()})
    pickle.dump(whole, content, protocol=protocol)
    path.write_bytes(content.getvalue())
    return path


def test_unchunked() -> None:
    file = read_dac(FOLDER / "unchunked.dac")
    assert not file.chunked
    assert file.codes.shape == (1, 4, 190)
    assert (file.original_length, file.sample_rate, file.chunk_length, file.channels) == (97_020, 44_100, 190, 1)
    assert np.array_equal(stream_codes(file)[:, :10], file.codes[0, :, :10])
    # The reference encodes at -16 LUFS, so its codes are not those of the sound as it was.
    sound = decode_dac(tiny_codec(), file)
    assert np.abs(sound - vectors("decompressed")["unchunked"]).max() < DECODED_ERROR


def test_chunked_is_recognised_and_decoded_by_windows() -> None:
    file = read_dac(FOLDER / "chunked.dac")
    assert file.chunked
    assert (file.codes.shape, file.chunk_length) == ((1, 4, 288), 72)
    with pytest.raises(ChunkedDacFileError, match=r"chunked\.dac.*windows of 72 steps"):
        stream_codes(file, FOLDER / "chunked.dac")
    sound = decode_dac(tiny_codec(), file)
    assert np.abs(sound - vectors("decompressed")["chunked"]).max() < DECODED_ERROR


@pytest.mark.parametrize("name", ["unchunked", "chunked"])
def test_written_again_it_is_the_same_file(tmp_path: Path, name: str) -> None:
    file = read_dac(FOLDER / f"{name}.dac")
    write_dac(tmp_path / "again.dac", file)
    again = read_dac(tmp_path / "again.dac")
    assert np.array_equal(again.codes, file.codes)
    assert replace(again, codes=file.codes) == file
    assert [path.name for path in tmp_path.iterdir()] == ["again.dac"]
    # What the reference reads, by its own means.
    theirs = np.load(tmp_path / "again.dac", allow_pickle=True)[()]
    assert theirs["codes"].dtype == np.uint16
    assert theirs["metadata"]["input_db"].dtype == np.float32


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_numpy_has_used(tmp_path: Path, protocol: int) -> None:
    if protocol in (2, 5):  # bytes as text, buffers out of band: never written by numpy.save
        with pytest.raises(DacFileError):
            read_dac(saved(tmp_path / "x.dac", layout(), protocol=0))
        return
    assert read_dac(saved(tmp_path / "x.dac", layout(), protocol)).codes.shape == (1, 4, 4)


@pytest.mark.parametrize("protocol", [3, 4])
def test_codes_that_lie_in_memory_by_columns(tmp_path: Path, protocol: int) -> None:
    value = layout()
    codes = np.arange(48, dtype=np.uint16).reshape(1, 4, 12)
    value["codes"] = np.asfortranarray(codes)
    value["metadata"]["chunk_length"] = 12
    assert np.array_equal(read_dac(saved(tmp_path / "x.dac", value, protocol)).codes, codes)


def test_each_channel_is_levelled_and_then_brought_to_the_rate(tmp_path: Path) -> None:
    codes = np.stack([vectors()["codes"][:4], vectors()["codes"][:4, ::-1]]).astype(np.int64)
    file = DacFile(codes, -23.0, 97_280, 44_100, 190, 2, True)
    write_dac(tmp_path / "stereo.dac", file)
    sound = decode_dac(tiny_codec(), read_dac(tmp_path / "stereo.dac"))
    assert sound.shape == (97_280, 2)
    for channel in sound.T:
        assert integrated_loudness_db(channel, 44_100) == pytest.approx(-23.0, abs=0.01)
    half = decode_dac(tiny_codec(), replace(file, sample_rate=22_050, original_length=48_600))
    assert half.shape == (48_600, 2)
    # This codec's sound is mostly a line at 22 kHz, which is gone now, and a constant, which is not.
    assert half.mean(axis=0) == pytest.approx(sound.mean(axis=0), rel=0.01)
    with pytest.raises(DacFileError, match="more than one channel"):
        stream_codes(file)


def test_codes_of_another_codec() -> None:
    file = read_dac(FOLDER / "unchunked.dac")
    with pytest.raises(OtherDacFileError, match="4 codebooks"):
        decode_dac(odd_codec(), file)
    few = replace(file, codes=file.codes[:, :2] % 16)
    with pytest.raises(OtherDacFileError, match="190 steps"):
        decode_dac(odd_codec(), few)


class Rude:
    def __reduce__(self):
        return os.mkdir, ("rude",)


class RudeState:
    def __reduce__(self):
        return os.path.join, ("a",), {"b": 1}


@pytest.mark.parametrize("place", ["whole", "codes", "input_db", "sample_rate", "key"])
@pytest.mark.parametrize(
    "foreign", [Rude(), RudeState(), complex(1, 2), np.random.default_rng, {1, 2}], ids=["mkdir", "state", "complex", "function", "set"]
)
def test_foreign_objects_are_refused_and_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, foreign: Any) -> None:
    monkeypatch.chdir(tmp_path)
    value = layout()
    if place == "whole":
        value = foreign
    elif place == "codes":
        value["codes"] = foreign
    elif place == "key":
        value["metadata"]["extra"] = foreign
    else:
        value["metadata"][place] = foreign
    with pytest.raises(UnsafeDacFileError, match=r"x\.dac"):
        read_dac(saved(tmp_path / "x.dac", value))
    assert not Path("rude").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"dac_version": "2.0.0"},
        {"original_length": 0},
        {"original_length": 10**9},
        {"original_length": 2048.0},
        {"sample_rate": 10**7},
        {"chunk_length": 3},
        {"chunk_length": 2},
        {"chunk_length": 0},
        {"channels": 2},
        {"channels": True},
        {"padding": 1},
        {"input_db": np.array([np.nan], np.float32)},
        {"input_db": np.zeros(3, np.float32)},
        {"input_db": np.zeros(1, np.int64)},
        {"input_db": "loud"},
        {"codes": np.zeros((4, 4), np.uint16)},
        {"codes": np.zeros((1, 4, 0), np.uint16)},
        {"codes": np.zeros((1, 100, 4), np.uint16)},
        {"codes": np.full((1, 4, 4), -1, np.int32)},
        {"codes": np.zeros((1, 4, 4), np.float32)},
        {"codes": [1, 2]},
        {"foreign": 1},
    ],
)
def test_fields_out_of_range(tmp_path: Path, change: dict[str, Any]) -> None:
    value = layout()
    (value if "codes" in change else value["metadata"]).update(change)
    with pytest.raises(DamagedDacFileError, match=r"x\.dac"):
        read_dac(saved(tmp_path / "x.dac", value))


def test_chunk_that_is_cut_short(tmp_path: Path) -> None:
    value = layout()
    value["metadata"] |= {"chunk_length": 3, "padding": False}
    with pytest.raises(DamagedDacFileError, match="cut short"):
        read_dac(saved(tmp_path / "x.dac", value))


@pytest.mark.parametrize("share", [0.0, 0.003, 0.05, 0.5, 0.9, 0.999])
def test_truncated(tmp_path: Path, share: float) -> None:
    with pytest.raises(DamagedDacFileError, match=r"x\.dac"):
        read_dac(truncated(FOLDER / "unchunked.dac", tmp_path / "x.dac", share))


def test_other_files(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "folder").mkdir()
    for name in ("array.npy", "folder", "none.dac", "n" * 300):
        with pytest.raises(DamagedDacFileError):
            read_dac(tmp_path / name)
    # A memo index as large as can be: pickle itself makes room for all below it.
    header = (FOLDER / "unchunked.dac").read_bytes()[:128]
    (tmp_path / "bomb.dac").write_bytes(header + b"\x80\x04Nr\xff\xff\xff\x7f.")
    with pytest.raises(DamagedDacFileError):
        read_dac(tmp_path / "bomb.dac")


def test_what_holds_itself_over_and_over_is_not_walked(tmp_path: Path) -> None:
    nested: Any = [0]
    for _ in range(8):
        nested = [nested] * 500
    value = layout()
    value["metadata"]["input_db"] = nested
    with pytest.raises(DamagedDacFileError, match="input_db"):
        read_dac(saved(tmp_path / "x.dac", value))


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 2074), byte=st.integers(0, 255))
def test_any_changed_byte_is_read_or_refused(tmp_path: Path, at: int, byte: int) -> None:
    content = bytearray((FOLDER / "unchunked.dac").read_bytes())
    content[at] = byte
    (tmp_path / "x.dac").write_bytes(content)
    with contextlib.suppress(DacFileError):
        assert read_dac(tmp_path / "x.dac").codes.ndim == 3


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_loudness_of_the_standards_own_tone(rate_hz: int) -> None:
    """BS.1770: a full-scale sine of 997 Hz in one channel is -3.01 LUFS; pauses are gated out."""
    time_s = np.arange(20 * rate_hz) / rate_hz
    tone = np.sin(2.0 * np.pi * 997.0 * time_s).astype(np.float32)
    assert integrated_loudness_db(tone, rate_hz) == pytest.approx(-3.01, abs=0.08)
    paused = np.concatenate([tone, np.zeros_like(tone)])
    assert integrated_loudness_db(paused, rate_hz) == pytest.approx(-3.01, abs=0.12)
    assert integrated_loudness_db(np.zeros(rate_hz, np.float32), rate_hz) == QUIETEST_DB
    assert integrated_loudness_db(tone[: rate_hz // 10], rate_hz) < -5.0
