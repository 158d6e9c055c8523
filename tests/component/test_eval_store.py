"""Suites, runs and results in real SQLite: versions, resumption, and what a deletion takes."""

from dataclasses import replace

import pytest

from evals.errors import DocumentGone, UnknownRun, UnknownSuite
from evals.store import EvalStore
from evals.types import (
    Case,
    Expectation,
    Measured,
    Observation,
    Relevant,
    Result,
    RunState,
    SeenCitation,
    SeenPassage,
    SeenSentence,
)
from generation.types import Message, Origin, Verdict
from tests.component.library import opened

CASE = Case(
    key="rent",
    question="How much is the rent?",
    history=(Message("user", "Hello"), Message("assistant", "Hello.")),
    references=("900 pounds", "£900"),
    relevant=(Relevant("lease.txt", "The rent is 900 pounds.", 2),),
    expectation=Expectation.ANSWER,
    tags=("money",),
    weight=2.0,
    source="squad",
)


@pytest.fixture
def library(tmp_path):
    with opened(tmp_path) as library:
        yield library


@pytest.fixture
def evals(library):
    return EvalStore(library.engine)


def observed(library, quote="The rent is 900 pounds."):
    library.publish("home", "lease.txt", quote)
    [hit] = library.searcher.search("rent", readable=library.everything(), k=1)
    passage = hit.passage
    place = (passage.id, passage.document_id, passage.revision_id)
    citation = SeenCitation(*place, "lease.txt", None, passage.start, passage.end, quote)
    return Observation(
        text=quote,
        abstained=False,
        answerability=0.8,
        sentences=(SeenSentence(quote, Origin.QUOTED, Verdict.SUPPORTED, 1.0, (citation,)),),
        retrieved=(SeenPassage(*place, "lease.txt", "lease.txt", None, 0, len(quote), 0.5),),
        prompt_tokens=10,
        completion_tokens=3,
        retrieval_seconds=0.1,
        first_token_seconds=None,
        seconds=0.5,
        change_number=1,
    )


def result_of(position, observation, **values):
    return Result(position, f"case {position}", "lease", 1.0, None, values, observation)


def test_what_is_put_in_comes_out(evals):
    version = evals.put_suite("leases", [CASE, Case("b", "Who?")], note="first")
    assert (version.suite, version.number, version.cases, version.note) == ("leases", 1, 2, "first")
    assert evals.cases(version) == [CASE, Case("b", "Who?")]
    assert evals.suites() == [version] == [evals.suite("leases")]


def test_the_same_cases_are_no_new_version_and_others_are(evals):
    first = evals.put_suite("leases", [CASE])
    assert evals.put_suite("leases", [CASE]) == first
    second = evals.put_suite("leases", [CASE, Case("b", "Who?")])
    assert second.number == 2
    assert evals.cases(first) == [CASE]
    assert evals.suite("leases", number=1) == first


def test_a_case_is_added_once_and_replaced_by_key(evals):
    first = evals.add_case("chat", CASE)
    assert evals.add_case("chat", CASE) == first
    better = replace(CASE, references=("900",))
    second = evals.add_case("chat", better)
    assert evals.cases(second) == [better]
    assert evals.cases(first) == [CASE]


@pytest.mark.parametrize("cases", [[], [CASE, CASE]])
def test_no_cases_or_one_key_twice_are_refused(evals, cases):
    with pytest.raises(ValueError, match="leases"):
        evals.put_suite("leases", cases)
    assert evals.suites() == []


def test_what_is_not_there_is_named(evals):
    evals.put_suite("leases", [CASE])
    with pytest.raises(UnknownSuite, match="no suite 'rents'; the suites are: leases"):
        evals.suite("rents")
    with pytest.raises(UnknownSuite, match="version 7"):
        evals.suite("leases", number=7)
    with pytest.raises(UnknownRun, match="no run 9"):
        evals.run(9)


def test_a_run_goes_on_where_it_stopped(evals, library):
    version = evals.put_suite("leases", [CASE, Case("b", "Who?")])
    pins = {"seed": 1, "models": {"engine": "toy"}}
    run = evals.start_run(version, cases=2, origin="command", pins=pins)
    seen = observed(library)
    evals.add_result(run.id, result_of(0, seen, faithfulness=1.0, token_f1=None))
    evals.add_result(run.id, result_of(0, None, faithfulness=0.0))  # one that is there stays
    assert evals.unfinished_run(version, {"seed": 2}) is None
    again = evals.unfinished_run(version, pins)
    assert (again.id, again.done, again.cases, again.pins) == (run.id, 1, 2, pins)
    assert evals.done_positions(run.id) == {0}
    assert evals.results(run.id) == [result_of(0, seen, faithfulness=1.0, token_f1=None)]
    summary = {"faithfulness": Measured(1.0, None, None, 1, 0)}
    ended = evals.finish_run(run.id, summary, state=RunState.FINISHED)
    assert (ended.state, ended.summary) == (RunState.FINISHED, summary)
    assert evals.unfinished_run(version, pins) is None
    assert [one.id for one in evals.runs(suite="leases")] == [run.id]
    assert evals.annotate(run.id, "new model").note == "new model"


