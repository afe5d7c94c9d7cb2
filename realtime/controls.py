"""Controls of a deck and of the master: one literal table. It knows values, not where they come from.

A patch adds its own controls by its manifest.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from patches.manifest import Manifest
from realtime.errors import SettingError, UnknownControlError
from realtime.kernels import layout as at
from realtime.kernels.views import Floats


@dataclass(frozen=True)
class StageControl:
    """A control that every deck (or the master) has.

    `position` is where its value is among a deck's floats, for the master's among all (see `realtime.kernels.layout`), -1 where it has
    another way.
    """

    id: str
    label: str
    unit: str
    minimum: float
    maximum: float
    default: float
    summary: str
    position: int = -1


SILENCE_DB = -60.0
"""A gain at or below this is silence."""

DECK_CONTROLS: tuple[StageControl, ...] = (
    StageControl("gain", "Gain", "dB", SILENCE_DB, 12.0, 0.0, "level; the minimum is silence", at.DF_GAIN),
    StageControl("pan", "Pan", "", -1.0, 1.0, 0.0, "left to right, equal power", at.DF_PAN),
    StageControl("mute", "Mute", "", 0.0, 1.0, 0.0, "1 silences the deck", at.DF_MUTE),
    StageControl("solo", "Solo", "", 0.0, 1.0, 0.0, "1 silences every deck without it", at.DF_SOLO),
    StageControl("freeze", "Freeze", "", 0.0, 1.0, 0.0, "1 holds the present state of the model"),
)
MASTER_CONTROLS: tuple[StageControl, ...] = (
    StageControl("gain", "Master gain", "dB", SILENCE_DB, 12.0, 0.0, "level of everything; the minimum is silence", at.F_MASTER_GAIN),
    StageControl(
        "input_gain", "Input gain", "dB", SILENCE_DB, 24.0, 0.0, "level of the live input; the minimum is silence", at.F_INPUT_GAIN
    ),
)


FREEZE_LEVEL = 0.5
"""A freeze at or above this is on: controllers send anything between 0 and 1."""


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


def stored(control: StageControl, value: float) -> float:
    """A checked value as the shared block holds it: gains are linear there."""
    return linear_gain(value) if control.unit == "dB" else value


def set_master(floats: Floats, control_id: str, value: float) -> None:
    """Write a control of the master into the shared block.

    Raises
    ------
    UnknownControlError, SettingError — no such control, or out of range.
    """
    control = find(MASTER_CONTROLS, control_id)
    if control is None:
        raise UnknownControlError("the master has no such control", got=control_id, allowed=ids(MASTER_CONTROLS))
    floats[control.position] = stored(control, check_range(f"master.{control_id}", value, control.minimum, control.maximum))


def set_deck(floats: Floats, deck: int, control: StageControl, value: float) -> float:
    """Write a deck's own control into the shared block where it has a place there; returns the checked value.

    Raises
    ------
    SettingError — out of range.
    """
    checked = check_range(f"deck {deck + 1}.{control.id}", value, control.minimum, control.maximum)
    if control.position >= 0:
        floats[at.deck_floats(deck) + control.position] = stored(control, checked)
    return checked


def check_patch_values(deck: int, manifest: Manifest, given: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Values of a patch's controls by id, each known to the patch and in range.

    Raises
    ------
    UnknownControlError, SettingError
    """
    values = {}
    for control_id, value in given:
        control = next((c for c in manifest.controls if c.id == control_id), None)
        if control is None:
            allowed = ", ".join([*(c.id for c in manifest.controls), ids(DECK_CONTROLS)])
            raise UnknownControlError(f"deck {deck + 1}: patch {manifest.slug} has no such control", got=control_id, allowed=allowed)
        values[control_id] = check_range(f"deck {deck + 1}.{control_id}", value, control.min, control.max)
    return values


def check_stage_values(where: str, table: tuple[StageControl, ...], given: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Check the values of controls that are in a table; returns those of others.

    Raises
    ------
    SettingError — out of range.
    """
    others = []
    for control_id, value in given:
        control = find(table, control_id)
        if control is None:
            others.append((control_id, value))
        else:
            check_range(f"{where}.{control_id}", value, control.minimum, control.maximum)
    return others


def ids(table: tuple[StageControl, ...]) -> str:
    """The ids of a table, for a message."""
    return ", ".join(control.id for control in table)
