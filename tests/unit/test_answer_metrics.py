"""Words of an answer against its references, worked by hand from the SQuAD definition."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.answers import containment, exact_match, normalised, token_f1

METRICS = [exact_match, token_f1, containment]
_words = st.text("aAbtheñ .-'", max_size=12)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("", ""),
        ("The Cat, a dog & an owl!", "cat dog owl"),
        ("state-of-the-art", "stateoftheart"),  # punctuation goes before articles, without a space
        ("theory anagram", "theory anagram"),  # articles are whole words
        ("  two\t\nspaces ", "two spaces"),
        ("£900 a month", "£900 month"),  # a currency sign is no punctuation
        ("It’s “quoted” — so", "its quoted so"),  # typographic marks go as ASCII's do
        ("STRASSE Straße", "strasse strasse"),
        ("e\u0301té \u00e9t\u00e9", "été été"),
        ("the", ""),
    ],
)
def test_normalised(text, plain):
    assert normalised(text) == plain


@given(st.text(string.printable, max_size=60))
def test_on_ascii_it_is_the_official_normalisation(text):
    # evaluate-v2.0.py: white_space_fix(remove_articles(remove_punc(lower(s))))
    bare = "".join(char for char in text.lower() if char not in set(string.punctuation))
    assert normalised(text) == " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def test_f1_worked_by_hand():
    # answer: lease ends on 31 may (5 words); reference: 31 may 2025 (3); shared 2:
    # precision 2/5, recall 2/3, F1 = 2 * 2 / (5 + 3)
    assert token_f1("The lease ends on 31 May.", ["31 May 2025"]) == pytest.approx(0.5)
    assert token_f1("31 May", ["31 May"]) == 1
    assert token_f1("never", ["31 May"]) == 0


def test_f1_counts_a_word_as_often_as_both_have_it():
    # shared: no no = 2 of 3 and of 2: 2 * 2 / 5
    assert token_f1("no no no", ["No, no!"]) == pytest.approx(0.8)


def test_the_order_of_words_matters_only_to_the_exact_match_and_containment():
    assert token_f1("May 31", ["31 May"]) == 1
    assert exact_match("May 31", ["31 May"]) == containment("May 31", ["31 May"]) == 0


def test_the_best_reference_counts():
    references = ["ten", "the 10th century", "10th"]
    assert exact_match("The 10th century.", references) == 1
    assert token_f1("10th century AD", references) == pytest.approx(2 * 2 / (3 + 2))
    assert containment("It was in the 10th century AD.", references) == 1


def test_containment_is_of_whole_words_in_a_row():
    assert containment("It ends on the 31 May 2025.", ["31 May"]) == 1
    assert containment("It ends on 31 or 30 May.", ["31 May"]) == 0
    assert containment("The 131 Mayors", ["31 May"]) == 0
    assert containment("31", ["31 May"]) == 0
    assert containment("It is a the owl", ["the owl is"]) == 0


@pytest.mark.parametrize("metric", METRICS)
def test_without_a_reference_nothing_is_defined(metric):
    assert metric("an answer", []) is None


def test_words_that_are_all_taken_away():
    # SQuAD 2: when one side has no words, equal is 1 and else 0.
    assert token_f1("", ["the"]) == exact_match("!", ["the"]) == 1
    assert token_f1("word", ["the"]) == token_f1("the", ["word"]) == 0
    # Nothing is in everything, which says nothing.
    assert containment("word", ["the", "!"]) is None
    assert containment("word", ["!", "word"]) == 1


@given(_words, st.lists(_words, min_size=1, max_size=3))
def test_values_are_shares_and_agree_with_each_other(answer, references):
    exact, f1, contained = (metric(answer, references) for metric in METRICS)
    assert exact in (0, 1) and 0 <= f1 <= 1 and contained in (None, 0, 1)
    if exact == 1:
        assert f1 == 1
    if contained == 1:
        assert f1 > 0
    assert exact_match(answer, [*references, answer]) == 1
    assert token_f1(answer, references[::-1]) == f1


def test_a_language_without_spaces_is_all_or_nothing():
    # A known limit, written in docs/EVALS.md.
    assert token_f1("東京都です", ["東京都"]) == 0
    assert token_f1("東京都。", ["東京都"]) == 1
