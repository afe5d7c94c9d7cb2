"""A run folder and its sounds as a patch of kind `mosaic`.

It does not know the command line. Everything is made and verified before the patch folder is touched, and `patches.writer` then writes it
whole or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.corpus import Corpus, build_corpus, choose_pieces
from export.corpus_arrays import prime_of, to_flac, to_npz
from export.corpus_folder import read_corpus_folder
from export.errors import AudioGoneError, CorpusChangedError
from export.licence import licence_of, licence_text
from export.manifest_parts import heading, origin_of, verify_of
from export.mosaic_controls import fade_frames, mosaic_controls, mosaic_settings
from export.place import PatchRequest, check_place, put_patch
from export.sequencer import to_onnx, to_torchscript
from export.verify import Verification, verify
from patches.corpus_folder import is_corpus_folder
from patches.manifest import Audio, DataFile, Licence, Manifest, Model, Tensor
from training.audio_folder import AudioFolder, read_audio_folder
from training.errors import MissingFolderError
from training.sequencer_folder import RunMeta, load_sequencer
from training.sequencers.steps import StepForm

CORPUS_SECONDS = 300.0
# A mono corpus is played in stereo too: its streams can be spread.
CHANNELS_OUT = 2


@dataclass(frozen=True)
class Request(PatchRequest):
    """What to export, and with which sounds.

    Attributes
    ----------
    corpus : Path, optional
        Other sounds to play than those the run learned from: a folder of them, or a corpus that `python -m training corpus` made.
    corpus_seconds : float
        At most so much sound in the patch.
    channels : str, optional
        As in `read_audio_folder`; by default what the run was trained with.
    """

    corpus: Path | None = None
    corpus_seconds: float = CORPUS_SECONDS
    channels: str | None = None


def export_mosaic(request: Request, *, cache: Path | None = None, say: Callable[[str], None] = lambda line: None) -> Path:
    """Write a run as a mosaic patch and return its folder.

    Parameters
    ----------
    request : Request
    cache : Path, optional
        Where decoded audio is kept.
    say : callable
        Takes lines of text for the user.

    Returns
    -------
    Path

    Raises
    ------
    SlugError
        The slug cannot name a patch.
    OptionError
        Name, summary or an author cannot stand in a manifest.
    RunError
        The run folder is missing, damaged, or has no weights.
    AudioGoneError, CorpusChangedError, CorpusSpecError, EmptyCorpusError, SheetError
        The sounds are not there, not those of the run, not described as its are, too short, or have an unreadable sheet.
    VerificationError
        An export does not repeat the trained model.
    PatchError
        The patch is there already, cannot be written, or would not be valid.
    """
    check_place(request)
    meta, sequencer = load_sequencer(request.run)
    corpus, folder = _read_corpus(request, meta, cache)
    for path, reason in folder.skipped:
        say(f"skipped {path}: {reason.what}" + (f" ({reason.got})" if reason.got is not None else ""))
    licence = licence_of(meta.licence, folder)
    say(f"corpus: {len(corpus.start_frames)} units in {corpus.seconds:.1f} s from {len(corpus.spans)} of {len(folder.clips)} files")
    mean, std = np.array(meta.mean, dtype=np.float32), np.array(meta.std, dtype=np.float32)
    step = sequencer.step_form()
    onnx_model, torchscript = to_onnx(step), to_torchscript(step)
    proof = verify(step, onnx_model, torchscript, prime_of(corpus, mean, std))
    errors = f"ONNX {proof.onnx_max_error:.1e} (running free {proof.free_run_error:.1e}), TorchScript {proof.torchscript_max_error:.1e}"
    say(f"sequencer: largest error in {proof.steps} steps {errors}; a step takes {proof.step_ms_p50:.3f} ms, p99 {proof.step_ms_p99:.3f}")
    files = {
        "sequencer.onnx": onnx_model,
        "sequencer.ts": torchscript,
        "corpus.npz": to_npz(corpus, mean, std),
        "corpus.flac": to_flac(corpus),
    }
    manifest = build_manifest(request, meta, step, corpus, proof, licence, corpus.labels)
    return put_patch(request, manifest, files, licence_text(licence, other_sounds=request.corpus is not None), say)


def build_manifest(
    request: Request,
    meta: RunMeta,
    step: StepForm,
    corpus: Corpus,
    proof: Verification,
    licence: Licence,
    class_names: tuple[str, ...],
) -> Manifest:
    """Return the manifest; hashes and sizes are the writer's to fill in."""
    inputs, outputs = (
        tuple(Tensor(name, "float32", shape) for name, shape in shapes.items()) for shapes in (step.input_shapes(), step.output_shapes())
    )
    models = tuple(
        Model("sequencer", runtime, file, inputs=inputs, outputs=outputs, feedback=dict(step.FEEDBACK))
        for runtime, file in (("onnx", "sequencer.onnx"), ("torchscript", "sequencer.ts"))
    )
    classes = ", ".join(name for name in class_names if name) or "one class"
    return Manifest(
        **heading(request, f"A mosaic of {corpus.seconds:.0f} s of sound: {classes}.", licence),
        kind="mosaic",
        audio=Audio(corpus.sample_rate_hz, CHANNELS_OUT, corpus.spec.hop_frames, 0),
        models=models,
        data=(DataFile("corpus", "corpus.npz"), DataFile("audio", "corpus.flac")),
        controls=mosaic_controls(corpus.spec, corpus.labels),
        settings=mosaic_settings(meta.sequencer_recipe(), corpus.spec),
        origin=origin_of(meta, meta.training_seconds, meta.scores),
        verify=verify_of(proof),
    )


