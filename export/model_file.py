"""One exported model as bytes with its signature, ready to stand in a manifest. It knows no framework."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from patches.manifest import Model, Tensor

Signature = Mapping[str, tuple[str, tuple[int, ...]]]
"""Name -> dtype and shape."""


@dataclass(frozen=True)
class ExportedModel:
    """A model file before it lies in a patch.

    Attributes
    ----------
    role, runtime : str
        As in `patches.kinds.ROLES`.
    content : bytes
        The file.
    inputs, outputs : mapping
        Name -> dtype and fixed shape, in order.
    feedback : mapping
        Output -> the input that gets it in the next step.
    """

    role: str
    runtime: str
    content: bytes
    inputs: Signature
    outputs: Signature
    feedback: Mapping[str, str] = field(default_factory=dict)

    def entry(self, file: str) -> Model:
        """Return the manifest's entry for this model under a file name."""
        inputs, outputs = (
            tuple(Tensor(name, dtype, tuple(shape)) for name, (dtype, shape) in side.items()) for side in (self.inputs, self.outputs)
        )
        return Model(self.role, self.runtime, file, inputs=inputs, outputs=outputs, feedback=dict(self.feedback))
