"""How soon a follow-up begins: first-token time with what was read before, against cold.

    python -m benchmarks.follow_up [--prompt-tokens 2000] [--runs 7] [--json]

A conversation of several questions with their evidence is asked one more. Its first token is timed
cold, when the engine has read nothing of it, and as a follow-up, when the engine has just answered
the question before. Each run has a conversation of its own, so nothing is left from the last;
cold and follow-up take turns. The prompts are those the product makes, from made-up documents.
Prints medians, ranges and the ratio of the medians; the goal is a quarter. One process at a time
on a quiet machine, or only the ratio means something.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.bootstrap import Assay
from app.settings import read_settings
from generation.decoding import Decoding
from generation.engines.base import Engine
from generation.prompt import PROMPT_VERSION, Excerpt, build_prompt
from generation.prompt import asked as as_asked
from generation.types import Message, Usage
from retrieval.types import Document, Hit, Passage

GOAL = 0.25
_EVIDENCE_SENTENCES = 8
_WRITTEN = Decoding(max_tokens=16)
_DOCUMENT = Document(1, 1, "/lease.txt", "lease.txt", "Lease", "text/plain", 1)


@dataclass(frozen=True, slots=True)
class Timed:
    """A first token: how many seconds after the request, and what was read for it."""

    seconds: float
    usage: Usage


def excerpt(number: int, run: int) -> Excerpt:
    """Evidence of question `number` that no other run has."""
    text = " ".join(
        f"Clause {run}.{number}.{line}: the tenant of workshop {17 * number + line} pays "
        f"{900 + 13 * line + number} euros on day {1 + line} of each month."
        for line in range(_EVIDENCE_SENTENCES)
    )
    passage = Passage(number, 1, 1, 1, 0, len(text), None, "", text)
    return Excerpt(Hit(passage, _DOCUMENT, 1.0, None), 0, len(text))


def question(number: int) -> str:
    """A question about the evidence of the same number."""
    return f"What does the tenant of workshop {17 * number} pay?"


def conversation(turns: int, run: int) -> list[Message]:
    """So many questions with their evidence, and answers, as earlier prompts had them."""
    said = []
    for number in range(turns):
        lines = [excerpt(number, run).text]
        said.append(Message("user", as_asked(question(number), lines, "English")))
        said.append(Message("assistant", f"The tenant pays {900 + number} euros each month."))
    return said


def prompt(engine: Engine, turns: int, run: int) -> tuple[Message, ...]:
    """The prompt of the question after so many turns."""
    return build_prompt(
        question(turns),
        [excerpt(turns, run)],
        conversation(turns, run),
        language="English",
        count_tokens=engine.count_tokens,
        # Twice: the conversation may have half of it.
        budget_tokens=2 * engine.context_tokens,
        evidence_tokens=engine.context_tokens,
    ).messages


def turns_for(engine: Engine, tokens: int) -> int:
    """How many turns make a prompt of at least so many tokens, the question's own included."""
    turns = 1
    while engine.count_tokens(prompt(engine, turns, 0)) < tokens:
        turns += 1
    return turns


def timed(engine: Engine, messages: Sequence[Message]) -> Timed:
    """Time the first token; the engine then writes a few more."""
    started = time.perf_counter()
    first: float | None = None
    usage = Usage(0, 0)
    for piece in engine.stream(messages, _WRITTEN, is_cancelled=lambda: False):
        if piece.text and first is None:
            first = time.perf_counter() - started
        usage = piece.usage or usage
    assert first is not None, "the engine wrote nothing"
    return Timed(first, usage)


def measured(engine: Engine, turns: int, runs: int) -> tuple[list[Timed], list[Timed]]:
    """Cold and following up, in turn; one of each before that warms the engine."""
    cold, follow_up = [], []
    for run in range(runs + 1):
        alone = timed(engine, prompt(engine, turns, 2 * run))
        timed(engine, prompt(engine, turns - 1, 2 * run + 1))
        after = timed(engine, prompt(engine, turns, 2 * run + 1))
        if run:
            cold.append(alone)
            follow_up.append(after)
    return cold, follow_up


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--prompt-tokens", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    engine = Assay(read_settings()).engine
    turns = turns_for(engine, arguments.prompt_tokens)
    needed = engine.count_tokens(prompt(engine, turns, 0)) + _WRITTEN.max_tokens
    if needed > engine.context_tokens:
        parser.error(
            f"the conversation and its answer take {needed} tokens and the window of "
            f"{engine.info.name} is {engine.context_tokens}; set --prompt-tokens lower"
        )
    cold, follow_up = measured(engine, turns, arguments.runs)
    report = {
        "engine": engine.info.name,
        "runtime": engine.info.runtime,
        "precision": engine.info.precision,
        "prompt": PROMPT_VERSION,
        "turns": turns,
        "prompt_tokens": cold[0].usage.prompt_tokens,
        "cached_tokens": statistics.median(one.usage.cached_tokens for one in follow_up),
        "runs": arguments.runs,
        "cold_seconds": statistics.median(one.seconds for one in cold),
        "follow_up_seconds": statistics.median(one.seconds for one in follow_up),
        "ratio": statistics.median(one.seconds for one in follow_up)
        / statistics.median(one.seconds for one in cold),
        "goal": GOAL,
    }
    if arguments.json:
        print(json.dumps(report))
        return
    print(
        f"{report['engine']} ({report['runtime']}, {report['precision']}), {turns} turns before, "
        f"{report['prompt_tokens']} prompt tokens, of which a follow-up had "
        f"{report['cached_tokens']:.0f} already; n={arguments.runs}"
    )
    for name, times in (("cold", cold), ("follow-up", follow_up)):
        seconds = [one.seconds for one in times]
        print(
            f"first token, {name}: {statistics.median(seconds):.3f} s "
            f"({min(seconds):.3f} to {max(seconds):.3f})"
        )
    print(f"ratio {report['ratio']:.2f}, goal {GOAL}")


if __name__ == "__main__":
    main()
