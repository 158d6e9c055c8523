"""What the pages of evaluation show, put together from the stores."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

from app.api.services import Services
from evals.catalogue import metric_of
from evals.comparing.comparison import Comparison, compare, edited_keys
from evals.comparing.flipping import cause_of, pin_differences, pinned_number
from evals.feedback import ThumbCounts
from evals.reports import charts
from evals.reports.drawing import Chart
from evals.reports.presenting import (
    VERDICTS,
    Change,
    Figure,
    change_of,
    duration,
    is_good,
    key_figures,
    moment,
    shown,
    verdicts_of,
    word_changes,
    words_of,
)
from evals.schedules import Schedule, next_tick
from evals.schedules import shown as shown_tick
from evals.types import Case, Observation, Result, Run, RunState, SeenPassage, SuiteVersion

LIVE_DAYS = 14
THUMB_DAYS = 30
_COMPARISONS_KEPT = 64
_RUNS_LOOKED_THROUGH = 20


class Comparisons:
    """Comparisons that were made, for as long as the runs are what they were."""

    def __init__(self, services: Services) -> None:
        self._evals = services.evals
        self._lock = Lock()
        self._made: OrderedDict[tuple[object, ...], Comparison] = OrderedDict()

    def of(self, first: Run, second: Run) -> Comparison:
        """The second run against the first."""
        key = tuple(
            part
            for run in (first, second)
            for part in (run.id, run.done, run.finished_at, len(run.summary))
        )
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        edited: frozenset[str] = frozenset()
        if first.version.id != second.version.id:
            edited = edited_keys(
                self._evals.cases(first.version), self._evals.cases(second.version)
            )
        made = compare(
            first,
            self._evals.results(first.id),
            second,
            self._evals.results(second.id),
            edited=edited,
        )
        with self._lock:
            self._made[key] = made
            while len(self._made) > _COMPARISONS_KEPT:
                self._made.popitem(last=False)
        return made


class RunLine(NamedTuple):
    """A run in a table."""

    run: Run
    started: str
    duration: str
    figures: Mapping[str, str]


class SuiteCard(NamedTuple):
    """A suite with its newest run. `changes` are by metric, against the run before."""

    version: SuiteVersion
    newest: Run | None
    started: str
    figures: list[Figure]
    changes: Mapping[str, Change]
    before: Run | None


class ScheduleLine(NamedTuple):
    """A schedule with when it ran and when it will."""

    schedule: Schedule
    next: str
    last: str
    outcome: str
    run_id: int | None


@dataclass(frozen=True, slots=True)
class PassageView:
    """A retrieved passage with its words as they were. `state` is empty when it is current."""

    seen: SeenPassage
    text: str
    state: str


class GoodRun(NamedTuple):
    """The last run in which a case went well, and what became of it since."""

    run: Run
    position: int
    changes: list[tuple[str, str]]
    lost: list[SeenPassage]
    gained: list[SeenPassage]
    cause: str


def suite_cards(services: Services, comparisons: Comparisons) -> list[SuiteCard]:
    """Every suite, by name."""
    cards = []
    for version in services.evals.suites():
        newest = next(iter(services.evals.runs(suite=version.suite, limit=1)), None)
        finished = services.evals.runs(suite=version.suite, state=RunState.FINISHED, limit=2)
        last = finished[0] if finished else None
        before = finished[1] if len(finished) > 1 else None
        changes = {}
        if last and before:
            changes = changes_of(comparisons.of(before, last))
        figures = key_figures(last.summary) if last else []
        started = moment(newest.started_at) if newest else ""
        cards.append(SuiteCard(version, newest, started, figures, changes, before))
    return cards


def changes_of(comparison: Comparison) -> dict[str, Change]:
    """What became of each metric."""
    found = {one.metric: change_of(one) for one in comparison.differences}
    return {name: change for name, change in found.items() if change is not None}


def live_chart(services: Services, cards: Sequence[SuiteCard]) -> Chart | None:
    """Verdicts of each of the last days, and beside them those of each suite's newest run."""
    days: dict[str, dict[str, int]] = {}
    for day in services.evals.live_days(limit=LIVE_DAYS * 4):
        label = f"{day.day:%d %b}"
        if label not in days and len(days) == LIVE_DAYS:
            break
        counts = days.setdefault(label, dict.fromkeys(VERDICTS, 0))
        for verdict, count in day.verdicts.items():
            counts[verdict.value] += count
    bars = list(days.items())
    for card in cards:
        if card.newest is not None:
            counts = verdicts_of(services.evals.results(card.newest.id))
            bars.append((card.version.suite, counts))
    if not bars:
        return None
    return charts.stacked("Verdicts of sentences", bars, kinds=VERDICTS)


