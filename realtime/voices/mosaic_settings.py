"""What the performer has set on a mosaic, by name. It knows the table of controls, not how the voice answers them."""

import numpy as np

from patches.descriptors import GROUPS
from patches.manifest import Manifest
from patches.mosaic_controls import LABEL_PREFIX, MOSAIC_CONTROLS, WEIGHT_PREFIX
from realtime.kernels.views import Floats
from realtime.voices.unit_shape import Shape

ON = 0.5
"""A switch at or above this is on."""


class MosaicSettings:
    """The values of every control of `MOSAIC_CONTROLS`, those a patch does not have at their defaults.

    Parameters
    ----------
    manifest : Manifest

    Attributes
    ----------
    labels : tuple of (str, int)
        Label and its place in the control values, for each label that has a control.
    group_weights : float32 array, shape (len(GROUPS),)

    Thread
    ------
    The deck's. `read` once per step.
    """

    def __init__(self, manifest: Manifest) -> None:
        place = {control.id: index for index, control in enumerate(manifest.controls)}
        self._values = {control.id: control.default for control in MOSAIC_CONTROLS}
        if "crossfade_frames" in manifest.settings:
            # A patch from before there was an attack: its cross-fade was a setting.
            fade_ms = 1000.0 * max(int(manifest.settings["crossfade_frames"]), 1) / manifest.audio.sample_rate_hz
            self._values["attack"] = self._values["release"] = fade_ms
        if "candidates" in manifest.settings:
            self._values["candidates"] = float(manifest.settings["candidates"])
        self._places = tuple((control.id, place[control.id]) for control in MOSAIC_CONTROLS if control.id in place)
        self.labels = tuple((control.label, place[control.id]) for control in manifest.controls if control.id.startswith(LABEL_PREFIX))
        self.group_weights: Floats = np.ones(len(GROUPS), np.float32)
        self._groups = tuple((index, WEIGHT_PREFIX + group) for index, group in enumerate(GROUPS))

    def read(self, controls: Floats) -> None:
        """Take the values of this step, in the manifest's order."""
        values = controls.tolist()
        for name, index in self._places:
            self._values[name] = values[index]
        for index, name in self._groups:
            self.group_weights[index] = self._values[name]

    def __getitem__(self, control_id: str) -> float:
        return self._values[control_id]

    def is_on(self, control_id: str) -> bool:
        """Tell whether a switch is on."""
        return self._values[control_id] >= ON

    def whole(self, control_id: str) -> int:
        """The nearest whole number."""
        return round(self._values[control_id])

    def shape(self, step_ms: float) -> Shape:
        """How units are played; a one-shot without a length lasts a step."""
        length = self["unit_length"]
        return Shape(
            attack_ms=self["attack"],
            release_ms=self["release"],
            overlap_ms=self["overlap"],
            rate=self["rate"],
            reverse=self.is_on("reverse"),
            spread=self["spread"],
            streams=self.whole("streams"),
            pitch_join=self.is_on("pitch_join"),
            unit_ms=step_ms if self.is_on("one_shot") and length <= 0.0 else length,
        )
