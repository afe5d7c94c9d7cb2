"""What a table, its units, their lists and weights must be to be searched, and how that is said.

It knows arrays, not how they are searched.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MAXIMUM_COLUMNS = 128


class UnitTableError(ValueError):
    """A table that cannot be searched: `got` is what it is, `allowed` what it may be."""

    def __init__(self, failed: str, got: object, allowed: str) -> None:
        super().__init__(f"unit table: {failed}: got {got}; allowed: {allowed}")
        self.got = got
        self.allowed = allowed


class QueryShapeError(ValueError):
    """A query whose arrays do not fit the table: `got` is what it is, `allowed` what it may be."""

    def __init__(self, failed: str, got: object, allowed: str) -> None:
        super().__init__(f"unit query: {failed}: got {got}; allowed: {allowed}")
        self.got = got
        self.allowed = allowed


def check_table(table: NDArray[np.float32]) -> None:
    """Raise `UnitTableError` unless the table can be searched."""
    if not isinstance(table, np.ndarray) or table.dtype != np.float32:
        raise UnitTableError("type", getattr(table, "dtype", type(table).__name__), "a float32 array; convert with .astype(np.float32)")
    if table.ndim != 2 or table.shape[0] < 1 or not 1 <= table.shape[1] <= MAXIMUM_COLUMNS:
        raise UnitTableError("shape", table.shape, f"(N, C) with N of 1 or more and C in 1..{MAXIMUM_COLUMNS}")
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise UnitTableError(f"value in row {row}, column {column}", table[row, column], "finite numbers; leave such units out")


def check_units(units: int, label_index: NDArray[np.int16], label_count: int, unit_weight: NDArray[np.float32]) -> None:
    """Raise `UnitTableError` unless labels and weights are the units' and leave one to play."""
    if label_index.dtype != np.int16 or label_index.shape != (units,):
        raise UnitTableError("labels", f"{label_index.dtype} {label_index.shape}", f"int16 ({units},)")
    if label_index.min() < -1 or label_index.max() >= label_count:
        raise UnitTableError("labels", f"{label_index.min()}..{label_index.max()}", f"-1..{label_count - 1}")
    if unit_weight.dtype != np.float32 or unit_weight.shape != (units,):
        raise UnitTableError("unit weights", f"{unit_weight.dtype} {unit_weight.shape}", f"float32 ({units},)")
    if not np.isfinite(unit_weight).all() or unit_weight.min() < 0.0 or unit_weight.max() == 0.0:
        raise UnitTableError("unit weights", f"{unit_weight.min()}..{unit_weight.max()}", "finite numbers of 0 or more, not all 0")


def can_weigh(weights: NDArray[np.floating], columns: int) -> bool:
    """Say whether one number per column is there, and something to go by."""
    return weights.shape == (columns,) and bool(weights.min() >= 0.0) and 0.0 < float(weights.sum()) < math.inf


def check_lists(start: NDArray[np.int64], order: NDArray[np.int64], units: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lists as int64; raise `UnitTableError` unless every unit is in one of them, once."""
    start, order = np.ascontiguousarray(start, np.int64), np.ascontiguousarray(order, np.int64)
    if start.ndim != 1 or len(start) < 2 or start[0] != 0 or start[-1] != units or (np.diff(start) < 0).any():
        raise UnitTableError("starts of the lists", start, f"ascending from 0 to {units}")
    if order.shape != (units,) or order.min() < 0 or order.max() >= units or (np.bincount(order, minlength=units) != 1).any():
        raise UnitTableError("order of the lists", order, f"each unit from 0 to {units - 1} once")
    return start, order
