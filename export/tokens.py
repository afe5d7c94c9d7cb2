"""A run folder of a token transformer, and its codec, as a patch of kind `tokens`.

It does not know the command line. Everything is made and verified before the patch folder is touched, and `patches.writer` then writes it
whole or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from export.codecs import DecoderPlan, export_codec, plan_decoder
from export.errors import DatasetGoneError, OtherCodecError
from export.licence import licence_text
from export.manifest_parts import heading, origin_of, verify_of
from export.model_file import ExportedModel
from export.place import PatchRequest, check_place, put_patch
from export.primes import Primes, choose_primes, primes_file, random_primes
from export.tokens_controls import check_controls, controls_of
from export.tokens_proof import TokensProof, prove_tokens
from export.tokens_step import export_step, export_step_torchscript, export_steps
from patches.kinds import MAX_CODEBOOKS, SETTINGS
from patches.manifest import Audio, DataFile, Licence, Manifest
from training.codecs.codec import Codec, open_codec
from training.codecs.errors import MissingCodecError
from training.errors import OptionError, StudioError
from training.tokens_dataset import TokenDataset, read_dataset
from training.tokens_folder import TokensMeta, load_tokens

__all__ = ["TokensRequest", "export_tokens"]

FREEZE_STEPS = 43
# A heavy decoder may use the second core; loading runs every prime through it, so there are fewer.
DAC_DECODER_THREADS = 2
PRIMES_PER_CLASS = 3
# What the cheapest models sample: half of the usual four, the coarse half.
LIGHT_CODEBOOKS = 2
EXTENSIONS = {"onnx": "onnx", "torchscript": "ts"}
CC0 = "CC0-1.0"


@dataclass(frozen=True)
class TokensRequest(PatchRequest):
    """What to export, and with which codec.

    Attributes
    ----------
    codec : str, optional
        Codec folder or patch; by default where the dataset says its codec is.
    data : Path, optional
        The dataset, where it is not any more where the run found it.
    decoder_steps : int, optional
        Codec frames per call of the decoder; by default what suits the codec.
    decoder_lookahead : int, optional
        Codec frames that a published codec's decoder waits at most; by default as many as it needs to be exact.
    codebook_temperatures : tuple of float
        What the control `temperature` is multiplied by, for the first codebooks; 1 for the others.
    torchscript : bool
        Whether TorchScript twins go along: as large again as the ONNX models, or larger.
    """

    codec: str | None = None
    data: Path | None = None
    decoder_steps: int | None = None
    decoder_lookahead: int | None = None
    codebook_temperatures: tuple[float, ...] = ()
    torchscript: bool = True


def export_tokens(request: TokensRequest, *, say: Callable[[str], None] = lambda line: None) -> Path:
    """Write a run as a patch of kind `tokens` and return its folder.

    Raises
    ------
    SlugError, OptionError
        Slug, name, summary, an author or a temperature cannot stand in a manifest.
    ControlsError
        The classes and parameters of the run cannot be the controls of a patch.
    RunError
        The run folder is missing, damaged, or has no weights.
    DatasetGoneError, OtherCodecError
        Dataset or codec are not those of the run.
    CodecError
        The codec cannot be opened.
    CodecExportError
        The codec cannot be exported as asked.
    VerificationError
        An export does not repeat the trained model.
    PatchError
        The patch is there already, cannot be written, or would not be valid.
    """
    check_place(request)
    meta, model = load_tokens(request.run)
    check_controls(meta, request.run)
    _check_temperatures(request.codebook_temperatures, meta.codec["codebooks"])
    dataset = _read_dataset(request, meta)
    codec = _open_codec(request, dataset)
    plan = plan_decoder(codec, meta.codec["codebooks"], request.decoder_steps, request.decoder_lookahead)
    codec_models = export_codec(codec, plan, torchscript=request.torchscript)
    random_start = meta.tokens_recipe().priming == "random"
    per_class = 1 if codec.kind == "dac" else PRIMES_PER_CLASS
    primes = random_primes(dataset, meta.recipe["seed"]) if random_start else choose_primes(dataset, per_class=per_class)
    step_models = list(export_steps(model))
    if model.size.codebooks > LIGHT_CODEBOOKS:
        step_models.append(export_step(model, codebooks=LIGHT_CODEBOOKS, quantised=True))
    if request.torchscript:
        step_models.append(export_step_torchscript(model))
    proof = prove_tokens(model, step_models, codec, codec_models, dataset, primes, plan)
    for line in proof.lines():
        say(line)
    models = [*step_models, *codec_models]
    names = {id(item): f"{item.role}.{EXTENSIONS[item.runtime]}" for item in models}
    files = {names[id(item)]: item.content for item in models} | {"primes.npz": primes_file(primes)}
    manifest = build_manifest(request, meta, codec, models, names, primes, proof, plan)
    return put_patch(request, manifest, files, licence_text(manifest.licence), say)


def build_manifest(
    request: TokensRequest,
    meta: TokensMeta,
    codec: Codec,
    models: list[ExportedModel],
    names: dict[int, str],
    primes: Primes,
    proof: TokensProof,
    plan: DecoderPlan,
) -> Manifest:
    """Return the manifest; hashes and sizes are the writer's to fill in."""
    together = CC0 if meta.licence == codec.licence == CC0 else "user-supplied"
    licence = Licence(code="MIT", weights=together, data=together)
    classes = ", ".join(meta.classes)
    settings = {
        "classes": len(meta.classes),
        "parameters": len(meta.parameters),
        "codec": codec.kind,
        "codec_identity": codec.identity,
        "codebook_size": codec.codebook_size,
        "freeze_steps": FREEZE_STEPS,
        "context_steps": int(primes.codes.shape[2]),
    }
    if codec.kind == "dac":
        settings["threads"] = DAC_DECODER_THREADS
    settings |= {f"codebook_temperature_{book}": float(value) for book, value in enumerate(request.codebook_temperatures, 1)}
    # Every stage, where a training began with the weights of another.
    seconds = round(meta.training_seconds + sum(stage["training_seconds"] for stage in meta.start), 3)
    return Manifest(
        **heading(request, f"Sound from tokens, steered by class and parameter: {classes}.", licence),
        kind="tokens",
        audio=Audio(codec.sample_rate_hz, 1, codec.hop_frames * plan.steps, plan.lookahead_frames),
        models=tuple(item.entry(names[id(item)]) for item in models),
        data=(DataFile("primes", "primes.npz"),),
        controls=controls_of(meta, len(primes.names)),
        settings=settings,
        origin=origin_of(meta, seconds, meta.scores | proof.scores | getattr(codec, "scores", {})),
        verify=verify_of(proof),
    )


