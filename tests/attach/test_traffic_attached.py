"""Messages that went by, over the real socket: to each screen that wants them, once, and to no other."""

from collections.abc import Callable
from itertools import chain, pairwise

from realtime.attach.client import SocketLink
from realtime.attach.messages import write_message
from realtime.attach.news import MOST_TRAFFIC
from realtime.attach.viewer import MOST_MESSAGES
from realtime.control.traffic import KEPT
from realtime.midi.frames import Frame, FrameKind
from realtime.osc.packet import encode
from tests.attach.stage import Stage, ask, until

PEER = ("127.0.0.1", 57120)


def osc(stage: Stage, *values: float) -> None:
    for value in values:
        stage.show.osc.receiver.handle(encode("/master/gain", (value,)), PEER, lambda packet: True)


def texts(link: SocketLink) -> list[str]:
    return [line.text.partition("  ")[2] for line in link.look().traffic]


def settle(link: SocketLink) -> None:
    """Wait for a view that was asked for after now: what was asked for before is an older one."""
    for _ in range(2):
        ask(link, "/status")
        before = link.look().clock_frames
        until(lambda before=before: link.look().clock_frames > before)  # type: ignore[misc]


def test_they_come_while_they_are_wanted(stage: Stage) -> None:
    with stage.link() as link:
        osc(stage, -1.0)
        settle(link)
        assert link.look().traffic == ()
        link.want_traffic(True)
        # Also those from before: what somebody opens the log for has happened already.
        until(lambda: texts(link) == ["/master/gain -1.0"])
        stage.show.osc.receiver.handle(encode("/nowhere", (1,)), PEER, lambda packet: True)
        stage.show.ports.take(Frame(FrameKind.OPENED, 1, 0, b"knobs"))
        stage.show.ports.take(Frame(FrameKind.MESSAGE, 1, 0, b"\xb0\x4a\x40"))
        until(lambda: len(texts(link)) == 4)
        lines = link.look().traffic
        assert [line.channel for line in lines] == ["osc in", "osc in", "osc out", "midi in"]
        assert lines[1].text == "127.0.0.1:57120  /nowhere 1"
        assert lines[2].text.startswith('127.0.0.1:57120  /fail "/nowhere" "no such address')
        assert lines[3].text == "knobs  channel 1 control change 74 64"
        said = {line.text: line.time_s for line in link.look().lines}
        # Times are those of the log, so that both can be put in one order.
        assert abs(lines[3].time_s - said["knobs is here"]) < 5.0
        link.want_traffic(False)
        settle(link)
        osc(stage, -2.0)
        settle(link)
        assert len(link.look().traffic) == 4
        link.want_traffic(True)
        until(lambda: len(texts(link)) == 5)
        assert [line.number for line in link.look().traffic] == [1, 2, 3, 4, 5]


def test_two_screens_have_each_their_own(stage: Stage) -> None:
    with stage.link() as link, stage.link() as other:
        link.want_traffic(True)
        osc(stage, *(-0.01 * step for step in range(100)))
        until(lambda: len(texts(link)) == 100)
        assert other.look().traffic == ()
        other.want_traffic(True)
        osc(stage, -2.0)
        for one in (link, other):
            until(lambda one=one: len(texts(one)) == 101)  # type: ignore[misc]
            assert [line.number for line in one.look().traffic] == list(range(1, 102))


def test_of_a_flood_the_newest_are_kept_and_the_others_counted(stage: Stage) -> None:
    with stage.link() as link:
        link.want_traffic(True)
        osc(stage, -1.0)
        until(lambda: texts(link))
        link.want_traffic(False)
        settle(link)
        for _ in range(5):
            osc(stage, *(-0.01 * step for step in range(KEPT)))
        link.want_traffic(True)
        # A number that is missing is what a panel counts by.
        wanted = [1, *range(5 * KEPT + 2 - KEPT, 5 * KEPT + 2)][-MOST_TRAFFIC:]
        until(lambda: [line.number for line in link.look().traffic] == wanted)


def test_a_look_has_no_more_than_a_bounded_part(stage: Stage) -> None:
    osc(stage, *(-0.01 * step for step in range(100)))
    with stage.raw(hello=True) as raw:
        parts = [heard(raw.say, raw.hear) for _ in range(4)]
    assert [len(part) for part in parts] == [MOST_MESSAGES, MOST_MESSAGES, 20, 0]
    assert all(later == earlier + 1 for earlier, later in pairwise(chain(*parts)))


def heard(say: Callable[..., None], hear: Callable[[], tuple[str, list[dict[str, list[dict[str, int]]]]]]) -> list[int]:
    say("look", False, True)
    return [table["number"] for table in hear()[1][0].get("traffic", [])]


def test_what_a_hostile_sender_says_is_shown_and_harms_nobody(stage: Stage) -> None:
    stage.show.traffic.note("osc in", "\x1b[2J\ud800", [("/a", ("\x00\u202e\udfff" * 30_000,)), ("/b", (float("nan"), 10**400))])
    with stage.link() as link:
        link.want_traffic(True)
        until(lambda: len(link.look().traffic) == 2)
        assert all(line.text.isprintable() for line in link.look().traffic)
        assert link.gone == ""
        # It fits the smallest message there is many times over.
        assert len(write_message("view", {"traffic": [line.text for line in link.look().traffic]})) < 2_000
    stage.is_well()
