"""Live input on a real audio server: JACK's dummy driver, a second client that plays, and a cable from the output to the input."""

from pathlib import Path

import numpy as np
import pytest

from tests.integration.jack_server import begin, result, server

pytestmark = [pytest.mark.device, pytest.mark.usefixtures("patch_folder")]
RATE_HZ = 48_000
MODULE = "tests.integration.jack_input"


def common_run(sent: np.ndarray, heard: np.ndarray) -> int:
    """Length of the longest run of samples that is the same in both, looked for from places a tenth of a second apart."""
    places = {sent[i : i + 16].tobytes(): i for i in range(len(sent) - 16)}
    longest = 0
    for start in range(0, len(heard) - 16, RATE_HZ // 10):
        place = places.get(heard[start : start + 16].tobytes())
        if place is None or not heard[start : start + 16].any():
            continue
        count = min(len(sent) - place, len(heard) - start)
        same = sent[place : place + count] == heard[start : start + count]
        longest = max(longest, count if same.all() else int(np.argmin(same)))
    return longest


@pytest.mark.parametrize(("server_frames", "block_frames"), [(64, None), (128, 100), (1_024, None), (256, 1_024)])
def test_what_another_client_plays_is_what_a_reader_gets(tmp_path: Path, server_frames: int, block_frames: int | None) -> None:
    with server(server_frames, RATE_HZ) as jack:
        frames = ["--block-frames", str(block_frames)] if block_frames else []
        hearing = begin(jack, MODULE, "hear", str(tmp_path / "heard.npy"), *frames)
        assert hearing.stdout is not None
        assert hearing.stdout.readline() == "ready\n"
        sending = begin(jack, MODULE, "send", str(tmp_path / "sent.npy"), "--seconds", "5")
        heard, sent = result(hearing), result(sending)
    left, right = np.load(tmp_path / "sent.npy").T
    # A sample is sent as float32 and mixed to mono by an exact half: any change on the way shows.
    run = common_run(np.float32(0.5) * (left + right), np.load(tmp_path / "heard.npy"))
    assert run >= RATE_HZ, (run, heard, sent)
    assert heard["skipped_frames"] == 0
    assert heard["nonfinite"] == 0
    assert heard["guards"] == 0
    assert -40 < heard["rms_db"] < -10
    assert heard["latency_ms"] >= 1000 * (block_frames or server_frames) / RATE_HZ - 0.01


def test_a_cable_from_the_output_to_the_input_mutes_it_until_it_is_pulled(tmp_path: Path) -> None:
    with server(128, RATE_HZ) as jack:
        found = result(begin(jack, MODULE, "loop", str(tmp_path / "heard.npy"), "--seconds", "20"))
    assert found["guards"] == 1
    assert 0.5 < found["guarded_s"] < 8.0
    assert found["guarded_s"] + 1.5 < found["opened_s"] < 18.0
    # A reader of what the decks hear gets the loop and then nothing.
    heard = np.load(tmp_path / "heard.npy")
    assert np.abs(heard[: round(found["guarded_s"] * RATE_HZ)]).max() > 0.01
    muted = heard[round((found["guarded_s"] + 0.2) * RATE_HZ) : round((found["opened_s"] - 0.2) * RATE_HZ)]
    assert not muted.any()
