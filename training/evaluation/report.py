"""The page of an evaluation: one HTML file that holds its pictures, curves and sounds. It computes nothing."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from training.evaluation.chart import chart_svg
from training.evaluation.spectrogram import RANGE_DB, spectrogram_png
from training.evaluation.verdict import findings, weaknesses

__all__ = ["Example", "audio_html", "page_html", "report_html"]

LISTEN_S = 5.0
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1c1917; background: #fff; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; border-bottom: 1px solid #d6d3d1; } h3 { margin-bottom: .3rem; }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #e7e5e4; }
td.n { text-align: right; font-variant-numeric: tabular-nums; } .yes { color: #15803d; } .no { color: #b91c1c; font-weight: 600; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; } figcaption { font-size: 13px; color: #57534e; }
figure img { display: block; width: 360px; height: 160px; } audio { width: 360px; height: 32px; }
svg text { font: 10px system-ui, sans-serif; fill: #44403c; } svg text.t { font-size: 12px; font-weight: 600; }
pre { font-size: 12px; background: #f5f5f4; padding: 1rem; overflow-x: auto; }
"""


@dataclass(frozen=True, eq=False)
class Example:
    """One sound to see and hear: of which class, what it is ("real", "reconstructed", "generated"), a note, and the sound (T,)."""

    class_name: str
    what: str
    note: str
    audio: NDArray[np.float32]


def report_html(
    title: str, scores: Mapping[str, Any], curves: Mapping[str, Mapping[str, Any]], examples: Sequence[Example], sample_rate_hz: int
) -> str:
    """Return the page.

    Parameters
    ----------
    title : str
        The patch.
    scores : mapping
        As in ``scores.json``.
    curves : mapping, class -> parameter -> curves of `sweep_scores`
    examples : sequence of Example
    sample_rate_hz : int
    """
    sections = [
        f"<h1>{escape(title)}</h1><p>Judged on {escape(str(scores['clips']))} held-out clips; it took {scores['seconds']:.0f} s on "
        f"{escape(str(scores['machine']))}.{' Quick: fewer and shorter renders than a verdict needs.' if scores['quick'] else ''}</p>",
        "<h2>In short</h2>",
        _targets(scores),
        "<h2>Weaknesses</h2><ul>" + "".join(f"<li>{escape(text)}</li>" for text in weaknesses(scores)) + "</ul>",
        "<h2>Real, reconstructed, generated</h2>"
        f"<p>Mel spectrograms of {LISTEN_S:g} s, low at the bottom, {RANGE_DB[0]:g} to {RANGE_DB[1]:g} dB. Generated with the "
        "parameters of the real clip beside it.</p>",
        _examples(examples, sample_rate_hz),
        "<h2>Controls</h2><p>Asked for (across) and heard by the judge; dots are single takes. Levels beside those of real clips.</p>",
        _curves(curves),
        "<h2>The judge</h2>",
        _judge(scores),
        "<h2>All scores</h2><pre>" + escape(json.dumps(scores, indent=1, ensure_ascii=False)) + "</pre>",
    ]
    return page_html(title, sections)


def page_html(title: str, sections: Sequence[str]) -> str:
    """Return a whole page of sections that are HTML already."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head><body>'
        + "\n".join(sections)
        + "</body></html>\n"
    )


def audio_html(audio: NDArray[np.float32], sample_rate_hz: int) -> str:
    """Return a player that holds its sound: mono, shape (T,)."""
    # FLAC: every browser plays it, and it adds nothing to what is to be judged.
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(audio, -1.0, 1.0), sample_rate_hz, format="FLAC", subtype="PCM_16")
    return f'<audio controls preload="none" src="data:audio/flac;base64,{base64.b64encode(buffer.getvalue()).decode()}"></audio>'


def _targets(scores: Mapping[str, Any]) -> str:
    rows = []
    for finding in findings(scores):
        target = finding.target
        value = "not measured" if finding.value is None else f"{finding.value:.3g} {target.unit}"
        mark = {True: '<td class="yes">holds</td>', False: '<td class="no">does not hold</td>', None: "<td></td>"}[finding.holds]
        bound = f"{'≥' if target.at_least else '≤'} {target.bound:g} {target.unit}"
        rows.append(f'<tr><td>{escape(target.label)}</td><td class="n">{value}</td><td class="n">{bound}</td>{mark}</tr>')
    return "<table>" + "".join(rows) + "</table>"


def _examples(examples: Sequence[Example], sample_rate_hz: int) -> str:
    parts = []
    for name in dict.fromkeys(example.class_name for example in examples):
        figures = [_figure(example, sample_rate_hz) for example in examples if example.class_name == name]
        parts.append(f'<h3>{escape(name)}</h3><div class="row">{"".join(figures)}</div>')
    return "".join(parts)


def _figure(example: Example, sample_rate_hz: int) -> str:
    audio = np.asarray(example.audio[: round(LISTEN_S * sample_rate_hz)], dtype=np.float32)
    picture = base64.b64encode(spectrogram_png(audio, sample_rate_hz)).decode()
    caption = escape(f"{example.what} {example.note}".strip())
    player = audio_html(audio, sample_rate_hz)
    return f'<figure><img alt="{caption}" src="data:image/png;base64,{picture}">{player}<figcaption>{caption}</figcaption></figure>'


def _curves(curves: Mapping[str, Mapping[str, Any]]) -> str:
    parts = []
    for name, by_parameter in curves.items():
        charts = []
        for parameter, curve in by_parameter.items():
            if "heard" in curve:
                charts.append(chart_svg(f"{parameter}: heard", curve["asked"], {"judge": curve["heard"]}, curve["takes"], "asked"))
            if "measured" in curve:
                charts.append(chart_svg(f"{parameter}: measured", curve["asked"], {"measure": curve["measured"]}, (), "asked"))
            if len(curve["level_db"]) == len(curve["asked"]):
                lines = {"generated": curve["level_db"], "real": curve["expected_level_db"]}
                charts.append(chart_svg(f"{parameter}: level in dBFS", curve["asked"], lines, (), "asked"))
        if charts:
            parts.append(f'<h3>{escape(name)}</h3><div class="row">{"".join(charts)}</div>')
    return "".join(parts) or "<p>No class has parameters.</p>"


def _judge(scores: Mapping[str, Any]) -> str:
    judge = scores.get("judge")
    if not judge:
        return "<p>None: there is nothing to tell apart.</p>"
    rows = [
        ("Right class of unseen real clips", judge["class_accuracy"]),
        ("Both heard in equal mixtures of unseen real clips", judge["mixtures_heard"]),
    ]
    rows += [
        (f"{name}: rank correlation of {parameter}, unseen real clips", rho)
        for name, by_parameter in judge["parameter_rank_correlation"].items()
        for parameter, rho in by_parameter.items()
    ]
    body = "".join(f'<tr><td>{escape(text)}</td><td class="n">{"–" if value is None else f"{value:.3f}"}</td></tr>' for text, value in rows)
    return f"<p>Learned from the real clips alone, and judged first on those it had not learned from.</p><table>{body}</table>"