def test_deleting_a_document_takes_its_words_and_leaves_the_numbers(evals, library):
    seen = observed(library)
    document_id = seen.retrieved[0].document_id
    version = evals.put_suite("leases", [CASE, Case("b", "Who?")], written_from={"b": document_id})
    run = evals.start_run(version, cases=1, origin="command", pins={})
    evals.add_result(run.id, result_of(0, seen, faithfulness=1.0))
    evals.propose("leases", [(Case("c", "Rent?", references=("900 pounds",)), document_id)])
    library.remove("home", "lease.txt")
    [kept] = evals.results(run.id)
    assert (kept.observation, kept.error, kept.values) == (None, None, {"faithfulness": 1.0})
    assert evals.proposals() == []
    assert [case.key for case in evals.cases(version)] == ["rent"]
    assert library.rows("SELECT count(*) FROM eval_evidence") == [(0,)]


def test_a_document_that_goes_while_a_case_is_asked_leaves_no_words(evals, library):
    seen = observed(library)
    document_id = seen.retrieved[0].document_id
    run = evals.start_run(evals.put_suite("a", [CASE]), cases=1, origin="command", pins={})
    library.remove("home", "lease.txt")
    evals.add_result(run.id, result_of(0, seen, faithfulness=1.0))
    [kept] = evals.results(run.id)
    assert (kept.observation, kept.values) == (None, {"faithfulness": 1.0})
    assert library.rows("SELECT count(*) FROM eval_evidence") == [(0,)]
    assert evals.propose("a", [(Case("n", "New?"), document_id)]) == 0
    with pytest.raises(DocumentGone, match=f"document {document_id}"):
        evals.add_case("a", Case("n", "New?"), document_id=document_id)


def test_a_deleted_document_s_name_does_not_stay_with_the_results(evals, library):
    seen = observed(library)
    run = evals.start_run(evals.put_suite("a", [CASE]), cases=2, origin="command", pins={})
    evals.add_result(run.id, replace(result_of(0, seen), cluster="lease.txt"))
    evals.add_result(run.id, replace(result_of(1, seen), cluster="money"))
    library.remove("home", "lease.txt")
    clusters = [result.cluster for result in evals.results(run.id)]
    assert clusters == [f"deleted document {seen.retrieved[0].document_id}", "money"]


def test_a_case_goes_with_its_document_however_it_came_into_a_suite(evals, library):
    document_id = observed(library).retrieved[0].document_id
    case, tagged = Case("w", "Rent?", references=("900",)), ("money",)
    evals.put_suite("first", [case])  # from a file, before anybody knew
    evals.add_case("second", case, document_id=document_id)
    evals.put_suite("second", [replace(case, tags=tagged)])  # exported, edited, imported
    library.remove("home", "lease.txt")
    assert library.rows("SELECT count(*) FROM eval_cases") == [(0,)]


def test_a_suite_that_lost_cases_gets_them_back_from_its_file(evals, library):
    document_id = observed(library).retrieved[0].document_id
    first = evals.put_suite("a", [CASE, Case("b", "Who?")], written_from={"b": document_id})
    library.remove("home", "lease.txt")
    assert len(evals.cases(evals.suite("a"))) == 1
    again = evals.put_suite("a", [CASE, Case("b", "Who?")])
    assert (again.number, again.cases) == (first.number + 1, 2)


def test_a_run_whose_suite_was_removed_is_named(evals, library):
    run = evals.start_run(evals.put_suite("a", [CASE]), cases=1, origin="command", pins={})
    evals.remove_suite("a")
    with pytest.raises(UnknownRun, match=f"no run {run.id}"):
        evals.add_result(run.id, result_of(0, None))


def test_a_new_revision_of_a_document_is_no_deletion(evals, library):
    seen = observed(library)
    run = evals.start_run(evals.put_suite("a", [CASE]), cases=1, origin="command", pins={})
    evals.add_result(run.id, result_of(0, seen))
    library.publish("home", "lease.txt", "The rent is 950 pounds.")
    assert evals.result(run.id, 0).observation == seen


def test_a_proposal_is_settled_once(evals):
    other = Case("d", "What?")
    assert evals.propose("new", [(CASE, None), (CASE, None), (other, None)]) == 2
    assert evals.proposal_counts() == {"new": 2}
    first, second = evals.proposals("new")
    assert evals.proposal(first.id) == first
    edited = replace(first.case, question="What is the rent?")
    version = evals.settle(first.id, edited)
    assert evals.cases(version) == [edited]
    assert evals.settle(first.id, edited) is None
    assert evals.settle(second.id, None) is None
    assert evals.proposal(second.id) is None
    assert evals.proposals() == []


def test_a_removed_suite_leaves_nothing(evals, library):
    version = evals.put_suite("a", [CASE])
    run = evals.start_run(version, cases=1, origin="command", pins={})
    evals.add_result(run.id, result_of(0, observed(library)))
    evals.propose("a", [(Case("x", "X?"), None)])
    assert evals.remove_suite("a")
    assert not evals.remove_suite("a")
    names = ["suites", "versions", "cases", "members", "proposals", "runs", "results", "evidence"]
    counts = [library.rows(f"SELECT count(*) FROM eval_{name}") for name in names]
    assert counts == [[(0,)]] * len(names)
