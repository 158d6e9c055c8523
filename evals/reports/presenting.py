"""What people are shown of a run: figures in words, cases sorted and filtered, charts. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Literal, NamedTuple

from evals.catalogue import Group, Metric, in_order, metric_of
from evals.comparing.paired import Difference
from evals.reports import charts
from evals.reports.charts import TrendPoint
from evals.reports.drawing import Chart, percent
from evals.summary import reliability, risk_coverage
from evals.types import Case, Expectation, Json, Measured, Observation, Result, Run, Summary
from generation.types import Verdict

KEY_FIGURES = (
    "hallucination_rate",
    "faithfulness",
    "abstention_precision",
    "abstention_recall",
    "containment",
    "seconds_median",
)
_GROUPS: Mapping[Group, str] = MappingProxyType(
    {
        Group.GROUNDEDNESS: "Groundedness",
        Group.ABSTENTION: "Abstention",
        Group.ANSWER: "Answers",
        Group.CITATIONS: "Citations",
        Group.RETRIEVAL: "Retrieval",
        Group.COST: "Time and tokens",
        Group.JUDGE: "Judges and others",
    }
)
VERDICTS = tuple(verdict.value for verdict in Verdict)
_UNDEFINED = "–"
_MOST_WORDS = 1500
# Values of a case that are a yes or a no.
_FLAGS = frozenset(
    {"abstained", "contradicted", "containment", "exact_match", "hallucinated", "hit_at_5"}
)
_NO_BREAK = "\u00a0"


class Figure(NamedTuple):
    """A metric of a run as words. `interval` is empty when there is none."""

    name: str
    title: str
    meaning: str
    value: str
    interval: str
    scored: int
    unscored: int


class Change(NamedTuple):
    """What became of a metric since another run. `verdict` is empty when it may be chance."""

    verdict: Literal["better", "worse", ""]
    words: str


class Filter(NamedTuple):
    """A kind of case that one may want to see alone."""

    title: str
    holds: Callable[[Result], bool]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in the table of a run. `question` is empty when the case has been deleted."""

    position: int
    key: str
    question: str
    expectation: str
    labels: tuple[tuple[str, str], ...]
    figures: tuple[tuple[str, str], ...]


def shown(value: float | None, metric: Metric) -> str:
    """A value in the unit of its metric; a dash when it is undefined."""
    if value is None:
        return _UNDEFINED
    if metric.unit == "share":
        return percent(value)
    if metric.unit == "seconds":
        return f"{value:.2f}{_NO_BREAK}s"
    if metric.unit == "tokens":
        return f"{value:,.0f}"
    return f"{value:.3f}"


def figure(name: str, measured: Measured) -> Figure:
    """A metric with its interval, in words."""
    metric = metric_of(name)
    interval = ""
    if measured.low is not None and measured.high is not None:
        interval = f"{shown(measured.low, metric)} to {shown(measured.high, metric)}"
    value = shown(measured.value, metric)
    counts = (measured.scored, measured.unscored)
    return Figure(name, metric.title, metric.meaning, value, interval, *counts)


def key_figures(summary: Summary) -> list[Figure]:
    """The few that say most, as far as the run has them."""
    return [figure(name, summary[name]) for name in KEY_FIGURES if name in summary]


def grouped(summary: Summary) -> list[tuple[str, list[Figure]]]:
    """Those that apply to any case, under headings, what says most of an answer first."""
    figures: dict[Group, list[Figure]] = {group: [] for group in _GROUPS}
    for name in in_order(summary):
        if summary[name].scored + summary[name].unscored == 0:
            continue
        figures[metric_of(name).group].append(figure(name, summary[name]))
    return [(_GROUPS[group], found) for group, found in figures.items() if found]


