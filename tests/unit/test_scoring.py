"""From an observation to the values of its case."""

import json
import math
from dataclasses import replace

import pytest

from evals.catalogue import METRICS
from evals.scoring import values_of
from evals.types import (
    Case,
    Expectation,
    Observation,
    Relevant,
    SeenCitation,
    SeenPassage,
    SeenSentence,
)
from generation.types import Origin, Verdict

RENT = "The rent is nine hundred pounds a month."
NOTICE = "Notice is two months."


def place(number: int, document: str) -> SeenPassage:
    return SeenPassage(
        number, ord(document[0]), 1, document, f"/docs/{document}", None, 0, 9, 1 / number
    )


def cite(passage: SeenPassage, quote: str) -> SeenCitation:
    return SeenCitation(
        passage.passage_id, passage.document_id, 1, passage.document, None, 0, len(quote), quote
    )


LEASE, LETTER = place(1, "lease.pdf"), place(2, "letter.txt")
QUOTE = SeenSentence(RENT, Origin.QUOTED, Verdict.SUPPORTED, 1.0, (cite(LEASE, RENT),))
GUESS = SeenSentence("It rises.", Origin.GENERATED, Verdict.UNSUPPORTED, 0.1)
ANSWERED = Observation(
    text=RENT,
    abstained=False,
    answerability=0.9,
    sentences=(QUOTE, GUESS),
    retrieved=(LEASE, LETTER),
    prompt_tokens=80,
    completion_tokens=12,
    retrieval_seconds=0.1,
    first_token_seconds=0.4,
    seconds=1.5,
    change_number=3,
)
DECLINED = replace(
    ANSWERED,
    text="Your documents do not answer this, as far as I can tell.",
    abstained=True,
    answerability=0.2,
    sentences=(),
    prompt_tokens=0,
    completion_tokens=0,
    first_token_seconds=None,
)
PASSAGES = (RENT, NOTICE)
CASE = Case(
    "rent",
    "What is the rent?",
    references=("nine hundred pounds",),
    relevant=(Relevant("lease.pdf"),),
    expectation=Expectation.ANSWER,
)


def values(case=CASE, seen=ANSWERED, *, passages=PASSAGES, exact=True, similarity=None):
    return values_of(case, seen, passages, is_exact=lambda _: exact, similarity=similarity)


def test_a_case_worked_by_hand():
    assert values(similarity=lambda said, references: 0.75) == {
        "hit_at_5": 1,
        "recall_at_5": 1,
        "precision_at_5": 0.2,  # one of five places
        "mrr": 1,
        "ndcg": 1,
        "context_precision": 1,
        "context_recall": 1,
        "exact_match": 0,
        # rent is nine hundred pounds month (6 words), nine hundred pounds (3): 2 * 3 / 9
        "token_f1": pytest.approx(2 / 3),
        "containment": 1,
        "semantic_similarity": 0.75,
        "faithfulness": 0.5,
        "generated_faithfulness": 0,
        "hallucinated": 1,
        "contradicted": 0,
        "citation_exactness": 1,
        "citation_precision": 1,
        "citation_coverage": 1,
        "abstained": 0,
        "answerability": 0.9,
        "seconds": 1.5,
        "first_token_seconds": 0.4,
        "prompt_tokens": 80,
        "completion_tokens": 12,
    }


def test_every_value_goes_into_a_metric_and_every_metric_has_a_value():
    found = values(similarity=lambda said, references: 1.0)
    assert found.keys() == {metric.of for metric in METRICS.values()}


def test_declining_an_answerable_question_is_zero_for_its_words_and_says_nothing_ungrounded():
    found = values(seen=DECLINED, similarity=lambda said, references: 0.9)
    words = ("exact_match", "token_f1", "containment", "semantic_similarity")
    assert [found[name] for name in words] == [0, 0, 0, 0]
    assert found["abstained"] == 1
    assert found["recall_at_5"] == 1
    grounded = ("faithfulness", "generated_faithfulness", "hallucinated", "contradicted")
    cited = ("citation_exactness", "citation_precision", "citation_coverage")
    assert not found.keys() & {*grounded, *cited, "first_token_seconds"}
    assert found["prompt_tokens"] == 0


