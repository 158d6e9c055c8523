"""Asking a suite at the terminal: how far it is, and Ctrl-C that ends it after the case in hand."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from app.cli.terminal import Terminal, printable, progress

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.evaluation.running import Begun, RunOptions
    from evals.comparing.pins import PinDifference
    from evals.judges.registry import Judging
    from evals.running import Progress
    from evals.types import Result, Run, RunOrigin, SuiteVersion

_STOPPED = 130


def ask_suite(
    assay: "Assay",
    terminal: Terminal,
    version: "SuiteVersion",
    options: "RunOptions",
    *,
    origin: "RunOrigin",
    is_new: bool = False,
    remark: str = "",
) -> "Run":
    """The run of a suite, made or gone on with, while people are shown how far it is.

    Args:
        is_new: go on with no unfinished run.
        remark: what is said beside a run that is gone on with.

    Returns:
        The run, ended.

    Raises:
        click.exceptions.Exit: with code 130. Ctrl-C was pressed, and the run can be gone on with.
        RunInUse: a process makes the same run now.
        CommandFailed: there is nothing to ask.
    """
    from app.evaluation.running import evaluate

    terminal.note("Loading the models…")
    with Asking(assay, terminal, remark=remark) as asking:
        ended = evaluate(
            assay,
            version,
            options,
            origin=origin,
            is_new=is_new,
            on_begin=asking.begin,
            on_progress=asking.show,
            is_cancelled=asking.is_stopped,
        )
    if ended.state == "running":
        terminal.note(
            f"stopped after {ended.done} of {ended.cases} cases; the same command goes on with "
            f"run {ended.id}"
        )
        raise click.exceptions.Exit(_STOPPED)
    return ended


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


class Asking(AbstractContextManager["Asking"]):
    """Shows how far a run is, and lets Ctrl-C end it after the case in hand.

    Several runs may be shown, one after the other. While a run has cases left, the first Ctrl-C is
    only remembered (`is_stopped`); a second one, or one at any other time, raises
    KeyboardInterrupt.

    Args:
        remark: what is said beside a run that is gone on with.
    """

    def __init__(self, assay: "Assay", terminal: Terminal, *, remark: str = "") -> None:
        self._assay = assay
        self._terminal = terminal
        self._remark = f" ({remark})" if remark else ""
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
        self._stack.close()  # of the run before
        run = begun.run
        self._kept = run.done
        self._judging = begun.judging
        self._figures = Figures()
        for result in self._assay.evals.results(run.id):
            self._figures.count(result)
        if run.done:
            self._terminal.note(
                f"going on with run {run.id}: {run.done} of {run.cases} done{self._remark}"
            )
        else:
            self._terminal.note(f"run {run.id}: {run.cases} cases of suite {run.version.suite!r}")
        if begun.left is not None:
            self._terminal.note(_why_left(begun.left, begun.differences))
        if run.done == run.cases:
            return
        self._stack.enter_context(self._ctrl_c())
        title = f"Asking {printable(run.version.suite)}"
        # Of what is left to do: cases that were asked before say nothing about the time it takes.
        self._shown = self._stack.enter_context(progress(title, run.cases - run.done))

    def show(self, one: "Progress") -> None:
        """One more case is done."""
        self._figures.count(one.result)
        self._shown(one.done - self._kept, f"{one.done} of {one.cases}: {self._figures}")
        if one.done == one.cases:
            self._stack.close()  # no case is in hand any more: Ctrl-C stops what comes at once

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
