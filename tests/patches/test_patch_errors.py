"""The errors read well and travel well."""

import pickle

import pytest

from patches import errors
from patches.errors import PatchError, printable, shown

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, PatchError)]


def test_the_docstring_draws_the_tree() -> None:
    drawn: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        words = line.replace("├", " ").replace("└", " ").replace("│", " ").replace("─", " ")
        if words.strip().split(" ")[0].endswith("Error"):
            drawn.append((len(words) - len(words.lstrip()), words.split()[0]))
    real: list[tuple[int, str]] = []

    def walk(cls: type[PatchError], depth: int) -> None:
        real.append((4 * depth + 4, cls.__name__))
        for child in cls.__subclasses__():
            walk(child, depth + 1)

    walk(PatchError, 0)
    assert [name for _, name in drawn] == [name for _, name in real]
    assert drawn == real


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_one_line_and_pickle(cls: type[PatchError]) -> None:
    error = cls(file="tiny/patch.json", field="slug", got="'a'", allowed="'b'", hint="rename it")
    assert str(error) == f"{cls.problem}: tiny/patch.json, slug: got 'a', allowed: 'b'; rename it"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert str(cls()) == cls.problem


def test_leaves_have_their_own_words() -> None:
    leaves = [cls for cls in CLASSES if not cls.__subclasses__()]
    assert len({cls.problem for cls in leaves}) == len(leaves)


def test_hostile_text_stays_on_its_line() -> None:
    error = PatchError(file="a\nb\x1b[2J", got=shown("x" * 1000), allowed="\u202e")
    assert str(error).isprintable()
    assert len(str(error)) < 300
    assert printable("é…\n") == "é…\\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([1, 2], "a list of 2"),
        ({}, "an object of 0"),
        (1.5, "1.5"),
        (10**4000, "a whole number of more than 80 digits"),
        ("x" * 81, repr("x" * 80) + "… (81 characters)"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text
