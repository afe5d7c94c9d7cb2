"""The Pure Data patch as text: what the real Pd does with it is in tests/integration/test_examples.py, where that is installed."""

import re
from pathlib import Path

from tests.examples.addresses import check_message, check_reply, to_value

TEXT = (Path(__file__).parents[2] / "examples" / "puredata.pd").read_text(encoding="utf-8")
# All of Pd's own ("vanilla" 0.51 and later): nothing has to be installed.
OBJECTS = {
    "bng",
    "delay",
    "floatatom",
    "fudiformat",
    "fudiparse",
    "hsl",
    "inlet",
    "list",
    "loadbang",
    "netsend",
    "oscformat",
    "oscparse",
    "outlet",
    "pd",
    "print",
    "r",
    "route",
    "s",
    "sel",
    "spigot",
    "t",
}


def test_every_object_is_pds_own() -> None:
    assert set(re.findall(r"^#X obj \d+ \d+ (\S+?)[ ;]", TEXT, re.MULTILINE)) <= OBJECTS


def test_every_message_is_understood() -> None:
    boxes = re.findall(r"^#X msg \d+ \d+ (/.*);$", TEXT, re.MULTILINE)
    for box in boxes:
        path, *words = box.replace("\\,", ",").split()
        check_message(path, tuple(to_value(word) for word in words if word != "\\$1") + ((0.0,) if "\\$1" in words else ()))
    assert len(boxes) > 35


def test_every_fader_has_the_range_of_its_address() -> None:
    rows = re.findall(r"hsl \d+ \d+ (\S+) (\S+) .*\n#X floatatom .*\n#X msg \d+ \d+ (\S+) \\\$1;", TEXT)
    for low, high, path in rows:
        check_message(path, (float(low),))
        check_message(path, (float(high),))
    assert len(rows) == 17


def test_what_it_listens_for_is_sent() -> None:
    for name in re.findall(r"^#X obj \d+ \d+ s starling-(\w+);$", TEXT, re.MULTILINE):
        if name in ("gain", "pan"):
            check_reply(f"/deck/1/{name}")
        elif name not in ("port", "done", "fail", "fader", "state"):
            assert re.search(rf"\broute [^;]*\b{name}\b", TEXT)
            assert f"/class/{name} " in TEXT or f"/param/{name} " in TEXT
