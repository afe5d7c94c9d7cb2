import hashlib
import io
import json
import re
import sys
import types
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import torch

from patches.manifest import DataFile
from training.evaluation.corpus_map import map_of_clips, map_of_patch, project
from training.evaluation.errors import PatchUnusableError, RenderFailedError
from training.evaluation.linear_predictor import fit_linear
from training.evaluation.mosaics import Mosaic, Unit, mosaic_command, read_units, render_mosaics
from training.evaluation.sequencer_drawing import Span, map_svg, unit_map_svg
from training.evaluation.sequencer_page import Heard, Trajectory, sequencer_html
from training.evaluation.sequencer_spread import spread_scores
from training.evaluation.sequencer_verdict import horizon_findings, sequencer_weaknesses
from training.horizon_scores import horizon_scores

NAMES = ("mfcc0", "mfcc1", "delta0", "rms")
RATE = 8000


class Walk:
    """Expects `factor` times the last frame; draws that with noise."""

    def __init__(self, factor):
        self.factor = factor

    def expected(self, history, steps):
        return self.factor * history[:, -1:].expand(-1, steps, -1)

    def forecast(self, history, steps, temperature, generator):
        return self.expected(history, steps) + temperature * torch.randn(len(history), steps, history.shape[2], generator=generator)


def scores_of(factor, **changed):
    random = np.random.default_rng(2)
    clips = [random.standard_normal((60, 4)).astype(np.float32) for _ in range(6)]
    linear = fit_linear(clips, 8)
    model = Walk(factor)
    return {
        "selected_model": "LSTM",
        "split": "file",
        "quick": False,
        "seconds": 3.0,
        "machine": "a <machine>",
        "linear": {"order": linear.order, "ridge": linear.ridge},
        "horizon": horizon_scores(model, clips, linear, NAMES, context=8).as_dict(),
        "spread": spread_scores(model, clips, linear, context=8, most_origins=16).as_dict(),
        "reasons": {},
    } | changed


def trajectory():
    random = np.random.default_rng(0)
    made = [random.standard_normal((8, 2)).astype(np.float32) for _ in range(4)]
    return Trajectory("a & b.wav", ("mfcc0", "delta0"), *made, samples=random.standard_normal((5, 8, 2)).astype(np.float32))


def mosaic(label="glass"):
    audio = (0.1 * np.random.default_rng(0).standard_normal(2 * RATE)).astype(np.float32)
    units = tuple(Unit(0.25 * place, 0.25, 1.0 + place, place % 5, 1 + place % 2, "a.wav", place % 2 == 0, label) for place in range(8))
    return Mosaic("seed.wav", audio, RATE, units)


def page(scores, heard=()):
    frames = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    corpus = map_of_clips([("glass", frames[:100]), ("wood", frames[100:])])
    return sequencer_html("Run <1>", scores, [trajectory()], heard, corpus, "the training frames")


def test_the_page_has_every_section_with_finite_numbers_and_nothing_from_outside():
    text = page(scores_of(0.0), [Heard(mosaic(), np.zeros(RATE, dtype=np.float32), RATE)])
    sections = ("In short", "Weaknesses", "Error per horizon", "Trajectories", "Spread of samples", "Mosaics", "Corpus map", "All scores")
    for section in sections:
        assert f"<h2>{section}</h2>" in text, section
    body = text.split("<h2>All scores</h2>")[0]
    assert not re.search(r"\b(nan|inf)\b", re.sub(r'base64,[^"]*', "", body))
    assert text.count("data:audio/flac;base64,") == 2
    assert text.count("data:image/png;base64,") == 1
    assert "http" not in re.sub(r'base64,[^"]*', "", text)
    assert "Run &lt;1&gt;" in text
    assert "a &amp; b.wav" in text
    assert text.count("<polyline") > 10
    # The way of the mosaic is drawn, and its units are over the spectrogram with what they are.
    assert "1.00 s: a.wav at 5.00 s glass" in text


def test_the_verdict_table_says_yes_where_the_model_wins():
    text = page(scores_of(0.0))
    table = text.split("<h2>In short</h2>")[1].split("</table>")[0]
    assert table.count("<tr>") == 9
    assert table.count('class="yes">yes, ') >= 8
    assert "None: name an exported patch" in text


