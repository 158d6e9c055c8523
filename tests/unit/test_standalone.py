"""A follow-up is lent the words of earlier questions; its own weigh more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.follow_up import OWN_WEIGHT, Standalone, standalone


def test_a_first_question_is_searched_for_as_it_stands():
    assert standalone("When is the rent due?") == Standalone("When is the rent due?")
    assert standalone("When is the rent due?").text == "When is the rent due?"
    assert standalone("When is the rent due?").weights() == {"rent": 1, "due": 1}


def test_a_follow_up_names_what_it_is_about():
    found = standalone("And for apprentices?", ["How long is the probation period?"])
    assert found.text == "And for apprentices? (long probation period)"
    assert found.weights() == {"apprentices": OWN_WEIGHT, "long": 1, "probation": 1, "period": 1}


def test_a_follow_up_without_words_of_its_own_is_about_what_was_said():
    assert standalone("And what about that?", ["Who signs purchases?"]).weights() == {
        "signs": 1,
        "purchases": 1,
    }


def test_words_the_question_has_are_not_lent_again_whatever_their_case():
    found = standalone("Is IBM Cloudant free?", ["What is ibm cloudant?", "Does Cloudant scale?"])
    assert found.carried == ("scale",)


def test_the_first_question_and_the_last_two_lend():
    found = standalone("why?", ["alpha", "beta", "gamma", "delta"])
    assert found.earlier == ("alpha", "gamma", "delta")
    assert found.carried == ("alpha", "gamma", "delta")


@pytest.mark.parametrize("earlier", [[], [""], ["  \n"], ["the"], ["why"]])
def test_what_says_nothing_lends_nothing(earlier):
    assert standalone("why?", earlier).text == "why?"


def test_a_long_conversation_lends_its_newest_words():
    earlier = [" ".join(f"old{i}" for i in range(100)), " ".join(f"new{i}" for i in range(30))]
    carried = standalone("why?", earlier).carried
    assert len(carried) == 40
    assert set(carried) >= {f"new{i}" for i in range(30)}


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=6))
def test_own_words_always_weigh_most(question, earlier):
    weights = standalone(question, earlier).weights()
    carried = {word.lower() for word in standalone(question, earlier).carried}
    assert all(weights[word] == 1 for word in carried if word in weights)
    assert all(weight == max(weights.values()) for w, weight in weights.items() if w not in carried)
