"""Answers over all the articles: is the answer there, and is abstention right?

    ASSAY_HOME=/tmp/articles assay ingest ARTICLES
    ASSAY_HOME=/tmp/articles python -m benchmarks.squad_answers SQUAD_FOLDER [--n 100] [--seed 1]

A gold answer counts when it is in the reply, the quoted and the supported sentences together.
"Unanswerable" means from its paragraph; a few of them become answerable over all the articles.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

from app.bootstrap import Assay
from app.settings import read_settings
from benchmarks.squad import SquadQuestion, holds_answer, holds_paragraph, sample_questions
from evals.metrics.estimate import Estimate, wilson
from generation.types import Answer, Finished, Origin, Retrieved
from retrieval.types import Hit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    questions = sample_questions(
        arguments.folder, n=arguments.n, seed=arguments.seed, for_fitting=False
    )
    assay = Assay(read_settings())
    readable = assay.access.everything()
    results = []
    for done, question in enumerate(questions, start=1):
        hits: Sequence[Hit] = ()
        for event in assay.answerer.answer(question.text, readable=readable):
            if isinstance(event, Retrieved):
                hits = event.hits
            elif isinstance(event, Finished):
                results.append((question, hits, event.answer))
        if done % 20 == 0:
            print(f"… {done} of {len(questions)}", flush=True)
    report(results)


def report(results: Sequence[tuple[SquadQuestion, Sequence[Hit], Answer]]) -> None:
    answerable = [result for result in results if result[0].is_answerable]
    abstained = [result for result in results if result[2].abstained]
    unanswerable = [result for result in results if not result[0].is_answerable]
    show(
        "gold paragraph in the top 5",
        [
            any(holds_paragraph(hit.passage.text, question.paragraph) for hit in hits[:5])
            for question, hits, _ in answerable
        ],
    )
    show(
        "gold answer in the reply",
        [holds_answer(answer.text, question.answers) for question, _, answer in answerable],
    )
    show(
        "  … in its quotes",
        [
            holds_answer(_said(answer, Origin.QUOTED), question.answers)
            for question, _, answer in answerable
        ],
    )
    show(
        "  … in its generated supported sentences",
        [
            holds_answer(_said(answer, Origin.GENERATED), question.answers)
            for question, _, answer in answerable
        ],
    )
    show(
        "gold answer among answered only",
        [
            holds_answer(answer.text, question.answers)
            for question, _, answer in answerable
            if not answer.abstained
        ],
    )
    show("abstention precision", [not question.is_answerable for question, _, _ in abstained])
    show("abstention recall", [answer.abstained for _, _, answer in unanswerable])
    sentences = [s for _, _, a in results for s in a.sentences if s.origin is Origin.GENERATED]
    show("generated sentences supported", [s.verdict == "supported" for s in sentences])
    seconds = sorted(answer.timings.total for _, _, answer in results if not answer.abstained)
    if seconds:
        print(
            f"seconds an answer: median {statistics.median(seconds):.2f}, "
            f"p95 {seconds[int(0.95 * (len(seconds) - 1))]:.2f} (n={len(seconds)})"
        )


def show(name: str, outcomes: Sequence[bool]) -> None:
    found: Estimate = wilson(sum(outcomes), len(outcomes))
    if found.value is None or found.low is None or found.high is None:
        print(f"{name}: undefined (n=0)")
    else:
        print(
            f"{name}: {found.value:.3f} (95 % {found.low:.3f} to {found.high:.3f}, "
            f"n={len(outcomes)})"
        )


def _said(answer: Answer, origin: Origin) -> str:
    return " ".join(
        s.text for s in answer.sentences if s.origin is origin and s.verdict == "supported"
    )


if __name__ == "__main__":
    main()
