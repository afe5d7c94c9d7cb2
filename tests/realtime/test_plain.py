"""Texts of others: a terminal shows them and does nothing they say. And names that no disk takes are refused as any other."""

from pathlib import Path

import pytest

from realtime.console import CLEAR, Console
from realtime.control.event_log import EventLog
from realtime.corpus_job import CorpusJob, CorpusJobError
from realtime.errors import RenderError
from realtime.plain import plain
from realtime.text_file import TextFileWriter

ODD = [*map(chr, (*range(0x20), *range(0x7F, 0xA0))), "\u061c", "\u200e", "\u202e", "\u2028", "\u2066", "\ud800"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_nothing_odd_is_left_and_the_rest_is(odd: str) -> None:
    text = plain(f"Käse{odd}雨")
    assert text.startswith("Käse")
    assert text.endswith("雨")
    assert not set(text) & set(ODD)
    assert text.encode().isascii() is False


def test_the_log_has_plain_lines() -> None:
    log = EventLog()
    log.say("midi\x1b[2J", "port \x1b]0;mine\x07 is\nhere")
    assert [(line.channel, line.text) for line in log.lines()] == [("midi\\x1b[2J", "port \\x1b]0;mine\\x07 is here")]


def test_the_console_says_lines_and_status_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(None, headless=False)
    console.say("on USB \x1b[31m\nnext\x9b2J")
    console.status("1 a\x1b]0;mine\x07")
    assert capsys.readouterr().out == f"on USB \\x1b[31m\nnext\\x9b2J\n{CLEAR}1 a\\x1b]0;mine\\x07"


def test_a_name_that_no_disk_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="not written"), TextFileWriter() as writer:
        writer.write(tmp_path / ("x" * 300), "text")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CorpusJobError):
        CorpusJob(EventLog(), tmp_path).make("x" * 300)
