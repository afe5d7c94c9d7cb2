"""Pictures of a sequencer's report as SVG text: trajectories, a mosaic's units over its spectrogram, a map of a corpus.

It knows numbers, names and seconds; what they mean is said in `sequencer_page`.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from training.evaluation.spectrogram import spectrogram_png

__all__ = ["PALETTE", "Line", "Span", "map_svg", "trajectory_svg", "unit_map_svg"]

Array = NDArray[np.float32]

PALETTE = ("#c2410c", "#1d4ed8", "#15803d", "#a21caf", "#b45309", "#0e7490", "#4d7c0f", "#be123c", "#6d28d9", "#57534e")
WINDOW_FRAMES = 2048
LANE = 12
MAP_SIZE = 460
MAP_POINTS = 6000
LEGEND_NAMES = 20


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a trajectory: its name (empty: no legend), where it begins, its values, colour and width."""

    name: str
    first: int
    values: Sequence[float]
    colour: str
    width: float = 1.4


@dataclass(frozen=True)
class Span:
    """One unit of a mosaic: when it sounds, in which stream (from 0), which colour, what to say of it, and whether it began with a fade."""

    start_s: float
    end_s: float
    stream: int
    colour: int
    text: str
    faded: bool


def trajectory_svg(title: str, lines: Sequence[Line], now: int, width: int = 360, height: int = 150) -> str:
    """Draw one descriptor over time; a vertical line stands where the prediction begins."""
    values = np.concatenate([np.asarray(line.values, dtype=np.float64) for line in lines])
    low, high = float(values.min()), float(values.max())
    pad = 0.06 * (high - low) or 0.5
    low, high = low - pad, high + pad
    first = min(line.first for line in lines)
    last = max(line.first + len(line.values) - 1 for line in lines)
    left, right, top, bottom = 34, 6, 18, 16

    def x(place: float) -> float:
        return left + (place - first) / ((last - first) or 1) * (width - left - right)

    def y(value: float) -> float:
        return height - bottom - (value - low) / (high - low) * (height - top - bottom)

    parts = [
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" aria-label="{escape(title)}">',
        f'<rect x="{left}" y="{top}" width="{width - left - right}" height="{height - top - bottom}" fill="none" stroke="#999"/>',
        f'<text x="{left}" y="12" class="t">{escape(title)}</text>',
        f'<line x1="{x(now):.1f}" x2="{x(now):.1f}" y1="{top}" y2="{height - bottom}" stroke="#999" stroke-dasharray="3 3"/>',
    ]
    for value in (low + pad, high - pad):
        parts.append(f'<text x="{left - 3}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2g}</text>')
    for place in (first, now, last):
        parts.append(f'<text x="{x(place):.1f}" y="{height - 4}" text-anchor="middle">{place - now:+d}</text>')
    for line in lines:
        points = " ".join(f"{x(line.first + step):.1f},{y(float(value)):.1f}" for step, value in enumerate(line.values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="{line.width}" opacity="0.85"/>')
    for number, line in enumerate([line for line in lines if line.name]):
        parts.append(f'<text x="{left + 4}" y="{top + 11 + 11 * number}" fill="{line.colour}">{escape(line.name)}</text>')
    return "".join([*parts, "</svg>"])


def unit_map_svg(title: str, audio: Array, sample_rate_hz: int, spans: Sequence[Span], width: int = 1100, height: int = 210) -> str:
    """Draw units over the spectrogram of what they made: a band for each stream, a bright line where a unit begins with a fade."""
    seconds = len(audio) / sample_rate_hz
    # Half a window of silence at each end: the middle of every column is then where it is drawn.
    padded = np.pad(np.asarray(audio, dtype=np.float32), WINDOW_FRAMES // 2)
    picture = base64.b64encode(spectrogram_png(padded, sample_rate_hz)).decode()
    streams = max((span.stream for span in spans), default=-1) + 1
    total = height + LANE * streams + 14
    parts = [
        f'<svg viewBox="0 0 {width} {total}" width="100%" role="img" aria-label="{escape(title)}">',
        f'<image href="data:image/png;base64,{picture}" x="0" y="0" width="{width}" height="{height}" preserveAspectRatio="none"/>',
    ]
    for span in spans:
        left = max(0.0, span.start_s) / seconds * width
        wide = max(0.5, (min(span.end_s, seconds) - max(0.0, span.start_s)) / seconds * width)
        colour = PALETTE[span.colour % len(PALETTE)]
        top = height + LANE * span.stream
        tip = f"<title>{escape(span.text)}</title>"
        parts.append(f'<rect x="{left:.1f}" y="0" width="{wide:.1f}" height="{height}" fill="{colour}" opacity="0.18">{tip}</rect>')
        parts.append(f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{LANE - 1}" fill="{colour}">{tip}</rect>')
        if span.faded:
            parts.append(f'<line x1="{left:.1f}" x2="{left:.1f}" y1="0" y2="{height}" stroke="#fff" stroke-width="0.8" opacity="0.8"/>')
    for place in np.linspace(0.0, seconds, 5):
        anchor = "start" if place == 0.0 else "end" if place == seconds else "middle"
        parts.append(f'<text x="{place / seconds * width:.1f}" y="{total - 3}" text-anchor="{anchor}">{place:.2f} s</text>')
    return "".join([*parts, "</svg>"])


def map_svg(title: str, points: NDArray[np.float64], colours: NDArray[np.int64], names: Sequence[str], path: Sequence[int] = ()) -> str:
    """Draw units as points, coloured, and a mosaic's way through them as a line.

    Parameters
    ----------
    title : str
    points : float64 array, shape (N, 2)
        Over a few thousand, every so-many-th is drawn; of the path, every point.
    colours : int array, shape (N,)
        Which of `names`; below 0 is drawn grey.
    names : sequence of str
    path : sequence of int
        Units in the order in which they sound.
    """
    # The outermost half per cent would squeeze all others into the middle: it is drawn at the edge.
    low, high = np.percentile(points, 0.5, axis=0), np.percentile(points, 99.5, axis=0)
    place = np.clip((points - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    xy = np.stack([10 + place[:, 0] * (MAP_SIZE - 20), MAP_SIZE - 10 - place[:, 1] * (MAP_SIZE - 30)], axis=1)
    parts = [
        f'<svg viewBox="0 0 {MAP_SIZE} {MAP_SIZE}" width="{MAP_SIZE}" role="img" aria-label="{escape(title)}">',
        f'<text x="10" y="12" class="t">{escape(title)}</text>',
    ]
    drawn = np.arange(0, len(xy), -(-len(xy) // MAP_POINTS) or 1)
    for colour in np.unique(colours[drawn]):
        mine = xy[drawn[colours[drawn] == colour]]
        # Lines of no length with round ends are dots, in a third of the text that circles take.
        dots = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in mine)
        shade = "#a8a29e" if colour < 0 else PALETTE[int(colour) % len(PALETTE)]
        parts.append(f'<path d="{dots}" stroke="{shade}" stroke-width="3" stroke-linecap="round" opacity="0.55"/>')
    if len(path):
        way = " ".join(f"{x:.0f},{y:.0f}" for x, y in xy[np.asarray(path)])
        parts.append(f'<polyline points="{way}" fill="none" stroke="#000" stroke-width="0.7" opacity="0.7"/>')
        dots = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in xy[np.asarray(path)])
        parts.append(f'<path d="{dots}" stroke="#000" stroke-width="4" stroke-linecap="round"/>')
    shown = zip(names[:LEGEND_NAMES], PALETTE * LEGEND_NAMES, strict=False)
    legend = "".join(f'<span style="color:{shade}">● {escape(name)}</span> ' for name, shade in shown)
    return "".join([*parts, "</svg>"]) + f"<figcaption>{legend}{'…' if len(names) > LEGEND_NAMES else ''}</figcaption>"
