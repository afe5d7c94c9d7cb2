import os
import pickle
from pathlib import Path

import pytest
import torch

from tests.dac_reference import WEIGHTS, repacked, truncated
from training.codecs.dac_errors import (
    CodebookCountError,
    DacWeightsError,
    DamagedWeightsError,
    MissingWeightsError,
    UnsafeWeightsError,
    WrongArchitectureError,
)
from training.codecs.dac_model import DacConfig, DacModel
from training.codecs.dac_weights import build_dac, read_config, read_dac_weights


def published() -> dict:
    return torch.load(WEIGHTS, weights_only=True)


def saved(tmp_path: Path, content: object) -> Path:
    torch.save(content, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


def test_names_are_the_published_ones() -> None:
    config, weights = read_dac_weights(WEIGHTS)
    assert config == DacConfig(4, (2, 4, 8, 8), 64, 64, (8, 8, 4, 2), 9, 1024, 8, 44_100)
    assert set(build_dac(config, weights, WEIGHTS).state_dict()) == set(published()["state_dict"])


@pytest.mark.parametrize(
    ("rates", "books", "sample_rate"), [((2, 4, 5, 8), 12, 16_000), ((2, 4, 5, 8), 32, 24_000), ((2, 4, 8, 8), 18, 44_100)]
)
def test_every_published_rate_and_codebook_count(tmp_path: Path, rates: tuple, books: int, sample_rate: int) -> None:
    config = DacConfig(4, rates, 64, 32, rates[::-1], books, 32, 8, sample_rate)
    # As published: lists, a size left to the encoder's, and what training alone needs.
    kwargs = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(config).items()}
    kwargs |= {"latent_dim": None, "quantizer_dropout": 0.5, "codebook_dim": [8] * books}
    file = saved(tmp_path, {"state_dict": DacModel(config).state_dict(), "metadata": {"kwargs": kwargs, "logs": {}}})
    read, weights = read_dac_weights(file, books)
    assert read == config
    codes = build_dac(read, weights, file).encode(torch.randn(1, 1, 4 * config.hop_frames))
    assert codes.shape == (1, books, 4)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated(tmp_path: Path, share: float) -> None:
    file = truncated(WEIGHTS, tmp_path / "weights.pth", share)
    with pytest.raises(DamagedWeightsError) as refused:
        read_dac_weights(file)
    assert str(file) in str(refused.value)


class Rude:
    def __reduce__(self):
        return os.mkdir, ("rude",)


@pytest.mark.parametrize("old_layout", [False, True])
def test_pickled_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old_layout: bool) -> None:
    monkeypatch.chdir(tmp_path)
    content = published() | {"extra": Rude()}
    torch.save(content, "weights.pth", _use_new_zipfile_serialization=not old_layout)
    with pytest.raises(UnsafeWeightsError, match="no weight"):
        read_dac_weights(tmp_path / "weights.pth")
    assert not Path("rude").exists()


def test_plain_pickle_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.pth").write_bytes(pickle.dumps(Rude()))
    with pytest.raises(DacWeightsError):
        read_dac_weights(tmp_path / "weights.pth")
    assert not Path("rude").exists()


def test_torch_package(tmp_path: Path) -> None:
    file = repacked(WEIGHTS, tmp_path / "package.pth", dac__model__dac_py=b"", **{"dac__model.py": b"import os"})
    with pytest.raises(UnsafeWeightsError, match="program text"):
        read_dac_weights(file)


def test_no_file_and_no_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError):
        read_dac_weights(tmp_path / "none.pth")
    with pytest.raises(MissingWeightsError):
        read_dac_weights(tmp_path / ("x" * 300))
    (tmp_path / "text.pth").write_text("weights")
    with pytest.raises(DamagedWeightsError, match="not a weight file"):
        read_dac_weights(tmp_path / "text.pth")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda c: c.pop("metadata"), WrongArchitectureError),
        (lambda c: c.pop("state_dict"), WrongArchitectureError),
        (lambda c: c["metadata"].pop("kwargs"), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(attention=True), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(encoder_dim=8), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(decoder_dim=2**60), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(decoder_dim=2**15), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(codebook_size="1024"), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(decoder_rates=[8, 8, 4]), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(encoder_rates=[0, 4, 8, 8]), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(sample_rate=True), WrongArchitectureError),
        (lambda c: c["metadata"]["kwargs"].update(n_codebooks=12), CodebookCountError),
        (lambda c: c["state_dict"].pop("decoder.model.6.bias"), WrongArchitectureError),
        (lambda c: c["state_dict"].update(foreign=torch.zeros(1)), WrongArchitectureError),
        (lambda c: c["state_dict"].update({"decoder.model.6.bias": torch.zeros(2)}), WrongArchitectureError),
        (lambda c: c["state_dict"].update({"decoder.model.6.bias": 1.0}), WrongArchitectureError),
        (lambda c: c["state_dict"]["decoder.model.6.bias"].fill_(float("nan")), DamagedWeightsError),
    ],
)
def test_wrong_architecture(tmp_path: Path, change, error: type[DacWeightsError]) -> None:
    content = published()
    change(content)
    file = saved(tmp_path, content)
    with pytest.raises(error) as refused:
        read_dac_weights(file)
    assert type(refused.value) is error
    assert str(file) in str(refused.value)


def test_codebooks_asked_for() -> None:
    assert read_dac_weights(WEIGHTS, 9)
    with pytest.raises(CodebookCountError, match="got 9; allowed: 12"):
        read_dac_weights(WEIGHTS, 12)


def test_a_list_is_no_config() -> None:
    with pytest.raises(WrongArchitectureError):
        read_config([], WEIGHTS)
