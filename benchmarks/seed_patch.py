"""A tokens patch of the seed's size: 15.8 million parameters, window 172, and the full Descript decoder at 44.1 kHz, random weights.

What a step costs does not depend on what the weights are. Needs the studio (torch).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.report import need
from patches.manifest import Audio, Control, Licence, Manifest, Origin, Verify
from patches.writer import write_patch

SLUG = "seed-size"
CODEBOOKS, CODEBOOK_SIZE = 4, 1024
CLASSES, PARAMETERS = 7, 1
"""As published: four of the codec's nine codebooks, seven classes, one parameter."""


def write_seed_patch(folder: Path, *, decoder_steps: int, threads: int) -> Path:
    """Write the patch into `folder` by the studio's own exporters and return its own folder.

    Parameters
    ----------
    folder : Path
    decoder_steps : int
        Codec frames per call of the decoder.
    threads : int
        Cores the decoder may use.

    Raises
    ------
    MissingPackageError
        The studio, or a part of it, is not installed.
    """
    models = [*_steps(), *_decoder(decoder_steps)]
    codec = _codec_config()
    names = {id(model): f"{model.role}.onnx" for model in models}
    manifest = Manifest(
        slug=SLUG,
        name="Seed size",
        summary="Random weights of the published size, to measure time with.",
        kind="tokens",
        authors=("Starling",),
        licence=Licence("MIT", "CC0-1.0", "CC0-1.0"),
        audio=Audio(44_100, 1, codec.hop_frames * decoder_steps, codec.decoder_reach_frames),
        models=tuple(model.entry(names[id(model)]) for model in models),
        data=(),
        controls=_controls(),
        settings={
            "codec": "dac",
            "codec_identity": "0" * 64,
            "codebook_size": CODEBOOK_SIZE,
            "classes": CLASSES,
            "parameters": PARAMETERS,
            "freeze_steps": 43,
            "context_steps": 0,
            "threads": threads,
        },
        origin=Origin("benchmark", "none", "0" * 64, "2026-01-01T00:00:00Z", 0, 0.0, {}),
        verify=Verify(onnx_max_error=0.0, steps=1, step_ms_p50=0.0, step_ms_p99=0.0, machine="none"),
    )
    return write_patch(folder, manifest, {names[id(model)]: model.content for model in models}, "CC0-1.0\n")


def _codec_config() -> Any:
    """The published codec at 44.1 kHz and 8 kbit/s."""
    return need("voices", "training.codecs.dac_model").DacConfig(
        encoder_dim=64,
        encoder_rates=(2, 4, 8, 8),
        latent_dim=1024,
        decoder_dim=1536,
        decoder_rates=(8, 8, 4, 2),
        n_codebooks=9,
        codebook_size=CODEBOOK_SIZE,
        codebook_dim=8,
        sample_rate=44_100,
    )


def _steps() -> list[Any]:
    """The token step in float32 and in int8."""
    torch = need("voices", "torch")
    recipes = need("voices", "training.tokens_recipe")
    transformer = need("voices", "training.tokens_model")
    export_step = need("voices", "export.tokens_step").export_step
    recipe = recipes.read_tokens_recipe(recipes.RECIPES["seed"])
    sizes = {name: getattr(recipe, name) for name in transformer.TransformerSize.__dataclass_fields__ if hasattr(recipe, name)}
    size = transformer.TransformerSize(codebooks=CODEBOOKS, codebook_size=CODEBOOK_SIZE, condition_size=CLASSES + PARAMETERS, **sizes)
    torch.manual_seed(0)
    model = transformer.TokenTransformer(size).eval()
    return [export_step(model), export_step(model, quantised=True)]


def _decoder(steps: int) -> list[Any]:
    """The full decoder, for so many codec frames per call."""
    torch = need("voices", "torch")
    dac_model = need("voices", "training.codecs.dac_model")
    dac = need("voices", "training.codecs.dac")
    torch.manual_seed(0)
    codec = dac.DacCodec(dac_model.DacModel(_codec_config()).eval(), "0" * 64, "none")
    exported = need("voices", "export.dac").export_dac(codec, codebooks=CODEBOOKS, steps=steps, torchscript=False)
    return [model for model in exported if model.role == "decoder"]


def _controls() -> tuple[Control, ...]:
    weight = Control("class_0", "Class", "", 0.0, 1.0, 0.0, "linear", 0.0)
    classes = [replace(weight, id=f"class_{i}", default=float(i == 0)) for i in range(CLASSES)]
    return (*classes, replace(weight, id="parameter", label="Parameter", default=0.5))