def _check_temperatures(temperatures: tuple[float, ...], codebooks: int) -> None:
    """Refuse, before the work, what the manifest has no setting for."""
    option, most = "--codebook-temperature", min(codebooks, MAX_CODEBOOKS)
    if len(temperatures) > most:
        allowed = f"{most} at most: the run has {codebooks} codebooks, a patch can set {MAX_CODEBOOKS}"
        raise OptionError("more temperatures than codebooks", where=option, got=len(temperatures), allowed=allowed)
    bounds = next(field for field in SETTINGS["tokens"] if field.path == "codebook_temperature_1")
    for value in temperatures:
        if not bounds.low <= value <= bounds.high:
            raise OptionError("no temperature of a codebook", where=option, got=f"{value:g}", allowed=f"{bounds.low} to {bounds.high}")


def _read_dataset(request: TokensRequest, meta: TokensMeta) -> TokenDataset:
    place = request.data or Path(meta.dataset)
    hint = "Run this from the folder the training was started in, or name the dataset: --data DATASET"
    try:
        dataset = read_dataset(place)
    except StudioError as error:
        raise DatasetGoneError("the dataset of the run cannot be read", where=place, got=str(error), hint=hint) from error
    if dataset.key != meta.dataset_key:
        raise DatasetGoneError(
            "not the dataset the run learned from", where=place, got=dataset.key[:12], allowed=meta.dataset_key[:12], hint=hint
        )
    return dataset


def _open_codec(request: TokensRequest, dataset: TokenDataset) -> Codec:
    where = request.codec or dataset.codec_place
    if not where:
        hint = "Name the codec it was prepared with: --codec CODEC"
        raise MissingCodecError("the dataset does not say where its codec is", where=dataset.folder, hint=hint)
    codec = open_codec(where)
    if codec.identity != dataset.codec.identity:
        hint = "Name the codec the dataset was prepared with: --codec CODEC"
        got, allowed = codec.identity[:12], dataset.codec.identity[:12]
        raise OtherCodecError("not the codec of the run's tokens", where=where, got=got, allowed=allowed, hint=hint)
    return codec
