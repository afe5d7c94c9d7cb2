"""How much each column of a corpus usually counts in the distance of two units. It knows names, not corpora."""

import numpy as np
from numpy.typing import NDArray

from patches.descriptors import ATTRIBUTES, DescriptorSpec

__all__ = ["ATTRIBUTE_WEIGHT", "column_weights", "descriptor_weights"]

# Of a movement and of its movement, beside 1 of everything else, on the squared z-scored distance. The deltas are two thirds of the 39 and
# only say how the static third moves; at full weight they would outvote it. So the static third decides (57 %), movement chooses among
# likes.
DELTA_WEIGHT, DELTA_DELTA_WEIGHT = 0.5, 0.25
ATTRIBUTE_WEIGHT = 12.0
"""As the stage weighs what the performer turned (`realtime.voices.mosaic_target.ATTRIBUTE_WEIGHT`)."""

Array = NDArray[np.float32]


def descriptor_weights(spec: DescriptorSpec) -> Array:
    """Return the weight of each descriptor, (D,)."""
    weight = {"delta": DELTA_WEIGHT, "delta_delta": DELTA_DELTA_WEIGHT}
    return np.array([weight.get(name.rstrip("0123456789"), 1.0) for name in spec.names], np.float32)


def column_weights(spec: DescriptorSpec) -> Array:
    """Return the weight of each column of [descriptors | attributes], (D + 3,)."""
    return np.append(descriptor_weights(spec), np.full(len(ATTRIBUTES), ATTRIBUTE_WEIGHT, np.float32))