def test_the_verdict_is_honest_where_the_model_loses():
    scores = scores_of(-2.0)
    found = horizon_findings(scores["horizon"])
    assert [finding.holds for finding in found] == [False] * 8
    assert all(finding.ratio > 1.0 for finding in found)
    told = sequencer_weaknesses(scores)
    assert "Does not beat repeating the last frame at horizon 1, 2, 3, 4, 5, 6, 7, 8" in told[0]
    assert f"{max(finding.ratio for finding in found):.2f} times as large" in told[0]
    assert "over files)" in told[0]
    text = page(scores)
    assert 'class="yes"' not in text.split("<h2>In short</h2>")[1].split("</table>")[0]
    assert "% more error" in text


def test_a_group_that_loses_is_named():
    scores = scores_of(0.0)
    scores["horizon"]["groups"]["rms"]["model"] = [9.0] * 10
    scores["horizon"]["ratio"]["repeat"] = [1.5] * 10
    assert "In rms; not in mfcc, delta." in sequencer_weaknesses(scores)[0]


def test_what_was_not_measured_is_said_not_made_up():
    scores = scores_of(0.0)
    for key in ("horizons", "predictions"):
        scores["horizon"][key] = scores["horizon"][key][:3]
    scores["horizon"]["interval"] = None
    scores["horizon"]["clips"] = 1
    found = horizon_findings(scores["horizon"])
    assert [finding.holds for finding in found[3:]] == [None] * 5
    assert found[0].low is None
    assert not found[0].sure
    told = " ".join(sequencer_weaknesses(scores | {"split": "time", "spread": None}))
    assert "Not measured at horizon 4, 5, 6, 7, 8" in told
    assert "One held-out file" in told
    assert "ends of the training's own files" in told


def test_flat_samples_are_called_flat():
    scores = scores_of(0.0)
    scores["spread"]["movement"] = 0.1
    assert any("flat" in text for text in sequencer_weaknesses(scores))


def test_units_stand_over_the_spectrogram_where_they_sound():
    audio = np.zeros(2 * RATE, dtype=np.float32)
    drawn = unit_map_svg("units", audio, RATE, [Span(1.0, 1.5, 0, 0, "<b>", True), Span(1.5, 9.0, 1, 1, "late", False)], width=1000)
    tree = ElementTree.fromstring(drawn)
    boxes = [element for element in tree.iter("rect") if float(element.get("height")) > 100]
    assert [(float(box.get("x")), float(box.get("width"))) for box in boxes] == [(500.0, 250.0), (750.0, 250.0)]
    assert len(list(tree.iter("line"))) == 1
    assert next(element.text for element in tree.iter("title")) == "<b>"


def test_the_map_is_a_projection_and_draws_the_path():
    random = np.random.default_rng(0)
    far = np.concatenate([random.standard_normal((200, 6)) - 5, random.standard_normal((200, 6)) + 5]).astype(np.float32)
    points, explained = project(far)
    assert explained > 0.9
    assert (points[:200, 0] < 0).all()
    assert (points[200:, 0] > 0).all()
    np.testing.assert_allclose(points.mean(0), 0.0, atol=1e-9)
    drawn = map_svg("map", points, np.repeat([0, 1], 200), ("a", "b"), [0, 399, 200])
    assert drawn.count("<polyline") == 1
    assert "● b" in drawn
    # One unit only, all alike: a map of one point.
    assert np.isfinite(project(np.ones((1, 5), dtype=np.float32))[0]).all()


def patch_with(folder, **arrays):
    """A folder with a corpus of five units, and what a manifest says of it."""
    content = io.BytesIO()
    random = np.random.default_rng(0)
    table = {"descriptors": random.standard_normal((5, 4)), "attributes": random.standard_normal((5, 3)), "file_index": [0, 0, 1, 1, 2]}
    np.savez(content, **{name: np.asarray(values) for name, values in (table | arrays).items()})
    (folder / "corpus.npz").write_bytes(content.getvalue())
    entry = DataFile("corpus", "corpus.npz", hashlib.sha256(content.getvalue()).hexdigest(), len(content.getvalue()))
    return types.SimpleNamespace(file=lambda role: entry)


def lines(*texts):
    return np.frombuffer("\n".join(texts).encode(), np.uint8)


