"""What meters remember: held peaks, clips, growing counts."""

from realtime.screen.memory import FALL_DB_PER_S, FRESH_S, HOLD_S, Growth, Holds, PeakHold


def test_a_peak_is_held_and_then_falls_to_the_level() -> None:
    hold = PeakHold()
    hold.hear(-6.0, 100.0)
    hold.hear(-30.0, 100.0 + HOLD_S)
    assert hold.held_db == -6.0
    hold.hear(-30.0, 100.5 + HOLD_S)
    assert hold.held_db == -6.0 - FALL_DB_PER_S * 0.5
    hold.hear(-30.0, 200.0)
    assert hold.held_db == -30.0


def test_a_greater_peak_is_taken_at_once() -> None:
    hold = PeakHold()
    hold.hear(-20.0, 1.0)
    hold.hear(-3.0, 1.05)
    assert hold.held_db == -3.0
    assert hold.said == "-3.0"


def test_silence_is_said_as_such() -> None:
    hold = PeakHold()
    hold.hear(-120.0, 1.0)
    assert hold.said == "-inf"


def test_a_clip_stays_until_somebody_could_see_it() -> None:
    hold = PeakHold()
    hold.hear(0.0, 1.0)
    hold.hear(-50.0, 1.0 + FRESH_S)
    assert hold.clipped
    hold.hear(-50.0, 1.1 + FRESH_S)
    assert not hold.clipped


def test_a_clip_on_either_side_can_be_forgotten() -> None:
    holds = Holds(-0.2)
    holds.hear((-10.0, -0.1), 1.0)
    assert holds.clipped
    assert [side.clipped for side in holds.sides] == [False, True]
    holds.forget_clip()
    assert not holds.clipped


def test_a_count_that_was_there_before_is_no_news() -> None:
    growth = Growth()
    assert not growth.fresh(7, 10.0)
    assert not growth.fresh(7, 10.1)
    assert growth.fresh(8, 10.2)
    assert growth.fresh(8, 10.2 + FRESH_S - 0.1)
    assert not growth.fresh(8, 10.2 + FRESH_S + 0.1)
    assert growth.fresh(9, 99.0, 0.4)
    assert not growth.fresh(9, 99.5, 0.4)
    # A deck that was filled anew counts from nothing.
    assert not growth.fresh(0, 120.0)
