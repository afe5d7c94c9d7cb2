"""What other libraries say that the user can do nothing about, each named with its reason; everything else is still heard."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

__all__ = ["quiet_lightning", "quiet_loggers", "quiet_torch", "quiet_torchscript"]

# Lightning reports devices it did not find, and tips for services, at INFO. Its warnings stay.
LIGHTNING_LOGGERS = ("lightning.pytorch", "lightning.fabric")
# Lightning 2.6 and torch.onnx build torch's own LeafSpec, which torch 2.13 deprecates: one library's word to another.
LEAF_SPEC = r"`isinstance\(treespec, LeafSpec\)` is deprecated"
# torch.export puts stand-ins in the place of an LSTM's weights, takes them back, and reports that they were there.
LSTM_WEIGHTS = r"The tensor attributes? .*_flat_weights.* assigned during export"
# torch's LSTM looks at the sizes of what it is given, also where it is only traced.
TRACED_CHECK = r"Converting a tensor to a Python boolean"
TORCH_LSTM = r"(.*[/\\.])?torch[/\\.]nn[/\\.]modules[/\\.]rnn"
TORCHSCRIPT = r"`torch\.jit\.\w+` is deprecated"


@contextlib.contextmanager
def quiet_torch() -> Iterator[None]:
    """Hide torch's deprecation of its own tree type while libraries that still use it run, and what an export says of an LSTM."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=LEAF_SPEC, category=FutureWarning)
        warnings.filterwarnings("ignore", message=LSTM_WEIGHTS, category=UserWarning)
        yield


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Hide what Lightning reports of itself, and leave its loggers as they were."""
    with quiet_torch(), quiet_loggers(LIGHTNING_LOGGERS):
        yield


@contextlib.contextmanager
def quiet_loggers(names: tuple[str, ...], level: int = logging.WARNING) -> Iterator[None]:
    """Let these loggers speak only from this level up, and leave them as they were."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)


@contextlib.contextmanager
def quiet_torchscript() -> Iterator[None]:
    """Hide torch's advice to leave TorchScript: a patch carries one for hosts that have libtorch and no ONNX Runtime."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=TORCHSCRIPT, category=DeprecationWarning)
        # By its message, as its class is torch's, which this module does not load.
        warnings.filterwarnings("ignore", message=TRACED_CHECK, module=TORCH_LSTM)
        yield
