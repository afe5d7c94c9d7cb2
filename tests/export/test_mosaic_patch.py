import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
import soundfile

from export.errors import AudioGoneError, CorpusChangedError, CorpusSpecError, SlugError, VerificationError
from export.licence import SOUNDS, WEIGHTS, authors_of, licence_text
from export.mosaic import Request, export_mosaic
from export.mosaic_controls import mosaic_controls
from export.place import shortened
from export.verify import open_session
from patches.descriptors import DescriptorSpec
from patches.errors import PatchExistsError
from patches.manifest import Licence
from patches.reader import read_bytes, read_manifest
from patches.validate import validate
from realtime.voices.corpus import load_patch_corpus, load_patch_tables
from tests.corpus_folders import write_corpus
from training.audio_folder import read_audio_folder
from training.errors import MissingFolderError, MissingRunError, NoUsableAudioError, OptionError, SheetError
from training.licence import CC0, USER_SUPPLIED
from training.sequencer_folder import read_meta


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def request(run, out, **changes):
    return dataclasses.replace(Request(run=run, slug="tiny", out=out, corpus_seconds=6.0), **changes)


def moved_run(run, tmp_path, audio):
    """Return a copy of the run that learned from `audio`."""
    copy = shutil.copytree(run, tmp_path / "moved")
    file = copy / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"audio_folder": str(audio)}))
    return copy


@pytest.fixture(scope="module")
def patch(run, cache, tmp_path_factory):
    return export_mosaic(request(run, tmp_path_factory.mktemp("out")), cache=cache)


@pytest.fixture
def exported(patch, monkeypatch):
    """The run's models from the patch that is there already, for tests of everything else; they are verified as always."""
    monkeypatch.setattr("export.mosaic.to_onnx", lambda step: (patch / "sequencer.onnx").read_bytes())
    monkeypatch.setattr("export.mosaic.to_torchscript", lambda step: (patch / "sequencer.ts").read_bytes())


def test_the_patch_is_valid_and_says_where_it_comes_from(patch, run):
    manifest, meta = validate(patch), read_meta(run)
    assert (manifest.slug, manifest.kind, manifest.name, patch.name) == ("tiny", "mosaic", "Tiny", "tiny")
    assert manifest.authors == ("unknown",)
    assert manifest.origin.checkpoint_sha256 == meta.checkpoint_sha256
    assert manifest.origin.checkpoint_sha256 == hashlib.sha256((run / "checkpoint.safetensors").read_bytes()).hexdigest()
    assert manifest.origin.scores["validation_nll"] == pytest.approx(meta.scores["validation_nll"], abs=1e-6)
    assert (manifest.audio.sample_rate_hz, manifest.audio.channels, manifest.audio.step_frames) == (44_100, 2, 1024)
    assert manifest.verify.onnx_max_error <= 1e-4
    assert manifest.verify.torchscript_max_error <= 1e-4
    assert "hiss, hum" in manifest.summary


def test_the_controls_are_those_of_the_mosaic_voice_and_of_its_labels(patch, run):
    controls = validate(patch).controls
    assert controls == mosaic_controls(read_meta(run).spec(), ("hiss", "hum"))
    assert {"label_hiss", "label_hum"} <= {control.id for control in controls}


def test_both_models_are_there_and_the_onnx_runs_from_its_checked_bytes(patch):
    manifest = validate(patch)
    model = manifest.model("sequencer")
    session = open_session(read_bytes(patch, model))
    feed = {tensor.name: np.zeros(tensor.shape, dtype=tensor.dtype) for tensor in model.inputs}
    outputs = session.run([tensor.name for tensor in model.outputs], feed)
    assert [output.shape for output in outputs] == [tensor.shape for tensor in model.outputs]
    assert dict(model.feedback) == {"hidden_next": "hidden", "cell_next": "cell", "recent_next": "recent"}
    assert manifest.model("sequencer", "torchscript").inputs == model.inputs


def test_the_corpus_keeps_to_its_budget_and_to_its_files(patch):
    audio, rate = soundfile.read(patch / "corpus.flac", dtype="int16")
    corpus = np.load(patch / "corpus.npz", allow_pickle=False)
    assert 5.5 < len(audio) / rate <= 6.0
    assert corpus["start_frames"].min() >= 0
    assert corpus["start_frames"].max() + 1024 + validate(patch).settings["crossfade_frames"] <= len(audio)
    assert len(corpus["descriptors"]) == len(corpus["start_frames"]) > 150


