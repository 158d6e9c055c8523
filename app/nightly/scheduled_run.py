"""What a tick asks for: the run, the leak probe, the gate, and telling people."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from app.delivery.deliver import Carriers, Check, Notice, deliver
from app.delivery.wordless import trace_of
from app.errors import AppError, HomeInUse, RunInUse
from app.evaluation.locks import RunLocks
from evals.errors import EvalsError, UnknownRun
from evals.schedules import Schedule, Tick, TickOutcome
from evals.types import Run, RunState
from generation.errors import GenerationError
from retrieval.errors import RetrievalError

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from evals.gating.gates import GateReport, Policy
    from evals.running import Progress

_LOOK_SECONDS = 2.0
_MOST_RUNS = 500
_logger = logging.getLogger(__name__)


class _Probed(NamedTuple):
    """What the leak probe found; `leaks` is None, and `reason` says why, when nobody can say."""

    leaks: int | None
    blind_spots: int
    reason: str


class ScheduledRuns:
    """Does the work of ticks over the wired product.

    Args:
        on_begin: told of each run as it begins or is gone on with.
        on_progress: told of each case.
    """

    def __init__(
        self,
        assay: "Assay",
        *,
        on_begin: Callable[[Run], object] = lambda _: None,
        on_progress: "Callable[[Progress], object]" = lambda _: None,
    ) -> None:
        self._assay = assay
        self._on_begin = on_begin
        self._on_progress = on_progress

    def cases_done(self, tick: Tick) -> int:
        """How many cases of a tick's run have a result."""
        run = self._run_of(tick)
        return 0 if run is None else run.done

    def work(self, schedule: Schedule, tick: Tick) -> TickOutcome:
        """Run a schedule's suite for a tick, judge the run, and tell who is to be told.

        What goes wrong becomes the outcome. Only what ends the process does not: the tick then
        stays as it is, and is gone on with.
        """
        notice = Notice(
            schedule=schedule.name,
            suite=schedule.suite,
            suite_version=None,
            tick=tick.at,
            timezone=schedule.timezone,
            outcome="error",
        )
        try:
            notice, detail = self._judged(schedule, tick, notice)
        except (AppError, EvalsError, GenerationError, RetrievalError) as error:
            notice, detail = _failed(notice, error), str(error)
        except Exception as error:  # noqa: BLE001 - this schedule's next tick, and the others, go on
            # Without its words, which may be those of an answer or a document.
            _logger.error("schedule %s: the run failed:\n%s", schedule.name, trace_of(error))
            notice, detail = _failed(notice, error), f"{type(error).__name__}; the log says where"
        return TickOutcome(notice.outcome, detail, self._tell(schedule, notice))

    def _judged(self, schedule: Schedule, tick: Tick, notice: Notice) -> tuple[Notice, str]:
        run = self._ended(schedule, tick)
        # After the run: the probe's canaries are a change of the corpus, which a run pins.
        policy = _policy(schedule)
        is_probed = schedule.probes_leaks or (policy is not None and policy.leaks is not None)
        probed = self._probed() if is_probed else _Probed(None, 0, "")
        leaks, blindness = probed.leaks, probed.reason
        checks = () if policy is None else self._checks(schedule, policy, run, probed)
        is_well = (
            run.state is RunState.FINISHED
            and not leaks
            and not blindness
            and all(check.passed for check in checks)
        )
        reasons = [check.reason for check in checks if not check.passed]
        if run.state is not RunState.FINISHED:
            reasons.insert(0, "every case of the run failed")
        if blindness:
            reasons.append(blindness)
        if leaks and not any(check.name == "leaks" for check in checks):
            reasons.append(f"{leaks} leaks were found; `assay eval probe` says who saw what")
        detail = "; ".join(reasons) or ("the gate is open" if checks else "")
        told = replace(
            notice,
            suite_version=run.version.number,
            outcome="passed" if is_well else "failed",
            detail=detail,
            run_id=run.id,
            cases=run.cases,
            metrics=run.summary,
            checks=checks,
            leaks=leaks,
            url=self._url(run),
        )
        return told, detail

    def _ended(self, schedule: Schedule, tick: Tick) -> Run:
        """The tick's run, to its end: begun, gone on with, or ended before a kill already."""
        known = self._run_of(tick)
        while known is None or known.state is RunState.RUNNING:
            try:
                known = self._evaluated(schedule, tick)
            except RunInUse as error:
                # Somebody makes the same run by hand: theirs is ours as well.
                self._assay.schedules.set_run(tick, error.run_id)
                known = self._awaited(error.run_id)
        return known

    def _awaited(self, run_id: int) -> Run:
        """A run that somebody else makes, once they have let go of it."""
        locks = RunLocks(self._assay.settings.home)
        while locks.is_held(run_id):
            time.sleep(_LOOK_SECONDS)
        return self._assay.evals.run(run_id)

    def _evaluated(self, schedule: Schedule, tick: Tick) -> Run:
        from app.evaluation.running import OPTIONS, Begun, evaluate

        def begin(begun: Begun) -> None:
            self._assay.schedules.set_run(tick, begun.run.id)
            self._on_begin(begun.run)

        return evaluate(
            self._assay,
            self._assay.evals.suite(schedule.suite),
            OPTIONS.validate_python(dict(schedule.options)),
            origin="schedule",
            on_begin=begin,
            on_progress=self._on_progress,
        )

    def _run_of(self, tick: Tick) -> Run | None:
        try:
            return None if tick.run_id is None else self._assay.evals.run(tick.run_id)
        except UnknownRun:  # deleted with its suite
            return None

    def _probed(self) -> "_Probed":
        from app.evaluation.probing import probe_leaks

        try:
            report = probe_leaks(self._assay)
        except HomeInUse:
            return _Probed(None, 0, "the leak probe did not run: another one was running")
        blind = len(report.blind_spots)
        reason = f"the leak probe is blind in {blind} places; `assay eval probe` says where"
        return _Probed(len(report.leaks), blind, reason if blind else "")

    def _checks(
        self, schedule: Schedule, policy: "Policy", run: Run, probed: "_Probed"
    ) -> tuple[Check, ...]:
        from evals.gating.gates import Outcome

        report = self._gated(schedule, policy, run, probed)
        return tuple(
            Check(
                name=rule.rule if rule.metric == rule.rule else f"{rule.metric} {rule.rule}",
                passed=rule.outcome is not Outcome.FAILED,
                reason=f"{rule.metric} {rule.rule} {rule.limit}: {rule.detail}"
                + (" (skipped)" if rule.outcome is Outcome.SKIPPED else ""),
            )
            for rule in report.rules
        )

    def _gated(
        self, schedule: Schedule, policy: "Policy", run: Run, probed: "_Probed"
    ) -> "GateReport":
        from evals.comparing.comparison import edited_keys
        from evals.gating.gates import check

        evals = self._assay.evals
        before = self._before(schedule, policy, run)
        edited = (
            edited_keys(evals.cases(before.version), evals.cases(run.version)) if before else ()
        )
        return check(
            policy,
            run,
            evals.results(run.id),
            (before, evals.results(before.id)) if before else None,
            edited=frozenset(edited),
            leaks=probed.leaks,
            blind_spots=probed.blind_spots,
        )

    def _before(self, schedule: Schedule, policy: "Policy", run: Run) -> Run | None:
        """The run that a policy compares with."""
        from evals.gating.gates import choose_baseline

        evals = self._assay.evals
        if isinstance(policy.baseline, int):
            return evals.run(policy.baseline)
        known = evals.runs(suite=run.version.suite, state=RunState.FINISHED, limit=_MOST_RUNS)
        # This schedule's own, if there are any: what was tried by hand is nothing to compare with.
        ticks = self._assay.schedules.ticks(schedule.name, limit=_MOST_RUNS)
        own = {tick.run_id for tick in ticks}
        ours = [one for one in known if one.id in own]
        return choose_baseline(policy, run, ours) or choose_baseline(policy, run, known)

    def _url(self, run: Run) -> str | None:
        base = self._assay.settings.public_url
        return None if base is None else f"{base.rstrip('/')}/evals/runs/{run.id}"

    def _tell(self, schedule: Schedule, notice: Notice) -> tuple[str, ...]:
        if not schedule.deliveries:
            return ()
        try:
            carriers = self._assay.carriers()
        except AppError as error:
            carriers = Carriers(problem=str(error))
        except Exception as error:  # noqa: BLE001 - the run is made: its outcome is kept all the same
            carriers = Carriers(problem=f"the settings cannot be used: {type(error).__name__}")
        return deliver(
            notice, schedule.deliveries, carriers, lambda: self._report(schedule, notice)
        )

    def _report(self, schedule: Schedule, notice: Notice) -> str | None:
        """The HTML report of the run, None when there is no run."""
        if notice.run_id is None:
            return None
        from evals.gating.gates import DEFAULT_POLICY
        from evals.reports.report import report_of

        run = self._assay.evals.run(notice.run_id)
        return report_of(self._assay.evals, run, self._before(schedule, DEFAULT_POLICY, run))


def _policy(schedule: Schedule) -> "Policy | None":
    """What a schedule's runs must hold; an empty text is the default policy."""
    from evals.gating.gates import DEFAULT_POLICY, parse_policy

    if schedule.policy is None:
        return None
    return parse_policy(schedule.policy) if schedule.policy else DEFAULT_POLICY


def _failed(notice: Notice, error: Exception) -> Notice:
    """Told without the error's words, which may repeat some of a document."""
    detail = (
        f"the run could not be made ({type(error).__name__}); `assay eval schedule list` says why"
    )
    return replace(notice, detail=detail)
