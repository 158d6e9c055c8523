"""A run as one HTML file that needs nothing else: no script, no other host, style inside."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from evals.comparing.comparison import Comparison, compare, edited_keys
from evals.comparing.flipping import Flip, FlippedCase
from evals.reports import charts, presenting
from evals.reports.presenting import Change, change_of
from evals.store import EvalStore
from evals.types import Case, Result, Run, RunState, SeenSentence

WORST_CASES = 20
MOST_FLIPS = 50
_LONGEST_QUESTION, _LONGEST_WORDS = 400, 2000
# Looked through for the run before.
_MOST_RUNS = 500

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """A case with what came of it; long words are cut."""

    position: int
    question: str
    expectation: str
    labels: tuple[tuple[str, str], ...]
    references: tuple[str, ...]
    sentences: tuple[SeenSentence, ...]
    words: str


def report_html(evals: EvalStore, run_id: int, *, baseline_id: int | None = None) -> str:
    """The report of a run by its number, compared with another, else with the run before it.

    Raises:
        UnknownRun: there is none of that number.
    """
    run = evals.run(run_id)
    baseline = run_before(evals, run) if baseline_id is None else evals.run(baseline_id)
    return report_of(evals, run, baseline)


def run_before(evals: EvalStore, run: Run) -> Run | None:
    """The finished run of the same suite before this one; None when there is none."""
    finished = evals.runs(suite=run.version.suite, state=RunState.FINISHED, limit=_MOST_RUNS)
    return next((one for one in finished if one.id < run.id), None)


def report_of(evals: EvalStore, run: Run, baseline: Run | None = None) -> str:
    """The report of a run, compared with another one if there is one.

    Args:
        run: one that has not ended is reported as far as it is, without metrics.
        baseline: the run before, say; the same run counts as none.
    """
    results = evals.results(run.id)
    cases = {case.key: case for case in evals.cases(run.version)}
    comparison = None
    if baseline is not None and baseline.id != run.id:
        comparison = _comparison(evals, baseline, run, results)
    return render_report(run, results, cases, comparison)


def render_report(
    run: Run,
    results: Sequence[Result],
    cases: dict[str, Case],
    comparison: Comparison | None = None,
) -> str:
    """The report of these results."""
    verdicts = [(f"run {run.id}", presenting.verdicts_of(results))]
    flips = comparison.flips if comparison else ()
    return _templates.get_template("report.html").render(
        run=run,
        begun=presenting.moment(run.started_at),
        duration=presenting.duration(run),
        key_figures=presenting.key_figures(run.summary),
        groups=presenting.grouped(run.summary),
        changes=_changes(comparison),
        comparison=comparison,
        charts=[
            ("What answering more would cost", presenting.risk_chart(results)),
            ("Whether answerability means what it says", presenting.reliability_chart(results)),
            ("Verdicts", charts.stacked("Verdicts", verdicts, kinds=presenting.VERDICTS)),
        ],
        filters=[(one.title, sum(map(one.holds, results))) for one in presenting.FILTERS.values()],
        results=len(results),
        worst=[
            _worst_case(result, cases.get(result.key))
            for result in presenting.worst_first(results)[:WORST_CASES]
        ],
        flips=[(one, _question(cases, one.key), _way(one)) for one in flips[:MOST_FLIPS]],
        pins=list(presenting.pins_of(run.pins)),
    )


def _comparison(evals: EvalStore, baseline: Run, run: Run, results: Sequence[Result]) -> Comparison:
    edited: frozenset[str] = frozenset()
    if baseline.version.id != run.version.id:
        edited = edited_keys(evals.cases(baseline.version), evals.cases(run.version))
    return compare(baseline, evals.results(baseline.id), run, results, edited=edited)


def _changes(comparison: Comparison | None) -> dict[str, Change]:
    found = {one.metric: change_of(one) for one in (comparison.differences if comparison else ())}
    return {name: change for name, change in found.items() if change is not None}


def _worst_case(result: Result, case: Case | None) -> WorstCase:
    row = presenting.case_row(result, case)
    seen = result.observation
    words = result.error or ""
    if seen is not None and not seen.sentences:
        words = seen.text
    return WorstCase(
        result.position,
        _cut(row.question, _LONGEST_QUESTION),
        row.expectation,
        row.labels,
        tuple(_cut(text) for text in case.references[:3]) if case else (),
        seen.sentences if seen else (),
        _cut(words),
    )


def _question(cases: dict[str, Case], key: str) -> str:
    return _cut(cases[key].question, _LONGEST_QUESTION) if key in cases else ""


_WAYS = {
    Flip.FAILED: ("fails", "no longer fails"),
    Flip.ANSWERED: ("is answered", "is declined"),
    Flip.RIGHT: ("is right", "is not right"),
    Flip.HALLUCINATED: ("is hallucinated", "is not hallucinated"),
    Flip.RETRIEVED: ("is found", "is not found"),
}


def _way(flip: FlippedCase) -> str:
    return ", ".join(_WAYS[one][0 if holds else 1] for one, holds in flip.now.items())


def _cut(words: str, most: int = _LONGEST_WORDS) -> str:
    return words if len(words) <= most else words[:most] + "…"


_templates.filters["cut"] = _cut
