"""Charts as SVG, each with a table of the same numbers. Pure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol, TypeVar

from evals.reports.drawing import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TICKS,
    TOP,
    WIDTH,
    Chart,
    Frame,
    Table,
    axis,
    cut,
    dot,
    finished,
    grid,
    percent,
    short,
    text,
    whisker,
)

_Point = TypeVar("_Point")
_SQUARE = 300.0
_MOST_DATES = 4
_BAR_HEIGHT, _BAR_GAP, _BAR_LABEL = 22.0, 8.0, 96.0
_LONGEST_BAR_LABEL = 14
_ROOM_FOR_A_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A run in a trend. `value` None leaves a gap; `note` is marked with a letter."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """At `coverage`, the share of questions answered, `risk` of these should be declined."""

    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class ReliabilityPoint:
    """`n` cases whose predicted probability is `predicted` on average, `observed` of them true."""

    predicted: float
    observed: float
    low: float | None
    high: float | None
    n: int


def trend(
    title: str,
    points: Sequence[TrendPoint],
    *,
    shown: Callable[[float], str],
    bounds: tuple[float | None, float | None] = (None, None),
) -> Chart:
    """A metric from run to run, oldest first, with a band for its intervals.

    Args:
        shown: a value as people read it.
        bounds: what the metric cannot pass; the axis does not either.
    """
    drawn = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    low, high, step = axis(drawn, bounds)
    frame = Frame(WIDTH, HEIGHT, low, high)
    xs = [frame.x((i + 0.5) / len(points)) for i in range(len(points))]
    parts = [grid(frame, step, shown), _dates(frame, points, xs)]
    parts += [_band(frame, points, xs), _line(frame, points, xs)]
    parts += [_dots(frame, points, xs, shown), _letters(frame, points, xs)]
    scored = [p for p in points if p.value is not None]
    words = f"{title}: no run has a value."
    if scored:
        first, last = scored[0], scored[-1]
        words = (
            f"{title} over {_count(len(points), 'run')}: "
            f"{_known(first.value, shown)} at first ({first.label}), "
            f"{_known(last.value, shown)} now ({last.label})."
        )
    rows = tuple(
        (p.label, _known(p.value, shown), _known(p.low, shown), _known(p.high, shown), p.note)
        for p in points
    )
    table = Table(("Run", "Value", "From", "To", "Note"), rows)
    return finished(words, WIDTH, HEIGHT, parts, table)


def risk_coverage(title: str, points: Sequence[RiskPoint]) -> Chart:
    """How many are answered that should be declined, as more are answered, surest first."""
    frame = Frame(WIDTH, HEIGHT, 0.0, _ceiling([p.risk for p in points]))
    parts = [grid(frame, frame.high / TICKS, percent), _shares_below(frame, "answered")]
    line = " ".join(f"{short(frame.x(p.coverage))},{short(frame.y(p.risk))}" for p in points)
    if points:
        parts.append(f'<polyline class="chart-line" fill="none" points="{line}"/>')
    words = f"{title}: nothing to show."
    if points:
        first, last = points[0], points[-1]
        words = (
            f"{title}: of the surest {percent(first.coverage)} of questions "
            f"{percent(first.risk)} should be declined, "
            f"of {percent(last.coverage)} {percent(last.risk)}."
        )
    rows = tuple((percent(p.coverage), percent(p.risk)) for p in _thinned(points, 20))
    return finished(words, WIDTH, HEIGHT, parts, Table(("Answered", "To be declined"), rows))


class Operating(Protocol):
    """A limit on answerability and what it comes to: `evals.operating.Limit`."""

    @property
    def threshold(self) -> float: ...
    @property
    def answered(self) -> float: ...
    @property
    def unsupported(self) -> float | None: ...


def operating(title: str, limits: Sequence[Operating], below: float) -> Chart:
    """How much is answered, and how much of what is shown is unsupported, limit by limit.

    Args:
        limits: lowest first.
        below: the limit in force, drawn upright.
    """
    frame = Frame(WIDTH, HEIGHT, 0.0, 1.0)
    parts = [grid(frame, 1 / TICKS, percent), _shares_below(frame, "limit")]
    known = [(one.threshold, one.unsupported) for one in limits if one.unsupported is not None]
    for kind, points in (
        ("chart-line", [(one.threshold, one.answered) for one in limits]),
        ("chart-line second", known),
    ):
        line = " ".join(f"{short(frame.x(x))},{short(frame.y(y))}" for x, y in points)
        if points:
            parts.append(f'<polyline class="{kind}" fill="none" points="{line}"/>')
    at = short(frame.x(below))
    parts.append(
        f'<line class="chart-ideal" x1="{at}" x2="{at}" y1="{short(frame.y(0))}" '
        f'y2="{short(frame.y(1))}" stroke-dasharray="4 4"/>'
    )
    words = f"{title}: nothing to show."
    if limits:
        here = min(limits, key=lambda one: abs(one.threshold - below))
        words = (
            f"{title}: at the limit in force, {below:.2f}, {percent(here.answered)} of questions "
            f"are answered and {_known(here.unsupported)} of shown sentences are unsupported."
        )
    rows = tuple(
        (f"{one.threshold:.2f}", percent(one.answered), _known(one.unsupported))
        for one in _thinned(limits, 20)
    )
    return finished(words, WIDTH, HEIGHT, parts, Table(("Limit", "Answered", "Unsupported"), rows))


def reliability(title: str, points: Sequence[ReliabilityPoint]) -> Chart:
    """Whether what was thought probable was true as often: on the diagonal it was."""
    frame = Frame(_SQUARE + LEFT - BOTTOM, _SQUARE, 0.0, 1.0)
    diagonal = f'x1="{short(frame.x(0))}" y1="{short(frame.y(0))}" x2="{short(frame.x(1))}"'
    parts = [
        grid(frame, 0.25, percent),
        _shares_below(frame, "expected"),
        f'<line class="chart-ideal" {diagonal} y2="{short(frame.y(1))}" stroke-dasharray="4 4"/>',
    ]
    largest = max((p.n for p in points), default=1)
    for point in points:
        x, y = frame.x(point.predicted), frame.y(point.observed)
        if point.low is not None and point.high is not None:
            parts.append(whisker(x, frame.y(point.low), frame.y(point.high)))
        radius = 2.5 + 4.5 * math.sqrt(point.n / largest)
        tip = f"{percent(point.predicted)} expected, {percent(point.observed)} seen, n {point.n}"
        parts.append(dot(x, y, tip, radius))
    gap = max((abs(p.observed - p.predicted) for p in points), default=None)
    words = f"{title}: nothing to show."
    if gap is not None:
        words = (
            f"{title}: {_count(len(points), 'group')} of cases; what was seen is at most "
            f"{percent(gap)} from what was expected."
        )
    rows = tuple(
        (percent(p.predicted), percent(p.observed), _known(p.low), _known(p.high), str(p.n))
        for p in points
    )
    table = Table(("Expected", "Seen", "From", "To", "Cases"), rows)
    return finished(words, frame.width, frame.height, parts, table)


def stacked(
    title: str, bars: Sequence[tuple[str, Mapping[str, int]]], *, kinds: Sequence[str]
) -> Chart:
    """Shares of each kind, a bar for each label. The class of a part is `chart-part-KIND`."""
    height = len(bars) * (_BAR_HEIGHT + _BAR_GAP) + _BAR_GAP
    parts, rows = [], []
    for number, (label, counts) in enumerate(bars):
        y = _BAR_GAP + number * (_BAR_HEIGHT + _BAR_GAP)
        parts.append(
            text(_BAR_LABEL - 8, y + _BAR_HEIGHT * 0.68, cut(label, _LONGEST_BAR_LABEL), "end")
        )
        parts += _shares_of_bar(y, [(kind, counts.get(kind, 0)) for kind in kinds])
        total = sum(counts.get(kind, 0) for kind in kinds)
        rows.append((label, *(str(counts.get(kind, 0)) for kind in kinds), str(total)))
    words = f"{title}: " + (
        "; ".join(
            f"{label}: " + ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in kinds)
            for label, counts in bars[:3]
        )
        or "nothing to show"
    )
    table = Table(("", *(kind.capitalize() for kind in kinds), "All"), tuple(rows))
    return finished(words + ".", WIDTH, height, parts, table)


def _dates(frame: Frame, points: Sequence[TrendPoint], xs: Sequence[float]) -> str:
    if not points:
        return ""
    last = len(points) - 1
    chosen = {round(i * last / (_MOST_DATES - 1)) for i in range(_MOST_DATES)}
    if last + 1 <= _MOST_DATES:
        chosen = set(range(last + 1))
    return "\n".join(
        text(xs[i], frame.bottom + 18, points[i].label[:12], "middle") for i in sorted(chosen)
    )


def _shares_below(frame: Frame, what: str) -> str:
    parts = [
        text(frame.x(share), frame.bottom + 18, label, anchor)
        for share, label, anchor in [
            (0.0, "0\u00a0%", "start"),
            (0.5, f"50\u00a0% {what}", "middle"),
            (1.0, "100\u00a0%", "end"),
        ]
    ]
    return "\n".join(parts)


def _band(frame: Frame, points: Sequence[TrendPoint], xs: Sequence[float]) -> str:
    """The intervals of neighbouring runs, joined; one that stands alone is a whisker."""
    parts = []
    for start, stop in _stretches([p.low is not None and p.high is not None for p in points]):
        lows = [(xs[i], frame.y(points[i].low or 0.0)) for i in range(start, stop)]
        highs = [(xs[i], frame.y(points[i].high or 0.0)) for i in range(start, stop)]
        if stop - start == 1:
            parts.append(whisker(xs[start], lows[0][1], highs[0][1]))
            continue
        outline = " ".join(f"{short(x)},{short(y)}" for x, y in [*highs, *reversed(lows)])
        parts.append(f'<polygon class="chart-band" points="{outline}" fill-opacity="0.18"/>')
    return "\n".join(parts)


def _line(frame: Frame, points: Sequence[TrendPoint], xs: Sequence[float]) -> str:
    parts = []
    for start, stop in _stretches([p.value is not None for p in points]):
        if stop - start > 1:
            places = " ".join(
                f"{short(xs[i])},{short(frame.y(points[i].value or 0.0))}"
                for i in range(start, stop)
            )
            parts.append(f'<polyline class="chart-line" fill="none" points="{places}"/>')
    return "\n".join(parts)


def _dots(
    frame: Frame,
    points: Sequence[TrendPoint],
    xs: Sequence[float],
    shown: Callable[[float], str],
) -> str:
    return "\n".join(
        dot(x, frame.y(p.value), f"{p.label}: {shown(p.value)}", 3.0)
        for p, x in zip(points, xs, strict=True)
        if p.value is not None
    )


def _letters(frame: Frame, points: Sequence[TrendPoint], xs: Sequence[float]) -> str:
    parts = []
    noted = [i for i, point in enumerate(points) if point.note]
    for letter, i in zip(letters(len(noted)), noted, strict=True):
        line = (
            f'x1="{short(xs[i])}" y1="{short(TOP)}" x2="{short(xs[i])}" y2="{short(frame.bottom)}"'
        )
        parts.append(f'<line class="chart-note" {line} stroke-dasharray="2 3"/>')
        parts.append(text(xs[i] + 3, TOP + 8, letter, "start", "chart-letter"))
    return "\n".join(parts)


def letters(n: int) -> list[str]:
    """A, B … Z, AA, AB …: names of n notes, in order."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [("" if i < 26 else alphabet[i // 26 % 26 - 1]) + alphabet[i % 26] for i in range(n)]


