"""The published codec's reference vectors, and a codec with odd rates, for tests of either package."""

import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

from training.codecs.dac import DacCodec
from training.codecs.dac_model import DacConfig, DacModel, ResidualUnit, Snake
from training.codecs.dac_weights import build_dac, read_dac_weights

FOLDER = Path(__file__).parent / "data" / "dac_reference"
WEIGHTS = FOLDER / "weights_tiny.pth"


@cache
def vectors(name: str = "reference") -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@cache
def tiny_codec() -> DacCodec:
    config, weights = read_dac_weights(WEIGHTS)
    return DacCodec(build_dac(config, weights, WEIGHTS), "tiny", "MIT")


@cache
def odd_codec() -> DacCodec:
    """Return random weights with the rates of the 16 kHz model, whose 5 is odd, and with frequencies that are hard to divide by."""
    torch.manual_seed(7)
    model = DacModel(DacConfig(4, (2, 4, 5, 8), 32, 32, (8, 5, 4, 2), 3, 16, 8, 16_000)).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, Snake):
            module.alpha.uniform_(-1.0, 2.0)
            module.alpha[0, 0] = 1e-3
            module.alpha[0, 1] = 0.0
        elif isinstance(module, ResidualUnit):
            module.block[-1].weight_g.fill_(0.2)
    model.decoder.model[-1].weight_g.fill_(0.02)
    return DacCodec(model, "odd", "CC0-1.0")


def truncated(source: Path, target: Path, share: float) -> Path:
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def repacked(source: Path, target: Path, **added: bytes) -> Path:
    """Copy a zip archive with more entries."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        for name, content in added.items():
            new.writestr(name.replace("__", "/"), content)
    return target
