"""One stage at a time: two would fight for the sound device and for the machine. It knows a lock file and the folder it is in."""

import os
import sys
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from realtime.errors import AlreadyRunningError, LockFolderError

FOLDER_VARIABLE = "STARLING_RUNTIME"
"""Another folder for the lock, for tests and for who knowingly plays on two devices."""

OWNER_NAME = "stage.pid"


def stage_folder() -> Path:
    """Where the stage of this user keeps its lock, its log and the way to its control socket.

    Raises
    ------
    LockFolderError — there is no such folder and none can be made.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    folder = Path(given) if given else user_state_path("starling")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LockFolderError(
            f"{folder}: the folder for the lock file cannot be made",
            got=error.strerror or str(error),
            hint=f"set {FOLDER_VARIABLE} to a folder you can write to",
        ) from None
    return folder


def is_held(folder: Path) -> bool:
    """Whether a process holds the stage of a folder, which may be only just starting."""
    try:
        owner = int((folder / OWNER_NAME).read_text())
        if sys.platform != "win32":
            os.kill(owner, 0)
    except PermissionError:
        # Somebody else's, but there.
        return True
    except (OSError, ValueError):
        return False
    return True


class Instance:
    """Holds the stage while it is entered; the system lets go of it whatever happens to the process.

    Raises
    ------
    AlreadyRunningError — another process holds it; the message has its process id.
    LockFolderError — the lock file has no place to be.
    """

    def __init__(self) -> None:
        self.folder = stage_folder()
        self.cut_off = False
        """The stage before this one did not end, its process was killed or the machine stopped."""
        self._owner = self.folder / OWNER_NAME
        self._lock = FileLock(self.folder / "stage.lock")

    def check(self) -> None:
        """Raise as entering it would, and hold nothing."""
        self._acquire()
        self._lock.release()

    def __enter__(self) -> "Instance":
        self._acquire()
        self.cut_off = self._owner.exists()
        self._owner.write_text(str(os.getpid()))
        return self

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            owner = self._owner.read_text().strip() if self._owner.exists() else "unknown"
            raise AlreadyRunningError(
                f"Starling is playing already (process {owner})",
                hint="python -m realtime attach opens a screen for it, where q ends it; --render works beside it",
            ) from None
        except OSError as error:
            raise LockFolderError(f"{self._lock.lock_file}: cannot be written", got=error.strerror or str(error)) from None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._owner.unlink(missing_ok=True)
        self._lock.release()
