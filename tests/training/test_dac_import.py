import argparse
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.dac_reference import WEIGHTS, tiny_codec, truncated, vectors
from training.codecs.codec import open_codec
from training.codecs.dac_errors import (
    CodebookCountError,
    DacWeightsError,
    DamagedWeightsError,
    MissingWeightsError,
    WeightsOfflineError,
    WrongArchitectureError,
)
from training.codecs.dac_import import PUBLISHED, add_codec_import_parser, import_dac
from training.codecs.errors import DamagedCodecError
from training.errors import OptionError, OutputExistsError

# As the transformers library names the parts: (where in the published names, where in theirs), per block and unit.
INNER = {0: "snake1", 1: "conv1", 2: "snake2", 3: "conv2"}


def run(*words: str) -> tuple[int, list[str]]:
    said: list[str] = []
    parser = argparse.ArgumentParser()
    add_codec_import_parser(parser.add_subparsers(), said.append)
    options = parser.parse_args(["codec-import", *words])
    return options.run(options), said


def test_file_becomes_a_codec(tmp_path: Path) -> None:
    out = tmp_path / "new" / "dac"
    code, said = run(str(WEIGHTS), "--out", str(out))
    assert code == 0
    assert "44100 Hz, 9 codebooks of 1024, licence MIT" in said[0]
    assert sorted(path.name for path in out.iterdir()) == ["checkpoint.safetensors", "meta.json"]
    assert [path.name for path in out.parent.iterdir()] == ["dac"]
    codec = open_codec(out)
    meta = json.loads((out / "meta.json").read_text())
    assert (codec.kind, codec.licence, codec.identity) == ("dac", "MIT", meta["checkpoint_sha256"])
    assert (codec.sample_rate_hz, codec.hop_frames, codec.codebooks, codec.codebook_size, codec.lookahead_frames) == (
        44_100,
        512,
        9,
        1024,
        4757,
    )
    assert np.array_equal(codec.decode(vectors()["codes"]), tiny_codec().decode(vectors()["codes"]))


def test_equal_weights_have_equal_identities(tmp_path: Path) -> None:
    one, two = import_dac(str(WEIGHTS), tmp_path / "one"), import_dac(str(WEIGHTS), tmp_path / "two")
    assert one["checkpoint_sha256"] == two["checkpoint_sha256"]


def test_damaged_codec_folder(tmp_path: Path) -> None:
    import_dac(str(WEIGHTS), tmp_path / "dac")
    meta = json.loads((tmp_path / "dac" / "meta.json").read_text())
    (tmp_path / "dac" / "meta.json").write_text(json.dumps(meta | {"config": meta["config"] | {"decoder_dim": 32}}))
    with pytest.raises(WrongArchitectureError):
        open_codec(tmp_path / "dac")
    weights = tmp_path / "dac" / "checkpoint.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DamagedCodecError):
        open_codec(tmp_path / "dac")


@pytest.mark.parametrize("out", ["full", "file"])
def test_nothing_is_overwritten(tmp_path: Path, out: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputExistsError):
        import_dac(str(WEIGHTS), tmp_path / out)
    assert (tmp_path / "full" / "kept").exists()


def test_empty_folder_is_filled_but_not_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    import_dac(str(WEIGHTS), tmp_path / "empty")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OptionError):
        import_dac(str(WEIGHTS), Path())


def test_refused_weights_leave_nothing(tmp_path: Path) -> None:
    bad = truncated(WEIGHTS, tmp_path / "bad.pth", 0.7)
    for source, codebooks, error in ((bad, None, DamagedWeightsError), (WEIGHTS, 12, CodebookCountError)):
        with pytest.raises(error):
            import_dac(str(source), tmp_path / "dac", codebooks=codebooks)
    for source in ("none.pth", "a/b/c", "44", ""):
        with pytest.raises(MissingWeightsError, match="44khz"):
            import_dac(source, tmp_path / "dac")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pth"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub on this machine; its folder."""
    folder = tmp_path / "hub"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def hub_name(name: str) -> str:
    """Return what the transformers library calls a published tensor."""
    side, *rest = name.split(".")
    if side == "quantizer":
        return name
    number, rest = int(rest[1]), rest[2:]
    if number in (0, 5, 6):
        return ".".join([side, {0: "conv1", 5: "snake1", 6: "conv2"}[number], *rest])
    inner, unit = int(rest[1]), len(rest) > 3
    if unit:
        return ".".join(
            [side, "block", str(number - 1), f"res_unit{inner + (1 if side == 'encoder' else -1)}", INNER[int(rest[3])], *rest[4:]]
        )
    outer = {"encoder": {3: "snake1", 4: "conv1"}, "decoder": {0: "snake1", 1: "conv_t1"}}[side][inner]
    return ".".join([side, "block", str(number - 1), outer, *rest[2:]])


