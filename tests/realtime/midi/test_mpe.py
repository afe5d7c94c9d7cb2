"""Zones and bends."""

from realtime.midi.mpe import BEND_TOP, Zones, bend_raw, bend_share


def test_a_bend_is_exact_at_rest_and_at_both_ends() -> None:
    assert (bend_share(0), bend_share(8_192), bend_share(BEND_TOP)) == (-1.0, 0.0, 1.0)
    assert all(bend_raw(bend_share(raw)) == raw for raw in range(BEND_TOP + 1))


def test_zones_have_their_members() -> None:
    zones = Zones()
    assert zones.master_of(2) is None
    assert set(zones.configure(1, 3) or ()) == {1, 2, 3, 4}
    assert [zones.master_of(channel) for channel in (1, 2, 4, 5)] == [None, 1, 1, None]
    zones.configure(16, 2)
    assert [zones.master_of(channel) for channel in (13, 14, 15, 16)] == [None, 16, 16, None]


def test_the_newer_zone_takes_from_the_older() -> None:
    zones = Zones()
    zones.configure(1, 14)
    assert set(zones.configure(16, 5) or ()) == {16, 15, 14, 13, 12, 11}
    assert len(zones.members(1)) == 9
    # All fifteen: the other master is a member.
    zones.configure(1, 15)
    assert not zones.is_master(16)
    assert zones.master_of(16) == 1


def test_no_zone_on_other_channels_and_none_by_nought() -> None:
    zones = Zones()
    assert zones.configure(5, 3) is None
    zones.configure(1, 3)
    assert set(zones.configure(1, 0) or ()) == {1, 2, 3, 4}
    assert zones.master_of(2) is None


def test_a_range_told_to_one_member_holds_for_all() -> None:
    zones = Zones()
    zones.configure(1, 3)
    for channel in (1, 2, 3, 4):
        zones.begin_anew(channel)
    assert (zones[1].range_semitones, zones[2].range_semitones) == (2.0, 48.0)
    zones.set_range(3, 24)
    assert [zones[channel].range_semitones for channel in (1, 2, 3, 4, 5)] == [2.0, 24, 24, 24, 2.0]
    zones[1].bend, zones[2].bend = 1.0, -0.5
    assert zones.semitones(2) == 2.0 - 12.0
