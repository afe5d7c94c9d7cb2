import re
from pathlib import Path

import pytest

from realtime.screen import help as help_module
from realtime.screen import keymap as keymap_module
from realtime.screen.actions import ACTIONS, BY_ID
from realtime.screen.key_table import FIRST_KEYS, GROUPS, key_name, key_rows, keys_markdown, short_keys_markdown
from realtime.screen.keymap import KEYMAP_VARIABLE, MOST_BYTES, Keymap, keymap_path, places_meet, read_keymap

PLAYING = Path(__file__).parents[2] / "docs/playing.md"
HELP = Path(help_module.__file__)


def read(folder: Path, text: str) -> Keymap:
    path = folder / "keymap.toml"
    path.write_text(text, encoding="utf-8")
    return read_keymap(path)


def test_no_file_is_no_keymap(tmp_path: Path) -> None:
    keymap = read_keymap(tmp_path / "keymap.toml")
    assert keymap.keys == {}
    assert keymap.problems == ()
    assert keymap.keys_of("deck.mute") == ("m",)


def test_a_key_and_a_list_of_keys(tmp_path: Path) -> None:
    keymap = read(tmp_path, '"deck.mute" = "X"\n"stage.panic" = ["p", "ctrl+f1", "f11"]\n"deck.solo" = "+"\n"master.up" = "$"\n')
    assert keymap.problems == ()
    assert keymap.keys == {
        "deck.mute": ("X",),
        "stage.panic": ("p", "ctrl+f1", "f11"),
        "deck.solo": ("plus",),
        "master.up": ("dollar_sign",),
    }
    assert keymap.for_textual()["stage.panic"] == "p,ctrl+f1,f11"


def test_toml_without_quotes_is_the_same(tmp_path: Path) -> None:
    assert read(tmp_path, 'deck.mute = "X"\n[stage]\npanic = "f11"\n').keys == {"deck.mute": ("X",), "stage.panic": ("f11",)}


def test_keys_may_be_swapped(tmp_path: Path) -> None:
    keymap = read(tmp_path, '"deck.mute" = "s"\n"deck.solo" = "m"\n')
    assert keymap.problems == ()
    assert keymap.keys == {"deck.mute": ("s",), "deck.solo": ("m",)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('"deck.mutte" = "x"', "deck.mutte; got an action that there is not; allowed: deck.select_1, "),
        ('"nothing.at_all" = "x"', "nothing.at_all; got an action that there is not; allowed: browser.…, "),
        ('"deck.mute" = 7', "deck.mute; got 7; allowed: a key"),
        ('"deck.mute" = []', "deck.mute; got []; allowed: a key"),
        ('"deck.mute" = ["x", 7]', "allowed: a key"),
        ('"deck.mute" = "ctlr+x"', 'deck.mute; got "ctlr+x"; allowed: a character, or a name'),
        ('"deck.mute" = "xy"', 'deck.mute; got "xy"'),
        ('"deck.mute" = ""', 'deck.mute; got ""'),
        ('"deck.mute" = " "', 'deck.mute; got " "'),
        ('"deck.mute" = "p"', 'deck.mute; got "p", which stage.panic has; give "stage.panic" another key there too'),
        ('"browser.load" = "p"', 'browser.load; got "p", which stage.panic has'),
        ('"stage.panic" = "/"', 'stage.panic; got "/", which browser.search has'),
        ("deck = 7", "deck; got an action that there is not"),
    ],
)
def test_a_line_that_cannot_be_taken_is_named_and_the_others_count(tmp_path: Path, line: str, said: str) -> None:
    keymap = read(tmp_path, f'{line}\n"deck.freeze" = "F"\n')
    (problem,) = keymap.problems
    assert problem.startswith(f"{tmp_path / 'keymap.toml'}: ")
    assert said in problem
    assert keymap.keys == {"deck.freeze": ("F",)}


