"""Any codec as the models a patch of kind `tokens` plays through. It knows the codecs' classes, not patches."""

from export.errors import CodecExportError
from export.model_file import ExportedModel
from patches.reader import read_bytes
from training.codecs.codec import Codec
from training.codecs.patch_codec import PatchCodec
from training.codecs.spectral_codec import Spectral

__all__ = ["export_codec"]


def export_codec(codec: Codec, *, codebooks: int, steps: int = 1, torchscript: bool = True) -> list[ExportedModel]:
    """Return the decoder, the encoder where a codec has a small one, and their TorchScript twins.

    Parameters
    ----------
    codec : Codec
    codebooks : int
        How many the token model speaks; a published codec may have more.
    steps : int
        Codec frames per call of the decoder. More than one is for codecs too heavy to run frame by frame.
    torchscript : bool
        Whether twins are wanted.

    Raises
    ------
    CodecExportError
        This codec cannot be exported so.
    """
    if isinstance(codec, PatchCodec):
        return _from_patch(codec, torchscript)
    if isinstance(codec, Spectral):
        if steps != 1:
            raise CodecExportError("the spectral codec runs step by step", where="--decoder-steps", got=steps, allowed=1)
        # Local: torch is not needed to copy a patch's codec.
        from export.spectral import export_spectral

        return export_spectral(codec.model, torchscript=torchscript)
    from export.dac import export_dac

    return export_dac(codec, codebooks=codebooks, steps=steps, torchscript=torchscript)


def _from_patch(codec: PatchCodec, torchscript: bool) -> list[ExportedModel]:
    models = []
    for model in codec.manifest.models:
        if model.role in ("decoder", "encoder") and (torchscript or model.runtime == "onnx"):
            inputs, outputs = ({t.name: (t.dtype, t.shape) for t in side} for side in (model.inputs, model.outputs))
            content = read_bytes(codec.folder, model)
            models.append(ExportedModel(model.role, model.runtime, content, inputs, outputs, dict(model.feedback)))
    return models