def test_the_same_run_gives_the_same_patch(patch, run, cache, tmp_path):
    again = export_mosaic(request(run, tmp_path), cache=cache)
    names = ("sequencer.onnx", "corpus.npz", "corpus.flac", "LICENSE")
    assert all((patch / name).read_bytes() == (again / name).read_bytes() for name in names)
    before, after = (json.loads((folder / "patch.json").read_text()) for folder in (patch, again))
    for said in (before, after):
        # TorchScript numbers its classes by how many this process has made; step times are what they are.
        said["models"] = [model for model in said["models"] if model["runtime"] == "onnx"]
        del said["verify"]
    assert before == after


@pytest.mark.usefixtures("exported")
def test_other_sounds_may_go_along(run, cache, tmp_path):
    sounds = tmp_path / "other"
    sounds.mkdir()
    soundfile.write(sounds / "one.wav", 0.1 * np.random.default_rng(0).standard_normal((44_100, 2)), 44_100)
    folder = export_mosaic(request(run, tmp_path, corpus=sounds, name="Other", summary="Noise."), cache=cache)
    manifest = validate(folder)
    assert (manifest.audio.channels, manifest.name, manifest.summary) == (2, "Other", "Noise.")
    assert soundfile.info(folder / "corpus.flac").channels == 2


def test_a_wish_that_cannot_be_is_refused_before_any_work(run, cache, patch, tmp_path, monkeypatch):
    monkeypatch.setattr("export.mosaic.load_sequencer", lambda run: pytest.fail("the run was opened"))
    for slug in ("Big", "a b", "", "../up", "con", "0zero"):
        with pytest.raises(SlugError, match="--slug"):
            export_mosaic(request(run, tmp_path, slug=slug), cache=cache)
    with pytest.raises(PatchExistsError, match="--replace"):
        export_mosaic(request(run, patch.parent), cache=cache)


def test_a_missing_run_is_refused(cache, tmp_path):
    with pytest.raises(MissingRunError, match="no such run folder"):
        export_mosaic(request(tmp_path / "none", tmp_path), cache=cache)


def test_gone_or_changed_audio_is_named(run, sounds, cache, tmp_path):
    with pytest.raises(AudioGoneError, match=r"nowhere.*--corpus"):
        export_mosaic(request(moved_run(run, tmp_path, tmp_path / "nowhere"), tmp_path), cache=cache)
    shutil.rmtree(tmp_path / "moved")
    audio = shutil.copytree(sounds, tmp_path / "audio")
    moved = moved_run(run, tmp_path, audio)
    (audio / "hum" / "4.wav").unlink()
    with pytest.raises(AudioGoneError, match=r"hum.4\.wav"):
        export_mosaic(request(moved, tmp_path), cache=cache)
    shutil.copy(sounds / "hum" / "2.wav", audio / "hum" / "4.wav")
    with pytest.raises(CorpusChangedError, match=r"hum.4\.wav: changed since the training"):
        export_mosaic(request(moved, tmp_path), cache=cache)
    assert not (tmp_path / "tiny").exists()


@pytest.mark.usefixtures("exported")
def test_a_file_added_later_is_not_part_of_the_patch(run, sounds, cache, tmp_path):
    audio = shutil.copytree(sounds, tmp_path / "audio")
    shutil.copy(sounds / "hum" / "2.wav", audio / "hum" / "9.wav")
    said = []
    export_mosaic(request(moved_run(run, tmp_path, audio), tmp_path), cache=cache, say=said.append)
    assert "of 6 files" in said[0]


def test_wrong_corpus_folders_are_refused(run, cache, tmp_path):
    with pytest.raises(MissingFolderError):
        export_mosaic(request(run, tmp_path, corpus=tmp_path / "none"), cache=cache)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "x.wav").write_bytes(b"no")
    with pytest.raises(NoUsableAudioError):
        export_mosaic(request(run, tmp_path, corpus=bad), cache=cache)


@pytest.mark.parametrize("broken", ["export.mosaic.verify", "export.mosaic.to_flac", "patches.writer.validate"])
@pytest.mark.usefixtures("exported")
def test_a_failing_export_leaves_what_was_there(patch, run, cache, tmp_path, monkeypatch, broken):
    shutil.copytree(patch, tmp_path / "tiny")
    before = tree(tmp_path)

    def fail(*_, **__):
        raise VerificationError("broken on purpose")

    monkeypatch.setattr(broken, fail)
    with pytest.raises(VerificationError, match="on purpose"):
        export_mosaic(request(run, tmp_path, replace=True), cache=cache)
    assert tree(tmp_path) == before