def test_two_lines_that_collide_only_because_one_was_left_out(tmp_path: Path) -> None:
    # Mute cannot have panic's key, so it keeps `m`, which solo can then not have either.
    keymap = read(tmp_path, '"deck.mute" = "p"\n"deck.solo" = "m"\n')
    assert keymap.keys == {}
    assert len(keymap.problems) == 2


def test_panels_may_use_the_same_key(tmp_path: Path) -> None:
    assert read(tmp_path, '"browser.load" = "Z"\n"scenes.recall" = "Z"\n').problems == ()


@pytest.mark.parametrize("text", ['"deck.mute" = ', "\x00", "[" * 5000, "a" * (MOST_BYTES + 1)])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    keymap = read(tmp_path, text)
    assert keymap.keys == {}
    (problem,) = keymap.problems
    assert "keymap.toml: " in problem


def test_bytes_and_folders(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert "no TOML" in read_keymap(tmp_path / "bytes").problems[0]
    assert "cannot be read" in read_keymap(tmp_path).problems[0]


def test_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert keymap_path().name == "keymap.toml"
    assert "starling" in str(keymap_path())
    monkeypatch.setenv(KEYMAP_VARIABLE, str(tmp_path / "mine.toml"))
    assert keymap_path() == tmp_path / "mine.toml"


def test_no_two_actions_of_one_place_share_a_key() -> None:
    for one in ACTIONS:
        for other in ACTIONS:
            if one.id < other.id and one.where == other.where:
                assert not set(one.keys) & set(other.keys), (one.id, other.id)


# The same verb: on what the panel has selected, and on what the decks have.
SAME_VERB = {("control.learn", "mapping.learn"), ("scene.store", "scenes.overwrite")}


def test_a_panel_takes_no_key_from_everywhere_but_for_the_same_verb() -> None:
    found = {
        (everywhere.id, panel.id)
        for everywhere in ACTIONS
        for panel in ACTIONS
        if everywhere.where == "" != panel.where and places_meet(everywhere, panel) and set(everywhere.keys) & set(panel.keys)
    }
    assert found == SAME_VERB


def test_every_action_is_in_the_tables_once() -> None:
    groups = [group for parts in GROUPS.values() for group in parts]
    assert sorted(groups) == sorted({action.group for action in ACTIONS})
    page = keys_markdown()
    for row in key_rows(ACTIONS, {}):
        name = row.ids[0] if len(row.ids) == 1 else f"{row.ids[0]} … {len(row.ids)}"
        assert page.count(f"`{name}`") == 1, row
    assert sum(len(row.ids) for row in key_rows(ACTIONS, {})) == len(ACTIONS)


def test_names_of_keys() -> None:
    assert key_name("shift+left") == "Shift+←"
    assert key_name("ctrl+s") == "Ctrl+S"
    assert key_name("R") == "Shift+R"
    assert key_name("f12") == "F12"
    assert key_name("f") == "f"
    assert key_name("full_stop") == "."


def test_rows_of_actions_that_differ_by_a_number() -> None:
    rows = key_rows([BY_ID[f"deck.select_{n}"] for n in range(1, 9)], {"deck.select_8": ("f11",)})
    assert [(row.keys, row.label, row.summary) for row in rows] == [("1 … F11", "Deck 1–8", "go to deck 1–8")]


def test_the_first_keys_have_a_line_each() -> None:
    assert short_keys_markdown().count("\n") == len(FIRST_KEYS) + 2
    assert "| q, Ctrl+C, Ctrl+Q | end: asks once while sound plays, then fades |" in short_keys_markdown()


@pytest.mark.parametrize("text", [keymap_module.__doc__ or "", PLAYING.read_text(encoding="utf-8"), HELP.read_text(encoding="utf-8")])
def test_lines_that_are_shown_as_examples_can_be_taken(tmp_path: Path, text: str) -> None:
    lines = re.findall(r'"[a-z]+\.[a-z_]+" = (?:"[^"]+"|\[.*?\])', text)
    assert lines
    assert read(tmp_path, "\n".join(lines)).problems == ()
