from itertools import pairwise

from realtime.kernels import layout as at


def test_no_two_regions_overlap() -> None:
    words = [(at.W_TIMINGS, at.TIMINGS, "timings")]
    words += [(at.deck_words(d), at.D_RINGS, f"deck {d}") for d in range(at.MAX_DECKS)]
    words += [(at.ring_words(d, r), at.RING_WORDS, f"ring {d}.{r}") for d in range(at.MAX_DECKS) for r in range(at.RINGS)]
    floats = [(at.F_SCRATCH, 2 * at.PIECE_FRAMES * at.CHANNELS, "scratch"), (at.F_TAP, at.TAP_FRAMES * at.CHANNELS, "tap")]
    floats += [(start, at.INPUT_FRAMES, "input") for start in (at.F_INPUT_HEARD, at.F_INPUT_RAW, at.F_INPUT_OUTPUT)]
    floats += [(at.deck_floats(d), at.DF_RINGS, f"deck {d}") for d in range(at.MAX_DECKS)]
    floats += [(at.ring_floats(d, r), at.RING_FLOATS, f"ring {d}.{r}") for d in range(at.MAX_DECKS) for r in range(at.RINGS)]
    for regions, low, high in ((words, at.W_NOW + 2, at.WORDS_END), (floats, 2 * at.WORDS_END, at.FLOATS_END)):
        ordered = sorted(regions)
        assert ordered[0][0] >= low
        for (start, size, name), (following, _, other) in pairwise(ordered):
            assert start + size <= following, (name, other)
        assert ordered[-1][0] + ordered[-1][1] <= high


def test_named_positions_are_distinct() -> None:
    for prefix in ("W_", "F_", "D_", "R_", "DF_", "RF_"):
        places = [value for name, value in vars(at).items() if name.startswith(prefix)]
        assert len(places) == len(set(places)), prefix


def test_what_polls_at_audio_rate_has_its_own_cache_line() -> None:
    lines = [at.W_CLOCK, at.W_INPUT_HEAD, at.W_TAP_HEAD, at.W_TAP_TAIL]
    lines += [at.ring_words(d, r) + p for d in range(at.MAX_DECKS) for r in range(at.RINGS) for p in (at.R_HEAD, at.R_TAIL)]
    assert all(position % 8 == 0 for position in lines)
    assert len({position // 8 for position in lines}) == len(lines)


def test_a_mask_is_a_power_of_two_less_one() -> None:
    for size, mask in ((at.RING_FRAMES, at.RING_MASK), (at.TAP_FRAMES, at.TAP_MASK), (at.INPUT_FRAMES, at.INPUT_MASK)):
        assert size & mask == 0
        assert mask == size - 1
