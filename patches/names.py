"""Which names a file inside a patch may have.

Does not open anything. A name that passes is safe to join to a folder on Linux, macOS and Windows alike.
"""

import re

from patches.errors import FileNameError, shown

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""ASCII, so that no two systems normalise it differently; no separator, colon, space or leading dot."""

WINDOWS_DEVICES = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)})
"""Names that open a device on Windows, whatever extension follows.

Source: "Naming Files, Paths, and Namespaces", Microsoft Learn.
"""


def is_device(name: str) -> bool:
    """Return whether Windows takes `name` for a device."""
    return name.split(".", 1)[0].casefold() in WINDOWS_DEVICES


def check_file_name(name: str, extensions: tuple[str, ...], *, file: str = "", field: str = "") -> None:
    """Refuse a file name that could leave the folder or fail on another system.

    Parameters
    ----------
    name : str
        As the manifest or the caller gives it.
    extensions : tuple of str
        Endings of which it must have one, each with its dot.
    file, field : str
        Where the name stands, for the message.

    Raises
    ------
    FileNameError
        A separator, a drive letter, "..", a leading dot, a Windows device, a character outside A-Z a-z 0-9 . _ -, more than
        100 characters, or another extension.

    Thread
    ------
    Any.
    """
    if not FILE_NAME.fullmatch(name) or ".." in name:
        allowed = "a plain file name of at most 100 letters, digits, dots, hyphens and underscores, beside patch.json"
    elif is_device(name):
        allowed = "a name that is not a device on Windows"
    elif not name.endswith(extensions):
        allowed = "a name ending in " + " or ".join(extensions)
    else:
        return
    raise FileNameError(file=file, field=field, got=shown(name), allowed=allowed, hint="rename the file and list it under its new name")
