import json
from dataclasses import replace
from pathlib import Path

import pytest

from patches.manifest import Audio
from realtime.corpora import check_options, corpus_text, parse_corpus, read_options, write_options
from realtime.errors import ClipError, CorpusError
from realtime.voices.voice import CorpusChoice, VoiceOptions
from tests.stage_patch import manifest

MOSAIC = manifest("field", Audio(44_100, 1, 1_024, 0))
TOKENS = replace(MOSAIC, kind="tokens")


def corpus(path: Path) -> str:
    path.mkdir(parents=True)
    (path / "corpus.json").write_text("{}")
    return str(path)


def test_what_can_be_played_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus(tmp_path / "glass")
    (tmp_path / "seed.wav").touch()
    monkeypatch.chdir(tmp_path)
    options = check_options("deck 1", MOSAIC, [CorpusChoice("@patch"), CorpusChoice("glass", 0.5, ("struck",))], "seed.wav")
    here = tmp_path.resolve()
    assert options == VoiceOptions((CorpusChoice("@patch"), CorpusChoice(str(here / "glass"), 0.5, ("struck",))), here / "seed.wav")
    assert check_options("deck 1", TOKENS, [], None) == VoiceOptions()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (CorpusChoice("glass", 0.0), "weight of corpus .*glass; got 0; allowed: over 0, up to 100"),
        (CorpusChoice("glass", -1.0), "weight"),
        (CorpusChoice("glass", 101.0), "weight"),
        (CorpusChoice("glass", float("nan")), "weight"),
        (CorpusChoice("glass", 1.0, ("",)), "labels of corpus"),
        (CorpusChoice("glass", 1.0, ("x",) * 65), "labels of corpus"),
        (CorpusChoice("none"), "no such corpus folder; got none"),
        (CorpusChoice(""), "no such corpus folder; got nothing"),
        (CorpusChoice("seed.wav"), "which is a file"),
        (CorpusChoice("empty"), "is no corpus; got a folder without corpus.json"),
    ],
)
def test_a_corpus_that_cannot_be(choice: CorpusChoice, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus(tmp_path / "glass")
    (tmp_path / "empty").mkdir()
    (tmp_path / "seed.wav").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match=f"deck 3.*{message}"):
        check_options("deck 3", MOSAIC, [choice])


def test_what_a_deck_cannot_have(tmp_path: Path) -> None:
    glass = CorpusChoice(corpus(tmp_path / "glass"))
    for corpora, prime, message in (
        ([glass], None, "plays no corpus; got a patch of kind tokens"),
        ([], "seed.wav", "no sequencer to hear a prime"),
    ):
        with pytest.raises(CorpusError, match=message):
            check_options("deck 1", TOKENS, corpora, prime)
    with pytest.raises(CorpusError, match="the same corpus twice"):
        check_options("deck 1", MOSAIC, [glass, CorpusChoice(f"{glass.path}/../glass")])
    many = [CorpusChoice(corpus(tmp_path / str(number))) for number in range(17)]
    assert len(check_options("deck 1", MOSAIC, many[:16]).corpora) == 16
    with pytest.raises(CorpusError, match="number of corpora; got 17; allowed: up to 16"):
        check_options("deck 1", MOSAIC, many)
    with pytest.raises(ClipError, match="the prime is a folder"):
        check_options("deck 1", MOSAIC, [], tmp_path)
    with pytest.raises(ClipError, match="no such prime"):
        check_options("deck 1", MOSAIC, [], tmp_path / "none.wav")


@pytest.mark.parametrize(
    "options",
    [VoiceOptions(), VoiceOptions((CorpusChoice("@patch"), CorpusChoice("sounds/ü \udcff", 0.25, ("a", "b"))), Path("seeds/seed.wav"))],
)
def test_options_travel_as_json(options: VoiceOptions) -> None:
    assert read_options(json.loads(json.dumps(write_options(options)).encode())) == options


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("corpora/glass", CorpusChoice("corpora/glass")),
        ("@patch;labels=struck,bowed", CorpusChoice("@patch", 1.0, ("struck", "bowed"))),
        ("a;b;weight=0.5", CorpusChoice("a;b", 0.5)),
        ("glass;weight=2;labels=x", CorpusChoice("glass", 2.0, ("x",))),
    ],
)
def test_a_corpus_in_one_line(text: str, choice: CorpusChoice) -> None:
    assert parse_corpus(text) == choice
    assert corpus_text(choice) == text


@pytest.mark.parametrize("text", ["", "glass;weight=much"])
def test_a_line_that_is_no_corpus(text: str) -> None:
    with pytest.raises(CorpusError):
        parse_corpus(text)
