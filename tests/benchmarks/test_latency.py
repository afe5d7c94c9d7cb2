"""The latency benchmark's options, mapping and arithmetic; the whole of it is measured in `tests/integration/test_latency.py`."""

import numpy as np
import pytest

from benchmarks.latency import QUIET_S, RATE_HZ, TURNS, Event, Measured, _hear, _index, _turns, run
from benchmarks.latency_wires import Turn, mapping_text
from benchmarks.report import BenchmarkError
from patches.library import find
from patches.reader import read_manifest
from realtime.midi.mapping_file import read_mapping


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--events", "0"], "--events"),
        (["--control", "param/rate=1,2"], "--patch"),
        (["--patch", "field", "--control", "param/rate=1"], "--control"),
        (["--patch", "field", "--control", "param/rate=1,fast"], "--control"),
        (["--patch", "other"], "--control"),
    ],
)
def test_what_cannot_be_measured_is_named_before_anything_starts(arguments, named):
    with pytest.raises(BenchmarkError, match=named):
        run(arguments)


@pytest.mark.parametrize("patch", sorted(TURNS))
def test_the_patches_have_the_controls_within_their_ranges(patch):
    manifest = read_manifest(find(patch))
    for turn in TURNS[patch]:
        control = manifest.controls[_index(manifest, turn)]
        assert control.default == turn.rest
        assert control.min <= turn.turned <= control.max
    with pytest.raises(BenchmarkError, match="param/none"):
        _index(manifest, Turn("/deck/1/param/none", 0.0, 1.0))


def test_a_controller_is_mapped_to_rest_at_zero_and_turned_at_its_end(tmp_path):
    turns = _turns("field", ["param/rate=1,2", "class/rain=1,0"])
    path = tmp_path / "turns.toml"
    path.write_text(mapping_text(turns), encoding="utf-8")
    mapping = read_mapping(path)
    assert mapping.takeover == "off"
    assert [(b.source.text, b.address, b.minimum, b.maximum, b.invert) for b in mapping.bindings] == [
        ("cc 70", "/deck/1/param/rate", 1.0, 2.0, False),
        ("cc 71", "/deck/1/class/rain", 0.0, 1.0, True),
    ]


def measured(events: list[Event]) -> Measured:
    return Measured(events, [], [], [], 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def take(changes_after: list[int], resets: list[int], length: int) -> np.ndarray:
    """A recording in which the same sound begins 2000 frames after each reset, and is another after so many of its frames."""
    random = np.random.default_rng(0)
    sound = random.standard_normal((length, 2)).astype(np.float32)
    voice = random.standard_normal((round(QUIET_S * RATE_HZ), 2)).astype(np.float32)
    for reset, after in zip(resets, changes_after, strict=True):
        sound[reset + 2000 : reset + 2000 + after] = voice[:after]
    return sound


BLOCK = 128


def event(reset: int, sent: int, *, dry: bool = False) -> Event:
    """One that was sent when the device had taken `sent` frames, at as many nanoseconds, and whose step began 500 ns later.

    Every block was seen to be taken 7 ns after it was.
    """
    taken = range(sent - sent % BLOCK, sent + 30_000, BLOCK)
    return Event(0, "osc", reset, sent, reset + 30_000, sent, sent + 100, sent + 500, dry, [(clock + 7, clock) for clock in taken])


def test_latencies_are_from_the_event_to_the_block_of_the_first_changed_frame_and_its_place_there():
    stretch = round(QUIET_S * RATE_HZ)
    origin = 10_000
    quiet = [0, stretch]
    resets = [*quiet, *(2 * stretch + 40_000 * number for number in range(80))]
    # In the first the ring ran dry; one never begins; one changes before its event; one is not heard.
    after = [stretch - 2000] * 2 + [12_000, 0, 9_000, 28_000] + [12_000 + 10 * number for number in range(76)]
    sound = take(after, resets, resets[-1] + 40_000)
    at = [origin + reset for reset in resets[2:]]
    made = measured([event(reset, reset + 13_000, dry=reset == at[0]) for reset in at])
    _hear(made, sound, origin, [origin + frame for frame in quiet], BLOCK)
    assert (made.lost, made.unheard) == (3, 1)
    assert made.of == made.events[4:]
    changes = [event.reset_frame + 14_000 + 10 * number for number, event in enumerate(made.of)]
    # The block with the frame was taken when the clock had counted its end.
    heard = [change - change % BLOCK + BLOCK + 7 + (change % BLOCK) * 1e9 / RATE_HZ for change in changes]
    sent = [event.sent_ns for event in made.of]
    np.testing.assert_allclose(np.array(made.latencies_ms) * 1e6, np.subtract(heard, sent), rtol=1e-9)
    np.testing.assert_allclose(np.array(made.ahead_ms) * 1e6, np.subtract(heard, sent) - 500, rtol=1e-9)


def test_a_session_in_which_much_is_lost_is_no_measurement():
    stretch = round(QUIET_S * RATE_HZ)
    resets = [0, stretch, *(2 * stretch + 40_000 * number for number in range(10))]
    sound = take([stretch - 2000] * 2 + [0] + [12_000] * 9, resets, resets[-1] + 40_000)
    with pytest.raises(BenchmarkError, match="1 of 10"):
        _hear(measured([event(reset, reset + 13_000) for reset in resets[2:]]), sound, 0, resets[:2], BLOCK)


def test_resets_that_do_not_repeat_are_refused():
    stretch = round(QUIET_S * RATE_HZ)
    sound = take([5000, 6000], [0, stretch], 2 * stretch)
    with pytest.raises(BenchmarkError, match="the same 0 frames"):
        _hear(measured([]), sound, 0, [0, stretch], BLOCK)
