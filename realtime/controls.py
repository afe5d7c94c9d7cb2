"""Controls of a deck and of the master: one literal table. It knows values, not where they come from.

A patch adds its own controls by its manifest.
"""

import math
from dataclasses import dataclass

from realtime.errors import SettingError


@dataclass(frozen=True)
class StageControl:
    """A control that every deck (or the master) has.

    `position` is the offset from the deck's floats (see `realtime.kernels.layout`); -1 where the host itself acts on it.
    """

    id: str
    label: str
    unit: str
    minimum: float
    maximum: float
    default: float
    summary: str


SILENCE_DB = -60.0
"""A gain at or below this is silence."""

DECK_CONTROLS: tuple[StageControl, ...] = (
    StageControl("gain", "Gain", "dB", SILENCE_DB, 12.0, 0.0, "level; the minimum is silence"),
    StageControl("pan", "Pan", "", -1.0, 1.0, 0.0, "left to right, equal power"),
    StageControl("mute", "Mute", "", 0.0, 1.0, 0.0, "1 silences the deck"),
    StageControl("solo", "Solo", "", 0.0, 1.0, 0.0, "1 silences every deck without it"),
    StageControl("freeze", "Freeze", "", 0.0, 1.0, 0.0, "1 holds the present state of the model"),
)
MASTER_CONTROLS: tuple[StageControl, ...] = (
    StageControl("gain", "Master gain", "dB", SILENCE_DB, 12.0, 0.0, "level of everything; the minimum is silence"),
)


def find(table: tuple[StageControl, ...], control_id: str) -> StageControl | None:
    """The control of this id, or None."""
    return next((control for control in table if control.id == control_id), None)


def linear_gain(gain_db: float) -> float:
    """Linear amplitude of a gain in dB; 0 at `SILENCE_DB` and below."""
    return 0.0 if gain_db <= SILENCE_DB else math.pow(10.0, gain_db / 20.0)


def decibels(linear: float) -> float:
    """Level in dB of a linear amplitude, not below -120."""
    return 20.0 * math.log10(max(linear, 1e-6))


def check_range(where: str, value: float, minimum: float, maximum: float) -> float:
    """`value`, if it is a number in range.

    Raises
    ------
    SettingError — not finite, or out of range.
    """
    if not math.isfinite(value) or not minimum <= value <= maximum:
        raise SettingError(f"{where}: value out of range", got=f"{value:g}", allowed=f"{minimum:g} to {maximum:g}")
    return value
