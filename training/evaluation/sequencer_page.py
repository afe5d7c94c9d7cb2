"""The page of a sequencer's evaluation: one HTML file that holds its tables, pictures and sounds. It computes nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.evaluation.chart import chart_svg
from training.evaluation.corpus_map import CorpusMap
from training.evaluation.mosaics import Mosaic
from training.evaluation.report import audio_html, page_html
from training.evaluation.sequencer_drawing import PALETTE, Line, Span, map_svg, trajectory_svg, unit_map_svg
from training.evaluation.sequencer_verdict import horizon_findings, sequencer_weaknesses

__all__ = ["Heard", "Trajectory", "sequencer_html"]

Array = NDArray[np.float32]
PLAYER_S = 15.0
TRUTH, EXPECTED, SAMPLE, LINEAR = "#1c1917", "#c2410c", "#7dd3fc", "#15803d"
SMALLER = "a ratio below 1 says that the model's error is smaller"


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What came and what was expected after one moment of a held-out clip, for the descriptors in `names`.

    Attributes
    ----------
    clip : str
    names : tuple of str, length C
    past : float32 array, shape (P, C), z-score units
    truth, expected, linear : float32 array, shape (F, C)
    samples : float32 array, shape (N, F, C)
    """

    clip: str
    names: tuple[str, ...]
    past: Array
    truth: Array
    expected: Array
    linear: Array
    samples: Array


@dataclass(frozen=True, eq=False)
class Heard:
    """A mosaic beside the held-out sound that it goes on from, mono (T,)."""

    mosaic: Mosaic
    prime: Array
    prime_rate_hz: int


def sequencer_html(
    title: str,
    scores: Mapping[str, Any],
    trajectories: Sequence[Trajectory],
    heard: Sequence[Heard],
    corpus: CorpusMap,
    corpus_name: str,
) -> str:
    """Return the page.

    Parameters
    ----------
    title : str
    scores : mapping
        As in ``scores.json``.
    trajectories : sequence of Trajectory
    heard : sequence of Heard
        Empty where no patch was given.
    corpus : CorpusMap
    corpus_name : str
        Whose units the map shows.
    """
    horizon = scores["horizon"]
    sections = [
        f"<h1>{escape(title)}</h1><p>{escape(_about(scores))}</p>",
        "<h2>In short</h2>",
        _verdict(horizon),
        "<h2>Weaknesses</h2><ul>" + "".join(f"<li>{escape(text)}</li>" for text in sequencer_weaknesses(scores)) + "</ul>",
        "<h2>Error per horizon</h2><p>Derivatives look four hops ahead: a row nearly holds the cepstra of the next four, and whoever "
        "solves for them is right there.</p>",
        _horizons(horizon),
        "<h2>Trajectories</h2><p>Held-out sound (black), what the model expects (red), what it draws (blue), the linear predictor (green); "
        "in standard deviations of the training frames, steps from the moment of prediction across.</p>",
        "".join(_trajectory(one) for one in trajectories) or "<p>No held-out clip is long enough to draw one.</p>",
        "<h2>Spread of samples</h2>",
        _spread(scores.get("spread")),
        "<h2>Mosaics</h2>",
        _mosaics(heard, corpus.names),
        "<h2>Corpus map</h2>",
        _map(corpus, corpus_name, heard),
        "<h2>All scores</h2><pre>" + escape(json.dumps(scores, indent=1, ensure_ascii=False)) + "</pre>",
    ]
    return page_html(title, sections)


def _about(scores: Mapping[str, Any]) -> str:
    horizon = scores["horizon"]
    what = "files" if scores["split"] == "file" else "ends of files"
    told = f"{scores['selected_model']}, judged on {horizon['clips']} held-out {what}: "
    all_of_them = "all" if horizon["origins"] == horizon["possible_origins"] else f"{horizon['origins']} of"
    told += f"{all_of_them} {horizon['possible_origins']} moments, {horizon['context']} frames of history each. "
    linear = scores["linear"]
    told += f"The linear predictor looks back on {linear['order']} frames (ridge {linear['ridge']:g}), chosen on training files. "
    told += f"It took {scores['seconds']:.0f} s on {scores['machine']}."
    return told + (" Quick: less than a verdict needs." if scores["quick"] else "")


