"""Counters of the last minute."""

from dataclasses import replace

from realtime.attach.view import SoundView, StageView
from realtime.screen.history import SPAN_S, History

VIEW = StageView(device_xruns=5)


def xruns(view: StageView) -> int:
    return view.device_xruns


def test_what_was_there_before_the_first_look_has_not_grown() -> None:
    history = History()
    assert history.grown(VIEW, xruns) == 0
    history.note(VIEW, 100.0)
    assert history.grown(VIEW, xruns) == 0
    assert history.grown(replace(VIEW, device_xruns=8), xruns) == 3


def test_it_forgets_after_a_minute() -> None:
    history = History()
    for second in range(200):
        history.note(replace(VIEW, device_xruns=min(second, 100)), float(second))
    last = replace(VIEW, device_xruns=100)
    assert history.grown(last, xruns) == 0
    history = History()
    for second in range(150):
        history.note(replace(VIEW, device_xruns=min(second, 100)), float(second))
    assert history.grown(last, xruns) == 100 - (149 - int(SPAN_S))


def test_it_keeps_one_view_a_second_without_its_sound() -> None:
    history = History()
    for look in range(20 * 300):
        history.note(replace(VIEW, sound=SoundView(b"12", look)), look / 20)
    assert len(history._views) <= SPAN_S + 1
    assert all(not view.sound.frames for _, view in history._views)


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    history = History()
    for second, count in enumerate((5, 9, 2, 3)):
        history.note(replace(VIEW, device_xruns=count), float(second))
    assert history.grown(replace(VIEW, device_xruns=4), xruns) == 4 + 2 + 1 + 1
