import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.control.scene import MAX_NAME, DeckScene, Scene, SceneError, read_scene, scene_name
from realtime.control.scene_store import MAX_SCENES, read_scenes

STORM = Scene(
    "storm",
    (
        DeckScene("textures", 7, ("corpora/glass", "@patch"), {"gain": -6.0, "pan": 0.25, "mute": 0.0}, {"strength": 0.8}),
        DeckScene(stage={"gain": 0.0}),
    ),
    {"gain": -3.0},
)


def test_a_scene_goes_through_a_file_and_comes_back():
    text = tomli_w.dumps({"scene": [STORM.table()]})
    assert read_scenes(tomllib.loads(text)["scene"], "rack") == (STORM,)


def test_values_are_messages():
    messages = STORM.values()
    assert messages[0] == ("/master/gain", (-3.0,))
    assert ("/deck/1/param/strength", (0.8,)) in messages
    assert ("/deck/2/gain", (0.0,)) in messages


HOSTILE = {
    "no table": (3, "not a table"),
    "no name": ({}, "no name"),
    "unknown key": ({"name": "a", "tempo": 3}, "'tempo'"),
    "name no text": ({"name": 3}, "a text"),
    "decks no list": ({"name": "a", "deck": {}}, "tables"),
    "deck no table": ({"name": "a", "deck": [3]}, "not a table"),
    "too many decks": ({"name": "a", "deck": [{}] * 99}, "too many decks"),
    "seed": ({"name": "a", "deck": [{"patch": "p", "seed": -1}]}, "seed"),
    "seed true": ({"name": "a", "deck": [{"patch": "p", "seed": True}]}, "seed"),
    "corpora": ({"name": "a", "deck": [{"patch": "p", "corpora": [""]}]}, "folders"),
    "an empty deck with controls": ({"name": "a", "deck": [{"controls": {"x": 1}}]}, "an empty deck"),
    "unknown control of the stage": ({"name": "a", "deck": [{"stage": {"volume": 1}}]}, "'volume'"),
    "out of range": ({"name": "a", "master": {"gain": 99}}, "-60 to 12"),
    "a text": ({"name": "a", "master": {"gain": "loud"}}, "a number"),
    "true": ({"name": "a", "master": {"gain": True}}, "a number"),
    "not finite": ({"name": "a", "deck": [{"patch": "p", "controls": {"x": float("nan")}}]}, "a number"),
    "too large for a float": ({"name": "a", "deck": [{"patch": "p", "controls": {"x": 10**400}}]}, "a number"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_named(name):
    raw, said = HOSTILE[name]
    with pytest.raises(SceneError, match="rack") as caught:
        read_scene(raw, "rack")
    assert said in str(caught.value)


def test_two_of_one_name_and_too_many_are_refused():
    with pytest.raises(SceneError, match="a name twice"):
        read_scenes([{"name": "a"}, {"name": "a"}], "rack")
    with pytest.raises(SceneError, match="up to"):
        read_scenes([{"name": str(n)} for n in range(MAX_SCENES + 1)], "rack")
    with pytest.raises(SceneError, match="tables"):
        read_scenes({}, "rack")


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\0", "x" * (MAX_NAME + 1), "\u202eevil"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(SceneError, match="characters that print"):
        scene_name(name)


@pytest.mark.parametrize("name", ["a", "Größe 3", "雨 / 風", "x" * MAX_NAME])
def test_any_words_are_a_name(name):
    assert scene_name(name) == name


_ANYTHING = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("name", "master", "deck", "patch", "seed", "corpora", "stage", "controls", "gain", "pan")), inner, max_size=5
        ),
    ),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(_ANYTHING)
def test_any_table_is_read_or_refused(raw):
    try:
        scene = read_scene(raw, "rack")
    except SceneError:
        return
    assert read_scene(scene.table(), "again") == scene