@pytest.mark.usefixtures("exported")
def test_a_built_corpus_may_go_along_instead_of_a_folder_of_sounds(run, cache, tmp_path):
    labels = ("rain", "wind")
    manifest = write_corpus(tmp_path / "built", labels=labels, files=6, units=80, channels=2)
    said = []
    folder = export_mosaic(request(run, tmp_path, corpus=tmp_path / "built", corpus_seconds=5.0), cache=cache, say=said.append)
    validate(folder)
    corpus = load_patch_corpus(folder, read_manifest(folder))
    assert corpus.labels == labels
    assert set(corpus.files) <= {entry.path for entry in manifest.files}
    assert f"corpus: {len(corpus)} units in 5.0 s" in said[0]
    tables = load_patch_tables(folder, read_manifest(folder))
    assert np.allclose(tables.mean[:39], read_meta(run).mean)
    write_corpus(tmp_path / "other", spec=DescriptorSpec.parse("classic"))
    with pytest.raises(CorpusSpecError, match="--descriptors mfcc"):
        export_mosaic(request(run, tmp_path, corpus=tmp_path / "other", replace=True), cache=cache)


@pytest.mark.usefixtures("exported")
def test_replacing_replaces(patch, run, cache, tmp_path):
    shutil.copytree(patch, tmp_path / "tiny")
    export_mosaic(request(run, tmp_path, replace=True, summary="New."), cache=cache)
    assert validate(tmp_path / "tiny").summary == "New."


@pytest.mark.usefixtures("exported")
def test_the_licence_follows_the_sounds(patch, run, sounds, cache, tmp_path):
    assert dataclasses.astuple(validate(patch).licence) == ("MIT", "user-supplied", "user-supplied")
    assert "supplied by its maker" in (patch / "LICENSE").read_text()
    audio = shutil.copytree(sounds, tmp_path / "audio")
    files = {clip.path.as_posix(): clip.sha256 for clip in read_audio_folder(audio, 44_100, cache=cache).clips}
    (audio / "textures.json").write_text(json.dumps({"licence": "CC0-1.0", "files": files}))
    folder = export_mosaic(request(run, tmp_path, corpus=audio), cache=cache)
    # The sounds are free, the weights are still those of other sounds.
    assert dataclasses.astuple(validate(folder).licence) == ("MIT", "user-supplied", "CC0-1.0")
    said = (folder / "LICENSE").read_text()
    assert "sounds of this patch are dedicated to the public domain" in said
    assert "rights in the weights are those in these other sounds" in said
    (audio / "textures.json").write_text("{")
    with pytest.raises(SheetError, match=r"textures\.json"):
        export_mosaic(request(run, tmp_path, corpus=audio, replace=True), cache=cache)


@pytest.mark.parametrize("weights", [CC0, USER_SUPPLIED])
@pytest.mark.parametrize("data", [CC0, USER_SUPPLIED])
def test_other_sounds_have_a_sentence_of_their_own(weights, data):
    licence = Licence("MIT", weights, data)
    assert licence_text(licence, other_sounds=True).startswith(SOUNDS[data] + WEIGHTS[weights])
    assert ("learned from other sounds" in licence_text(licence)) == (weights != data)
    assert authors_of(licence, ("Ada",)) == ("Ada",)
    assert authors_of(licence, ()) == (("Starling",) if weights == data == CC0 else ("unknown",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "x" * 90}, "--name: .*1 to 80"),
        ({"name": "a\nb"}, "--name"),
        ({"summary": ""}, "--summary"),
        ({"authors": ("A", "\x1b")}, "--author"),
        ({"authors": ("A",) * 33}, "--author: too many"),
    ],
)
def test_text_that_no_manifest_takes_is_refused_before_any_work(run, tmp_path, monkeypatch, change, said):
    monkeypatch.setattr("export.mosaic.load_sequencer", lambda run: pytest.fail("the run was opened"))
    with pytest.raises(OptionError, match=said) as caught:
        export_mosaic(request(run, tmp_path, **change))
    assert caught.value.exit_code == 2


@pytest.mark.usefixtures("exported")
def test_channels_and_authors_may_be_named(run, sounds, cache, tmp_path):
    audio = shutil.copytree(sounds, tmp_path / "audio")
    soundfile.write(audio / "stereo.wav", 0.1 * np.random.default_rng(0).standard_normal((44_100, 2)), 44_100)
    manifest = validate(export_mosaic(request(run, tmp_path, corpus=audio, channels="stereo", authors=("Ada", "Bo")), cache=cache))
    assert (manifest.audio.channels, manifest.authors) == (2, ("Ada", "Bo"))


def test_a_long_summary_fits_the_manifest():
    assert shortened("x" * 400) == "x" * 400
    assert shortened("x" * 401) == "x" * 399 + "…"
