"""Where the control socket is: a small file that only the user who plays can read. It knows no socket.

::

    stage.json (mode 0600): {"version": 2, "port": 40213, "token": 32 hex digits, "pid": 4711}
"""

import contextlib
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from realtime.attach.errors import AttachError, EndpointError, NoStageError

FILE_NAME: Final = "stage.json"
VERSION: Final = 2
"""Of the file and of the messages; another one is another program."""
TOKEN_BYTES: Final = 16
TOKEN_CHARACTERS: Final = 2 * TOKEN_BYTES
MOST_BYTES: Final = 4096
_HINT: Final = "end the stage and start it again: python -m realtime"


@dataclass(frozen=True)
class Endpoint:
    """Port on 127.0.0.1, what has to be said first there, and the process of the stage."""

    port: int
    token: str
    pid: int
    version: int = VERSION


def new_token() -> str:
    """A password for one run of the stage."""
    return secrets.token_hex(TOKEN_BYTES)


def write_endpoint(folder: Path, endpoint: Endpoint) -> Path:
    """Write the file, whole or not at all, readable by this user only; returns its path.

    Raises
    ------
    EndpointError — the folder takes no file.
    """
    path, part = folder / FILE_NAME, folder / f"{FILE_NAME}.{os.getpid()}"
    try:
        # One that an earlier process of this number left.
        part.unlink(missing_ok=True)
        # With this mode from the start: nobody may open it in between.
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="ascii") as file:
            json.dump(asdict(endpoint), file)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise EndpointError(f"{path}: cannot be written, no screen can be attached", got=error.strerror or str(error)) from None
    return path


def read_endpoint(folder: Path) -> Endpoint:
    """Where the stage of this folder is.

    Raises
    ------
    NoStageError — no stage has written one.
    EndpointError — the file is another user's, open to others, or not what a stage writes.
    """
    path = folder / FILE_NAME
    # Not through a link: what it points to may be anybody's.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        opened = os.open(path, flags)
    except FileNotFoundError:
        raise NoStageError(f"no stage is playing here: there is no {path}", hint="python -m realtime starts one") from None
    except OSError as error:
        raise EndpointError(f"{path}: cannot be read", got=error.strerror or str(error), hint=_HINT) from None
    try:
        _check_owner(path, os.fstat(opened))
        raw = os.read(opened, MOST_BYTES + 1)
    finally:
        os.close(opened)
    try:
        # Too many digits, too deep, no UTF-8: all of it is a file that no stage has written.
        fields = json.loads(raw) if len(raw) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        fields = None
    return _checked(path, fields)


def remove_endpoint(folder: Path, endpoint: Endpoint) -> None:
    """Remove the file, if it is still this stage's own."""
    with contextlib.suppress(AttachError, OSError):
        if read_endpoint(folder) == endpoint:
            (folder / FILE_NAME).unlink()


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise EndpointError(f"{path}: not a file", hint=_HINT)
    if not hasattr(os, "geteuid"):
        # Windows: the user's own folder is closed to others as it is.
        return
    if found.st_uid != os.geteuid():
        who = f"(number {found.st_uid}; you are {os.geteuid()})"
        raise EndpointError(f"{path}: the stage is another user's {who}", hint="only that user attaches a screen; OSC reaches it")
    if found.st_mode & 0o077:
        mode = stat.filemode(found.st_mode)
        raise EndpointError(f"{path}: other users can read it", got=mode, allowed="-rw-------", hint=_HINT)


def _checked(path: Path, fields: Any) -> Endpoint:
    """The record, if it is exactly what a stage writes."""
    if not isinstance(fields, dict) or "version" not in fields:
        raise EndpointError(f"{path}: not what a stage writes", hint=_HINT)
    version = fields["version"]
    # First of all: what else another version writes is its own business.
    if version != VERSION:
        hint = "the stage is another version of Starling: attach with that one"
        raise EndpointError(f"{path}: version", got=repr(version)[:20], allowed=str(VERSION), hint=hint)
    if set(fields) != {"port", "token", "pid", "version"}:
        raise EndpointError(f"{path}: not what a stage writes", hint=_HINT)
    port, token, pid = (fields[name] for name in ("port", "token", "pid"))
    if type(port) is not int or not 0 < port < 65_536 or type(pid) is not int or pid <= 0:
        raise EndpointError(f"{path}: not what a stage writes", got="a port or process that is none", hint=_HINT)
    if not isinstance(token, str) or len(token) != TOKEN_CHARACTERS or not set(token) <= set("0123456789abcdef"):
        raise EndpointError(f"{path}: not what a stage writes", got="a token that is none", hint=_HINT)
    return Endpoint(port, token, pid, version)