@pytest.mark.parametrize("seen", [ANSWERED, DECLINED])
def test_a_case_to_be_declined_has_nothing_to_find_or_to_say(seen):
    case = replace(CASE, expectation=Expectation.ABSTAIN)
    found = values(case, seen, similarity=lambda said, references: 0.9)
    groups = {METRICS[name].group for name in found if name in METRICS}
    assert groups <= {"groundedness", "citations", "cost"}
    assert "citation_precision" not in found
    assert found["abstained"] == float(seen.abstained)


def test_without_knowledge_of_a_good_answer_what_was_said_is_still_measured():
    found = values(Case("bare", "What is the rent?"))
    assert not found.keys() & {"hit_at_5", "token_f1", "citation_precision"}
    assert found["faithfulness"] == 0.5
    assert found["citation_exactness"] == 1


def test_what_is_not_there_is_missing_and_never_none_or_nan():
    for case in (CASE, Case("bare", "?"), replace(CASE, expectation=Expectation.ABSTAIN)):
        for seen in (ANSWERED, DECLINED, replace(ANSWERED, sentences=(GUESS,))):
            found = values(case, seen)
            assert all(value is not None and math.isfinite(value) for value in found.values())
            assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(("cosine", "kept"), [(-0.1, 0), (1.0000001, 1), (0.5, 0.5)])
def test_similarity_is_kept_between_0_and_1(cosine, kept):
    found = values(similarity=lambda said, references: cosine)
    assert found["semantic_similarity"] == kept


def test_similarity_is_asked_of_the_answer_and_the_references():
    asked = []

    def similarity(said, references):
        asked.append((said, references))
        return 1.0

    values(similarity=similarity)
    assert asked == [(RENT, ("nine hundred pounds",))]


def test_passages_of_two_relevant_things_are_found_in_five_places():
    # Six things, all in the first passage: all are among the first five passages.
    relevant = tuple(Relevant(text=word) for word in "rent is nine hundred pounds month".split())
    found = values(replace(CASE, relevant=relevant))
    assert found["recall_at_5"] == found["context_recall"] == found["ndcg"] == 1
    assert found["precision_at_5"] == 0.2
    assert found["mrr"] == found["hit_at_5"] == 1


def test_what_is_found_at_once_takes_one_place_after_the_other_also_beyond_the_tenth():
    words = "ash bay cedar elm fir gum hazel ivy larch maple oak pine".split()
    relevant = tuple(Relevant(text=word) for word in words)
    found = values(replace(CASE, relevant=relevant), passages=(RENT, " ".join(words)))
    gains = [1 / math.log2(rank + 1) for rank in range(1, 14)]
    # ranks 2 to 13 of what would best be ranks 1 to 12
    assert found["ndcg"] == pytest.approx(sum(gains[1:]) / sum(gains[:12]))


def test_the_second_passage_of_a_document_counts_once_but_for_context_precision():
    again = replace(LETTER, document="lease.pdf", path="/docs/lease.pdf", document_id=ord("l"))
    seen = replace(ANSWERED, retrieved=(LEASE, again))
    found = values(seen=seen)
    assert found["precision_at_5"] == 0.2
    assert found["ndcg"] == found["context_precision"] == 1


def test_a_citation_of_another_passage_is_not_relevant():
    case = replace(CASE, relevant=(Relevant("letter.txt"),))
    assert values(case)["citation_precision"] == 0


def test_a_citation_is_judged_by_the_whole_passage_and_else_by_its_quote():
    relevant = (Relevant(text=f"{RENT} It is due at once."),)
    case = replace(CASE, relevant=relevant)
    whole = (f"{RENT} It is due at once.", NOTICE)
    assert values(case, passages=whole)["citation_precision"] == 1
    elsewhere = replace(ANSWERED, retrieved=(LETTER,))
    assert values(case, elsewhere, passages=(NOTICE,))["citation_precision"] == 1
    other = replace(case, relevant=(Relevant(text="Something else entirely."),))
    assert values(other, elsewhere, passages=(NOTICE,))["citation_precision"] == 0


def test_a_quote_that_is_not_the_documents_text_counts():
    assert values(exact=False)["citation_exactness"] == 0


def test_nothing_retrieved_is_nothing_found():
    found = values(seen=replace(DECLINED, retrieved=()), passages=())
    names = ("hit_at_5", "recall_at_5", "precision_at_5", "mrr", "ndcg", "context_precision")
    assert [found[name] for name in names] == [0] * 6
    assert found["context_recall"] == 0


def test_each_passage_needs_its_text():
    with pytest.raises(ValueError, match="zip"):
        values(passages=(RENT,))
