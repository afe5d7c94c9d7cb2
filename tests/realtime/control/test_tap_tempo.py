"""A tempo that is tapped, by a clock turned by hand."""

import pytest

from realtime.control.tap_tempo import FORGET_S, MOST_TAPS, TapTempo
from realtime.control.transport import Transport, TransportError
from tests.memory_stage import RATE_HZ
from tests.realtime.control.desk import Desk


class Hand:
    """Taps, some time after the tap before."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.transport = Transport(RATE_HZ, self.desk.core.frame_now)
        self.transport.serve(self.desk.core)
        self.now_s = 50.0
        TapTempo(self.transport, lambda: self.now_s).serve(self.desk.core)

    def tap(self, *after_s: float) -> float:
        for passed_s in after_s:
            self.now_s += passed_s
            (told,) = self.desk.ask("/transport/tap")
            assert (told.state, told.values) == ("done", (self.transport.tempo_bpm,))
        return self.transport.tempo_bpm


@pytest.fixture(name="hand")
def _hand() -> Hand:
    return Hand()


def test_one_tap_sets_nothing_and_the_second_does(hand):
    assert hand.tap(0.0) == 120.0
    assert hand.tap(0.6) == pytest.approx(100.0)
    assert hand.desk.read("/transport/tempo") == pytest.approx(100.0)


def test_the_mean_of_what_was_tapped(hand):
    assert hand.tap(0.0, 0.48, 0.52, 0.49, 0.51) == pytest.approx(120.0)


def test_only_the_last_taps_count(hand):
    hand.tap(0.0, *[1.0] * 20)
    assert hand.tap(*[0.5] * (MOST_TAPS - 2)) > 60.0
    assert hand.tap(0.5) == pytest.approx(120.0)


def test_after_a_while_it_begins_anew(hand):
    hand.tap(0.0, 0.5, 0.5)
    assert hand.tap(FORGET_S + 0.01) == pytest.approx(120.0)
    assert hand.tap(0.6) == pytest.approx(100.0)
    assert hand.tap(FORGET_S) == pytest.approx(60.0 * 2 / (0.6 + FORGET_S))


def test_a_hand_that_trembles_is_kept_within_the_limits_of_the_tempo(hand):
    assert hand.tap(0.0, 0.01) == 400.0
    assert hand.tap(0.0) == 400.0
    hand = Hand()
    assert hand.tap(0.0, 0.0) == 400.0


def test_the_beat_goes_on_from_where_it_is(hand):
    hand.transport.set_running(True)
    hand.desk.advance(1.0)
    hand.tap(0.0, 1.0)
    assert hand.transport.beat_at(hand.desk.frame) == pytest.approx(2.0, abs=0.01)


def test_another_clock_is_not_led_by_taps(hand):
    hand.transport.set_source("midi")
    for _ in range(2):
        (told,) = hand.desk.ask("/transport/tap")
        assert told.state == "failed"
        assert "got source midi; allowed: internal; set /transport/source internal first" in told.why
    assert hand.transport.tempo_bpm == 120.0
    with pytest.raises(TransportError):
        TapTempo(hand.transport).tap()
    hand.transport.set_source("internal")
    assert hand.tap(0.1) == 120.0
