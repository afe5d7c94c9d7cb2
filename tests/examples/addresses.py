"""What the examples may say: every address there is with `textures` or `field` in two decks, and how many arguments it takes."""

from fnmatch import fnmatchcase

from patches.library import find
from patches.reader import read_manifest
from realtime.control.address import Value, take_arguments
from realtime.control.namespace import Namespace
from realtime.osc.table import own_addresses

NAMESPACES = tuple(
    Namespace([read_manifest(find(slug)) for slug in slugs]).addresses for slugs in (("textures", "field"), ("field", "textures"))
)
OWN = {row.path: row for row in own_addresses()}
REPLIES = {row.path for row in own_addresses() if row.direction == "out"}


def check_message(path: str, values: tuple[Value, ...]) -> None:
    """Fail if this is not a message that a stage would understand."""
    if path.startswith("/q/"):
        assert values == ()
        assert any(_matches(path.removeprefix("/q"), known) for addresses in NAMESPACES for known in addresses), path
        return
    if path in OWN:
        assert OWN[path].direction == "in"
        assert len(values) <= len(OWN[path].arguments)
        return
    found = [address for addresses in NAMESPACES for known, address in addresses.items() if _matches(path, known)]
    assert found, f"{path}: no such address"
    # The two patches have controls of one name with other ranges.
    assert not all(take_arguments(address, values)[1] for address in found), f"{path} {values}: clipped"


def check_reply(path: str) -> None:
    """Fail if a stage never sends this."""
    asked = path.removesuffix(".reply")
    assert path in REPLIES or any(asked in addresses for addresses in NAMESPACES), path


def to_value(word: str) -> Value:
    """A word of a message box: a number if it is one."""
    try:
        return float(word)
    except ValueError:
        return word


def _matches(pattern: str, path: str) -> bool:
    """Only `*` and one `{a,b}` are used here; neither crosses a slash."""
    patterns = [pattern]
    if "{" in pattern:
        before, _, rest = pattern.partition("{")
        choices, _, after = rest.partition("}")
        patterns = [before + choice + after for choice in choices.split(",")]
    return any(path.count("/") == one.count("/") and fnmatchcase(path, one) for one in patterns)
