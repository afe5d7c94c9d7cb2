import numpy as np
import pytest

from realtime.lead import MIN_LEAD_FRAMES, ROUND_FRAMES, SCHEDULING_S, STEP_MARGIN, choose_lead, least_lead, slow_step_ms

STEPS = 48


def steps(slowest_ms: float = 2.0) -> np.ndarray:
    return np.linspace(1.0, slowest_ms, STEPS, dtype=np.float32)


def test_a_step_that_nothing_holds_up_takes_what_it_takes():
    worked = steps()
    assert slow_step_ms(worked, worked) == pytest.approx(np.percentile(worked, 99))


@pytest.mark.parametrize("held_up", [1, STEPS // 2, STEPS * 4 // 5])
def test_waits_for_a_core_do_not_count_however_many_steps_they_meet(held_up):
    worked = steps()
    elapsed = worked.copy()
    elapsed[:held_up] += 60.0
    assert slow_step_ms(elapsed, worked) == pytest.approx(np.percentile(worked, 99))


def test_what_every_step_waits_for_counts():
    worked = steps()
    assert slow_step_ms(worked + 5.0, worked) == pytest.approx(np.percentile(worked, 99) + 5.0)


def test_the_work_of_several_threads_takes_no_longer_than_it_takes():
    elapsed = steps()
    assert slow_step_ms(elapsed, 4.0 * elapsed) == pytest.approx(np.percentile(elapsed, 99))


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 192_000])
@pytest.mark.parametrize("block_frames", [16, 128, 4096])
def test_the_lead_covers_a_block_a_slow_step_and_a_wait(rate_hz, block_frames):
    for step_ms in (0.0, 0.2, 1.8, 40.0):
        lead = choose_lead(step_ms, block_frames, rate_hz)
        needed = block_frames + (STEP_MARGIN * step_ms / 1000.0 + SCHEDULING_S) * rate_hz
        assert max(needed, MIN_LEAD_FRAMES) <= lead < max(needed, MIN_LEAD_FRAMES) + ROUND_FRAMES + 1
        assert lead % ROUND_FRAMES == 0
        assert lead >= least_lead(block_frames, rate_hz)
