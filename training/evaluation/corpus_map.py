"""The units of a corpus as points of a plane: the two directions in which they differ most.

It knows a patch's corpus file and frames of a training; it draws nothing.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from patches.errors import PatchError
from patches.reader import read_bytes
from training.evaluation.errors import PatchUnusableError

if TYPE_CHECKING:
    from patches.manifest import Manifest

__all__ = ["CorpusMap", "map_of_clips", "map_of_patch", "project"]

STD_FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class CorpusMap:
    """Units on a plane.

    Attributes
    ----------
    points : float64 array, shape (N, 2)
    colour : int64 array, shape (N,), which of `names`; -1 for none
    names : tuple of str, labels, or files where there are no labels
    explained : float, share of the variance that the plane shows
    """

    points: NDArray[np.float64]
    colour: NDArray[np.int64]
    names: tuple[str, ...]
    explained: float


def project(table: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return the two principal components of rows (N, C), each column z-scored first, and the share of variance they hold.

    Source
    ------
    Pearson 1901; by the eigenvectors of the covariance. The sign is that which makes each component's largest weight positive.
    """
    wide = np.asarray(table, dtype=np.float64)
    wide = (wide - wide.mean(0)) / np.maximum(wide.std(0), STD_FLOOR)
    values, vectors = np.linalg.eigh(wide.T @ wide / len(wide))
    axes = vectors[:, ::-1][:, :2]  # eigh sorts upwards
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    points = np.zeros((len(wide), 2))
    points[:, : axes.shape[1]] = wide @ axes
    return points, float(values[-2:].sum() / max(values.sum(), STD_FLOOR))


def map_of_clips(clips: Sequence[tuple[str, NDArray[np.float32]]]) -> CorpusMap:
    """Map the frames of clips: pairs of a label and frames (S, D)."""
    names = tuple(sorted({label for label, _ in clips}))
    points, explained = project(np.concatenate([frames for _, frames in clips]))
    colour = np.repeat([names.index(label) for label, _ in clips], [len(frames) for _, frames in clips])
    return CorpusMap(points, colour.astype(np.int64), names, explained)


def map_of_patch(folder: Path, manifest: "Manifest") -> CorpusMap:
    """Map the units of a patch's own corpus; coloured by label, or by file where it has no labels.

    Raises
    ------
    PatchUnusableError
        The corpus is missing, not what the manifest lists, or not a table of units.
    """
    try:
        content = read_bytes(folder, manifest.file("corpus"))
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            table = np.concatenate([arrays["descriptors"], arrays["attributes"]], axis=1).astype(np.float32)
            files = arrays["file_index"].astype(np.int64)
            labels = arrays["label_index"].astype(np.int64) if "label_index" in arrays else np.full(len(table), -1)
            names, file_names = _lines(arrays, "labels"), _lines(arrays, "files")
    except PatchError as error:
        raise PatchUnusableError(str(error), where=folder) from error
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise PatchUnusableError("its corpus is not a table of units", where=folder, got=str(error)) from error
    if not len(table) or len(files) != len(table) or len(labels) != len(table) or not np.isfinite(table).all() or files.min() < 0:
        raise PatchUnusableError("its corpus is not a table of units", where=folder, got=f"{len(table)} units")
    points, explained = project(table)
    if names and labels.max() >= 0:
        return CorpusMap(points, np.where(labels < len(names), labels, -1), names, explained)
    told = tuple(
        name or f"file {number + 1}" for number, name in zip(range(int(files.max()) + 1), chain(file_names, repeat("")), strict=False)
    )
    return CorpusMap(points, files, told, explained)


def _lines(arrays: "np.lib.npyio.NpzFile", name: str) -> tuple[str, ...]:
    """Return texts that a patch holds as the bytes of UTF-8 lines; none where it has no such array."""
    if name not in arrays or not arrays[name].size:
        return ()
    return tuple(arrays[name].astype(np.uint8).tobytes().decode("utf-8").split("\n"))