def _read_corpus(request: Request, meta: RunMeta, cache: Path | None) -> tuple[Corpus, AudioFolder]:
    """Return the corpus of the patch and the sounds it was taken from: of a built corpus folder, or of a folder of sounds."""
    crossfade = fade_frames(meta.spec())
    if request.corpus is not None and is_corpus_folder(request.corpus):
        return read_corpus_folder(request.corpus, meta.spec(), request.corpus_seconds, crossfade)
    folder = _read_sounds(request, meta, cache)
    pieces = choose_pieces(folder, request.corpus_seconds, meta.spec())
    return build_corpus(pieces, folder.sample_rate_hz, crossfade, meta.spec()), folder


def _read_sounds(request: Request, meta: RunMeta, cache: Path | None) -> AudioFolder:
    """Return the sounds of the patch: any folder the user names, or the run's own, which must be as it was."""
    audio = request.corpus or Path(meta.audio_folder)
    try:
        folder = read_audio_folder(audio, meta.sample_rate_hz, channels=request.channels or meta.channel_rule, cache=cache)
    except MissingFolderError as error:
        if request.corpus is not None:
            raise
        hint = "Run this from the folder the training was started in, or name other sounds: --corpus DIR"
        raise AudioGoneError("the audio folder of the run is not there", where=audio, hint=hint) from error
    if request.corpus is not None:
        return folder
    found = {clip.path.as_posix(): clip for clip in folder.clips}
    known = {clip["path"]: clip["sha256"] for clip in meta.clips}
    hint = "Bring back the file the run learned from, or take the folder as it is: --corpus DIR"
    for path, sha256 in sorted(known.items()):
        if path not in found:
            raise AudioGoneError("a sound of the run is not there, or not usable any more", where=audio / path, hint=hint)
        if found[path].sha256 != sha256:
            raise CorpusChangedError(
                "changed since the training", where=audio / path, got=found[path].sha256[:12], allowed=sha256[:12], hint=hint
            )
    clips = tuple(found[path] for path in sorted(known))
    return AudioFolder(folder.folder, folder.sample_rate_hz, folder.channels, clips, folder.skipped)