def live_counts(services: Services) -> tuple[int, int, ThumbCounts]:
    """Answers and abstentions of the last days with any, and thumbs."""
    days = services.evals.live_days(limit=LIVE_DAYS)
    answers, abstentions = sum(d.answers for d in days), sum(d.abstentions for d in days)
    return answers, abstentions, services.thumbs.counts(days=THUMB_DAYS)


def schedule_lines(services: Services) -> list[ScheduleLine]:
    """Every schedule, by name."""
    now = datetime.now(UTC).replace(tzinfo=None)
    lines = []
    for schedule in services.schedules.schedules():
        upcoming = next_tick(schedule, now)
        last = next(iter(services.schedules.ticks(schedule.name, limit=1)), None)
        lines.append(
            ScheduleLine(
                schedule,
                shown_tick(upcoming, schedule.timezone) if upcoming else "–",
                shown_tick(last.at, schedule.timezone) if last else "–",
                f"{last.outcome.state}: {last.outcome.detail}".removesuffix(": ") if last else "",
                last.run_id if last else None,
            )
        )
    return lines


def run_lines(runs: Sequence[Run], metrics: Sequence[str]) -> list[RunLine]:
    """Runs with some of their metrics."""
    lines = []
    for run in runs:
        figures = {
            name: shown(run.summary[name].value, metric_of(name)) if name in run.summary else "–"
            for name in metrics
        }
        lines.append(RunLine(run, moment(run.started_at), duration(run), figures))
    return lines


def passages_of(services: Services, seen: Observation) -> list[PassageView]:
    """What was retrieved, with words: of the revision that was read, as long as it is kept."""
    located = services.store.located([one.passage_id for one in seen.retrieved])
    views = []
    for one in seen.retrieved:
        if one.passage_id in located:
            views.append(PassageView(one, located[one.passage_id].passage.text, ""))
            continue
        text = services.store.revision_slice(one.revision_id, one.start, one.end)
        state = "deleted since" if text is None else "source changed since"
        views.append(PassageView(one, text or "", state))
    return views


def last_good(services: Services, run: Run, result: Result) -> GoodRun | None:
    """The newest earlier run of the suite in which the same case went well."""
    earlier = services.evals.runs(
        suite=run.version.suite, state=RunState.FINISHED, limit=_RUNS_LOOKED_THROUGH * 2
    )
    for other in [one for one in earlier if one.id < run.id][:_RUNS_LOOKED_THROUGH]:
        found = _result_of(services, other, result)
        if found is not None and is_good(found) and found.observation is not None:
            return _compared(run, result, other, found, found.observation)
    return None


def case_of(services: Services, run: Run, result: Result) -> Case | None:
    """The case of a result; None when it has been deleted."""
    cases = services.evals.cases(run.version)
    return next((case for case in cases if case.key == result.key), None)


def _result_of(services: Services, run: Run, like: Result) -> Result | None:
    """The result of the same case in another run: mostly at the same place."""
    there = services.evals.result(run.id, like.position)
    if there is not None and there.key == like.key:
        return there
    return next((one for one in services.evals.results(run.id) if one.key == like.key), None)


def _compared(
    run: Run, result: Result, other: Run, good: Result, before: Observation
) -> GoodRun | None:
    after = result.observation
    pins = pin_differences(other.pins, run.pins)
    temperature = pinned_number(run.pins, "temperature") or 0.0
    likely = cause_of(good, result, pins, temperature=temperature)
    lost, gained = _moved(before, after), []
    if after is not None:
        gained = _moved(after, before)
    return GoodRun(
        other,
        good.position,
        [*word_changes(words_of(before), words_of(after))],
        lost,
        gained,
        f"{likely.cause}: {likely.evidence}",
    )


def _moved(one: Observation, other: Observation | None) -> list[SeenPassage]:
    """What the one retrieved and the other did not."""
    there = {(p.revision_id, p.start, p.end) for p in (other.retrieved if other else ())}
    return [p for p in one.retrieved if (p.revision_id, p.start, p.end) not in there]
