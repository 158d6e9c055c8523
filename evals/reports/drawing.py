"""What charts are drawn with: frames, axes, marks and words, as SVG. Pure.

No style attributes: a strict content security policy forbids them. Colours are classes that a style
sheet gives (`chart-line`, `chart-band` …); without one the drawing is still there in black. Words
from outside are escaped and cut.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

# In units of the drawing, which is scaled to the width it is given.
WIDTH, HEIGHT = 440.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 12.0, 28.0
TICKS = 4
_LONGEST_LABEL = 40
_LONGEST_DESCRIPTION = 400


@dataclass(frozen=True, slots=True)
class Table:
    """The numbers of a chart as words, for who cannot see it or wants to know exactly."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing (an `svg` element), what it shows in words, and its numbers."""

    svg: str
    description: str
    table: Table


class Frame(NamedTuple):
    """Where values are drawn: a rectangle, and the range of y that fills it."""

    width: float
    height: float
    low: float
    high: float

    @property
    def right(self) -> float:
        return self.width - RIGHT

    @property
    def bottom(self) -> float:
        return self.height - BOTTOM

    def x(self, share: float) -> float:
        """Where a share of the width lies."""
        return LEFT + share * (self.right - LEFT)

    def y(self, value: float) -> float:
        """How far down a value lies."""
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - TOP)


def axis(
    values: Sequence[float], bounds: tuple[float | None, float | None] = (None, None)
) -> tuple[float, float, float]:
    """(low, high, step) of an axis on which all the values lie, ticks at round numbers.

    Never empty: one value, or none, gets room around it. Steps are 1, 2 or 5 times a power of 10.
    """
    lowest, highest = min(values, default=0.0), max(values, default=1.0)
    spread = highest - lowest or abs(highest) or 1.0
    step = 10.0 ** math.floor(math.log10(spread / TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if spread / (step * factor) <= TICKS)
    low = math.floor(round(lowest / step, 6)) * step
    high = math.ceil(round(highest / step, 6)) * step
    if high - low < 1.5 * step:
        low, high = low - step, high + step
    floor, ceiling = bounds
    low = low if floor is None else max(low, floor)
    high = high if ceiling is None else min(high, ceiling)
    return (low, high, step) if high > low else (low, low + step, step)


def percent(share: float) -> str:
    """A share as people read it, with a space that does not break."""
    return f"{100 * share:.1f}\u00a0%"


def finished(words: str, width: float, height: float, parts: Sequence[str], table: Table) -> Chart:
    words = words.replace("\x00", "")
    kind = "chart" if width == WIDTH else "chart chart-square"
    label = escape(cut(words, _LONGEST_DESCRIPTION))
    box = f'viewBox="0 0 {short(width)} {short(height)}"'
    inside = "\n".join(part for part in parts if part)
    svg = (
        f'<svg class="{kind}" xmlns="http://www.w3.org/2000/svg" {box} role="img" '
        f'aria-label="{label}" font-size="11">\n{inside}\n</svg>'
    )
    return Chart(svg, words, table)


def grid(frame: Frame, step: float, shown: Callable[[float], str]) -> str:
    parts = []
    value = math.ceil(round(frame.low / step, 6)) * step
    while value <= frame.high + step / 1e6:
        y = frame.y(value)
        line = f'x1="{short(LEFT)}" y1="{short(y)}" x2="{short(frame.right)}" y2="{short(y)}"'
        parts.append(f'<line class="chart-grid" {line}/>')
        # Ticks are round numbers: the digits that say nothing are left out.
        parts.append(text(LEFT - 6, y + 4, shown(value).replace(".0\u00a0%", "\u00a0%"), "end"))
        value += step
    return "\n".join(parts)


def whisker(x: float, low: float, high: float) -> str:
    line = f'x1="{short(x)}" y1="{short(low)}" x2="{short(x)}" y2="{short(high)}"'
    return f'<line class="chart-whisker" {line}/>'


def dot(x: float, y: float, tip: str, radius: float) -> str:
    place = f'cx="{short(x)}" cy="{short(y)}" r="{short(radius)}"'
    return f'<circle class="chart-dot" {place}><title>{escape(cut(tip, 80))}</title></circle>'


def text(x: float, y: float, words: str, anchor: str, kind: str = "chart-text") -> str:
    place = f'x="{short(x)}" y="{short(y)}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(cut(words, _LONGEST_LABEL))}</text>'


def cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