def _shares_of_bar(y: float, counts: Sequence[tuple[str, int]]) -> list[str]:
    total = sum(count for _, count in counts)
    if total == 0:
        return [text(_BAR_LABEL, y + _BAR_HEIGHT * 0.68, "none", "start")]
    parts, x = [], _BAR_LABEL
    for kind, count in counts:
        width = (WIDTH - RIGHT - _BAR_LABEL) * count / total
        if count == 0:
            continue
        place = (
            f'x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(_BAR_HEIGHT)}"'
        )
        tip = escape(f"{count} {kind}, {percent(count / total)}")
        parts.append(f'<rect class="chart-part-{kind}" {place}><title>{tip}</title></rect>')
        if count / total >= _ROOM_FOR_A_SHARE:
            share = f"{100 * count / total:.0f}\u00a0%"
            middle = y + _BAR_HEIGHT * 0.68
            parts.append(text(x + width / 2, middle, share, "middle", "chart-on-part"))
        x += width
    return parts


def _stretches(there: Sequence[bool]) -> list[tuple[int, int]]:
    """Where it is there without a gap: (start, stop) of each stretch."""
    found: list[tuple[int, int]] = []
    for i, is_there in enumerate(there):
        if is_there and found and found[-1][1] == i:
            found[-1] = (found[-1][0], i + 1)
        elif is_there:
            found.append((i, i + 1))
    return found


def _thinned(points: Sequence[_Point], most: int) -> list[_Point]:
    """At most that many, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    last = len(points) - 1
    return [points[round(i * last / (most - 1))] for i in range(most)]


def _ceiling(values: Sequence[float]) -> float:
    """The top of an axis from 0 for shares: a round number, at most 1."""
    highest = max(values, default=1.0)
    return next((top for top in (0.04, 0.1, 0.2, 0.4, 0.6, 0.8) if highest <= top), 1.0)


def _known(value: float | None, shown: Callable[[float], str] = percent) -> str:
    return "–" if value is None else shown(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
