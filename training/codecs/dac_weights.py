"""Published weight files of the Descript Audio Codec, read without running anything that is in them.

A file is a torch archive of ``{"state_dict": ..., "metadata": {"kwargs": ...}}``. It does not know where files come from.
"""

import math
import os
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.codecs.dac_errors import (
    CodebookCountError,
    DamagedWeightsError,
    MissingWeightsError,
    UnsafeWeightsError,
    WrongArchitectureError,
)
from training.codecs.dac_model import DacConfig, DacModel

__all__ = ["build_dac", "check_dac_weights", "read_config", "read_dac_weights"]

PUBLISHED = "weights_*.pth of descript-audio-codec 1.0.0"
# Bounds far beyond every published size, so that a hostile header cannot ask for a machine's memory.
WIDEST, MOST_RATES, FASTEST_HZ = 65_536, 8, 384_000
# What training alone uses.
IGNORED_KWARGS = ("quantizer_dropout",)
ZIP_MAGIC, PICKLE_MAGIC = b"PK\x03\x04", b"\x80"


def read_dac_weights(file: Path, codebooks: int | None = None) -> tuple[DacConfig, dict[str, Tensor]]:
    """Return the sizes and the tensors of a published weight file, checked to fit each other.

    Parameters
    ----------
    file : Path
    codebooks : int, optional
        How many codebooks it must have.

    Raises
    ------
    MissingWeightsError, DamagedWeightsError, UnsafeWeightsError, WrongArchitectureError, CodebookCountError
    """
    content = _loaded(file)
    if not isinstance(content, Mapping) or not isinstance(content.get("state_dict"), Mapping):
        got = ", ".join(map(str, list(content)[:4])) if isinstance(content, Mapping) else type(content).__name__
        raise WrongArchitectureError("not a weight file of this codec", where=file, got=got, allowed="state_dict and metadata")
    metadata = content.get("metadata")
    kwargs = metadata.get("kwargs") if isinstance(metadata, Mapping) else None
    config = read_config(kwargs, file)
    weights = {}
    for name, tensor in content["state_dict"].items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            raise WrongArchitectureError("a weight is not a tensor of floats", where=file, got=str(name), allowed=PUBLISHED)
        weights[str(name)] = tensor.to(torch.float32).contiguous()
    check_dac_weights(config, weights, file, codebooks)
    return config, weights


def check_dac_weights(config: DacConfig, weights: Mapping[str, Tensor], where: Path, codebooks: int | None = None) -> None:
    """Raise what `build_dac` raises, and CodebookCountError where there are not as many codebooks as asked for."""
    build_dac(config, weights, where)
    if codebooks is not None and codebooks != config.n_codebooks:
        raise CodebookCountError("not the number of codebooks asked for", where=where, got=config.n_codebooks, allowed=codebooks)


def read_config(kwargs: Any, where: Path) -> DacConfig:
    """Return the sizes that a weight file or a codec folder states; raises WrongArchitectureError."""
    if not isinstance(kwargs, Mapping):
        raise WrongArchitectureError("it does not state its sizes", where=where, got=type(kwargs).__name__, allowed="metadata.kwargs")
    values = {name: value for name, value in kwargs.items() if name not in IGNORED_KWARGS}
    fields = DacConfig.__dataclass_fields__
    if unknown := sorted(set(map(str, values)) - set(fields)):
        raise WrongArchitectureError("it states sizes this codec has not", where=where, got=", ".join(unknown[:4]), allowed=PUBLISHED)
    if (
        values.get("latent_dim") is None
        and isinstance(values.get("encoder_dim"), int)
        and isinstance(values.get("encoder_rates"), list | tuple)
    ):
        # As the reference: what the encoder's last layer has.
        values["latent_dim"] = values["encoder_dim"] * 2 ** min(len(values["encoder_rates"]), MOST_RATES)
    dims = values.get("codebook_dim")
    if isinstance(dims, list | tuple) and dims and all(dim == dims[0] for dim in dims):
        # The reference takes one size, or one per codebook.
        values["codebook_dim"] = dims[0]
    for name in fields:
        if name.endswith("_rates"):
            rates = values.get(name)
            if not isinstance(rates, list | tuple) or not 1 <= len(rates) <= MOST_RATES or not all(_whole(rate, 64) for rate in rates):
                raise WrongArchitectureError(f"{name} is not a list of strides", where=where, got=rates, allowed="1 to 8 numbers, 1 to 64")
            values[name] = tuple(rates)
        elif not _whole(values.get(name), FASTEST_HZ if name == "sample_rate" else WIDEST):
            raise WrongArchitectureError(f"{name} is not a size", where=where, got=repr(values.get(name)), allowed=f"1 to {WIDEST}")
    config = DacConfig(**values)
    if math.prod(config.encoder_rates) != math.prod(config.decoder_rates) or config.decoder_dim % 2 ** len(config.decoder_rates):
        got = f"rates {config.encoder_rates} and {config.decoder_rates}, decoder_dim {config.decoder_dim}"
        raise WrongArchitectureError("encoder and decoder do not fit each other", where=where, got=got)
    return config


