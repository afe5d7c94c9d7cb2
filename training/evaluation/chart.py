"""A small line chart as SVG text; it knows numbers and labels only."""

from collections.abc import Sequence
from html import escape

__all__ = ["chart_svg"]

WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 22, 30
COLOURS = ("#c2410c", "#1d4ed8", "#15803d")


def chart_svg(
    title: str, across: Sequence[float], lines: dict[str, Sequence[float]], dots: Sequence[Sequence[float]] = (), across_label: str = ""
) -> str:
    """Draw lines over a common axis.

    Parameters
    ----------
    title : str
    across : sequence of float
        Places on the horizontal axis.
    lines : dict, name -> one value per place
    dots : sequence of sequences, optional
        Single takes at each place, drawn in the first line's colour.
    across_label : str
    """
    values = [value for line in lines.values() for value in line] + [value for column in dots for value in column]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or 0.5
    low, high = low - pad, high + pad
    first, last = min(across), max(across)

    def x(value: float) -> float:
        return LEFT + (value - first) / ((last - first) or 1.0) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    frame = f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" fill="none" stroke="#999"/>'
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="{escape(title)}">', frame]
    parts.append(f'<text x="{LEFT}" y="14" class="t">{escape(title)}</text>')
    for value in (low + pad, high - pad):
        parts.append(f'<text x="{LEFT - 4}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    for value in (first, last):
        parts.append(f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 13}" text-anchor="middle">{value:.3g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(across_label)}</text>')
    for place, column in zip(across, dots, strict=False):
        parts += [f'<circle cx="{x(place):.1f}" cy="{y(value):.1f}" r="2" fill="{COLOURS[0]}" opacity="0.45"/>' for value in column]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in zip(across, line, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{TOP + 12 + 12 * number}" text-anchor="end" fill="{colour}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])