def fill_hub(folder: Path, **changed: object) -> None:
    tensors, state = {}, torch.load(WEIGHTS, weights_only=True)["state_dict"]
    for name, tensor in state.items():
        if name.endswith("weight_v"):
            length = torch.linalg.vector_norm(tensor, dim=(1, 2), keepdim=True)
            tensors[hub_name(name).removesuffix("_v")] = tensor / length * state[name.removesuffix("_v") + "_g"]
        elif not name.endswith("weight_g"):
            tensors[hub_name(name)] = tensor
    config = {
        "model_type": "dac",
        "encoder_hidden_size": 4,
        "downsampling_ratios": [2, 4, 8, 8],
        "hidden_size": 64,
        "decoder_hidden_size": 64,
        "upsampling_ratios": [8, 8, 4, 2],
        "n_codebooks": 9,
        "codebook_size": 1024,
        "codebook_dim": 8,
        "sampling_rate": 44_100,
        "quantizer_dropout": 0.0,
    }
    place = folder / "descript" / "dac_tiny" / "resolve" / "main"
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(config | changed))
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, place / "model.safetensors")


def test_hub_weights_are_the_published_codec(tmp_path: Path, hub: Path) -> None:
    fill_hub(hub)
    meta = import_dac("descript/dac_tiny", tmp_path / "dac")
    assert meta["origin"]["hub"] == "descript/dac_tiny"
    codec, reference = open_codec(tmp_path / "dac"), vectors()
    assert (codec.encode(reference["audio"]) == reference["codes"]).mean() >= 0.999
    assert np.abs(codec.decode(reference["codes"]) - reference["decoded_9"]).max() < 1e-5


def test_folder_fetched_elsewhere(tmp_path: Path, hub: Path) -> None:
    fill_hub(hub)
    folder = hub / "descript" / "dac_tiny" / "resolve" / "main"
    one, two = import_dac(str(folder), tmp_path / "one"), import_dac("descript/dac_tiny", tmp_path / "two")
    assert one["checkpoint_sha256"] == two["checkpoint_sha256"]
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(DamagedWeightsError, match="damaged"):
        import_dac(str(folder), tmp_path / "three")
    (folder / "config.json").unlink()
    with pytest.raises(MissingWeightsError, match=r"no config\.json"):
        import_dac(str(folder), tmp_path / "three")


@pytest.mark.parametrize("changed", [{"model_type": "encodec"}, {"n_codebooks": 4}, {"decoder_hidden_size": None}])
def test_hub_weights_of_something_else(tmp_path: Path, hub: Path, changed: dict[str, object]) -> None:
    fill_hub(hub, **changed)
    with pytest.raises(DacWeightsError, match="descript/dac_tiny"):
        import_dac("descript/dac_tiny", tmp_path / "dac")
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]


def test_hub_without_it(tmp_path: Path, hub: Path) -> None:
    with pytest.raises(
        WeightsOfflineError, match=r"HTTP 404.*Fetch http.*descript/dac_none/resolve/main/config\.json and .*/model\.safetensors elsewhere"
    ):
        import_dac("descript/dac_none", tmp_path / "dac")


@pytest.mark.parametrize("name", ["descript/dac_44khz", *PUBLISHED])
def test_offline_says_where_the_weights_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # A proxy that is not there: what being offline looks like from here.
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY", "HF_ENDPOINT"):
        monkeypatch.delenv(variable, raising=False)
    hub = "https://huggingface.co/descript/dac_44khz/resolve/main"
    link = PUBLISHED.get(name, f"{hub}/config.json and {hub}/model.safetensors")
    with pytest.raises(WeightsOfflineError) as refused:
        import_dac(name, tmp_path / "dac")
    assert f"Fetch {link} elsewhere" in str(refused.value)
    assert refused.value.exit_code == 1
    assert not list(tmp_path.iterdir())
