"""Citations, quotes and verdicts: pure decisions, worked by hand."""

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.citations import citation, complete_sentences
from generation.finder import FinderAsGauge, FoundAnswer
from generation.groundedness.words import share, stem_of, words_of
from generation.quoting import Quote, rank_quotes, supporting
from generation.sufficiency import (
    BY_FINDER,
    BY_GAUGE,
    GAUGED_PASSAGES,
    Regression,
    Signals,
    Sufficiency,
    in_context,
    is_answerable,
    probability,
)
from retrieval.types import Document, Hit, Passage
from tests.fakes import WordEncoder


def hit(text: str, *, start: int = 0, page: int | None = None, number: int = 1) -> Hit:
    passage = Passage(number, 1, 1, 1, start, start + len(text), page, "Lease > Term", text)
    document = Document(1, 1, "/lease.pdf", "lease.pdf", "Lease", "application/pdf", 1)
    return Hit(passage, document, 0.03, 0.7)


def test_a_citation_is_moved_to_where_it_is_in_the_revision() -> None:
    found = citation(hit("It ends on 31 March.", start=100, page=4), 11, 19)
    assert (found.start, found.end, found.page, found.quote) == (111, 119, 4, "31 March")


@pytest.mark.parametrize("span", [(-1, 3), (3, 3), (0, 21)])
def test_a_citation_outside_its_passage_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="leaves passage"):
        citation(hit("It ends on 31 March."), *span)


def test_a_sentence_is_complete_when_the_next_begins() -> None:
    assert complete_sentences("One. Two", is_final=False) == (["One."], "Two")
    assert complete_sentences("One. Two", is_final=True) == (["One.", "Two"], "")
    assert complete_sentences("", is_final=True) == ([], "")


def test_what_ends_in_a_colon_waits_for_what_follows() -> None:
    draft = "The answer is:\n\nFour weeks. Then"
    assert complete_sentences(draft, is_final=False) == (
        ["The answer is:\n\nFour weeks."],
        "Then",
    )


@given(st.lists(st.text(alphabet="ab. :\n!?", max_size=8), max_size=12))
def test_however_a_draft_arrives_the_same_sentences_come_out(pieces: list[str]) -> None:
    rest, found = "", []
    for piece in pieces:
        complete, rest = complete_sentences(rest + piece, is_final=False)
        found += complete
    complete, rest = complete_sentences(rest, is_final=True)
    assert rest == ""
    assert letters("".join([*found, *complete])) == letters("".join(pieces))


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def test_an_item_of_a_list_is_a_sentence_and_a_mark_waits_for_its_word() -> None:
    assert complete_sentences("Bring:\n- tea\n- milk\n- s", is_final=False) == (
        ["Bring:\n- tea", "- milk"],
        "- s",
    )
    assert complete_sentences("$", is_final=False) == ([], "$")


def test_words_are_what_evidence_must_carry() -> None:
    found = words_of("The lease, signed in Ghent for 1,000 euros, does not end before 2031.")
    assert found.numbers == {"1000", "2031"}
    assert "ghent" in found.names
    assert found.negations == 1
    assert "the" not in found.content
    assert words_of("") == words_of("the of and")


