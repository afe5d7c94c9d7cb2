"""``--set ADDRESS=VALUE``: a value of the table of addresses as a setting of a set-up. It knows manifests, no engine."""

import difflib
from collections.abc import Sequence

from patches.manifest import Manifest
from realtime.control.address import take_argument
from realtime.control.namespace import Namespace
from realtime.errors import SettingError, UnknownControlError
from realtime.setup import Setting

SHAPE = "ADDRESS=VALUE, as in /deck/1/class/bees=1"


def parse_address_setting(text: str, manifests: Sequence[Manifest | None]) -> Setting:
    """Read ``ADDRESS=VALUE`` for decks that play these patches.

    Raises
    ------
    SettingError — another form, a value that is no number or out of range, or one that belongs to no deck and no master.
    UnknownControlError — no value has this address.
    """
    path, equals, given = text.partition("=")
    if not equals:
        raise SettingError("--set: not a setting", got=text, allowed=SHAPE)
    names = Namespace(manifests)
    spot = names.spots.get(path)
    if spot is None:
        near = difflib.get_close_matches(path, names.spots, n=1)
        hint = f"did you mean {near[0]}?" if near else "docs/osc.md lists them"
        raise UnknownControlError("--set: no value has this address", got=path, hint=hint)
    if spot.place == "own":
        raise SettingError(
            "--set: neither of a deck nor of the master", got=path, hint="a rack's [transport] and [midi] say how a show begins"
        )
    argument = names.addresses[path].argument
    try:
        value, clipped = take_argument(argument, float(given))
    except ValueError:
        raise SettingError(f"--set {path}: the value is no number", got=given, allowed=argument.allowed) from None
    if clipped:
        raise SettingError(f"--set {path}: value out of range", got=given, allowed=argument.allowed)
    return Setting(None if spot.place == "master" else spot.deck, spot.control, float(value))
