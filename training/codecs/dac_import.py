"""``python -m training codec-import FILE_OR_HUB_ID --out CODEC``: published weights of the Descript Audio Codec as a codec folder.

It takes a weight file of the publisher, or fetches one: by the name of a published model (`44khz`), or by a Hugging Face id whose
repository holds `model.safetensors` and `config.json` in the names that the transformers library gives the same tensors. A folder with
those two files, fetched elsewhere, does as well.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.codecs.dac_errors import DamagedWeightsError, MissingWeightsError, WeightsOfflineError, WrongArchitectureError
from training.errors import OptionError, OutputExistsError, OutputFailedError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PUBLISHED", "add_codec_import_parser", "import_dac", "run_codec_import"]

LICENCE = "MIT"
RELEASES = "https://github.com/descriptinc/descript-audio-codec/releases/download"
PUBLISHED = {
    "16khz": f"{RELEASES}/0.0.5/weights_16khz.pth",
    "24khz": f"{RELEASES}/0.0.4/weights_24khz.pth",
    "44khz": f"{RELEASES}/0.0.1/weights.pth",
    "44khz-16kbps": f"{RELEASES}/1.0.0/weights_44khz_16kbps.pth",
}
"""Name -> the publisher's own file."""
# As the Hugging Face client: a mirror may stand in for the hub.
HUB_VARIABLE, HUB = "HF_ENDPOINT", "https://huggingface.co"
HUB_FILES = ("config.json", "model.safetensors")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
TIMEOUT_S = 30.0
# The largest published file has 0.31 GB.
LARGEST_BYTES = 2 * 2**30
BLOCK_BYTES = 2**20


