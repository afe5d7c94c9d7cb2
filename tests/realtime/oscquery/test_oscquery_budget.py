"""The bucket of tokens, on a clock turned by hand."""

import pytest

from realtime.oscquery.budget import Budget


class HandClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_second_of_tokens_is_there_at_once_and_the_rest_is_waited_for() -> None:
    budget = Budget(10.0, HandClock())
    assert [budget.take(1.0) for _ in range(10)] == [0.0] * 10
    assert budget.take(1.0) == pytest.approx(0.1)
    assert budget.take(1.0) == pytest.approx(0.2)


def test_tokens_come_back_up_to_a_second() -> None:
    clock = HandClock()
    budget = Budget(10.0, clock)
    for _ in range(15):
        budget.take(1.0)
    clock.now_s += 0.5
    assert budget.wait_s(1.0) == pytest.approx(0.1)
    clock.now_s += 3600.0
    assert budget.wait_s(10.0) == 0.0
    assert budget.wait_s(11.0) == pytest.approx(0.1)


def test_asking_takes_nothing() -> None:
    budget = Budget(10.0, HandClock())
    assert [budget.wait_s(10.0) for _ in range(5)] == [0.0] * 5
