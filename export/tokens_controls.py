"""The controls of a patch of kind `tokens`: what the classes and parameters of a run become on stage. It does not know models."""

import re
from pathlib import Path

from export.errors import ControlsError
from patches.errors import shown
from patches.fields import BY_PATH
from patches.kinds import RESERVED_CONTROLS, SETTINGS
from patches.limits import MAX_CONTROLS
from patches.manifest import Control
from training.tokens_folder import TokensMeta

__all__ = ["check_controls", "controls_of"]

# The last hundredth of a distribution over a thousand codes is where a wrong one comes from, heard as a click. Less than this
# costs level: in some sounds the loud moments are the rare ones (docs/log.md).
TOP_P = 0.99


def controls_of(meta: TokensMeta, primes: int) -> tuple[Control, ...]:
    """Return the controls in the voice's order: classes, parameters, then how to sample.

    None is smoothed: a value is read once per step, and takes effect with that step.
    """
    taken = set(RESERVED_CONTROLS) | {"temperature", "top_k", "top_p", "prime"}
    controls = []
    for index, name in enumerate(meta.classes):
        controls.append(Control(_identifier("class", name, taken), name, "", 0.0, 1.0, float(index == 0), "linear", 0.0))
    for parameter in meta.parameters:
        low, high = float(parameter["min"]), float(parameter["max"])
        # A parameter that never varied still needs a range to stand in a manifest.
        high = high if high > low else low + 1.0
        controls.append(
            Control(_identifier("", parameter["name"], taken), parameter["name"], "", low, high, 0.5 * (low + high), "linear", 0.0)
        )
    size = float(meta.codec["codebook_size"])
    return (
        *controls,
        Control("temperature", "Temperature", "", 0.0, 2.0, 1.0, "linear", 0.0),
        Control("top_k", "Top k", "codes", 1.0, size, size, "exponential", 0.0),
        Control("top_p", "Top p", "", 0.0, 1.0, TOP_P, "linear", 0.0),
        Control("prime", "Prime", "", 0.0, float(primes), 0.0, "linear", 0.0),
    )


def check_controls(meta: TokensMeta, run: Path) -> None:
    """Refuse, before the work, names and numbers of classes and parameters that cannot stand in a manifest; raises ControlsError."""
    allowed = {field.path: field for field in SETTINGS["tokens"]}
    sampling = len(controls_of(meta, 0)) - meta.condition_size
    for what, got, most in (
        ("classes", len(meta.classes), int(allowed["classes"].high)),
        ("parameters", len(meta.parameters), int(allowed["parameters"].high)),
        ("classes and parameters", meta.condition_size, MAX_CONTROLS - sampling),
    ):
        if got > most:
            hint = "Prepare the sounds with fewer: join sub-folders, or leave columns out of the sheet"
            raise ControlsError(f"more {what} than a patch can have controls for", where=run, got=got, allowed=f"{most} at most", hint=hint)
    label = BY_PATH["controls[].label"]
    for what, name in [("class", name) for name in meta.classes] + [("parameter", row["name"]) for row in meta.parameters]:
        if not label.low <= len(name) <= label.high or not name.isprintable():
            hint = "Name it shorter in the sounds' folder or sheet, and prepare and train again"
            raise ControlsError(f"the name of a {what} cannot be a label", where=run, got=shown(name), allowed=label.allowed, hint=hint)
    bounds = BY_PATH["controls[].max"]
    for row in meta.parameters:
        if not bounds.low <= row["min"] <= row["max"] <= bounds.high - 1.0:
            got = f"{row['name']} from {row['min']:g} to {row['max']:g}"
            raise ControlsError(
                "a parameter out of the range of controls", where=run, got=got, allowed=f"{bounds.low} to {bounds.high - 1}"
            )


def _identifier(prefix: str, name: str, taken: set[str]) -> str:
    """Return a control's id for a name, unlike every other: lower case, digits and underscores.

    The stage knows classes by their prefix, so theirs is kept whatever the name.
    """
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:36]
    if prefix:
        stem = f"{prefix}_{text}" if text else prefix
        chosen = stem if text else f"{prefix}_1"
    else:
        stem = text if text and text[0].isalpha() and text not in taken else f"param_{text}".rstrip("_")
        chosen = stem
    number = 2
    while chosen in taken:
        chosen, number = f"{stem}_{number}", number + 1
    taken.add(chosen)
    return chosen
