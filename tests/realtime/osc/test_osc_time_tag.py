"""Time tags: exact, both ways, and across the end of an era."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.osc.time_tag import to_seconds_ahead
from tests.fuzz.osc_corpus import from_unix

ERA_ENDS_UNIX_S = 2**32 - 2_208_988_800.0


def test_the_epoch_of_unix_is_exact() -> None:
    assert from_unix(0.0) == 2_208_988_800 << 32
    assert to_seconds_ahead(from_unix(1.5), 1.0) == 0.5


@given(st.floats(0.0, 4.0e9), st.floats(-3600.0, 3600.0))
def test_there_and_back(now_s: float, ahead_s: float) -> None:
    # A double has 0.5 µs in 2^32 seconds.
    assert abs(to_seconds_ahead(from_unix(now_s + ahead_s), now_s) - ahead_s) < 2e-6


def test_the_end_of_the_era_is_like_any_other_second() -> None:
    assert from_unix(ERA_ENDS_UNIX_S) == 0
    assert to_seconds_ahead(from_unix(ERA_ENDS_UNIX_S + 1.0), ERA_ENDS_UNIX_S - 1.0) == 2.0
    assert to_seconds_ahead(from_unix(ERA_ENDS_UNIX_S - 1.0), ERA_ENDS_UNIX_S + 1.0) == -2.0
