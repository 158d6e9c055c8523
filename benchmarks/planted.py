"""Plant regressions in the real product: the gate must see them, and nothing where nothing is.

    ASSAY_HOME=/tmp/articles python -m benchmarks.planted repeat SUITE --runs 7
    ASSAY_HOME=/tmp/articles python -m benchmarks.planted plant SUITE [--only search]
    ASSAY_HOME=/tmp/articles python -m benchmarks.planted judge NUMBER NUMBER [NUMBER …]

`repeat` runs a suite several times at temperature 0.7 with other seeds. `plant` runs it greedily
as it is, then with a search that returns every second hit, with a prompt that has lost its
evidence, and with the abstention limit moved by .2 either way. `judge` holds the default policy
against every pair of some runs. All runs are kept under the suite's name: use a home of its own.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import combinations

import generation.answering
from app.bootstrap import Assay
from app.evaluation.running import RunOptions, evaluate
from app.settings import read_settings
from evals.gating.gates import DEFAULT_POLICY, GateReport, Outcome, check
from evals.types import Run
from generation.prompt import Excerpt, Prompt, build_prompt
from generation.sufficiency import ABSTAIN_BELOW
from generation.types import Message
from retrieval.search import Searcher
from retrieval.types import Hit, Mode

_TEMPERATURE = 0.7
_MOVED = 0.2


@contextmanager
def every_second_hit() -> Iterator[None]:
    """A search that loses the first, third, fifth … hit."""
    kept = Searcher.search

    def search(
        self: Searcher,
        question: str,
        *,
        readable: frozenset[int],
        k: int = 10,
        mode: Mode = Mode.HYBRID,
    ) -> list[Hit]:
        return kept(self, question, readable=readable, k=2 * k, mode=mode)[1::2]

    Searcher.search = search  # type: ignore[method-assign]
    try:
        yield
    finally:
        Searcher.search = kept  # type: ignore[method-assign]


@contextmanager
def prompt_without_evidence() -> Iterator[None]:
    """A prompt that shows the model nothing; what it writes is judged as always."""

    def build(
        question: str,
        excerpts: Sequence[Excerpt],
        history: Sequence[Message],
        *,
        language: str,
        count_tokens: Callable[[Sequence[Message]], int],
        budget_tokens: int,
        evidence_tokens: int,
    ) -> Prompt:
        asked = partial(
            build_prompt,
            question,
            history=history,
            language=language,
            count_tokens=count_tokens,
            budget_tokens=budget_tokens,
            evidence_tokens=evidence_tokens,
        )
        whole, empty = asked(excerpts), asked([])
        return replace(whole, messages=empty.messages, tokens=empty.tokens)

    # Answering reads the name in its own module.
    kept = vars(generation.answering)["build_prompt"]
    vars(generation.answering)["build_prompt"] = build
    try:
        yield
    finally:
        vars(generation.answering)["build_prompt"] = kept


def plants(seed: int) -> dict[str, tuple[RunOptions, AbstractContextManager[None]]]:
    """What is planted: options, and what the product is broken with while it runs."""
    limits = partial(RunOptions, seed=seed)
    return {
        "search": (RunOptions(seed=seed), every_second_hit()),
        "prompt": (RunOptions(seed=seed), prompt_without_evidence()),
        "limit-up": (limits(abstain_below=ABSTAIN_BELOW + _MOVED), nullcontext()),
        "limit-down": (limits(abstain_below=ABSTAIN_BELOW - _MOVED), nullcontext()),
    }


def made(assay: Assay, suite: str, options: RunOptions, name: str) -> Run:
    """Run a suite afresh and say how long it took."""
    version = assay.evals.suite(suite)
    run = evaluate(assay, version, options, origin="command", is_new=True)
    assert run.finished_at is not None
    minutes = (run.finished_at - run.started_at).total_seconds() / 60
    print(f"run {run.id}: {name}, {run.cases} cases, {minutes:.1f} min", flush=True)
    return assay.evals.annotate(run.id, name)


def judged(assay: Assay, run: Run, baseline: Run) -> GateReport:
    """The default policy held against a run."""
    results, before = assay.evals.results(run.id), assay.evals.results(baseline.id)
    return check(DEFAULT_POLICY, run, results, (baseline, before))


def told(report: GateReport) -> str:
    """Passed, or the rules that were broken."""
    broken = [one for one in report.rules if one.outcome is Outcome.FAILED]
    return "; ".join(f"{one.metric}: {one.detail}" for one in broken) or "passed"


def repeat(assay: Assay, suite: str, runs: int, seed: int) -> None:
    """The same again and again, with other seeds; then every pair."""
    options = [RunOptions(seed=seed + i, temperature=_TEMPERATURE) for i in range(runs)]
    judge(assay, [made(assay, suite, one, f"again, seed {one.seed}").id for one in options])


def plant(assay: Assay, suite: str, seed: int, only: Sequence[str]) -> None:
    """A run as it is, and one for each regression."""
    whole = made(assay, suite, RunOptions(seed=seed), "as it is")
    for name, (options, broken) in plants(seed).items():
        if only and name not in only:
            continue
        with broken:
            run = made(assay, suite, options, f"planted: {name}")
        print(f"  {name}: {told(judged(assay, run, whole))}", flush=True)


def judge(assay: Assay, numbers: Sequence[int]) -> None:
    """Every pair of some runs."""
    runs = [assay.evals.run(number) for number in numbers]
    alarms = 0
    for first, second in combinations(runs, 2):
        report = judged(assay, second, first)
        alarms += not report.passed
        print(f"  {first.id} and {second.id}: {told(report)}", flush=True)
    print(f"{alarms} of {len(runs) * (len(runs) - 1) // 2} pairs alarm", flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("repeat", "plant"):
        command = commands.add_parser(name)
        command.add_argument("suite")
        command.add_argument("--seed", type=int, default=1)
        if name == "repeat":
            command.add_argument("--runs", type=int, default=7)
        else:
            command.add_argument("--only", nargs="*", default=[])
    commands.add_parser("judge").add_argument("numbers", type=int, nargs="+")
    arguments = parser.parse_args()
    assay = Assay(read_settings())
    if arguments.command == "repeat":
        repeat(assay, arguments.suite, arguments.runs, arguments.seed)
    elif arguments.command == "plant":
        plant(assay, arguments.suite, arguments.seed, arguments.only)
    else:
        judge(assay, arguments.numbers)


if __name__ == "__main__":
    main()
