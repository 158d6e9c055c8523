"""The pages of evaluation, for administrators: suites, runs, cases, and the review of proposals."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.api import evaluation_views as views
from app.api.evaluation import Numbered, administrators, cases_by_key, filter_of
from app.api.feedback import CHAT_SUITE
from app.api.identity import Identity
from app.api.questions import LONGEST_QUESTION
from app.api.services import Services
from app.errors import ParameterRefused, RequestRefused
from app.web import pages
from evals.catalogue import metric_of
from evals.reports import charts, presenting
from evals.reports.report import report_html, run_before
from evals.types import Case, Expectation, Run
from retrieval.types import Principal

_READ = ["GET", "HEAD"]
_CASES_ON_A_PAGE = 50
_MOST_RUNS = 60
_MOST_PROPOSALS = 20
_LONGEST_NOTE = 500
_LONGEST_WORDS = 20_000
_FIRST_TRENDS = ("hallucination_rate", "faithfulness", "abstention_recall", "containment")
# A report is a file of its own, with its style inside; it may do even less than a page.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

Page = Annotated[int, Query(ge=1, le=10_000)]


def evaluation_page_routes(services: Services, identity: Identity) -> APIRouter:
    """What is under `/evals`."""
    administrator = administrators(identity)
    router = APIRouter(
        prefix="/evals", include_in_schema=False, dependencies=[Depends(administrator)]
    )
    comparisons = views.Comparisons(services)
    _add_overviews(router, services, comparisons, administrator)
    _add_runs(router, services, comparisons, administrator)
    _add_review(router, services, administrator)
    return router


def _add_overviews(
    router: APIRouter,
    services: Services,
    comparisons: views.Comparisons,
    administrator: Callable[..., Principal],
) -> None:
    evals = services.evals

    @router.api_route("", methods=_READ)
    def home(requester: Annotated[Principal, Depends(administrator)]) -> Response:
        cards = views.suite_cards(services, comparisons)
        answers, abstentions, thumbs = views.live_counts(services)
        return _page(
            services,
            requester,
            "evals_home.html",
            part="home",
            cards=cards,
            live=views.live_chart(services, cards),
            answers=answers,
            abstentions=abstentions,
            thumbs=thumbs,
            schedules=views.schedule_lines(services),
            proposals=evals.proposal_counts(),
            chat_suite=CHAT_SUITE,
        )

    @router.api_route("/suites/{suite:path}", methods=_READ)
    def suite(
        suite: str,
        requester: Annotated[Principal, Depends(administrator)],
        metric: Annotated[list[str] | None, Query()] = None,
    ) -> Response:
        version = evals.suite(suite)
        runs = evals.runs(suite=suite, limit=_MOST_RUNS)
        ended = [run for run in reversed(runs) if run.summary]
        known = presenting.trend_metrics(ended)
        wanted = dict.fromkeys(metric or _FIRST_TRENDS)  # each once, in this order
        chosen = [name for name in wanted if name in known] or known[:4]
        noted = [run for run in ended if run.note]
        return _page(
            services,
            requester,
            "evals_suite.html",
            part="home",
            version=version,
            runs=views.run_lines(runs, chosen),
            metrics=[(name, metric_of(name)) for name in known],
            chosen=chosen,
            trends=[(metric_of(n), presenting.trend_chart(n, ended)) for n in chosen],
            notes=list(zip(charts.letters(len(noted)), noted, strict=True)),
            waiting_here=evals.proposal_counts().get(suite, 0),
        )


def _add_runs(
    router: APIRouter,
    services: Services,
    comparisons: views.Comparisons,
    administrator: Callable[..., Principal],
) -> None:
    evals = services.evals

    @router.api_route("/runs/{run}", methods=_READ)
    def show_run(
        run: Numbered,
        requester: Annotated[Principal, Depends(administrator)],
        only: str | None = None,
        against: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        page: Page = 1,
    ) -> Response:
        found = evals.run(run)
        other = run_before(evals, found) if against is None else evals.run(against)
        comparison = comparisons.of(other, found) if other and other.id != found.id else None
        results = evals.results(run)
        flips = {flip.second_position: flip for flip in comparison.flips} if comparison else {}
        counts = {
            name: sum(one.holds(result) for result in results)
            for name, one in presenting.FILTERS.items()
        }
        kept = presenting.worst_first(results)
        if only == "flipped":
            kept = [result for result in kept if result.position in flips]
        elif only is not None:
            kept = [result for result in kept if filter_of(only)(result)]
        start = (page - 1) * _CASES_ON_A_PAGE
        known = cases_by_key(evals, found.version)
        rows = [
            presenting.case_row(result, known.get(result.key))
            for result in kept[start : start + _CASES_ON_A_PAGE]
        ]
        verdicts = [(f"run {found.id}", presenting.verdicts_of(results))]
        if other and comparison:
            before = presenting.verdicts_of(evals.results(other.id))
            verdicts.append((f"run {other.id}", before))
        return _page(
            services,
            requester,
            "evals_run.html",
            part="home",
            run=found,
            started=presenting.moment(found.started_at),
            duration=presenting.duration(found),
            groups=presenting.grouped(found.summary),
            changes=views.changes_of(comparison) if comparison else {},
            comparison=comparison,
            other=other,
            others=_comparable(services, found),
            charts=[
                ("What answering more would cost", presenting.risk_chart(results)),
                ("Whether answerability means what it says", presenting.reliability_chart(results)),
                ("Verdicts", charts.stacked("Verdicts", verdicts, kinds=presenting.VERDICTS)),
            ],
            pins=list(presenting.pins_of(found.pins)),
            filters=[(name, one.title, counts[name]) for name, one in presenting.FILTERS.items()],
            only=only,
            rows=rows,
            flips=flips,
            shown_cases=len(kept),
            all_cases=len(results),
            page=page,
            pages=max(1, -(-len(kept) // _CASES_ON_A_PAGE)),
            longest_note=_LONGEST_NOTE,
        )

    @router.post("/runs/{run}/note")
    def annotate(run: Numbered, note: Annotated[str, Form()] = "") -> Response:
        evals.annotate(run, _limited("note", note, _LONGEST_NOTE))
        return RedirectResponse(f"/evals/runs/{run}", status_code=303)

    @router.api_route("/runs/{run}/report.html", methods=_READ)
    def report(
        run: Numbered, against: Annotated[int | None, Query(ge=0, lt=2**63)] = None
    ) -> Response:
        name = f"assay-run-{run}.html"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": REPORT_POLICY,
        }
        return HTMLResponse(report_html(evals, run, baseline_id=against), headers=headers)

    @router.api_route("/runs/{run}/cases/{position}", methods=_READ)
    def show_case(
        run: Numbered, position: Numbered, requester: Annotated[Principal, Depends(administrator)]
    ) -> Response:
        found = evals.run(run)
        result = evals.result(run, position)
        if result is None:
            raise RequestRefused(
                404, f"run {run} has no result at {position}; it has {found.done} results"
            )
        seen = result.observation
        done = sorted(evals.done_positions(run))
        place = done.index(position)
        return _page(
            services,
            requester,
            "evals_case.html",
            part="home",
            run=found,
            result=result,
            case=views.case_of(services, found, result),
            labels=presenting.labels_of(result),
            seen=seen,
            passages=views.passages_of(services, seen) if seen else [],
            values=presenting.values_of(result),
            good=views.last_good(services, found, result),
            earlier=done[place - 1] if place else None,
            later=done[place + 1] if place + 1 < len(done) else None,
        )


def _add_review(
    router: APIRouter, services: Services, administrator: Callable[..., Principal]
) -> None:
    evals = services.evals

    @router.api_route("/review", methods=_READ)
    def review(
        requester: Annotated[Principal, Depends(administrator)],
        suite: str | None = None,
        done: str | None = None,
    ) -> Response:
        counts = evals.proposal_counts()
        return _page(
            services,
            requester,
            "evals_review.html",
            part="review",
            proposals=evals.proposals(suite, limit=_MOST_PROPOSALS),
            suite=suite,
            counts=sorted(counts.items()),
            total=sum(counts.values()) if suite is None else counts.get(suite, 0),
            done=_DONE.get(done or "", ""),
            longest_question=LONGEST_QUESTION,
            longest_words=_LONGEST_WORDS,
        )

    @router.post("/review/{proposal}")
    def settle(
        proposal: Numbered,
        decision: Annotated[str, Form()],
        suite: Annotated[str, Form()] = "",
        question: Annotated[str, Form()] = "",
        references: Annotated[str, Form()] = "",
        expectation: Annotated[str, Form()] = "",
        tags: Annotated[str, Form()] = "",
    ) -> Response:
        if decision not in {"accept", "drop"}:
            raise ParameterRefused("decision", "decision: expected accept or drop", status=422)
        accepted, outcome = None, "dropped"
        if decision == "accept":
            waiting = evals.proposal(proposal)
            if waiting is not None:
                accepted = _edited(waiting.case, question, references, expectation, tags)
        version = evals.settle(proposal, accepted)
        if decision == "accept":
            outcome = "accepted" if version is not None else "gone"
        back = f"?suite={quote(suite, safe='')}&done={outcome}" if suite else f"?done={outcome}"
        return RedirectResponse(f"/evals/review{back}", status_code=303)


_DONE = {
    "accepted": "Accepted: it is in the suite now.",
    "dropped": "Dropped.",
    "gone": "Somebody else was faster: that one had been settled.",
}


def _edited(case: Case, question: str, references: str, expectation: str, tags: str) -> Case:
    """The case as the form has it.

    Raises:
        ParameterRefused: a field is empty that must not be, or too long.
    """
    question = _limited("question", question, LONGEST_QUESTION)
    if not question:
        raise ParameterRefused(
            "question", "question: it is empty; drop the case instead", status=422
        )
    if expectation not in {"", *(one.value for one in Expectation)}:
        raise ParameterRefused("expectation", "expectation: answer, abstain or neither", status=422)
    lines = _limited("references", references, _LONGEST_WORDS).splitlines()
    kept = tuple(line.strip() for line in lines if line.strip())
    if kept and expectation == Expectation.ABSTAIN:
        kept = ()  # what must be declined has no right answer
    return replace(
        case,
        question=question,
        references=kept,
        expectation=Expectation(expectation) if expectation else None,
        tags=tuple(
            t.strip() for t in _limited("tags", tags, _LONGEST_NOTE).split(",") if t.strip()
        ),
    )


def _comparable(services: Services, run: Run) -> list[tuple[Run, str]]:
    """Runs of the same suite to choose from."""
    runs = services.evals.runs(suite=run.version.suite, limit=_MOST_RUNS)
    return [(one, presenting.moment(one.started_at)) for one in runs if one.id != run.id]


def _limited(name: str, words: str, most: int) -> str:
    words = words.replace("\r\n", "\n").strip()
    if len(words) > most:
        raise ParameterRefused(
            name, f"{name}: it has {len(words):,} characters and the limit is {most:,}", status=422
        )
    return words


def _page(services: Services, requester: Principal, template: str, **values: Any) -> Response:  # noqa: ANN401
    waiting = sum(services.evals.proposal_counts().values())
    return HTMLResponse(pages.page(template, requester, here="evals", waiting=waiting, **values))
