import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

from training.codecs.errors import OtherCodecError
from training.evaluation.chart import chart_svg
from training.evaluation.embedding import log_mel
from training.evaluation.plan import Twin
from training.evaluation.played_codec import PlayedCodec
from training.evaluation.real import RealClass, RealClip, RealSounds
from training.evaluation.reconstruction import reconstruct
from training.evaluation.rendering import RenderJob
from training.evaluation.report import Example, report_html
from training.evaluation.resemblance import line_scores, resemblance_scores
from training.evaluation.spectrogram import png, spectrogram_png
from training.evaluation.verdict import TARGETS, findings, weaknesses

RATE = 44_100


class EightBits:
    """A codec that rounds each hop's samples to 8 bits: one code per frame would be many codebooks, so it has four, and uses two."""

    kind, identity, licence = "test", "0" * 64, "CC0-1.0"
    sample_rate_hz, hop_frames, codebooks, codebook_size, lookahead_frames = RATE, 4, 4, 256, 0

    def encode(self, audio: np.ndarray) -> np.ndarray:
        padded = np.pad(audio, (0, -len(audio) % 4))
        codes = np.clip(np.round(padded * 127.0) + 128, 0, 255).astype(np.int64).reshape(-1, 4).T
        return np.where(np.arange(4)[:, None] < 3, codes, 0)

    def decode(self, codes: np.ndarray, seed: int = 0) -> np.ndarray:
        codes = np.where(np.arange(4)[:, None] < 3, codes, codes[2:3])
        return ((codes.T.reshape(-1) - 128) / 127.0).astype(np.float32)


@pytest.fixture(scope="module")
def real() -> RealSounds:
    rng = np.random.default_rng(0)
    clips = tuple(RealClip(Path(f"{n}.wav"), (0.2 * rng.standard_normal(3 * RATE + 1)).astype(np.float32), {}) for n in range(8))
    return RealSounds(Path("held"), RATE, 3.0, (RealClass("hiss", (), clips),), {}, ())


def test_a_codec_is_measured(real):
    made = reconstruct(EightBits(), real)
    assert made.scores["codec_level_db"] < 0.2
    assert made.scores["codebook_use"][3] == 1 / 256
    assert made.scores["codebook_use_min"] == 1 / 256
    assert min(made.scores["codebook_use"][:3]) > 0.7
    # One frame in four is another's: a quarter of the power is replaced by as much of something else.
    assert 1.0 < made.scores["codec_si_sdr"]["hiss"] < 5.0
    assert 0.0 < made.scores["codec_log_mel"] < 0.2
    assert made.pieces["hiss", 7].shape == (3 * RATE,)


def test_resemblance_of_more_of_the_same_and_of_something_else(real):
    rng = np.random.default_rng(7)
    twins = [Twin("hiss", clip, clip + 4, RenderJob((), 3.0, clip)) for clip in range(4)]
    same = [(0.2 * rng.standard_normal(3 * RATE)).astype(np.float32) for _ in twins]
    other = [np.cumsum(sound).astype(np.float32) * 0.001 for sound in same]
    assert resemblance_scores(real, twins, same, log_mel)["frechet_ratio"] < 2.0
    assert resemblance_scores(real, twins, other, log_mel)["frechet_ratio"] > 20.0
    time = np.arange(3 * RATE) / RATE
    tones = [(sound + sum(0.02 * np.sin(2 * np.pi * 86.13 * k * time) for k in range(2, 180))).astype(np.float32) for sound in same]
    scores = line_scores(real, twins, tones, {("hiss", clip): same[clip] for clip in range(4)})
    assert scores["line_spread_db"]["hiss"]["noise"] is True
    assert scores["line_spread_excess_db"]["hiss"]["generated"] > 1.5
    assert scores["line_spread_excess_db"]["hiss"]["reconstructed"] < 0.3
    assert scores["line_spread_excess_db_max"] == scores["line_spread_excess_db"]["hiss"]["generated"]