def add_codec_import_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", say: Callable[[str], None] = lambda line: None
) -> argparse.ArgumentParser:
    """Add the `codec-import` command to a command line and return its parser."""
    parser = subparsers.add_parser(
        "codec-import",
        help="take over published weights of the Descript Audio Codec",
        description="Write a codec folder from published weights of the Descript Audio Codec.",
    )
    parser.add_argument(
        "source", metavar="FILE_OR_HUB_ID", help=f"weights_*.pth; or {', '.join(PUBLISHED)}; or an id such as descript/dac_44khz"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CODEC", help="folder to make; must not exist or be empty")
    parser.add_argument("--codebooks", type=int, metavar="K", help="refuse weights that have not this many codebooks")
    parser.set_defaults(run=partial(run_codec_import, say=say))
    return parser


def run_codec_import(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run the `codec-import` command and return its exit code; a `StudioError` is left to the caller."""
    meta = import_dac(options.source, options.out, codebooks=options.codebooks)
    config = meta["config"]
    say(
        f"{options.out}: DAC, {config['sample_rate']} Hz, {config['n_codebooks']} codebooks of {config['codebook_size']}, licence {LICENCE}"
    )
    return 0


def import_dac(source: str, out: Path, *, codebooks: int | None = None) -> dict[str, Any]:
    """Write a codec folder from published weights, whole or not at all, and return its meta.

    Parameters
    ----------
    source : str
        A weight file, a name of `PUBLISHED`, or a Hugging Face id.
    out : Path
        Must not exist, or be an empty folder.
    codebooks : int, optional
        How many codebooks the weights must have.

    Raises
    ------
    DacWeightsError
        The weights cannot be used.
    WeightsOfflineError
        They cannot be fetched from here; the message has the link.
    OptionError, OutputExistsError, OutputFailedError
    """
    target = Path(os.path.realpath(out))
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise OutputExistsError("the output is there already, and is left as it is", where=out, hint="Remove it or choose another --out")
    if target == Path.cwd():
        # The folder is renamed into its place whole: whoever stands in the old one would stand in a folder that is gone.
        raise OptionError("the current folder cannot be replaced", where="--out", got=out, hint="Name a folder in it: --out dac")
    staging = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".codec-import.", suffix=".part"))
        folder = staging / "codec"
        folder.mkdir()
        meta = _written(folder, source, staging, codebooks)
        if target.exists():
            target.rmdir()
        folder.rename(target)
    except OSError as error:
        raise OutputFailedError("the codec could not be written", where=out, got=error.strerror, hint="Nothing was left behind") from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
    return meta


def _written(folder: Path, source: str, staging: Path, codebooks: int | None) -> dict[str, Any]:
    # Local: torch takes seconds to import, and a mistyped option should not wait for it.
    from dataclasses import asdict

    from training.codecs.codec import write_codec
    from training.codecs.dac_weights import read_dac_weights
    from training.run_folder import library_versions

    if os.path.isfile(source):  # noqa: PTH113 - Path.is_file raises for a name that is too long
        config, weights = read_dac_weights(Path(source), codebooks)
        origin = {"file": Path(source).name}
    elif source in PUBLISHED:
        file = staging / "weights.pth"
        _fetch(PUBLISHED[source], file, f"Fetch {PUBLISHED[source]} elsewhere, and give the file")
        config, weights = read_dac_weights(file, codebooks)
        origin = {"url": PUBLISHED[source]}
    elif os.path.isdir(source):  # noqa: PTH112 - as above
        config, weights = _from_transformers(Path(source), Path(source), codebooks)
        origin = {"file": Path(source).name}
    elif HUB_ID.fullmatch(source):
        base = f"{os.environ.get(HUB_VARIABLE, HUB).rstrip('/')}/{source}/resolve/main"
        hint = f"Fetch {' and '.join(f'{base}/{part}' for part in HUB_FILES)} elsewhere, and give the folder they are in"
        for part in HUB_FILES:
            _fetch(f"{base}/{part}", staging / part, hint)
        config, weights = _from_transformers(staging, Path(source), codebooks)
        origin = {"hub": source, "url": f"{base}/{HUB_FILES[1]}"}
    else:
        names = f"a weights_*.pth file, {', '.join(PUBLISHED)}, a Hugging Face id such as descript/dac_44khz, or a folder with its files"
        raise MissingWeightsError("no such weights", where=source, allowed=names)
    meta = {"codec": "dac", "config": asdict(config), "licence": LICENCE, "origin": origin, "versions": library_versions()}
    return write_codec(folder, meta, weights)


def _from_transformers(folder: Path, where: Path, codebooks: int | None) -> tuple[Any, "dict[str, Tensor]"]:
    import safetensors
    import safetensors.torch

    from training.codecs.dac_weights import check_dac_weights, read_config

    for part in HUB_FILES:
        if not (folder / part).is_file():
            raise MissingWeightsError("a file is missing", where=where, got=f"no {part}", allowed=" and ".join(HUB_FILES))
    config_file, weights_file = (folder / part for part in HUB_FILES)
    try:
        stated = json.loads(config_file.read_text(encoding="utf-8"))
        tensors = safetensors.torch.load_file(weights_file)
    except (ValueError, RecursionError, safetensors.SafetensorError) as error:
        raise DamagedWeightsError(f"its {' or '.join(HUB_FILES)} is damaged", where=where, got=str(error)[:120]) from error
    config = read_config(_published_sizes(stated, where), where)
    weights = {name: tensor.float() for name, tensor in published_names(tensors).items()}
    check_dac_weights(config, weights, where, codebooks)
    return config, weights


def _published_sizes(stated: Any, where: Path) -> dict[str, Any]:
    names = {
        "encoder_dim": "encoder_hidden_size",
        "encoder_rates": "downsampling_ratios",
        "latent_dim": "hidden_size",
        "decoder_dim": "decoder_hidden_size",
        "decoder_rates": "upsampling_ratios",
        "n_codebooks": "n_codebooks",
        "codebook_size": "codebook_size",
        "codebook_dim": "codebook_dim",
        "sample_rate": "sampling_rate",
    }
    if not isinstance(stated, Mapping) or stated.get("model_type") != "dac":
        got = stated.get("model_type") if isinstance(stated, Mapping) else type(stated).__name__
        raise WrongArchitectureError("not this codec", where=where, got=repr(got)[:60], allowed="model_type dac")
    return {ours: stated.get(theirs) for ours, theirs in names.items()}


def published_names(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """Return tensors of the transformers library under their published names, plain kernels as direction and length."""
    import torch

    inner = {"snake1": "0", "conv1": "1", "snake2": "2", "conv2": "3"}
    blocks = sum(1 for name in tensors if re.fullmatch(r"decoder\.block\.\d+\.snake1\.alpha", name))
    ends = {"conv1": "0", "snake1": str(blocks + 1), "conv2": str(blocks + 2)}
    heads = {"encoder": "block", "decoder": "model"}
    # Residual units stand before the snake and the convolution in the encoder, after them in the decoder.
    places = {"encoder": {"snake1": "3", "conv1": "4"}, "decoder": {"snake1": "0", "conv_t1": "1"}}
    first_unit = {"encoder": -1, "decoder": 1}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        side, *rest = name.split(".")
        if side in heads and len(rest) > 1 and rest[0] in ends:
            name = ".".join([side, heads[side], ends[rest[0]], *rest[1:]])
        elif side in heads and len(rest) > 3 and rest[0] == "block" and rest[1].isdigit():
            path = [side, heads[side], str(int(rest[1]) + 1), "block"]
            unit = re.fullmatch(r"res_unit([1-3])", rest[2])
            if unit and rest[3] in inner:
                name = ".".join([*path, str(int(unit[1]) + first_unit[side]), "block", inner[rest[3]], *rest[4:]])
            elif rest[2] in places[side]:
                name = ".".join([*path, places[side][rest[2]], *rest[3:]])
        if name.endswith(".weight") and not name.endswith("codebook.weight") and tensor.ndim == 3:
            stem = name.removesuffix("weight")
            length = torch.linalg.vector_norm(tensor, dim=(1, 2), keepdim=True)
            # A kernel of nothing has no direction; any will do, at length 0.
            found[f"{stem}weight_g"], found[f"{stem}weight_v"] = length, torch.where(length == 0.0, torch.ones_like(tensor), tensor)
        else:
            found[name] = tensor
    return found


def _fetch(url: str, file: Path, hint: str) -> None:
    """Write what an address sends to a file; raises WeightsOfflineError with the hint."""
    if not url.startswith(("https://", "http://")):
        raise WeightsOfflineError("not an address to fetch from", where=url, allowed="https://")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, file.open("wb") as out:
            length, written = answer.headers.get("Content-Length"), 0
            while block := answer.read(BLOCK_BYTES):
                written += len(block)
                if written > LARGEST_BYTES:
                    raise DamagedWeightsError("larger than any published weights", where=url, allowed=f"{LARGEST_BYTES} bytes")
                out.write(block)
            if length is not None and int(length) != written:
                raise DamagedWeightsError("the answer was cut short", where=url, got=f"{written} of {length} bytes", hint="Try again")
    except urllib.error.HTTPError as error:
        raise WeightsOfflineError("the weights are not there", where=url, got=f"HTTP {error.code}", hint=hint) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise WeightsOfflineError("the weights cannot be fetched from here", where=url, got=str(reason), hint=hint) from error
