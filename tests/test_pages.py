"""The pages say what there is: every address, message and key, and nothing exists that they do not list."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.control.table import TABLE
from realtime.engine import Engine, EngineConfig
from realtime.midi.message import CONTROLLERS, MESSAGES, PARAMETERS
from realtime.midi.source_pattern import KINDS
from realtime.osc.table import own_addresses
from realtime.show import Show
from realtime.show_settings import MidiSettings, OscSettings, RecordSettings, ShowSettings
from scripts.pages import ROOT, TABLES, filled

OSC = (ROOT / "docs/osc.md").read_text(encoding="utf-8")
MIDI = (ROOT / "docs/midi.md").read_text(encoding="utf-8")


@pytest.fixture(name="show", scope="module")
def _show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """Everything that is within reach of a stage, wired as the program wires it, with a patch in its deck."""
    off = ShowSettings(OscSettings(on=False), MidiSettings(on=False), RecordSettings(tmp_path_factory.mktemp("takes")))
    with Engine(EngineConfig(decks=1, device="null")) as engine:
        show = Show(engine, off)
        show.start()
        show.ask("/deck/1/load", "textures")
        sounds = threading.Event()
        show.core.sync(sounds.set)
        assert sounds.wait(60.0)
        yield show
        show.close()


@pytest.mark.parametrize("page", TABLES)
def test_a_page_is_what_the_tables_say(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- table: (\w+) -->", text)) == set(TABLES[page])
    assert filled(page, text) == text, "run python scripts/pages.py"


def test_every_address_of_a_running_stage_is_listed(show: Show) -> None:
    listed = set(re.findall(r"^\| `(/[^`]+)` \|", OSC, re.M))
    assert listed == {row.path for row in TABLE} | {row.path for row in own_addresses()}
    addresses = show.core.addresses()
    assert len(addresses) > len(TABLE)
    assert {address.row for address in addresses.values()} == {row.path for row in TABLE}


def test_everything_listed_is_served(show: Show) -> None:
    for path, address in show.core.addresses().items():
        if address.kind == "value":
            assert show.core.read(path) is not None, path
        else:
            assert show.core.serves(address.row), path


def test_nothing_is_served_or_answered_that_is_not_listed() -> None:
    """Whatever the code names as an address of OSC is in the page."""
    listed = set(re.findall(r"`(/[a-z][^`{ ]*)", OSC))
    roots = "|".join(sorted({row.path.split("/")[1] for row in (*TABLE, *own_addresses())}))
    named: set[str] = set()
    for path in Path("realtime").rglob("*.py"):
        named |= set(re.findall(rf'"(/(?:{roots})(?:/[a-z_]+)*)"', path.read_text(encoding="utf-8")))
    unlisted = {name for name in named if name not in listed and not any(known.startswith(f"{name}/") for known in listed)}
    assert unlisted <= {"/deck", "/master"}


def test_every_message_is_listed() -> None:
    for kind in MESSAGES:
        assert f"| {kind.name.replace('_', ' ')} |" in MIDI
    for role in CONTROLLERS:
        assert f"| {role.name.replace('_', ' ')} |" in MIDI
    for parameter in PARAMETERS:
        assert f"| {parameter.name.replace('_', ' ')} |" in MIDI
    for kind in KINDS.values():
        assert f"`{kind.kind}`" in MIDI
