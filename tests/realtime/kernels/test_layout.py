from itertools import pairwise

from realtime.kernels import layout as at


def queue_words(slots: int) -> int:
    return at.Q_SLOTS + at.Q_ENTRY * slots


def waiting_words(slots: int) -> int:
    return at.P_SLOTS + at.P_ENTRY * slots


def test_no_two_regions_overlap() -> None:
    words = [(at.W_TIMINGS, at.TIMINGS, "timings")]
    words += [(at.W_SCHEDULE, queue_words(at.SCHEDULE_SLOTS), "schedule")]
    words += [(at.W_WAITING, waiting_words(at.SCHEDULE_SLOTS), "waiting"), (at.W_JOURNAL, queue_words(at.JOURNAL_SLOTS), "journal")]
    words += [(at.deck_words(d), at.D_RINGS, f"deck {d}") for d in range(at.MAX_DECKS)]
    words += [(at.ring_words(d, r), at.RING_WORDS, f"ring {d}.{r}") for d in range(at.MAX_DECKS) for r in range(at.RINGS)]
    floats = [(at.F_SCRATCH, 2 * at.PIECE_FRAMES * at.CHANNELS, "scratch"), (at.F_TAP, at.TAP_FRAMES * at.CHANNELS, "tap")]
    floats += [(at.F_SCHEDULE, at.SCHEDULE_SLOTS, "schedule"), (at.F_WAITING, at.SCHEDULE_SLOTS, "waiting")]
    floats += [(at.F_JOURNAL, at.JOURNAL_SLOTS, "journal")]
    floats += [(at.F_STEMS + d * at.STEM_FRAMES * at.CHANNELS, at.STEM_FRAMES * at.CHANNELS, f"stem {d}") for d in range(at.MAX_DECKS)]
    floats += [(start, at.INPUT_FRAMES, "input") for start in (at.F_INPUT_HEARD, at.F_INPUT_RAW, at.F_INPUT_OUTPUT)]
    floats += [(at.deck_floats(d), at.DF_RINGS, f"deck {d}") for d in range(at.MAX_DECKS)]
    floats += [(at.ring_floats(d, r), at.RING_FLOATS, f"ring {d}.{r}") for d in range(at.MAX_DECKS) for r in range(at.RINGS)]
    for regions, low, high in ((words, at.W_NOW + 2, at.WORDS_END), (floats, 2 * at.WORDS_END, at.FLOATS_END)):
        ordered = sorted(regions)
        assert ordered[0][0] >= low
        for (start, size, name), (following, _, other) in pairwise(ordered):
            assert start + size <= following, (name, other)
        assert ordered[-1][0] + ordered[-1][1] <= high


def test_no_two_regions_of_a_ring_overlap() -> None:
    words = [(at.R_HEAD, 1), (at.R_TAIL, 4), (at.R_HEARTBEAT_NS, 9), (at.R_SCHEDULE, queue_words(at.RING_SCHEDULE_SLOTS))]
    words += [(at.R_WAITING, waiting_words(at.RING_SCHEDULE_SLOTS)), (at.R_JOURNAL, queue_words(at.RING_JOURNAL_SLOTS))]
    floats = [(at.RF_PRESENCE, 1), (at.RF_LEVEL, 1), (at.RF_CONTROLS, at.MAX_CONTROLS), (at.RF_FREEZE, 1), (at.RF_SEEN, at.MAX_CONTROLS)]
    floats += [(at.RF_SET, at.MAX_CONTROLS), (at.RF_NOTED, at.MAX_CONTROLS + 1), (at.RF_SCHEDULE, at.RING_SCHEDULE_SLOTS)]
    floats += [(at.RF_WAITING, at.RING_SCHEDULE_SLOTS), (at.RF_JOURNAL, at.RING_JOURNAL_SLOTS), (at.RF_DATA, at.RING_FRAMES * at.CHANNELS)]
    for regions, size in ((words, at.RING_WORDS), (floats, at.RING_FLOATS)):
        for (start, length), (following, _) in pairwise([*sorted(regions), (size, 0)]):
            assert start + length <= following


def test_named_positions_are_distinct() -> None:
    for prefix in ("W_", "F_", "D_", "R_", "DF_", "RF_", "Q_", "P_", "J_"):
        places = [value for name, value in vars(at).items() if name.startswith(prefix)]
        assert len(places) == len(set(places)), prefix


def test_what_polls_at_audio_rate_has_its_own_cache_line() -> None:
    lines = [at.W_CLOCK, at.W_INPUT_HEAD, at.W_TAP_HEAD, at.W_TAP_TAIL, at.W_GATE, at.W_CLOCK_OFFSET_NS]
    lines += [at.deck_words(d) + p for d in range(at.MAX_DECKS) for p in (at.D_STEM_HEAD, at.D_STEM_TAIL)]
    queues = [at.W_SCHEDULE, at.W_JOURNAL]
    queues += [at.ring_words(d, r) + p for d in range(at.MAX_DECKS) for r in range(at.RINGS) for p in (at.R_SCHEDULE, at.R_JOURNAL)]
    lines += [queue + p for queue in queues for p in (at.Q_HEAD, at.Q_TAIL)]
    lines += [at.ring_words(d, r) + p for d in range(at.MAX_DECKS) for r in range(at.RINGS) for p in (at.R_HEAD, at.R_TAIL)]
    assert all(position % 8 == 0 for position in lines)
    assert len({position // 8 for position in lines}) == len(lines)


def test_a_mask_is_a_power_of_two_less_one() -> None:
    sizes = (at.RING_FRAMES, at.TAP_FRAMES, at.STEM_FRAMES, at.INPUT_FRAMES)
    for size, mask in zip(sizes, (at.RING_MASK, at.TAP_MASK, at.STEM_MASK, at.INPUT_MASK), strict=True):
        assert size & mask == 0
        assert mask == size - 1
    for slots in (at.SCHEDULE_SLOTS, at.RING_SCHEDULE_SLOTS, at.JOURNAL_SLOTS, at.RING_JOURNAL_SLOTS):
        assert slots & (slots - 1) == 0


def test_what_a_journal_says_can_be_told_apart() -> None:
    assert at.J_MIXED + at.MIXED <= 2**20
    assert at.RINGS * at.MAX_DECKS <= at.JOURNAL_PLACES
    assert at.J_FREEZE >= at.MAX_CONTROLS
