"""Frames of the MIDI process."""

import io

from hypothesis import given
from hypothesis import strategies as st

from realtime.midi.frames import LIMIT_BYTES, Frame, FrameKind, read_frame


@given(st.sampled_from(FrameKind), st.integers(0, 65_535), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_round_trip(kind: FrameKind, port: int, ns: int, data: bytes) -> None:
    frame = Frame(kind, port, ns, data)
    pipe = io.BytesIO(frame.pack() * 2)
    assert [read_frame(pipe), read_frame(pipe), read_frame(pipe)] == [frame, frame, None]


def test_the_end_within_a_frame_is_the_end() -> None:
    packed = Frame(FrameKind.MESSAGE, 1, 2, b"abc").pack()
    for length in range(len(packed)):
        assert read_frame(io.BytesIO(packed[:length])) is None


def test_exact_bytes_and_the_limit() -> None:
    assert Frame(FrameKind.MESSAGE, 2, 3, b"\xb0\x01\x02").pack() == bytes.fromhex("01 0002 0000000000000003 0003 b00102")
    assert len(Frame(FrameKind.MESSAGE, data=bytes(100_000)).pack()) == 13 + LIMIT_BYTES
