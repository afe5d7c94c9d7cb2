"""Any codec as the models a patch of kind `tokens` plays through. It knows the codecs' classes, not patches."""

from dataclasses import dataclass

from export.errors import CodecExportError
from export.model_file import ExportedModel
from training.codecs.codec import Codec
from training.codecs.patch_codec import PatchCodec
from training.codecs.spectral_codec import Spectral

__all__ = ["DecoderPlan", "export_codec", "plan_decoder"]

DAC_STEPS = 4


@dataclass(frozen=True)
class DecoderPlan:
    """How the decoder is exported.

    Attributes
    ----------
    codebooks : int
        How many the token model speaks; a published codec may have more.
    steps : int
        Codec frames per call.
    lookahead_codes : int, optional
        Codec frames it waits at most, guessing the rest; without it, as many as it needs.
    lookahead_frames : int
        How late it is.
    """

    codebooks: int
    steps: int
    lookahead_codes: int | None
    lookahead_frames: int


def plan_decoder(codec: Codec, codebooks: int, steps: int | None = None, lookahead_codes: int | None = None) -> DecoderPlan:
    """Return how the decoder will be exported, before the work.

    Parameters
    ----------
    codec : Codec
    codebooks : int
        How many the token model speaks.
    steps : int, optional
        Codec frames per call. More than one is for codecs too heavy to run frame by frame; a codec from a patch runs as it does there.
    lookahead_codes : int, optional
        Codec frames that a published codec's decoder waits at most.

    Raises
    ------
    CodecExportError
        This codec cannot be exported so.
    """
    if isinstance(codec, PatchCodec):
        _refuse_lookahead(lookahead_codes, "the decoder of a patch waits as long as it does there")
        if steps not in (None, codec.decoder_steps):
            hint = "To export it anew, name the codec folder: --codec CODEC"
            what = "the decoder of a patch runs in the steps it has there"
            raise CodecExportError(what, where="--decoder-steps", got=steps, allowed=codec.decoder_steps, hint=hint)
        _check_codebooks(codec, codebooks)
        return DecoderPlan(codebooks, codec.decoder_steps, None, codec.lookahead_frames)
    if isinstance(codec, Spectral):
        _refuse_lookahead(lookahead_codes, "the spectral codec waits for one hop, and cannot wait less")
        if steps not in (None, 1):
            raise CodecExportError("the spectral codec runs step by step", where="--decoder-steps", got=steps, allowed=1)
        _check_codebooks(codec, codebooks)
        return DecoderPlan(codebooks, 1, None, codec.lookahead_frames)
    # Local: torch is not needed to copy a patch's codec.
    from export.dac import decoder_lookahead_frames

    return DecoderPlan(codebooks, steps or DAC_STEPS, lookahead_codes, decoder_lookahead_frames(codec, lookahead_codes))


def export_codec(codec: Codec, plan: DecoderPlan, *, torchscript: bool = True) -> list[ExportedModel]:
    """Return the decoder, the encoder where a codec has a small one, and their TorchScript twins where wanted; raises CodecExportError."""
    if isinstance(codec, PatchCodec):
        return _from_patch(codec, torchscript)
    if isinstance(codec, Spectral):
        # Local: torch is not needed to copy a patch's codec.
        from export.spectral import export_spectral

        return export_spectral(codec.model, torchscript=torchscript)
    from export.dac import export_dac

    return export_dac(codec, codebooks=plan.codebooks, steps=plan.steps, lookahead_codes=plan.lookahead_codes, torchscript=torchscript)


def _refuse_lookahead(lookahead_codes: int | None, reason: str) -> None:
    if lookahead_codes is not None:
        hint = "Leave it out; a codec folder that codec-import wrote can be exported with less"
        raise CodecExportError(reason, where="--decoder-lookahead", got=lookahead_codes, hint=hint)


def _check_codebooks(codec: Codec, codebooks: int) -> None:
    """A patch's decoder must have the codebooks of its step; only the published codec can be exported with fewer."""
    if codec.codebooks != codebooks:
        raise CodecExportError("the codec has not the codebooks of the run", where="--codec", got=codec.codebooks, allowed=codebooks)


def _from_patch(codec: PatchCodec, torchscript: bool) -> list[ExportedModel]:
    models = []
    for model in codec.manifest.models:
        if model.role in ("decoder", "encoder") and (torchscript or model.runtime == "onnx"):
            inputs, outputs = ({t.name: (t.dtype, t.shape) for t in side} for side in (model.inputs, model.outputs))
            content = codec.read(model)
            models.append(ExportedModel(model.role, model.runtime, content, inputs, outputs, dict(model.feedback)))
    return models
