"""What must be settled before the numerical libraries load: where compiled kernels are kept, and how many threads they take.

It knows files and hashes, not what the kernels do.

Numba notices a change of the file a kernel is in, not of the files whose functions it calls. So the folder's name has a hash of every
kernel file in it: after an upgrade the stage never runs a mixer that holds last week's ring.
"""

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

_DONE = "compiled"
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# The last holds numbers that kernels take from it when they are compiled.
_KERNEL_SOURCES = ("kernels/*.py", "voices/*.py", "descriptors/*.py", "../patches/descriptors.py")


def kernel_hash() -> str:
    """Hash of every source file a kernel may be in."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for pattern in _KERNEL_SOURCES:
        for path in sorted(here.glob(pattern)):
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def use_one_thread() -> None:
    """Keep the linear algebra of this process and of its children on one core each, unless the user says otherwise.

    A deck has a core's worth of work; pools of threads that wait for each other only take cores from the other decks.
    """
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")


def is_compiled(folder: Path) -> bool:
    """Whether a stage has once begun with the kernels in the folder of `use_kernel_cache`: the first start takes half a minute longer."""
    return (folder / _DONE).exists()


def note_compiled(folder: Path) -> None:
    """Note that a stage begins with the kernels in this folder."""
    # Where nothing can be written, nothing was kept either.
    with contextlib.suppress(OSError):
        (folder / _DONE).touch()


def use_kernel_cache() -> Path:
    """Point Numba at the folder for these sources; call before the first import of numba. Child processes inherit it.

    Returns
    -------
    Path
        The folder: in the user's cache, or a temporary one when the user's cannot be written.

    Thread
    ------
    Control, once, at start.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    folder = user_cache_path("starling") / "kernels" / kernel_hash()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        # A folder of this process's own: what others could have put into a shared one would be run.
        folder = Path(tempfile.mkdtemp(prefix="starling-kernels-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return folder
