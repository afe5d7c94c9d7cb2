from dataclasses import dataclass

import pytest

from training.dials import Choice, Dials, Range, Switch, dial
from training.sweep_errors import SearchSpaceError
from training.sweep_space import Among, Between, read_space, space_from_dict


@dataclass(frozen=True)
class Toy(Dials):
    width: int = dial(Range(1, 512))
    rate: float = dial(Range(1e-6, 1.0))
    head: str = dial(Choice(("mixture", "mean")))
    clean: bool = dial(Switch())


class Asked:
    """Proposes the lowest of everything, and remembers what it was asked."""

    def __init__(self):
        self.seen = {}

    def suggest_int(self, name, low, high, **more):
        self.seen[name] = (low, high, more)
        return low

    def suggest_float(self, name, low, high, **more):
        self.seen[name] = (low, high, more)
        return low

    def suggest_categorical(self, name, choices):
        self.seen[name] = tuple(choices)
        return choices[0]


def test_every_kind_of_line_is_read_and_asked_for(tmp_path):
    file = tmp_path / "space.toml"
    ranges = "width = { low = 64, high = 256, step = 64 }\nrate = { low = 1e-4, high = 1e-2, log = true }\n"
    file.write_text(ranges + 'head = "mean"\nclean = [true, false]\n')
    space = read_space(file, Toy)
    assert space.dials == {
        "width": Between(64, 256, True, False, 64),
        "rate": Between(1e-4, 1e-2, False, True, None),
        "head": Among(("mean",)),
        "clean": Among((True, False)),
    }
    asked = Asked()
    assert space.suggest(asked) == {"width": 64, "rate": 1e-4, "head": "mean", "clean": True}
    assert asked.seen == {
        "width": (64, 256, {"step": 64, "log": False}),
        "rate": (1e-4, 1e-2, {"step": None, "log": True}),
        "clean": (True, False),
    }
    assert space.searched == ("width", "rate", "clean")
    assert space.fixed(width=8, rate=None).searched == ("rate", "clean")
    assert space.canonical() == read_space(file, Toy).canonical() != space.fixed(width=8).canonical()


def test_whole_numbers_are_good_fractions():
    assert space_from_dict({"rate": [1, 0.5]}, Toy).dials["rate"] == Among((1.0, 0.5))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("widht = [1, 2]", "widht: unknown dial"),
        ("width = [1, 1]", "width: a value stands twice"),
        ("width = []", "width: no values"),
        ("width = [1, 600]", "width: out of range"),
        ("width = [1, 2.5]", "width: wrong type"),
        ("width = [true, 2]", "width: wrong type"),
        ("clean = [1, 0]", "clean: wrong type"),
        ('head = ["mean", "median"]', "head: out of range"),
        ("head = { low = 1, high = 2 }", "head: this dial has no range"),
        ("clean = { low = 1, high = 2 }", "clean: this dial has no range"),
        ("width = { low = 1 }", "width.high: missing key"),
        ("width = { low = 1, high = 5, lgo = true }", "width.lgo: unknown key"),
        ("width = { low = 1, high = 5, log = 1 }", "width.log: wrong type"),
        ("width = { low = 5, high = 5 }", "width: an empty range"),
        ("width = { low = 0, high = 5 }", "width.low: out of range"),
        ("width = { low = 1.0, high = 5 }", "width.low: wrong type"),
        ("width = { low = 1, high = 9, step = 3 }", "no number of steps.*Set high to 7"),
        ("width = { low = 1, high = 9, step = 0 }", "width.step: no step"),
        ("width = { low = 1, high = 9, step = 1.5 }", "width.step: no step"),
        ("rate = { low = 0.1, high = 0.9, step = nan }", "rate.step: no step"),
        ("rate = { low = 0.1, high = nan }", "rate.high: out of range"),
        ("rate = { low = 0.1, high = 0.9, step = 0.4, log = true }", "rate.step: steps on a logarithmic"),
        ("[rate]\nlow = [1]\nhigh = 2", "rate.low: wrong type"),
        ("width = 3", "nothing to search"),
        ("", "nothing to search"),
        ("width = [1, 2", "not TOML"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, line, named):
    file = tmp_path / "space.toml"
    file.write_text(line + "\n")
    with pytest.raises(SearchSpaceError, match=named) as refused:
        read_space(file, Toy)
    assert str(file) in str(refused.value)


def test_a_file_that_is_none_is_named(tmp_path):
    with pytest.raises(SearchSpaceError, match="cannot read"):
        read_space(tmp_path / "none.toml", Toy)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(SearchSpaceError, match="not a text file"):
        read_space(tmp_path / "bytes", Toy)
