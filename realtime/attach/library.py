"""The library as the browser lists it: every patch with size, licence, kind, classes and step time. It knows manifests, loads no model."""

import contextlib
import os
from pathlib import Path

from patches.library import Entry, available
from realtime.attach.view import PatchView
from realtime.control.table import CLASS_PREFIXES
from realtime.journal import hash_manifest
from realtime.step_times import read_times


def library() -> tuple[PatchView, ...]:
    """Every patch there is, by slug; broken ones with what is wrong.

    Raises
    ------
    UnreadableFileError — a folder of patches cannot be listed.

    Thread
    ------
    Any that may wait for the disk: some ten files are read per patch.
    """
    times = read_times()
    return tuple(_patch(entry, times) for entry in available())


def _patch(entry: Entry, times: dict[str, float]) -> PatchView:
    size = folder_bytes(entry.folder)
    manifest = entry.manifest
    if manifest is None:
        return PatchView(entry.slug, size_bytes=size, folder=str(entry.folder), error=str(entry.error))
    here = times.get(hash_manifest(manifest))
    classes = (_class(control.id) for control in manifest.controls)
    return PatchView(
        slug=entry.slug,
        name=manifest.name,
        kind=manifest.kind,
        # That of the weights too: what is played is theirs as much as the code's.
        licence=" · ".join(dict.fromkeys((manifest.licence.code, manifest.licence.weights))),
        size_bytes=size,
        step_ms=manifest.verify.step_ms_p50 if here is None else here,
        here=here is not None,
        classes=tuple(name for name in classes if name),
        summary=manifest.summary,
        folder=str(entry.folder),
    )


def _class(control_id: str) -> str:
    """Short name of the class or label a control is for; empty: it is for none."""
    return next((control_id.removeprefix(prefix) for prefix in CLASS_PREFIXES if control_id.startswith(prefix)), "")


def folder_bytes(folder: Path) -> int:
    """Size of all files in a folder, links not followed; what cannot be seen counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(Path(parent, name)).st_size
    return total
