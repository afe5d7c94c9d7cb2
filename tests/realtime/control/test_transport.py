import pytest

from realtime.control.downbeat import Downbeat
from realtime.control.transport import Transport, TransportError
from realtime.errors import StageError

RATE_HZ = 48_000
BEAT = 24_000  # frames of a beat at 120 bpm


class Clock:
    frame = 0

    def __call__(self) -> int:
        return self.frame


class Moves(list):
    def __call__(self) -> None:
        self.append(1)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def transport(clock):
    return Transport(RATE_HZ, clock, Moves())


def test_it_stands_until_it_is_started(transport):
    assert not transport.running
    assert transport.beat_at(1_000_000) == 0.0
    assert transport.frame_of(4.0) is None
    assert transport.next_boundary(0) is None


def test_starting_is_beat_0_now_and_stopping_keeps_the_place(transport, clock):
    clock.frame = 1_000
    transport.set_running(True)
    assert transport.beat_at(1_000 + 3 * BEAT) == 3.0
    assert transport.frame_of(4.0) == 1_000 + 4 * BEAT
    clock.frame = 1_000 + 6 * BEAT
    transport.set_running(False)
    assert transport.beat_at(10**9) == 6.0
    transport.set_running(True)
    assert transport.beat_at(clock.frame) == 0.0


def test_a_change_of_tempo_keeps_the_beat(transport, clock):
    transport.set_running(True)
    clock.frame = 2 * BEAT
    transport.set_tempo(60.0)
    assert transport.beat_at(clock.frame) == 2.0
    assert transport.frame_of(3.0) == 2 * BEAT + 2 * BEAT


@pytest.mark.parametrize("tempo", [20.0, 93.7, 120.0, 177.77, 400.0])
@pytest.mark.parametrize("quantum", [1, 3, 4, 64])
def test_a_boundary_is_its_nearest_frame_and_the_next_one_from_there_is_the_same(transport, clock, tempo, quantum):
    clock.frame = 12_345
    transport.set_tempo(tempo)
    transport.set_running(True)
    transport.set_quantum(quantum)
    assert transport.next_boundary(clock.frame) == 0.0
    frame = clock.frame + 1
    for turn in range(1, 30):
        beat = transport.next_boundary(frame)
        assert beat == turn * quantum
        at = transport.frame_of(beat)
        assert abs(transport.beat_at(at) - beat) <= 0.51 * tempo / 60 / RATE_HZ
        assert transport.next_boundary(at) == beat
        frame = at + 1


def test_without_a_quantum_nothing_waits(transport):
    transport.set_running(True)
    transport.set_quantum(0)
    assert transport.next_boundary(5) is None


def test_only_the_clock_that_is_followed_is_heard(transport):
    transport.follow("midi", 0, 8.0, 100.0, True)
    assert not transport.running
    transport.set_source("midi")
    transport.follow("midi", 100, 8.0, 100.0, True)
    assert (transport.running, transport.tempo_bpm, transport.beat_at(100)) == (True, 100.0, 8.0)
    transport.follow("midi", 200, 8.0, 0.0, True)
    assert transport.tempo_bpm == 100.0  # not known yet


def test_a_midi_clock_is_not_ours_to_lead(transport):
    transport.set_source("midi")
    for act in (lambda: transport.set_tempo(99.0), lambda: transport.set_running(True)):
        with pytest.raises(TransportError, match="MIDI clock"):
            act()
    assert transport.tempo_bpm == 120.0


def test_an_unknown_clock_is_refused(transport):
    with pytest.raises(TransportError, match="internal, midi, link"):
        transport.set_source("sundial")
    assert transport.source == "internal"


def test_link_is_refused_by_name_where_it_is_not_there_and_the_clock_goes_on(clock):
    def none(transport):
        raise StageError("no network")

    transport = Transport(RATE_HZ, clock, open_link=none)
    transport.set_running(True)
    with pytest.raises(StageError, match="no network"):
        transport.set_source("link")
    assert (transport.source, transport.running) == ("internal", True)
    with pytest.raises(TransportError, match="no Ableton Link"):
        Transport(RATE_HZ, clock).set_source("link")


def test_a_shared_clock_is_told_and_left(clock):
    told = []

    class Peer:
        def set_tempo(self, tempo_bpm):
            told.append(tempo_bpm)

        def set_running(self, running):
            told.append(running)

        def close(self):
            told.append("closed")

    transport = Transport(RATE_HZ, clock, open_link=lambda _: Peer())
    transport.set_source("link")
    transport.set_tempo(90.0)
    transport.follow("link", 0, 5.5, 90.0, True)
    transport.set_running(True)
    assert transport.beat_at(0) == 5.5  # a shared beat is not begun anew
    transport.set_source("internal")
    assert told == [90.0, True, "closed"]


def test_who_waits_is_woken_when_the_clock_jumps_and_not_by_every_tick(transport):
    transport.set_source("midi")
    moves = transport._moved
    moves.clear()
    transport.follow("midi", 0, 0.0, 120.0, True)
    assert len(moves) == 1
    for tick in range(1, 96):
        transport.follow("midi", tick * BEAT // 24, tick / 24, 120.0, True)
    assert len(moves) == 1
    transport.follow("midi", 4 * BEAT, 32.0, 120.0, True)
    assert len(moves) == 2


def test_a_downbeat_waits_for_the_bar_and_then_stays(transport, clock):
    transport.set_running(True)
    downbeat = Downbeat(transport, BEAT)
    assert downbeat.frame(BEAT) == downbeat.frame(2 * BEAT) == 4 * BEAT
    assert downbeat.frame(4 * BEAT) == downbeat.frame(7 * BEAT) == 4 * BEAT


def test_a_downbeat_on_the_bar_is_now(transport):
    transport.set_running(True)
    assert Downbeat(transport, 8 * BEAT).frame(8 * BEAT) == 8 * BEAT


def test_a_downbeat_follows_tempo_jump_and_stop(transport, clock):
    transport.set_running(True)
    downbeat = Downbeat(transport, BEAT)
    clock.frame = 2 * BEAT
    transport.set_tempo(60.0)
    assert downbeat.frame(2 * BEAT) == 6 * BEAT
    transport.set_source("midi")
    transport.follow("midi", 2 * BEAT, 100.5, 120.0, True)  # forward, past it
    assert downbeat.frame(2 * BEAT) <= 2 * BEAT
    back = Downbeat(transport, 2 * BEAT)
    transport.follow("midi", 2 * BEAT, 1.0, 120.0, True)  # back to the beginning
    assert back.frame(2 * BEAT) == 5 * BEAT
    transport.follow("midi", 2 * BEAT, 1.0, 120.0, False)
    assert back.frame(2 * BEAT + 77) == 2 * BEAT + 77
    assert back.frame(9 * BEAT) == 2 * BEAT + 77
