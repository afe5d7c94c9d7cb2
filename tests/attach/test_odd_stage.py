"""A stage that says odd things: another version of the program, or one that is out of its mind. A screen shows what it can and goes on."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from realtime.attach.client import SocketLink
from realtime.attach.endpoint import Endpoint, new_token, write_endpoint
from realtime.attach.news import APART, take_news
from realtime.attach.records import difference, to_table
from realtime.attach.view import StageView
from realtime.plain import plain
from realtime.screen.app import StarlingScreen
from realtime.screen.diagnosis import diagnose
from realtime.screen.history import History
from realtime.version import own_version
from tests.attach.stage import until
from tests.screen.desk import played
from tests.screen.quiet import quiet
from tests.screen.views import stage_view

VIEW = stage_view()
ADDRESSES = [to_table(address) for address in VIEW.addresses.values()]
WHOLE = {
    "stage": difference(StageView(), VIEW, APART),
    "edition": 1,
    "addresses": ADDRESSES,
    "values": dict(VIEW.values),
    "lines": [to_table(line) for line in VIEW.lines],
}
ESCAPE = "\x1b]0;mine\x07\x1b[31m"


def seen(*news: dict[str, Any]) -> StageView:
    """What a screen sees after a whole view and these news, each over the wire."""
    view = StageView()
    for one in (WHOLE, *news):
        view = take_news(view, json.loads(json.dumps(one)))
    return view


def test_what_a_newer_stage_adds_is_left_out() -> None:
    deck = {"peak_db": [-3.0, -3.0], "aura": {"deep": [1]}}
    news = {"weather": [1, 2], "stage": {"mood": "calm", "decks": [deck, {}, {}], "midi": {"rings": True}}}
    view = seen(news)
    assert view.decks[0].peak_db == (-3.0, -3.0)
    assert view.decks[1:] == VIEW.decks[1:]
    assert view.midi == VIEW.midi


def test_an_address_of_a_kind_that_is_not_known_is_left_out_and_all_others_are_there() -> None:
    odd = [{**ADDRESSES[0], "path": "/a", "kind": "dance"}, {**ADDRESSES[0], "path": "/b", "arguments": [{"name": "x", "tag": "q"}]}]
    view = seen({"edition": 2, "addresses": [*odd, *ADDRESSES]})
    assert dict(view.addresses) == dict(VIEW.addresses)


def test_decks_that_go_states_nobody_knows_and_editions_that_jump() -> None:
    fewer = seen({"stage": {"decks": [{"state": "levitating"}]}, "edition": 900, "addresses": ADDRESSES[:3], "values": {}})
    assert [deck.state for deck in fewer.decks] == ["levitating"]
    assert (fewer.edition, len(fewer.addresses)) == (900, 3)
    assert set(fewer.values) <= set(fewer.addresses)
    assert seen({"stage": {"decks": []}}).decks == ()


def test_numbers_are_no_greater_than_can_be_worked_with() -> None:
    view = seen(
        {"stage": {"clock_frames": 10**400, "callback_share": 1e308, "peak_db": [-1e308, 10**30], "decks": [{"step_share": 1e308}]}}
    )
    assert (view.clock_frames, view.callback_share, view.peak_db) == (2**63, 2.0**63, (-(2.0**63), 2.0**63))
    assert view.decks[0].step_share == 2.0**63


def test_no_text_has_anything_that_a_terminal_would_act_on() -> None:
    line = {"number": 9, "time_s": 1.0, "channel": ESCAPE, "text": f"one\n{ESCAPE}two\ud800"}
    deck = {"name": ESCAPE, "labels": {"/deck/1/gain": ESCAPE}, "note": "a\u202eb"}
    view = seen({"stage": {"device": ESCAPE, "decks": [deck], "scenes": {"names": [ESCAPE]}}, "lines": [line], "values": {"/x": ESCAPE}})
    written = r"\x1b]0;mine\x07\x1b[31m"
    assert view.device == view.decks[0].name == view.decks[0].labels["/deck/1/gain"] == view.scenes.names[0] == view.values["/x"] == written
    assert view.lines[-1].channel == written
    assert view.lines[-1].text == rf"one {written}two\ud800"
    assert view.decks[0].note == r"a\u202eb"


def test_letters_of_every_language_stay_as_they_are() -> None:
    for text in ("Käse", "雨の音", "بحر", "नमस्ते", "👩\u200d🎤", "a\u00a0b", "می\u200cخواهم"):
        assert plain(text) == text


def test_the_doctor_says_that_the_stage_is_another_version() -> None:
    def titles(version: str) -> str:
        return " ".join(finding.title + finding.text for finding in diagnose(seen({"stage": {"version": version}}), History()))

    assert "another version" not in titles(own_version())
    assert f"The stage is Starling 99.1, this screen is {own_version()}" in titles("99.1")


@pytest.fixture(name="_settled")
def _settled_by_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.app.wait_for_idle", quiet)
    monkeypatch.setattr("textual.pilot.wait_for_idle", quiet)


@contextmanager
def odd_stage(folder: Path, *lines: str) -> Iterator[SocketLink]:
    """A link to a stage that answers the first looks with these lines, and then no more."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        write_endpoint(folder, Endpoint(door.getsockname()[1], new_token(), 1))

        def answer() -> None:
            opened, _ = door.accept()
            with opened, opened.makefile("rwb") as wire:
                waiting = list(lines)
                for heard in wire:
                    if json.loads(heard)[0] == "look" and waiting:
                        wire.write(waiting.pop(0).encode() + b"\n")
                        wire.flush()

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with SocketLink(folder) as link:
            yield link
        thread.join()


def _view(news: dict[str, Any]) -> str:
    return json.dumps(["view", news])


OTHER = _view({**WHOLE, "stage": {**WHOLE["stage"], "version": "99.1", "mood": "calm"}})


@pytest.mark.usefixtures("_settled")
@played
async def test_a_screen_on_another_version_says_so_and_works(tmp_path: Path) -> None:
    with odd_stage(tmp_path, OTHER, _view({"stage": {"decks": [], "aura": 1}})) as link:
        app = StarlingScreen(link)
        async with app.run_test(size=(120, 40)) as pilot:
            assert "the stage is Starling 99.1" in " ".join(note.message for note in app._notifications)
            until(lambda: link.look().decks == ())
            app.look()
            await pilot.press("d", "f1", "escape", "p")
            assert not link.gone


def test_what_cannot_be_understood_ends_the_screen_with_both_versions(tmp_path: Path) -> None:
    with odd_stage(tmp_path, OTHER, _view({"stage": {"decks": "none"}})) as link:
        until(lambda: link.gone)
        assert link.gone.startswith("what answers is no stage of this version")
        assert link.gone.endswith("attach with the stage's own")
        assert link.look().version == "99.1"


def test_last_words_are_plain(tmp_path: Path) -> None:
    with odd_stage(tmp_path, OTHER, json.dumps(["bye", f"over {ESCAPE}"])) as link:
        until(lambda: link.gone)
        assert link.gone == r"over \x1b]0;mine\x07\x1b[31m"
