"""What a question takes for granted is no part of the evidence."""

from generation.presumption import presumed, speaks_of_evidence

EVIDENCE = ["The best known algorithm is the sieve. It requires the recognition of 2 factors."]


def test_a_word_that_only_the_question_has_is_presumed() -> None:
    question = "What is the least known algorithm?"
    assert presumed("The least known algorithm is the sieve.", question, EVIDENCE) == {"least"}
    assert presumed("The best known algorithm is the sieve.", question, EVIDENCE) == frozenset()


def test_what_the_sentence_adds_itself_is_for_the_verifier_to_judge() -> None:
    assert presumed("It is a marvellous sieve.", "Which algorithm?", EVIDENCE) == frozenset()


def test_another_form_of_a_word_is_known() -> None:
    question = "What recognizes factors in 1999?"
    assert presumed("The sieve recognizes factors.", question, EVIDENCE) == frozenset()
    assert presumed("The sieve did in 1999.", question, EVIDENCE) == {"1999"}


def test_nothing_is_presumed_without_a_question() -> None:
    assert presumed("The least known.", "", EVIDENCE) == frozenset()
    assert presumed("", "What?", []) == frozenset()


def test_a_sentence_about_the_evidence_is_no_answer() -> None:
    assert speaks_of_evidence("The evidence suggests that tea is hot.")
    assert not speaks_of_evidence("Tea is hot, as the evidence says.")
    assert not speaks_of_evidence("Evidence was given in court.")
