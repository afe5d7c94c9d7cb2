"""Strict JSON: bytes to plain values and back, one way to write each value.

Does not know what a manifest is. What other readers would guess at (byte order marks, duplicate keys, NaN) is refused.
"""

import codecs
import json
from typing import Any, NoReturn

from patches.errors import DuplicateKeyError, ManifestDepthError, ManifestSyntaxError, shown


def _no_constant(text: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python's reader would accept."""
    raise ManifestSyntaxError(got=text, allowed="finite numbers")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object, refusing a key that stands twice."""
    built: dict[str, Any] = {}
    for key, value in pairs:
        if key in built:
            raise DuplicateKeyError(got=shown(key), allowed="each key once", hint="delete one of the two")
        built[key] = value
    return built


def loads(data: bytes, *, file: str) -> Any:
    """Return the value that `data` holds.

    Parameters
    ----------
    data : bytes
        The whole text; the caller has bounded its length.
    file : str
        Its name, for the message.

    Raises
    ------
    ManifestSyntaxError
        Not UTF-8, a byte order mark, not JSON, NaN or an infinity, a number of absurd length.
    DuplicateKeyError
        A key twice in one object.
    ManifestDepthError
        Nested beyond the interpreter's limit.

    Thread
    ------
    Any but audio.
    """
    try:
        if data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ManifestSyntaxError(got="a byte order mark", allowed="UTF-8 without one", hint="save it again as plain UTF-8")
        return json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ManifestSyntaxError(file=file, got=f"bytes that are not UTF-8 at byte {error.start}", allowed="UTF-8") from None
    except json.JSONDecodeError as error:
        got = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise ManifestSyntaxError(file=file, got=got, allowed="JSON", hint="copy its folder again, it may be cut short") from None
    except ValueError:
        # The interpreter bounds how many digits it converts: the time grows with their square.
        raise ManifestSyntaxError(file=file, got="a number of thousands of digits", allowed="numbers of ordinary length") from None
    except RecursionError:
        raise ManifestDepthError(file=file, allowed="the depth of the table of fields") from None
    except (ManifestSyntaxError, DuplicateKeyError) as error:
        error.file = file
        raise


def dumps(value: Any) -> bytes:
    """Return the canonical bytes of `value`: sorted keys, two spaces, UTF-8 unescaped, one newline at the end."""
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