def test_copies_of_one_clip_have_no_distance_to_divide_by(real):
    kind = real.classes[0]
    copies = RealSounds(real.folder, RATE, 3.0, (RealClass("hiss", (), (kind.clips[0],) * 8),), {}, ())
    twins = [Twin("hiss", clip, clip + 4, RenderJob((), 3.0, clip)) for clip in range(4)]
    scores = resemblance_scores(copies, twins, [clip.audio[: 3 * RATE] for clip in kind.clips[:4]], log_mel)
    assert scores["frechet_ratio"] is None
    assert scores["frechet_ratio_by_class"] == {"hiss": None}
    assert scores["frechet_generated"] > 0.0
    assert weaknesses(scores)


def test_a_codec_is_played_by_the_patch():
    class Whole(EightBits):
        codebooks = 6

        def encode(self, audio):
            return np.concatenate([super().encode(audio), np.ones((2, -(-len(audio) // 4)), np.int64)])

    played = PlayedCodec(Whole(), EightBits())
    sound = np.linspace(-0.5, 0.5, 40, dtype=np.float32)
    assert played.codebooks == 4
    np.testing.assert_array_equal(played.encode(sound), EightBits().encode(sound))
    np.testing.assert_array_equal(played.decode(played.encode(sound)), EightBits().decode(EightBits().encode(sound)))
    other = EightBits()
    other.identity = "1" * 64
    for encoder in (other, EightBits()):
        with pytest.raises(OtherCodecError, match="not the codec that the patch plays through"):
            PlayedCodec(encoder, Whole())


def test_a_picture_is_a_png_with_the_tone_where_it_belongs():
    ramp = image.imread(io.BytesIO(png(np.array([[0.0, 1.0], [0.5, 0.0]]))))
    assert ramp.shape[:2] == (2, 2)
    assert ramp[0, 1, :3].sum() > ramp[1, 0, :3].sum() > ramp[0, 0, :3].sum()
    tone = (0.3 * np.sin(2 * np.pi * 300.0 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    picture = image.imread(io.BytesIO(spectrogram_png(tone, RATE)))[..., :3].sum(axis=2)
    assert picture.shape[0] == 160
    assert picture.mean(axis=1).argmax() > 140  # low is at the bottom


def test_a_chart_is_well_formed_even_when_nothing_changes():
    root = ElementTree.fromstring(chart_svg("a < b & c", [0.0, 1.0], {"line": [2.0, 2.0]}, [[2.0], [2.0]], "x"))
    assert root.tag == "svg"
    assert len(root.findall("circle")) == 2


def test_findings_hold_scores_against_targets():
    scores = {target.key: target.bound for target in TARGETS}
    assert all(finding.holds for finding in findings(scores))
    worse = {target.key: target.bound + (-0.01 if target.at_least else 0.01) for target in TARGETS}
    assert not any(finding.holds for finding in findings(worse))
    assert [finding.holds for finding in findings({})] == [None] * len(TARGETS)


def test_weaknesses_are_said_in_words():
    scores = {
        "class_accuracy": 0.5,
        "parameter_rank_correlation": {"wind": {"strength": 0.3}},
        "blend": {"wind+rain": {"wind": 0.9, "rain": 0.1}},
        "judge": {"class_accuracy": 0.6, "parameter_rank_correlation": {"wind": {"strength": 0.7}}},
        "reasons": {"drift_db": "no long render was asked for"},
    }
    said = "\n".join(weaknesses(scores))
    for part in ("0.5, where at least 0.98", "turning strength", "hears rain (0.10)", "40 %", "(0.70)", "Not measured: drift_db"):
        assert part in said
    assert weaknesses({}) == ["None found by these measures; the ear may find others."]


def test_the_page_holds_everything_and_fetches_nothing():
    curve = {
        "asked": [0.0, 1.0],
        "heard": [0.1, 0.9],
        "takes": [[0.1], [0.9]],
        "level_db": [-20.0, -10.0],
        "expected_level_db": [-21.0, -11.0],
    }
    scores = {"clips": 4, "seconds": 1.0, "machine": "<m>", "quick": True, "judge": None}
    examples = [Example("<wind>", what, "strength 0.5", np.zeros(RATE, np.float32)) for what in ("real", "generated")]
    page = report_html("<b>", scores, {"<wind>": {"strength": curve}}, examples, RATE)
    assert page.count("data:audio/flac;base64,") == page.count("data:image/png;base64,") == 2
    assert "<b>" not in page.replace("<body>", "")
    assert "<wind>" not in page
    assert "http" not in page
    assert page.count("<svg") == 2