def change_of(difference: Difference | None) -> Change | None:
    """Better or worse only when the paired interval excludes zero; None when nothing is known."""
    if difference is None or difference.value is None:
        return None
    metric = metric_of(difference.metric)
    size = shown(abs(difference.value), metric).replace(f"{_NO_BREAK}%", f"{_NO_BREAK}points")
    arrow = "▲" if difference.value > 0 else "▼" if difference.value < 0 else "="
    low, high = difference.low, difference.high
    if low is None or high is None or low <= 0 <= high:
        return Change("", "no change" if arrow == "=" else f"{arrow} {size}, may be chance")
    verdict: Literal["better", "worse"]
    verdict = "better" if (difference.value > 0) == metric.higher_is_better else "worse"
    return Change(verdict, f"{arrow} {size}, {verdict}")


def is_failed(result: Result) -> bool:
    """No answer came of it."""
    return result.error is not None


def is_hallucinated(result: Result) -> bool:
    """A sentence of the answer was unsupported or contradicted."""
    return (result.values.get("hallucinated") or 0.0) > 0


def abstained_wrongly(result: Result) -> bool:
    """It declined where an answer was expected."""
    return result.expectation is Expectation.ANSWER and _abstained(result) is True


def answered_wrongly(result: Result) -> bool:
    """It answered where it should have declined."""
    return result.expectation is Expectation.ABSTAIN and _abstained(result) is False


def missed_the_reference(result: Result) -> bool:
    """It answered, and no reference is in the answer."""
    return _abstained(result) is False and result.values.get("containment") == 0.0


def is_good(result: Result) -> bool:
    """Nothing of the above is wrong with it, and somebody said what would be right."""
    is_wrong = any(one.holds(result) for one in FILTERS.values())
    return not is_wrong and not _is_forgotten(result) and result.expectation is not None


FILTERS: Mapping[str, Filter] = MappingProxyType(
    {
        "failed": Filter("Failed", is_failed),
        "hallucinated": Filter("Hallucinated", is_hallucinated),
        "abstained-wrongly": Filter("Abstained wrongly", abstained_wrongly),
        "answered-wrongly": Filter("Answered wrongly", answered_wrongly),
        "reference-missed": Filter("Reference missed", missed_the_reference),
    }
)


def worst_first(results: Iterable[Result]) -> list[Result]:
    """Failed ones first, then by how much is wrong, then by faithfulness; ties as in the suite."""
    return sorted(results, key=_badness)


def case_row(result: Result, case: Case | None) -> CaseRow:
    """A result in the table of its run."""
    figures = (
        ("faithfulness", shown(result.values.get("faithfulness"), metric_of("faithfulness"))),
        ("seconds", _seconds(result)),
    )
    return CaseRow(
        result.position,
        result.key,
        case.question if case else "",
        _EXPECTED.get(result.expectation, ""),
        labels_of(result),
        figures,
    )


def labels_of(result: Result) -> tuple[tuple[str, str], ...]:
    """(words, good, bad or odd) of how a case went."""
    labels = [(one.title, "bad") for one in FILTERS.values() if one.holds(result)]
    if _is_forgotten(result):
        labels.append(("Document deleted since", "odd"))
    if not labels:
        is_abstention = _abstained(result) is True
        labels.append(("Declined" if is_abstention else "Answered", "good"))
    return tuple(labels)


def verdicts_of(results: Iterable[Result]) -> dict[str, int]:
    """Verdict -> how many sentences of these results have it."""
    counts = dict.fromkeys(VERDICTS, 0)
    for result in results:
        for sentence in result.observation.sentences if result.observation else ():
            counts[sentence.verdict.value] += 1
    return counts


def trend_chart(name: str, runs: Sequence[Run]) -> Chart:
    """A metric over runs, oldest first."""
    metric = metric_of(name)
    points = [
        TrendPoint(
            f"{run.started_at:%d %b}",
            measured.value if measured else None,
            measured.low if measured else None,
            measured.high if measured else None,
            run.note,
        )
        for run in runs
        for measured in [run.summary.get(name)]
    ]
    ceiling = 1.0 if metric.unit == "share" else None
    return charts.trend(
        metric.title, points, shown=lambda value: shown(value, metric), bounds=(0.0, ceiling)
    )


