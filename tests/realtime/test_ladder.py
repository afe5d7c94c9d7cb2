from realtime.ladder import CALM_STEPS, LATE_TO_DEGRADE, MAX_CALM_STEPS, WINDOW_STEPS, Ladder
from realtime.lead import MIN_LEAD_FRAMES, ROUND_FRAMES, choose_lead


def feed(ladder: Ladder, steps: int, share: float, late: bool) -> list[int]:
    return [ladder.observe(share, late) for _ in range(steps)]


def test_one_late_step_is_an_accident() -> None:
    ladder = Ladder(3)
    for _ in range(20):
        assert set(feed(ladder, 1, 1.2, True) + feed(ladder, WINDOW_STEPS, 0.2, False)) == {0}


def test_goes_down_one_at_a_time_and_no_further_than_there_are_modes() -> None:
    ladder = Ladder(3)
    modes = feed(ladder, 30, 1.5, True)
    assert modes[: LATE_TO_DEGRADE - 1] == [0] * (LATE_TO_DEGRADE - 1)
    assert modes[LATE_TO_DEGRADE - 1] == 1
    assert modes[-1] == 2


def test_comes_back_slowly_and_slower_after_a_failed_return() -> None:
    ladder = Ladder(2)
    feed(ladder, LATE_TO_DEGRADE, 1.5, True)
    first = feed(ladder, 2 * CALM_STEPS, 0.1, False)
    assert first.index(0) == CALM_STEPS - 1
    feed(ladder, LATE_TO_DEGRADE, 1.5, True)
    assert ladder.mode == 1
    second = feed(ladder, MAX_CALM_STEPS, 0.1, False)
    assert second.index(0) == 2 * CALM_STEPS - 1


def test_stays_down_while_steps_are_only_just_in_time() -> None:
    ladder = Ladder(2)
    feed(ladder, LATE_TO_DEGRADE, 1.5, True)
    assert set(feed(ladder, 3 * CALM_STEPS, 0.8, False)) == {1}


def test_a_pinned_mode_stays() -> None:
    ladder = Ladder(3, pinned=2)
    assert set(feed(ladder, 50, 0.1, False)) == {2}
    ladder.pinned = 0
    assert set(feed(ladder, 50, 2.0, True)) == {0}


def test_a_voice_with_one_mode_has_nowhere_to_go() -> None:
    assert set(feed(Ladder(1), 50, 2.0, True)) == {0}


def test_lead_grows_with_the_step_and_the_block() -> None:
    leads = [choose_lead(ms, 128, 44_100) for ms in (0.1, 1.0, 5.0, 20.0)]
    assert leads == sorted(leads)
    assert choose_lead(1.0, 1_024, 44_100) > choose_lead(1.0, 128, 44_100)
    assert all(lead % ROUND_FRAMES == 0 and lead >= MIN_LEAD_FRAMES for lead in leads)