def _verdict(horizon: Mapping[str, Any]) -> str:
    rows = []
    for finding, against in zip(horizon_findings(horizon), horizon_findings(horizon, "linear"), strict=True):
        cells = [f"<td>{finding.horizon}</td>"]
        for one in (finding, against):
            mark = {True: "yes", False: "no", None: ""}[one.holds]
            ratio = "–" if one.ratio is None else f"{one.ratio:.3f}"
            between = "" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
            cells += [f'<td class="n">{ratio}</td>', f'<td class="n">{between}</td>', f'<td class="{mark}">{escape(one.words)}</td>']
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "<tr><th>steps ahead</th>" + "".join(
        f"<th>error over {name}</th><th>95 % over files</th><th>beats it</th>" for name in ("repeat last", "linear")
    )
    return f"<p>Squared error of the expected trajectory; {SMALLER}.</p><table>{head}</tr>{''.join(rows)}</table>"


def _horizons(horizon: Mapping[str, Any]) -> str:
    steps, mse = horizon["horizons"], horizon["mse"]
    head = "".join(f"<th>{text}</th>" for text in ("steps ahead", "predictions", "model", "repeat last", "linear", "mean always"))
    rows = []
    for place, step in enumerate(steps):
        cells = "".join(f'<td class="n">{mse[who][place]:.4f}</td>' for who in ("model", "repeat", "linear", "mean"))
        rows.append(f'<tr><td>{step}</td><td class="n">{horizon["predictions"][place]}</td>{cells}</tr>')
    lines = {"model": "model", "repeat": "repeat last", "linear": "linear"}
    charts = []
    for name, values in ({"all descriptors": mse} | horizon["groups"]).items():
        charts.append(chart_svg(name, steps, {label: values[who] for who, label in lines.items()}, (), "steps ahead"))
    told = "<p>Mean squared error per descriptor value, in squared standard deviations of the training frames.</p>"
    return f'{told}<table><tr>{head}</tr>{"".join(rows)}</table><div class="row">{"".join(charts)}</div>'


def _trajectory(one: Trajectory) -> str:
    charts = []
    now = len(one.past) - 1
    for column, name in enumerate(one.names):
        # Every line goes through the last known frame, so that eyes can follow it from there.
        known = one.past[-1:, column]
        lines = [Line("", now, np.concatenate([known, path[:, column]]).tolist(), SAMPLE, 0.8) for path in one.samples]
        futures = (("linear", one.linear, LINEAR), ("expected", one.expected, EXPECTED))
        lines += [Line(told, now, np.concatenate([known, path[:, column]]).tolist(), colour) for told, path, colour in futures]
        lines.append(Line("held out", 0, np.concatenate([one.past[:, column], one.truth[:, column]]).tolist(), TRUTH))
        charts.append(trajectory_svg(name, lines, now))
    return f'<h3>{escape(one.clip)}</h3><div class="row">{"".join(charts)}</div>'


