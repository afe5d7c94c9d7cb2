"""The Max patch: there is no Max here, so what a Max would refuse is looked for: form, objects, their inlets and outlets, addresses."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.examples.addresses import check_message, check_reply, to_value

PATCH = Path(__file__).parents[2] / "examples" / "max" / "starling.maxpat"

# Stock objects: words after the name -> inlets, and the type of each outlet as Max writes it.
_OBJECTS: dict[str, Callable[[list[str]], tuple[int, list[str]]]] = {
    "delay": lambda words: (2, ["bang"]),
    "gate": lambda words: (2, [""] * int(words[0] if words else 1)),
    "loadbang": lambda words: (1, ["bang"]),
    "prepend": lambda words: (1, [""]),
    "print": lambda words: (1, []),
    "route": lambda words: (len(words) + 1, [""] * (len(words) + 1)),
    "t": lambda words: (1, [{"b": "bang", "i": "int", "f": "float"}.get(word, "") for word in words]),
    "udpreceive": lambda words: (1, [""]),
    "udpsend": lambda words: (1, []),
}
_BOXES: dict[str, tuple[int, list[str]]] = {
    "button": (1, ["bang"]),
    "comment": (1, []),
    "flonum": (1, ["", "bang"]),
    "message": (2, [""]),
    "slider": (1, [""]),
}


def _strict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = Counter(name for name, _ in pairs)
    assert max(names.values(), default=1) == 1, names
    return dict(pairs)


@pytest.fixture(name="patcher", scope="module")
def _patcher() -> dict[str, Any]:
    loaded = json.loads(PATCH.read_text(encoding="utf-8"), object_pairs_hook=_strict)
    assert list(loaded) == ["patcher"]
    patcher: dict[str, Any] = loaded["patcher"]
    return patcher


@pytest.fixture(name="boxes")
def _boxes(patcher: dict[str, Any]) -> dict[str, dict[str, Any]]:
    boxes = [entry["box"] for entry in patcher["boxes"]]
    assert len({box["id"] for box in boxes}) == len(boxes)
    return {box["id"]: box for box in boxes}


@pytest.fixture(name="cords")
def _cords(patcher: dict[str, Any]) -> list[tuple[str, int, str, int]]:
    found = [(*entry["patchline"]["source"], *entry["patchline"]["destination"]) for entry in patcher["lines"]]
    assert len(set(found)) == len(found)
    return found


def test_every_box_is_a_stock_object_with_its_inlets_and_outlets(boxes: dict[str, dict[str, Any]]) -> None:
    for box in boxes.values():
        words = box.get("text", "").split()
        inlets, outlets = _OBJECTS[words[0]](words[1:]) if box["maxclass"] == "newobj" else _BOXES[box["maxclass"]]
        assert box["numinlets"] == inlets, box
        assert box["numoutlets"] == len(outlets), box
        assert box.get("outlettype", []) == outlets, box
        assert len(box["patching_rect"]) == 4


def test_every_cord_goes_from_an_outlet_to_an_inlet(boxes: dict[str, dict[str, Any]], cords: list[tuple[str, int, str, int]]) -> None:
    for source, outlet, sink, inlet in cords:
        assert 0 <= outlet < boxes[source]["numoutlets"]
        assert 0 <= inlet < boxes[sink]["numinlets"]


def test_every_message_reaches_starling_and_is_understood(boxes: dict[str, dict[str, Any]], cords: list[tuple[str, int, str, int]]) -> None:
    send = next(key for key, box in boxes.items() if box.get("text", "").startswith("udpsend"))
    said = 0
    for key, box in boxes.items():
        words = box.get("text", "").split()
        if box["maxclass"] == "message" and words[0].startswith("/"):
            check_message(words[0], tuple(to_value(word) for word in words[1:]))
        elif box["maxclass"] == "newobj" and words[0] == "prepend" and words[1] != "set":
            check_message(words[1], (_slider_above(key, boxes, cords)["min"],))
        else:
            continue
        said += 1
        assert (key, 0, send, 0) in cords, box
    assert said > 40


def test_every_fader_has_the_range_of_its_address(boxes: dict[str, dict[str, Any]], cords: list[tuple[str, int, str, int]]) -> None:
    faders = [key for key, box in boxes.items() if box.get("text", "").startswith("prepend /")]
    for key in faders:
        slider = _slider_above(key, boxes, cords)
        for value in (slider["min"], slider["min"] + slider["size"]):
            check_message(boxes[key]["text"].split()[1], (value,))
        # What comes back sets it without being sent again.
        (back,) = [source for source, _, sink, _ in cords if sink == slider["id"]]
        assert boxes[back]["text"] == "prepend set"
        ((router, outlet),) = [(source, outlet) for source, outlet, sink, _ in cords if sink == back]
        assert boxes[router]["text"].split()[1 + outlet] == boxes[key]["text"].split()[1]
    assert len(faders) == 17


def test_answers_come_back_where_they_are_heard(boxes: dict[str, dict[str, Any]]) -> None:
    texts = [box.get("text", "") for box in boxes.values()]
    (port,) = [text.split()[1] for text in texts if text.startswith("udpreceive")]
    assert f"/reply {port}" in texts
    assert "/notify 1" in texts
    for text in texts:
        if text.startswith("route "):
            for path in text.split()[1:]:
                check_reply(path)


def _slider_above(key: str, boxes: dict[str, dict[str, Any]], cords: list[tuple[str, int, str, int]]) -> dict[str, Any]:
    """The slider whose number goes into an object."""
    (number,) = [source for source, _, sink, _ in cords if sink == key]
    (slider,) = [boxes[source] for source, _, sink, _ in cords if sink == number and boxes[source]["maxclass"] == "slider"]
    return slider
