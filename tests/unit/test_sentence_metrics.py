"""Groundedness and citations of an answer, from the verdicts it was shown with."""

import pytest

from evals.metrics.sentences import (
    citation_coverage,
    citation_exactness,
    citation_precision,
    contradicted,
    faithfulness,
    generated_faithfulness,
    hallucinated,
)
from evals.types import SeenCitation, SeenSentence
from generation.types import Origin, Verdict

VERDICTS = {
    "s": Verdict.SUPPORTED,
    "p": Verdict.PARTLY,
    "u": Verdict.UNSUPPORTED,
    "c": Verdict.CONTRADICTED,
}


def cites(*quotes: str) -> tuple[SeenCitation, ...]:
    return tuple(SeenCitation(1, 1, 1, "d", None, 0, len(quote), quote) for quote in quotes)


def answer(verdicts: str, citations=()) -> list[SeenSentence]:
    """One sentence a letter; a quote in upper case, else generated."""
    return [
        SeenSentence(
            letter,
            Origin.QUOTED if letter.isupper() else Origin.GENERATED,
            VERDICTS[letter.lower()],
            0.5,
            citations,
        )
        for letter in verdicts
    ]


@pytest.mark.parametrize(
    ("verdicts", "all_of_it", "generated", "is_hallucinated", "is_contradicted"),
    [
        ("", None, None, None, None),
        ("S", 1, None, 0, 0),
        ("s", 1, 1, 0, 0),
        ("Sp", 1 / 2, 0, 0, 0),  # partly supported: not faithful, no hallucination
        ("Ssu", 2 / 3, 1 / 2, 1, 0),
        ("Ssc", 2 / 3, 1 / 2, 1, 1),
        ("u", 0, 0, 1, 0),
    ],
)
def test_groundedness_worked_by_hand(
    verdicts, all_of_it, generated, is_hallucinated, is_contradicted
):
    sentences = answer(verdicts)
    assert faithfulness(sentences) == all_of_it
    assert generated_faithfulness(sentences) == generated
    assert hallucinated(sentences) == is_hallucinated
    assert contradicted(sentences) == is_contradicted


def test_citations_are_counted_over_the_whole_answer():
    sentences = answer("s", cites("exact", "wrong")) + answer("u", cites("exact"))
    assert citation_exactness(sentences, lambda c: c.quote == "exact") == pytest.approx(2 / 3)
    assert citation_precision(sentences, lambda c: c.quote == "wrong") == pytest.approx(1 / 3)


def test_only_what_is_said_needs_a_citation():
    sentences = answer("S", cites("q")) + answer("s") + answer("up")
    assert citation_coverage(sentences) == 1 / 2
    assert citation_coverage(answer("up", cites("q"))) is None


@pytest.mark.parametrize("sentences", [[], answer("s")])
def test_without_citations_nothing_is_said_of_them(sentences):
    assert citation_exactness(sentences, lambda _: True) is None
    assert citation_precision(sentences, lambda _: True) is None


def test_without_sentences_there_is_no_coverage():
    assert citation_coverage([]) is None
