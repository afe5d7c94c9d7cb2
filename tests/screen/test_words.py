"""Words of a row that has not room for all."""

from realtime.screen.themes import DARK, Inks
from realtime.screen.words import Word, choose, paint_words, word_at

WORDS = (
    Word(("36 ms to sound", "36 ms"), weight=9, does="late"),
    Word(("gain +0.0 dB", "+0.0 dB", ""), weight=5, does="gain"),
    Word(("audio 9 %", ""), weight=1),
)


def said(width: int) -> list[str]:
    return [text for _, text in choose(WORDS, width)]


def test_what_matters_least_is_shortened_first() -> None:
    assert said(80) == ["36 ms to sound", "gain +0.0 dB", "audio 9 %"]
    assert said(38) == ["36 ms to sound", "+0.0 dB", "audio 9 %"]


def test_everything_is_said_shortly_before_anything_is_left_out() -> None:
    assert said(26) == ["36 ms", "+0.0 dB", "audio 9 %"]
    assert said(16) == ["36 ms", "+0.0 dB"]
    assert said(6) == ["36 ms"]


def test_a_row_is_as_wide_as_its_room() -> None:
    for width in range(5, 90):
        assert sum(segment.cell_length for segment in paint_words(Inks(DARK.variables), width, "panel", WORDS)) == width


def test_a_click_finds_the_word_that_is_there() -> None:
    assert word_at(WORDS, 80, 0) == "late"
    assert word_at(WORDS, 80, 16) == "gain"
    assert word_at(WORDS, 80, 14) == ""
    assert word_at(WORDS, 26, 8) == "gain"
    assert word_at(WORDS, 80, 79) == ""
