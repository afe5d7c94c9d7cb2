import pytest

from realtime.lead import MIN_LEAD_FRAMES, ROUND_FRAMES, SCHEDULING_S, STEP_MARGIN, choose_lead, least_lead


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 192_000])
@pytest.mark.parametrize("block_frames", [16, 128, 4096])
def test_the_lead_covers_a_block_a_slow_step_and_a_wait(rate_hz, block_frames):
    for step_ms in (0.0, 0.2, 1.8, 40.0):
        lead = choose_lead(step_ms, block_frames, rate_hz)
        needed = block_frames + (STEP_MARGIN * step_ms / 1000.0 + SCHEDULING_S) * rate_hz
        assert max(needed, MIN_LEAD_FRAMES) <= lead < max(needed, MIN_LEAD_FRAMES) + ROUND_FRAMES + 1
        assert lead % ROUND_FRAMES == 0
        assert lead >= least_lead(block_frames, rate_hz)
