"""The controls and settings that a mosaic patch is exported with: every row of the table that does something here, and a weight per label.

It knows the patch format, not the voice.
"""

import re
from dataclasses import replace

from patches.descriptors import ATTRIBUTES, DescriptorSpec, group_of
from patches.manifest import Control, Setting
from patches.mosaic_controls import LABEL_PREFIX, MAX_LABEL_TEXT, MAX_LABELS, MOSAIC_CONTROLS, WEIGHT_PREFIX, label_control
from training.recipe import SequencerRecipe

# An id is what a performer types into OSC and MIDI mappings: 48 characters are the patch format's bound.
MAX_LABEL_ID = 40

# A fade of half a hop joins units without a click and leaves half of every unit untouched.
FADE_SHARE = 0.5
CANDIDATES = 8


def mosaic_controls(spec: DescriptorSpec, labels: tuple[str, ...]) -> tuple[Control, ...]:
    """Return the controls of a patch.

    Parameters
    ----------
    spec : DescriptorSpec
        A weight whose group has no column would be a knob that does nothing: it is left out.
    labels : tuple of str
        Of the corpus. One label weighs against nothing, so it gets no control; of more than the format has room for, the first get one.
    """
    fade_ms = round(1000.0 * fade_frames(spec) / spec.sample_rate_hz, 3)
    groups = {group_of(name) for name in (*spec.names, *ATTRIBUTES)}
    rows = [row for row in MOSAIC_CONTROLS if not row.id.startswith(WEIGHT_PREFIX) or row.id.removeprefix(WEIGHT_PREFIX) in groups]
    rows = [replace(row, default=fade_ms) if row.id in ("attack", "release") else row for row in rows]
    taken: set[str] = set()
    for label in labels[:MAX_LABELS] if len(labels) > 1 else ():
        plain = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_")[:MAX_LABEL_ID] or "none"
        number = 1
        while (name := f"{LABEL_PREFIX}{plain}" + (f"_{number}" if number > 1 else "")) in taken:
            number += 1
        taken.add(name)
        rows.append(label_control(label[:MAX_LABEL_TEXT], name))
    return tuple(rows)


def mosaic_settings(recipe: SequencerRecipe, spec: DescriptorSpec) -> dict[str, Setting]:
    """Return the settings of a patch."""
    return {
        "crossfade_frames": fade_frames(spec),
        "candidates": CANDIDATES,
        "selected_model": recipe.selected_model,
        "window_size": recipe.window_size,
        "forecast_size": recipe.forecast_size,
        "descriptors": spec.text,
    }


def fade_frames(spec: DescriptorSpec) -> int:
    """Return the length of the fade between two units."""
    return round(FADE_SHARE * spec.hop_frames)