def trend_metrics(runs: Sequence[Run]) -> list[str]:
    """The metrics that any of the runs has, in their order."""
    return in_order({name: None for run in runs for name in run.summary})


def risk_chart(results: Sequence[Result]) -> Chart:
    """What answering more would cost: see `evals.summary.risk_coverage`."""
    points = [charts.RiskPoint(one.coverage, one.risk) for one in risk_coverage(results)]
    return charts.risk_coverage("Risk and coverage", points)


def reliability_chart(results: Sequence[Result]) -> Chart:
    """Whether answerability means what it says: see `evals.summary.reliability`."""
    points = [
        charts.ReliabilityPoint(one.predicted, one.observed, one.low, one.high, one.cases)
        for one in reliability(results)
        if one.predicted is not None and one.observed is not None
    ]
    return charts.reliability("Answerability", points)


def pins_of(pins: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each pin by its dotted name."""
    for name, value in pins.items():
        if isinstance(value, dict):
            yield from pins_of(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _pin(value)


def words_of(seen: Observation | None) -> str:
    """Everything an answer said, what was not supported too; else what was said in its place."""
    if seen is None:
        return ""
    return " ".join(sentence.text for sentence in seen.sentences) or seen.text


def word_changes(before: str, after: str) -> list[tuple[Literal["same", "gone", "new"], str]]:
    """What words went and came from one text to another, in order. Very long texts: whole."""
    one, other = before.split(), after.split()
    if max(len(one), len(other)) > _MOST_WORDS:
        return [("gone", before), ("new", after)]
    parts: list[tuple[Literal["same", "gone", "new"], str]] = []
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            parts.append(("same", " ".join(one[i:j])))
            continue
        if j > i:
            parts.append(("gone", " ".join(one[i:j])))
        if m > k:
            parts.append(("new", " ".join(other[k:m])))
    return parts


def values_of(result: Result) -> list[tuple[str, str]]:
    """(title, value) of each value of a case, in the order of the metrics."""
    names = {metric_of(name).name: name for name in result.values}
    ordered = [(metric_of(name), names[name]) for name in in_order(names)]
    return [(metric.title, _value(key, result.values[key], metric)) for metric, key in ordered]


def moment(at: datetime | None) -> str:
    """A moment as people read it, in UTC."""
    return _UNDEFINED if at is None else f"{at:%d %b %Y, %H:%M} UTC"


def duration(run: Run) -> str:
    """How long a run took; empty while nobody knows."""
    if run.finished_at is None:
        return ""
    seconds = int((run.finished_at - run.started_at).total_seconds())
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}{_NO_BREAK}h {minutes}{_NO_BREAK}min"
    return f"{minutes}{_NO_BREAK}min {seconds}{_NO_BREAK}s" if minutes else f"{seconds}{_NO_BREAK}s"


_EXPECTED: Mapping[Expectation | None, str] = MappingProxyType(
    {Expectation.ANSWER: "an answer", Expectation.ABSTAIN: "that it declines"}
)


def _value(key: str, value: float | None, metric: Metric) -> str:
    if key in _FLAGS and value in {0.0, 1.0}:
        return "yes" if value else "no"
    return shown(value, metric)


def _pin(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(_pin(one) for one in value) or _UNDEFINED
    return _UNDEFINED if value is None or value == "" else str(value)


def _abstained(result: Result) -> bool | None:
    if result.observation is not None:
        return result.observation.abstained
    value = result.values.get("abstained")
    return None if value is None else value >= 1


def _is_forgotten(result: Result) -> bool:
    return result.observation is None and result.error is None


def _badness(result: Result) -> tuple[bool, int, float, int]:
    wrong = sum(one.holds(result) for one in FILTERS.values())
    faithfulness = result.values.get("faithfulness")
    return (
        not is_failed(result),
        -wrong,
        1.0 if faithfulness is None else faithfulness,
        result.position,
    )


def _seconds(result: Result) -> str:
    seconds = result.observation.seconds if result.observation else result.values.get("seconds")
    return _UNDEFINED if seconds is None else f"{seconds:.1f}{_NO_BREAK}s"
