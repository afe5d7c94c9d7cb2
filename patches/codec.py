"""Plain JSON values to a checked `Manifest` and back, both by the table of fields.

Does not touch files. What one value says about another is in `patches.rules`, which `decode` runs last.
"""

from collections.abc import Mapping
from typing import Any

from patches.errors import FutureFormatError, MissingKeyError, UnknownKeyError, UnknownKindError, WrongTypeError, WrongValueError, shown
from patches.fields import BY_PATH, KEYS, KINDS, Field, join
from patches.limits import FORMAT, MANIFEST_NAME
from patches.manifest import Audio, Control, DataFile, Licence, Manifest, Model, Origin, Tensor, Verify
from patches.rules import check_rules
from patches.strict_json import dumps
from patches.values import MAX_MAP_KEY_CHARACTERS, check_value

CLASSES: dict[str, type[Any]] = {
    "": Manifest,
    "licence": Licence,
    "audio": Audio,
    "models[]": Model,
    "models[].inputs[]": Tensor,
    "models[].outputs[]": Tensor,
    "data[]": DataFile,
    "controls[]": Control,
    "origin": Origin,
    "verify": Verify,
}
"""Path of an object -> the class that holds it."""


def decode(value: Any, *, file: str = MANIFEST_NAME) -> Manifest:
    """Return the manifest that a plain JSON value says, having checked all of it.

    Parameters
    ----------
    value : Any
        As `patches.strict_json.loads` returns it.
    file : str
        Its name, for the message.

    Raises
    ------
    FutureFormatError
        Written for a later version; found before anything else, since later versions may have other keys.
    UnknownKindError, UnknownKeyError, MissingKeyError, WrongTypeError, WrongValueError
        By the table of fields.
    FileNameError, DuplicateNameError, RoleError, ControlError, FeedbackError, OversizeError
        By `patches.rules`.

    Thread
    ------
    Any but audio.
    """
    if isinstance(value, dict):
        version, kind = value.get("format"), value.get("kind")
        if isinstance(version, int) and version > FORMAT:
            hint = "update Starling, or export the patch again with this version"
            raise FutureFormatError(file=file, field="format", got=shown(version), allowed=f"{FORMAT}, which this program reads", hint=hint)
        if isinstance(kind, str) and kind not in KINDS:
            raise UnknownKindError(file=file, field="kind", got=shown(kind), allowed=", ".join(KINDS))
    manifest: Manifest = _decode_object("", "", value, file)
    return check_rules(manifest, file=file)


def encode(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest, having checked it.

    Raises
    ------
    PatchError
        As `decode`.
    """
    return dumps(_encode("", decode(_encode("", manifest))))


def _decode_object(path: str, where: str, value: Any, file: str) -> Any:
    """Return the dataclass for the object at `path` (in the table), which stands at `where` (in this file)."""
    if not isinstance(value, dict):
        raise WrongTypeError(file=file, field=where, got=shown(value), allowed="an object")
    keys = KEYS[path]
    for key in value:
        if key not in keys:
            raise UnknownKeyError(file=file, field=join(where, key[:MAX_MAP_KEY_CHARACTERS]), allowed=", ".join(keys), hint="delete it")
    parts = {}
    for key in keys:
        if key in value:
            parts[key] = _decode(join(path, key), join(where, key), value[key], file)
        elif BY_PATH[join(path, key)].required:
            raise MissingKeyError(file=file, field=join(where, key), allowed=BY_PATH[join(path, key)].allowed, hint="add it")
    return CLASSES[path](**parts)


def _decode(path: str, where: str, value: Any, file: str) -> Any:
    """Return the checked value of one row of the table."""
    field = BY_PATH[path]
    match field.type:
        case "object":
            return _decode_object(path, where, value, file)
        case "list":
            if not isinstance(value, list):
                raise WrongTypeError(file=file, field=where, got=shown(value), allowed="a list")
            _check_count(field, value, where, file)
            return tuple(_decode(f"{path}[]", f"{where}[{i}]", entry, file) for i, entry in enumerate(value))
        case "map":
            if not isinstance(value, dict):
                raise WrongTypeError(file=file, field=where, got=shown(value), allowed="an object")
            _check_count(field, value, where, file)
            for key in value:
                if not 1 <= len(key) <= MAX_MAP_KEY_CHARACTERS or not key.isprintable():
                    raise WrongValueError(file=file, field=where, got=shown(key), allowed="keys of 1 to 256 printable characters")
            return {key: _decode(f"{path}{{}}", join(where, key), value[key], file) for key in sorted(value)}
    return check_value(field, value, where=where, file=file)


def _check_count(field: Field, value: list[Any] | dict[str, Any], where: str, file: str) -> None:
    """Refuse a list or map with too few or too many entries."""
    if not field.low <= len(value) <= field.high:
        raise WrongValueError(file=file, field=where, got=f"{len(value)} entries", allowed=field.allowed)


def _encode(path: str, value: Any) -> Any:
    """Return the plain JSON value of a manifest's part; None, an optional key left out, is dropped."""
    if path in CLASSES and isinstance(value, CLASSES[path]):
        parts = {key: _encode(join(path, key), getattr(value, key)) for key in KEYS[path]}
        return {key: part for key, part in parts.items() if part is not None}
    if isinstance(value, (tuple, list)):
        return [_encode(f"{path}[]", entry) for entry in value]
    if isinstance(value, Mapping):
        return {key: _encode(f"{path}{{}}", part) for key, part in value.items()}
    return value