def build_dac(config: DacConfig, weights: Mapping[str, Tensor], where: Path) -> DacModel:
    """Return the codec with these weights, every name and shape as published; raises WrongArchitectureError, CodebookCountError."""
    held = {name.split(".")[2] for name in weights if name.startswith("quantizer.quantizers.")}
    if len(held) != config.n_codebooks:
        raise CodebookCountError("not as many codebooks as it says", where=where, got=len(held), allowed=config.n_codebooks)
    # Without memory of its own until the tensors are known to fit.
    with torch.device("meta"):
        model = DacModel(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for what, names in (("lacks", sorted(wanted.keys() - weights.keys())), ("has a foreign", sorted(weights.keys() - wanted.keys()))):
        if names:
            raise WrongArchitectureError(f"it {what} tensor", where=where, got=f"{names[0]} and {len(names) - 1} more", allowed=PUBLISHED)
    for name, shape in wanted.items():
        if tuple(weights[name].shape) != shape:
            raise WrongArchitectureError(f"{name} has another shape", where=where, got=tuple(weights[name].shape), allowed=shape)
        if not torch.isfinite(weights[name]).all():
            raise DamagedWeightsError(f"{name} holds NaN or infinity", where=where)
    model.load_state_dict(dict(weights), strict=True, assign=True)
    return model.eval().requires_grad_(False)


def _whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _loaded(file: Path) -> Any:
    # os.path and not Path.is_file, which on Python 3.11 raises for a name that is too long.
    if not os.path.isfile(file):  # noqa: PTH113
        raise MissingWeightsError("no such weight file", where=file)
    try:
        with file.open("rb") as opened:
            magic = opened.read(4)
    except OSError as error:
        raise MissingWeightsError("cannot be read", where=file, got=error.strerror) from error
    if magic == ZIP_MAGIC:
        if not zipfile.is_zipfile(file):
            raise DamagedWeightsError("the file is cut short", where=file, hint="Fetch it again")
        with zipfile.ZipFile(file) as archive:
            if any(name.endswith((".py", "/.data/extern_modules")) for name in archive.namelist()):
                raise UnsafeWeightsError("the file carries program text", where=file, got="a torch package", allowed=PUBLISHED)
    elif not magic.startswith(PICKLE_MAGIC):
        raise DamagedWeightsError("not a weight file", where=file, got=f"bytes {magic!r}", allowed=PUBLISHED)
    try:
        with warnings.catch_warnings():
            # torch warns of a pickle protocol it may not know; what it does not know it refuses.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Unsupported" in str(error) or "nsafe" in str(error) or "GLOBAL" in str(error):
            reason = next((line.strip() for line in str(error).splitlines() if "GLOBAL" in line or "nsupported" in line), "")
            got, hint = reason[:160] or None, "Nothing of it was run. Use a file from the publisher"
            raise UnsafeWeightsError("the file holds something that is no weight", where=file, got=got, hint=hint) from error
        raise DamagedWeightsError("the file is damaged", where=file, got=str(error).splitlines()[0][:160]) from error
    except (RuntimeError, ValueError, KeyError, EOFError, OSError, IndexError, TypeError, AttributeError, MemoryError) as error:
        raise DamagedWeightsError("the file is damaged", where=file, got=str(error).splitlines()[0][:160] or None) from error