@pytest.mark.parametrize(
    ("one", "other"),
    [("leases", "lease"), ("leased", "lease"), ("months", "month"), ("cities", "city")],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert stem_of(one) == stem_of(other)


def test_a_share_of_nothing_is_whole() -> None:
    assert share(frozenset(), frozenset()) == 1
    assert share(frozenset("ab"), frozenset("b")) == 0.5


def test_a_question_in_the_text_is_not_its_own_answer() -> None:
    faq = hit("Can a clock be silenced at night?\n\nYes. It is silent between 22:00 and 07:00.")
    [best, *_] = rank_quotes("Can a clock be silenced at night?", [faq], WordEncoder())
    quoted = faq.passage.text[best.start : best.end]
    assert quoted == "Yes. It is silent between 22:00 and 07:00."


def test_a_reply_of_a_word_is_quoted_with_its_question() -> None:
    text = "Is tea ever cold? No. Are cakes? Yes. Is rum? Rum is warm. Always."
    quotes = rank_quotes("Is tea cold?", [hit(text)], WordEncoder())
    assert sorted(text[one.start : one.end] for one in quotes) == [
        "Always.",
        "Are cakes? Yes.",
        "Is tea ever cold? No.",
        "Rum is warm.",
    ]


def test_what_completes_the_best_statement_fits_nearly_as_well_or_stands_beside_it() -> None:
    best, beside, elsewhere, weaker, weak = (
        Quote(index, 0, 9, 0.0, 0.0, score, frozenset())
        for index, score in [(0, 1.0), (0, 0.6), (1, 0.9), (1, 0.89), (0, 0.59)]
    )
    ranked = [best, elsewhere, weaker, beside, weak]
    assert supporting(ranked, 9) == [best, elsewhere, beside]
    assert supporting(ranked, 2) == [best, elsewhere]
    assert supporting(ranked, 1) == [best]
    assert supporting(ranked, 0) == []
    assert supporting([], 3) == []


def test_what_says_the_same_again_completes_nothing() -> None:
    asked = frozenset({"tea", "served"})
    best, again, other = (
        Quote(0, 0, 9, 0.0, 0.0, 1.0, asked, adds=frozenset(adds))
        for adds in ({"four", "hall"}, {"four", "hall"}, {"four", "sunday", "five"})
    )
    assert supporting([best, again, other], 9) == [best, other]
    row = replace(again, adds=frozenset({"four", "hall", "1270"}))
    assert supporting([best, again, row], 9) == [best, row]
    only_asked = Quote(1, 0, 9, 0.0, 0.0, 1.0, asked)
    assert supporting([best, only_asked], 9) == [best]


def test_the_answer_to_another_question_of_a_document_completes_nothing() -> None:
    text = "Is tea hot? Yes, tea is hot. It is poured at four. Is tea ever cold? No, it never is."
    quotes = rank_quotes("Is tea hot?", [hit(text)], WordEncoder())
    assert [text[one.start : one.end] for one in supporting(quotes, 9)] == [
        "Yes, tea is hot.",
        "It is poured at four.",
    ]


def test_a_passage_that_begins_within_a_sentence_is_quoted_from_the_next() -> None:
    found = hit("per cent of the annual fee. The annual fee is 1,860 pounds.")
    quotes = rank_quotes("What is the annual fee?", [found], WordEncoder())
    assert [found.passage.text[q.start : q.end] for q in quotes] == [
        "The annual fee is 1,860 pounds."
    ]


def test_a_title_in_plain_text_is_no_statement() -> None:
    text = "On the liability limit\n\nThe liability limit is 7 pounds.\n\nOpen 9 to 17\n\nEnd."
    passage = Passage(1, 1, 1, 1, 0, len(text), None, "", text)
    document = Document(1, 1, "/notes.txt", "notes.txt", "notes", "text/plain", 1)
    quotes = rank_quotes(
        "What is the liability limit?", [Hit(passage, document, 1, 1)], WordEncoder()
    )
    assert {text[q.start : q.end] for q in quotes} == {
        "The liability limit is 7 pounds.",
        "Open 9 to 17",
        "End.",
    }


class ToldGauge:
    """Says what it was told, and keeps what it was asked."""

    version = "told"

    def __init__(self, *logits: float) -> None:
        self._logits = logits
        self.asked: list[str] = []

    def gauge(self, question: str, texts: Sequence[str]) -> list[float]:
        self.asked += texts
        return list(self._logits[: len(texts)])


def test_the_signals_of_a_question_are_its_best_sentence_and_its_best_passage() -> None:
    found = [hit(f"Tea in house {n} is at four.", number=n) for n in range(1, 6)]
    quotes = rank_quotes("When is tea?", found, WordEncoder())
    gauge = ToldGauge(-1.0, 2.0, 0.5, 9.0)
    signals = Sufficiency(gauge, BY_GAUGE).signals("When is tea?", found, quotes)
    assert signals == (quotes[0].similarity, 2.0)
    assert gauge.asked == [in_context(one.passage) for one in found[:GAUGED_PASSAGES]]


@pytest.mark.parametrize("regression", [BY_GAUGE, BY_FINDER])
def test_nothing_found_is_not_answerable(regression: Regression) -> None:
    assert rank_quotes("When?", [], WordEncoder()) == []
    answerability = Sufficiency(ToldGauge(), regression).answerability("When?", [], [])
    assert answerability < 0.1
    assert not is_answerable(answerability)
    assert is_answerable(answerability, abstain_below=0.0)


@pytest.mark.parametrize("regression", [BY_GAUGE, BY_FINDER])
def test_the_surer_the_gauge_the_likelier_there_is_an_answer(regression: Regression) -> None:
    found = [hit("Tea, in Ghent, is at four.")]
    quotes = rank_quotes("When is tea?", found, WordEncoder())
    told = [
        Sufficiency(ToldGauge(logit), regression).answerability("When is tea?", found, quotes)
        for logit in (-8.0, -2.0, 0.0, 2.0, 8.0)
    ]
    assert told == sorted(set(told))
    assert is_answerable(told[-1])
    assert not is_answerable(told[0])


def test_a_regression_by_hand() -> None:
    regression = Regression(-1.0, Signals(sentence_similarity=2.0, gauged=0.5))
    assert probability(regression, Signals(0.5, 0.0)) == 0.5
    assert probability(regression, Signals(1.0, 2.0)) == pytest.approx(1 / (1 + math.exp(-2)))


def test_a_finder_is_asked_only_whether_the_answer_is_there() -> None:
    class Finder:
        version = "found"

        def find(self, question: str, texts: Sequence[str]) -> list[FoundAnswer]:
            return [FoundAnswer(0, 1, -9.0, float(len(text))) for text in texts]

        def weigh(self, *_: object) -> list[float]:
            raise AssertionError

    gauge = FinderAsGauge(Finder())
    assert gauge.version == "found"
    assert gauge.gauge("Why?", ["It rains.", ""]) == [9.0, 0.0]


def test_quotes_score_the_same_to_the_last_bit_in_every_process() -> None:
    program = """
from tests.unit.test_answering import hit
from generation.quoting import rank_quotes
from tests.fakes import WordEncoder
words = "lease harbour office heating water cleaning crane anchor rope ladder pump valve".split()
question = f"What of {', '.join(words)}?"
texts = [f"Here are {', '.join(words[n // 2 :: n + 1])}." for n in range(9)]
hits = [hit(text, number=n) for n, text in enumerate(texts, 1)]
print([quote.score for quote in rank_quotes(question, hits, WordEncoder())])
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(told) == 1
