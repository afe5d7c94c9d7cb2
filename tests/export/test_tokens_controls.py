"""Classes and parameters as controls: names that differ, and what cannot stand in a manifest."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from export.errors import ControlsError
from export.tokens_controls import check_controls, controls_of
from patches.fields import IDENTIFIER
from patches.kinds import RESERVED_CONTROLS


def run_of(classes=("wind",), parameters=()):
    rows = [{"name": name, "min": 0.0, "max": 1.0} if isinstance(name, str) else name for name in parameters]
    size = len(classes) + len(rows)
    return SimpleNamespace(classes=list(classes), parameters=rows, condition_size=size, codec={"codebook_size": 32})


def test_every_class_keeps_its_prefix_and_every_id_is_one():
    """The stage takes the controls that begin with `class_` for classes."""
    classes = ("Rain!", "rain?", "дождь", "ветер", "x" * 48, "x" * 47 + "y")
    parameters = ("gain", "Temperature", "class_rain", "2nd", "сила", "strength")
    ids = [control.id for control in controls_of(run_of(classes, parameters), 3)]
    assert len(set(ids)) == len(ids)
    assert all(IDENTIFIER.fullmatch(one) for one in ids)
    assert not RESERVED_CONTROLS & set(ids)
    assert all(one.startswith("class_") for one in ids[: len(classes)])
    assert ids[:4] == ["class_rain", "class_rain_2", "class_1", "class_2"]
    assert ids[-5:] == ["strength", "temperature", "top_k", "top_p", "prime"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (run_of([f"c{index}" for index in range(49)]), "more classes than a patch can have controls for; got 49; allowed: 48 at most"),
        (run_of(parameters=[f"p{index}" for index in range(49)]), "more parameters than"),
        (
            run_of([f"c{index}" for index in range(31)], [f"p{index}" for index in range(30)]),
            "classes and parameters than.*got 61.*60 at most",
        ),
        (run_of(["x" * 49]), "the name of a class cannot be a label; got 'x+'; allowed: 1 to 48 printable characters"),
        (run_of(["wind"], ["a\tb"]), "the name of a parameter cannot be a label"),
        (run_of(["wind"], [{"name": "far", "min": 0.0, "max": 1e12}]), "out of the range of controls; got far from 0 to 1e"),
    ],
)
def test_what_cannot_be_a_control(made, said):
    with pytest.raises(ControlsError, match=f"^run: .*{said}"):
        check_controls(made, Path("run"))


def test_as_many_as_fit():
    check_controls(run_of([f"c{index}" for index in range(30)], [f"p{index}" for index in range(30)]), Path("run"))
    assert re.fullmatch("x{48}", controls_of(run_of(["x" * 48]), 0)[0].label)