def test_the_map_of_a_patch_is_coloured_by_label_or_else_by_file(tmp_path):
    named = {"labels": lines("glass", "Holz – ü"), "files": lines("a", "b", "c")}
    labelled = map_of_patch(tmp_path, patch_with(tmp_path, label_index=[0, -1, 1, 1, 0], **named))
    assert labelled.names == ("glass", "Holz – ü")
    assert labelled.colour.tolist() == [0, -1, 1, 1, 0]
    plain = map_of_patch(tmp_path, patch_with(tmp_path, label_index=[-1] * 5, labels=lines(), files=lines("a.wav", "b.wav")))
    assert plain.names == ("a.wav", "b.wav", "file 3")
    assert plain.colour.tolist() == [0, 0, 1, 1, 2]
    assert map_of_patch(tmp_path, patch_with(tmp_path)).names == ("file 1", "file 2", "file 3")


@pytest.mark.parametrize(
    "arrays",
    [
        {"descriptors": np.full((5, 4), np.nan)},
        {"descriptors": np.zeros((0, 4)), "attributes": np.zeros((0, 3)), "file_index": np.zeros(0)},
        {"attributes": np.zeros((4, 3))},
        {"file_index": [0, 1]},
        {"labels": np.array([255, 254], np.uint8)},
        {"file_index": [0, 0, 0, 0, -3]},
    ],
)
def test_a_corpus_that_is_no_table_of_units_is_refused(tmp_path, arrays):
    with pytest.raises(PatchUnusableError, match="not a table of units"):
        map_of_patch(tmp_path, patch_with(tmp_path, **arrays))


def log(entries):
    return json.dumps({"format": 1, "units": entries})


ENTRY = {"time_s": 0.5, "frame": 1, "deck": 1, "stream": 1, "unit": 3, "file": "a", "file_start_s": 1, "duration_s": 0.25, "faded": True}


def test_a_log_is_read_by_time(tmp_path):
    (tmp_path / "log").write_text(log([ENTRY, ENTRY | {"time_s": 0.0, "label": "x"}]))
    units = read_units(tmp_path / "log")
    assert [unit.time_s for unit in units] == [0.0, 0.5]
    assert [unit.label for unit in units] == ["x", ""]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"units": [1]}',
        '{"units": 3}',
        log([{key: value for key, value in ENTRY.items() if key != "unit"}]),
        log([ENTRY | {"time_s": float("nan")}]),
        log([ENTRY | {"time_s": "0"}]),
        log([ENTRY | {"unit": -1}]),
        log([ENTRY | {"unit": True}]),
        log([ENTRY | {"stream": 0}]),
        log([ENTRY | {"label": 3}]),
        log([ENTRY | {"faded": 1}]),
    ],
)
def test_a_damaged_log_is_refused(tmp_path, text):
    (tmp_path / "log").write_text(text)
    with pytest.raises(RenderFailedError, match="not a log of units"):
        read_units(tmp_path / "log")


def test_a_render_is_a_process_of_its_own_and_its_failure_is_said(tmp_path):
    made = tmp_path / "made.py"
    made.write_text(
        "import sys, json, numpy, soundfile\n"
        "out = sys.argv[1]\n"
        "soundfile.write(out, 0.1 * numpy.ones((800, 2)), 8000)\n"
        f"open(out.replace('.wav', '.units.json'), 'w').write({log([ENTRY])!r})\n"
    )

    def fake(patch, prime, file, hops, seed):
        return ["python", str(made), str(file)] if patch == "good" else ["python", "-c", "raise SystemExit('no such patch')"]

    def run(patch):
        command = lambda *asked: [sys.executable, *fake(*asked)[1:]]  # noqa: E731
        return render_mosaics(patch, [("a", tmp_path / "a.wav")], tmp_path, hops=4, seed=0, command=command)

    assert (run("good")[0].audio.shape, run("good")[0].units[0].unit) == ((800,), 3)
    with pytest.raises(RenderFailedError, match="no such patch"):
        run("bad")
    soundfile.write(tmp_path / "unlogged.wav", np.zeros(10), 8000)
    with pytest.raises(RenderFailedError, match="no log"):
        read_units(tmp_path / "unlogged.units.json")


def test_the_command_is_the_stages_own(tmp_path):
    line = mosaic_command("field", tmp_path / "a.wav", tmp_path / "out.wav", 40, 7)
    assert line[1:4] == ["-m", "realtime", "--headless"]
    for asked in (["--hops", "40"], ["--seed", "7"], ["--prime", str(tmp_path / "a.wav")]):
        assert line[line.index(asked[0]) + 1] == asked[1]
    assert line[-2:] == ["--", "field"]
