"""What the screen says for a while: how long it stays, and what it covers."""

import pytest
from textual.widgets._toast import Toast

from realtime.screen.app import StarlingScreen
from realtime.screen.notices import LEAST_ERROR_S, LEAST_S, MOST_S, SAID_AGAIN_S, reading_s
from tests.screen.desk import HandClock, played
from tests.screen.link import NotedLink
from tests.screen.views import stage_view

LONG = "/deck/1/load: no such patch: got 'none', allowed: " + ", ".join(f"patch-{number}" for number in range(9))


def test_a_text_stays_as_long_as_it_takes_to_read() -> None:
    assert reading_s("stored: verse", error=False) == LEAST_S
    assert reading_s("refused", error=True) == LEAST_ERROR_S
    assert LEAST_ERROR_S < reading_s(LONG, error=True) < MOST_S
    assert reading_s(LONG * 9, error=True) == MOST_S


@played
async def test_a_text_is_said_again_only_after_a_while() -> None:
    app = StarlingScreen(NotedLink(stage_view()), clock=(clock := HandClock()))
    said: list[str] = []
    async with app.run_test(size=(80, 24)):
        app.notify = lambda message, **how: said.append(message)  # type: ignore[method-assign]
        app.session.say("once")
        clock.now += 0.9 * SAID_AGAIN_S
        for text in ("other", "once"):
            app.session.say(text)
        clock.now += 0.2 * SAID_AGAIN_S
        for text in ("once", "other"):
            app.session.say(text)
        assert said == ["once", "other", "once"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@played
async def test_what_is_said_lies_over_the_footer_and_covers_little_more(size: tuple[int, int]) -> None:
    columns, rows = size
    app = StarlingScreen(NotedLink(stage_view()))
    async with app.run_test(size=size, notifications=True) as pilot:
        app.session.say("stored: verse")
        await pilot.pause()
        (toast,) = app.screen.query(Toast)
        assert (toast.region.y, toast.region.height, toast.region.right) == (rows - 1, 1, columns)
        assert toast.region.width < 20
        app.session.say(LONG, error=True)
        await pilot.pause()
        first, second = app.screen.query(Toast)
        wanted = -(-len(LONG) // (columns - 4))
        assert wanted > 1
        assert second.region.height == wanted
        assert (second.region.bottom, second.region.right, first.region.bottom) == (rows, columns, rows - wanted)
        for number in range(9):
            app.session.say(f"more {number}")
        await pilot.pause()
        # What went wrong is still there, and the newest of the rest.
        first, second = app.screen.query(Toast)
        assert (str(first.render()), str(second.render())) == (LONG, "more 8")
        assert (second.region.height, second.region.bottom) == (1, rows)
        app.session.say(9 * LONG, error=True)
        await pilot.pause()
        first, second = app.screen.query(Toast)
        assert str(first.render()) == LONG
        assert (first.region.height, second.region.height, second.region.bottom) == (wanted, 3, rows)
        app.session.say("the newest")
        await pilot.pause()
        assert [str(toast.render()) for toast in app.screen.query(Toast)] == [9 * LONG, "the newest"]
