"""`assay eval run`."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.evals.run_text import (
    failed_in,
    run_json,
    tell_changes_meanwhile,
    tell_run,
    tell_summary,
    tell_worst,
)
from app.cli.opening import open_assay
from app.cli.terminal import Terminal, json_option, printable, progress
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.evaluation.running import Begun, RunOptions
    from evals.comparing.pins import PinDifference
    from evals.judges.registry import Judging
    from evals.running import Progress
    from evals.types import Result, Run, SuiteVersion

_STOPPED = 130


@dataclass(slots=True)
class Figures:
    """What the cases so far come to; figures nobody can say yet are left out."""

    answered: int = 0
    abstained: int = 0
    failed: int = 0
    supported: float = 0.0
    hallucinated: int = 0

    def count(self, result: "Result") -> None:
        """Take one more case in."""
        if result.error is not None:
            self.failed += 1
        elif result.values.get("abstained"):
            self.abstained += 1
        elif (faithfulness := result.values.get("faithfulness")) is not None:
            self.answered += 1
            self.supported += faithfulness
            self.hallucinated += bool(result.values.get("hallucinated"))

    def __str__(self) -> str:
        said = []
        if self.answered:
            said.append(f"faithfulness {self.supported / self.answered:.0%}")
            said.append(f"hallucination rate {self.hallucinated / self.answered:.0%}")
        said.append(f"abstained {self.abstained}")
        if self.failed:
            said.append(f"failed {self.failed}")
        return ", ".join(said)


@click.command(
    epilog="\b\nExamples:\n  assay eval run questions.jsonl\n"
    "  assay eval run leases --limit 50 --judge ragas:semantic_similarity\n"
    "  assay eval run leases --engine ~/models/larger.gguf --abstain-below 0.5\n"
    "  assay eval run leases --as maria --json"
)
@click.argument("suite", metavar="SUITE|FILE")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Ask only the first N cases.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option("--as", "as_user", metavar="PRINCIPAL", help="Read what this user may read.")
@click.option("--collection", metavar="NAME", help="Look only in this collection.")
@click.option(
    "--engine", "model", metavar="MODEL", help="Another chat model, as ASSAY_MODEL names it."
)
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 is greedy, the default.")
@click.option("--max-tokens", type=click.IntRange(1), help="The longest draft.")
@click.option(
    "--abstain-below",
    type=click.FloatRange(0, 1),
    help="Abstain when the answer is less probably in the passages than this.",
)
@click.option(
    "--judge", "judges", metavar="NAME", multiple=True, help="Score with this judge as well."
)
@click.option("--new", "is_new", is_flag=True, help="Go on with no unfinished run.")
@json_option
@click.pass_context
def run(context: click.Context, /, *, suite: str, is_new: bool, **chosen: Any) -> None:  # noqa: ANN401
    """Ask a suite's questions and measure the answers.

    SUITE is the name of a suite. FILE has a JSON object with a question on each line, and what is
    known of a good answer: a reference, an expectation ("answer" or "abstain"). It becomes a suite
    of its own name, and a new version of it when the file has changed. The same command goes on
    with a run that was stopped.
    """
    from app.evaluation.running import RunOptions

    terminal: Terminal = context.obj
    options = RunOptions(**chosen)
    assay = open_assay()
    version = _version(assay, terminal, suite)
    ended = _made(assay, terminal, version, options, is_new=is_new)
    if ended.state == "running":
        terminal.note(
            f"stopped after {ended.done} of {ended.cases} cases; the same command goes on with "
            f"run {ended.id}"
        )
        context.exit(_STOPPED)
    results = assay.evals.results(ended.id)
    tell_changes_meanwhile(terminal, results)
    if terminal.is_json:
        terminal.result(run_json(ended, failed_in(results)))
    else:
        _tell(assay, terminal, ended, results)
    context.exit(1 if ended.state == "failed" else 0)


def _version(assay: "Assay", terminal: Terminal, suite: str) -> "SuiteVersion":
    """The newest version of a suite; of the one that a file is, made when the file has changed."""
    known = {one.suite: one for one in assay.evals.suites()}
    path = Path(suite)
    if suite in known:
        return known[suite]
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise CommandFailed(f"there is no file {suite}, and no suite of this name")
        return assay.evals.suite(suite)  # which says what suites there are
    from evals.datasets import read_suite

    before = known.get(path.stem)
    version = assay.evals.put_suite(path.stem, read_suite(path), note=f"from {path.name}")
    if before is None or before.id != version.id:
        terminal.note(
            f"{path.name} is version {version.number} of suite {version.suite!r}: "
            f"{version.cases} cases"
        )
    return version


def _made(
    assay: "Assay",
    terminal: Terminal,
    version: "SuiteVersion",
    options: "RunOptions",
    *,
    is_new: bool,
) -> "Run":
    """The run, while people are shown how far it is."""
    from app.evaluation.running import evaluate

    terminal.note("Loading the models…")
    with _Asking(assay, terminal) as asking:
        return evaluate(
            assay,
            version,
            options,
            origin="command",
            is_new=is_new,
            on_begin=asking.begin,
            on_progress=asking.show,
            is_cancelled=asking.is_stopped,
        )


class _Asking(AbstractContextManager["_Asking"]):
    """Shows how far a run is, and lets Ctrl-C end it after the case in hand."""

    def __init__(self, assay: "Assay", terminal: Terminal) -> None:
        self._assay = assay
        self._terminal = terminal
        self._figures = Figures()
        self._kept = 0
        self._judging: Judging | None = None
        self._shown: Callable[[float, str], None] = lambda _done, _remark: None
        self._pressed = False
        self._stack = ExitStack()

    def __exit__(self, *raised: object) -> None:
        self._stack.close()
        if self._judging is not None:
            from app.evaluation.judging import report

            for line in report(self._assay, self._judging):
                self._terminal.note(line)

    def begin(self, begun: "Begun") -> None:
        """A run begins, or is gone on with."""
        run = begun.run
        self._kept = run.done
        self._judging = begun.judging
        for result in self._assay.evals.results(run.id):
            self._figures.count(result)
        if run.done:
            self._terminal.note(
                f"going on with run {run.id}: {run.done} of {run.cases} done (--new begins another)"
            )
        else:
            self._terminal.note(f"run {run.id}: {run.cases} cases of suite {run.version.suite!r}")
        if begun.left is not None:
            self._terminal.note(_why_left(begun.left, begun.differences))
        self._stack.enter_context(self._ctrl_c())
        title = f"Asking {printable(run.version.suite)}"
        # Of what is left to do: cases that were asked before say nothing about the time it takes.
        self._shown = self._stack.enter_context(progress(title, run.cases - run.done))

    def show(self, progress: "Progress") -> None:
        """One more case is done."""
        self._figures.count(progress.result)
        remark = f"{progress.done} of {progress.cases}: {self._figures}"
        self._shown(progress.done - self._kept, remark)

    def is_stopped(self) -> bool:
        """Whether Ctrl-C was pressed."""
        return self._pressed

    @contextmanager
    def _ctrl_c(self) -> Iterator[None]:
        def press(_signal: int, _frame: object) -> None:
            if self._pressed:
                raise KeyboardInterrupt
            self._pressed = True
            self._terminal.note("stopping after the case in hand; Ctrl-C again stops at once")

        before = signal.signal(signal.SIGINT, press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _why_left(left: "Run", differences: "Sequence[PinDifference]") -> str:
    """Why an unfinished run is not gone on with."""
    reasons = [_reason(one) for one in differences]
    return (
        f"run {left.id} was stopped after {left.done} of {left.cases} cases and is not gone on "
        f"with: {'; '.join(reasons)}"
    )


def _reason(one: "PinDifference") -> str:
    if one.name == "change_number":
        return f"the documents have changed (change {one.first}, now {one.second})"
    if one.name == "suite.version":
        return f"the suite has changed (version {one.first}, now {one.second})"
    return f"{one.name} was {one.first}, now {one.second}"


def _tell(assay: "Assay", terminal: Terminal, ended: "Run", results: "Sequence[Result]") -> None:
    """What a run came to, and what to do next."""
    tell_run(terminal, ended, failed_in(results))
    tell_summary(terminal, ended.summary)
    cases = {case.key: case for case in assay.evals.cases(ended.version)}
    tell_worst(terminal, results, cases)
    terminal.line()
    earlier = [
        one.id
        for one in assay.evals.runs(suite=ended.version.suite)
        if one.id < ended.id and one.state == "finished"
    ]
    terminal.line(f"Next: assay eval show {ended.id} --case KEY")
    if earlier:
        terminal.line(f"      assay eval compare {max(earlier)} {ended.id}")
