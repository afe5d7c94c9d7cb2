"""Names of the two views of the shared block, for readers and the type checker."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int64]
"""The block as int64."""
Floats = NDArray[np.float32]
"""The block as float32."""

WORDS: Final = "int64[::1]"
"""`Words` in a Numba signature."""
FLOATS: Final = "float32[::1]"
"""`Floats` in a Numba signature."""
