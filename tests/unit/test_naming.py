"""Whose a document is, by the names of a question: worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.naming import NEWEST, carried, demoted, is_in, names_in, newest
from retrieval.types import Candidate, Carried


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What did Nordwind pay in Q3 2023?", ("nordwind", "q3", "2023")),
        ("Nordwind’s rent?", ("nordwind",)),
        ("what is nordwind's rent", ("nordwind",)),
        ("Which AWS region, and what R&D?", ("aws", "r&d")),
        ("What was paid in the second quarter of 2023?", ("2023", "q2")),
        ("And in the 1st half?", ("1st", "h1")),
        ("Who leads? Nobody does.", ()),  # it begins a sentence
        ("WHO MAY SIGN FOR NORDWIND IN 2023?", ("2023",)),
        ("What does the latest handbook say?", (NEWEST,)),
        ("", ()),
        ("When is it quiet?", ()),
    ],
)
def test_names_are_told_by_how_they_are_written(question, names):
    assert names_in(question) == names


def test_a_question_has_so_many_names_at_most():
    assert len(names_in("who is " + " ".join(f"B{number}" for number in range(50)))) == 8


@given(st.text())
def test_any_text_may_be_asked(question):
    assert all(name == name.casefold() for name in names_in(question))


def test_a_name_is_in_a_title_as_a_whole_word():
    assert is_in("q3", "2023_Q3 report.pdf")
    assert is_in("10-q", "Form 10-Q for Nordwind")
    assert not is_in("q3", "2023 Q31.pdf")
    assert not is_in("north", "Northwind.pdf")


def test_who_begins_with_a_name_carries_it_and_who_mentions_it_half():
    # nordwind: 1 leads, 2 mentions, 3 has it not; 2023: all of them; so one name tells them apart
    leading = {1: {"nordwind", "2023"}, 2: {"2023"}, 3: {"2023"}}
    mentioned = {1: {"nordwind", "2023"}, 2: {"nordwind", "2023"}, 3: {"2023"}}
    assert carried(leading, mentioned) == {
        1: Carried(1.0, frozenset({"nordwind", "2023"})),
        2: Carried(0.5, frozenset({"2023"})),
        3: Carried(0.0, frozenset({"2023"})),
    }


def test_where_none_begins_with_a_name_who_mentions_it_carries_it():
    found = carried({1: set(), 2: set()}, {1: {"tower"}, 2: set()})
    assert found == {1: Carried(1.0, frozenset({"tower"})), 2: Carried(0.0, frozenset())}


@pytest.mark.parametrize("names", [set(), {"nordwind"}])
def test_what_all_or_none_carry_tells_nothing_apart(names):
    of_all = {1: names, 2: names}
    assert {one.share for one in carried(of_all, of_all).values()} == {1.0}
    assert carried({}, {}) == {}


def test_a_passage_loses_what_its_document_does_not_carry():
    candidates = [Candidate(1, 0.8), Candidate(2, 0.7), Candidate(3, 0.7)]
    # 0.8 - 0.2 · (1 - 0) = 0.6; 3 is of a document of which nothing is known
    found = demoted(candidates, {1: Carried(0.0), 2: Carried(1.0)}, penalty=0.2)
    assert [one.passage_id for one in found] == [2, 3, 1]
    assert found[-1].score == pytest.approx(0.6)
    assert demoted(candidates, {}) == candidates
    assert demoted([], {}) == []


def test_the_newest_of_a_series_is_the_last_by_its_numbers():
    names = {
        1: "Report 9.pdf",
        2: "report 10.pdf",
        3: "Menu.pdf",
        4: "2023 Q1.pdf",
        5: "2022 Q4.pdf",
    }
    assert newest(names) == {2, 3, 4}
    assert newest({}) == frozenset()


def test_a_document_that_nowhere_has_a_name_others_begin_with_carries_nothing():
    # 2 shares quarter and year with what is asked for, and is of another company
    leading = {1: {"nordwind", "q3", "2022"}, 2: {"q3", "2022"}, 3: {"nordwind"}}
    mentioned = {1: leading[1], 2: leading[2], 3: {"nordwind", "q3", "2022"}}
    shares = {number: found.share for number, found in carried(leading, mentioned).items()}
    assert shares == {1: 1.0, 2: 0.0, 3: pytest.approx(2 / 3)}