def _spread(spread: Mapping[str, Any] | None) -> str:
    if not spread:
        return "<p>Not measured: no held-out clip is long enough.</p>"
    head = "".join(
        f"<th>{text}</th>"
        for text in ("steps ahead", "spread over error", "CRPS", "of linear", "of repeat", "energy score", "of linear", "of repeat")
    )
    rows = []
    for place, step in enumerate(spread["horizons"]):
        values = [spread["spread_over_error"][place]]
        values += [spread[score][who][place] for score in ("crps", "energy") for who in ("model", "linear", "repeat")]
        rows.append(f"<tr><td>{step}</td>" + "".join(f'<td class="n">{value:.3f}</td>' for value in values) + "</tr>")
    moved = "–" if spread["movement"] is None else f"{spread['movement']:.2f}"
    flat = "–" if spread["expected_movement"] is None else f"{spread['expected_movement']:.2f}"
    return (
        f"<p>{spread['samples']} draws at temperature 1 after each of {spread['origins']} moments. Draws move {moved} times as much as the "
        f"sound over the same stretch (1 is right; what is expected moves {flat} times as much). Spread over error: 1 is right, below 1 "
        "the model is too sure. CRPS and energy score: smaller is better; of a single guess they are its error.</p>"
        f"<table><tr>{head}</tr>{''.join(rows)}</table>"
    )


def _mosaics(heard: Sequence[Heard], known: Sequence[str]) -> str:
    if not heard:
        return "<p>None: name an exported patch with --patch.</p>"
    parts = []
    for one in heard:
        mosaic = one.mosaic
        names = _names(mosaic, known)
        shown = {unit.label or unit.file for unit in mosaic.units}
        spans = [
            Span(
                unit.time_s,
                unit.time_s + unit.duration_s,
                unit.stream - 1,
                names.index(unit.label or unit.file),
                f"{unit.time_s:.2f} s: {unit.file or f'unit {unit.unit}'} at {unit.file_start_s:.2f} s {unit.label}".strip(),
                unit.faded,
            )
            for unit in mosaic.units
        ]
        prime = one.prime[-round(PLAYER_S * one.prime_rate_hz) :]
        jumps = sum(unit.faded for unit in mosaic.units)
        seconds, coloured = len(mosaic.audio) / mosaic.sample_rate_hz, "labels" if any(unit.label for unit in mosaic.units) else "files"
        parts.append(
            f"<h3>{escape(mosaic.prime)}</h3><p>{len(mosaic.units)} units in {seconds:.2f} s, {jumps} of them "
            f"begun with a cross-fade; colours are {coloured}.</p>"
            + unit_map_svg(f"units of {mosaic.prime}", mosaic.audio, mosaic.sample_rate_hz, spans)
            + "<p>"
            + " ".join(
                f'<span style="color:{PALETTE[number % len(PALETTE)]}">● {escape(name)}</span>'
                for number, name in enumerate(names)
                if name in shown
            )
            + "</p>"
            + '<div class="row"><figure>'
            + audio_html(prime, one.prime_rate_hz)
            + "<figcaption>what it heard</figcaption></figure><figure>"
            + audio_html(mosaic.audio[: round(PLAYER_S * mosaic.sample_rate_hz)], mosaic.sample_rate_hz)
            + "<figcaption>mosaic</figcaption></figure></div>"
        )
    return "".join(parts)


def _names(mosaic: Mosaic, known: Sequence[str]) -> list[str]:
    """What units are coloured by: in the order of the map, so that a colour means the same in both."""
    return list(dict.fromkeys([*known, *(unit.label or unit.file for unit in mosaic.units)]))


def _map(corpus: CorpusMap, name: str, heard: Sequence[Heard]) -> str:
    told = (
        f"<p>{len(corpus.points)} units of {escape(name)}, projected on the two directions in which they differ most "
        f"({100 * corpus.explained:.0f} % of their variance).{' Black: the way of a mosaic.' if heard else ''}</p>"
    )
    maps = [map_svg("units", corpus.points, corpus.colour, corpus.names)]
    for one in heard:
        # A unit that the corpus does not have was played from another corpus: it has no place on this map.
        path = [unit.unit for unit in one.mosaic.units if unit.unit < len(corpus.points)]
        maps.append(map_svg(f"way of {one.mosaic.prime}", corpus.points, corpus.colour, corpus.names, path))
    return told + '<div class="row">' + "".join(f"<figure>{drawn}</figure>" for drawn in maps) + "</div>"
