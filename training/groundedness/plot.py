"""Draws a reliability plot as SVG, without a plotting library. Pure."""

from collections.abc import Sequence
from html import escape

_SIDE = 320
_LEFT, _TOP, _BOTTOM = 56, 36, 48


def reliability_plot(points: Sequence[tuple[float, float, int]], title: str) -> str:
    """Share supported against mean score; the area of a dot grows with its cases.

    Args:
        points: (mean score, share supported, cases), both in [0, 1].
    """
    most = max((cases for _, _, cases in points), default=1)
    marks = [f"{step / 5:.1f}" for step in range(6)]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SIDE + _LEFT + 16}" '
        f'height="{_SIDE + _TOP + _BOTTOM}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="22" font-size="13" fill="#222222">{escape(title)}</text>',
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" '
        'stroke="#888888"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#bbbbbb" '
        'stroke-dasharray="4 4"/>',
    ]
    for mark in marks:
        at = float(mark)
        lines.append(
            f'<text x="{_x(at)}" y="{_y(0) + 18}" text-anchor="middle" fill="#444444">{mark}</text>'
        )
        lines.append(
            f'<text x="{_LEFT - 8}" y="{_y(at) + 4}" text-anchor="end" fill="#444444">{mark}</text>'
        )
    lines.append(
        f'<text x="{_x(0.5)}" y="{_y(0) + 38}" text-anchor="middle" fill="#222222">score</text>'
    )
    lines.append(
        f'<text transform="translate(16 {_y(0.5)}) rotate(-90)" text-anchor="middle" '
        'fill="#222222">share supported</text>'
    )
    corners = " ".join(f"{_x(score):.1f},{_y(share):.1f}" for score, share, _ in points)
    lines.append(f'<polyline points="{corners}" fill="none" stroke="#2b6cb0" stroke-width="1.5"/>')
    lines += [
        f'<circle cx="{_x(score):.1f}" cy="{_y(share):.1f}" '
        f'r="{3 + 7 * (cases / most) ** 0.5:.1f}" '
        f'fill="#2b6cb0" fill-opacity="0.75"><title>score {score:.2f}: {share:.2f} supported, '
        f"n = {cases}</title></circle>"
        for score, share, cases in points
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _x(value: float) -> float:
    return _LEFT + value * _SIDE


def _y(value: float) -> float:
    return _TOP + (1 - value) * _SIDE
