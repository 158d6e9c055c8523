"""Two runs side by side: differences, flips and their causes, all worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from evals.catalogue import METRICS, metric_of
from evals.comparing.causes import Cause, cause_of
from evals.comparing.comparison import compare, edited_keys
from evals.comparing.flipping import Flip, flips_of
from evals.comparing.paired import Difference, draw_differences, match
from evals.comparing.pins import PinDifference, pin_differences, pinned_number
from evals.types import (
    Case,
    Expectation,
    Observation,
    Result,
    RunState,
    SeenCitation,
    SeenPassage,
    SeenSentence,
)
from evals.weighing import aggregates, case_value, values_of
from generation.types import Origin, Verdict
from tests.simulated import Quality, result_of, run_of, simulated

PASSAGES = (("a.txt", 1, 0), ("b.txt", 2, 0), ("c.txt", 3, 0))


def passage(path: str, revision: int, start: int) -> SeenPassage:
    return SeenPassage(revision * 100 + start, revision, revision, path, path, None, start, 9, 0.5)


def seen(
    *texts: str,
    passages=PASSAGES,
    verdict: Verdict = Verdict.SUPPORTED,
    abstained: bool = False,
    answerability: float = 0.8,
    completion_tokens: int = 10,
    change_number: int = 5,
) -> Observation:
    sentences = tuple(SeenSentence(text, Origin.GENERATED, verdict, 0.9, ()) for text in texts)
    return Observation(
        text=" ".join(texts),
        abstained=abstained,
        answerability=answerability,
        sentences=sentences,
        retrieved=tuple(passage(*one) for one in passages),
        prompt_tokens=100,
        completion_tokens=completion_tokens,
        retrieval_seconds=0.1,
        first_token_seconds=0.2,
        seconds=1.0,
        change_number=change_number,
    )


def declined(**options) -> Observation:
    """An abstention before anything was generated."""
    return seen(abstained=True, completion_tokens=0, **options)


def result(observation: Observation | None, *, error: str | None = None, **values) -> Result:
    return Result(0, "case", "case", 1.0, Expectation.ANSWER, values, observation, error)


def pins(*names: str) -> list[PinDifference]:
    return [PinDifference(name, 1, 2) for name in names]


# --- Pins ------------------------------------------------------------------------------------


def test_pins_differ_by_their_dotted_names():
    first = {"commit": "a", "models": {"engine": {"name": "x"}, "verifier": "v1"}, "gone": 1}
    second = {"commit": "a", "models": {"engine": {"name": "y"}, "verifier": "v1"}, "new": [1]}
    assert pin_differences(first, second) == (
        PinDifference("gone", 1, "(not there)"),
        PinDifference("models.engine.name", "x", "y"),
        PinDifference("new", "(not there)", [1]),
    )
    assert pin_differences({}, {}) == pin_differences(first, first) == ()


def test_a_number_among_pins_is_found_wherever_it_lies():
    assert pinned_number({"decoding": {"temperature": 0.7}}, "temperature") == 0.7
    assert pinned_number({"decoding": {"temperature": None}}, "temperature") is None
    assert pinned_number({"temperature": True}, "temperature") is None
    assert pinned_number({}, "temperature") is None


# --- Causes ------------------------------------------------------------------------------------

OTHER_REVISION = (("a.txt", 7, 0), ("b.txt", 2, 0), ("c.txt", 3, 0))
OTHER_PASSAGES = (("a.txt", 1, 0), ("d.txt", 4, 0), ("c.txt", 3, 0))
REORDERED = (PASSAGES[1], PASSAGES[0], PASSAGES[2])
ALL = ("models.engine.name", "settings.abstain_below", "models.verifier", "seed", "commit")


@pytest.mark.parametrize(
    ("before", "after", "differing", "temperature", "cause", "says"),
    [
        # A document changed: it comes before whatever else differs.
        (seen("x"), seen("y", passages=OTHER_REVISION, change_number=6), ALL, 0.7,
         Cause.DOCUMENT, "other revision of a.txt (change 5 -> 6)"),
        # The change number alone proves nothing.
        (seen("x"), seen("y", change_number=6), ("prompt",), 0, Cause.GENERATION, "prompt: 1 -> 2"),
        (seen("x"), seen("y", passages=OTHER_PASSAGES), ALL, 0.7,
         Cause.RETRIEVAL, "1 passages gone and 1 new, from rank 2 on"),
        (seen("x"), seen("y", passages=REORDERED), ("models.encoder",), 0,
         Cause.RETRIEVAL, "the same passages reordered, from rank 1 on; models.encoder: 1 -> 2"),
        (seen("x"), seen("y", passages=PASSAGES[:2]), (), 0,
         Cause.RETRIEVAL, "1 passages gone and 0 new, from rank 3 on"),
        # A passage that a change of documents brought in.
        (seen("x"), seen("x", passages=OTHER_PASSAGES, change_number=6), (), 0,
         Cause.RETRIEVAL, "documents changed (5 -> 6)"),
        (seen("x"), seen("y"), ALL, 0.7, Cause.GENERATION, "models.engine.name: 1 -> 2"),
        (seen("x"), seen("y"), ("decoding.temperature", "settings.evidence_tokens"), 0.7,
         Cause.GENERATION, "decoding.temperature: 1 -> 2, settings.evidence_tokens: 1 -> 2"),
        # An abstention before the draft has none to compare.
        (seen("x"), declined(), ALL, 0.7, Cause.OPERATING_POINT, "settings.abstain_below: 1 -> 2"),
        (declined(), seen("x", answerability=0.81), ("settings.abstain_below",), 0,
         Cause.OPERATING_POINT, "answerability 0.81"),
        (seen("x"), declined(answerability=0.2), ("settings.abstain_below",), 0,
         Cause.UNKNOWN, "answerability 0.80 -> 0.20; settings.abstain_below"),
        (seen("x"), seen("x", verdict=Verdict.UNSUPPORTED), ("models.verifier",), 0.7,
         Cause.JUDGE, "same draft, other verdicts; models.verifier: 1 -> 2"),
        # An abstention after the same draft: nothing of it is supported any more.
        (seen("x"), seen(abstained=True), ("models.verifier",), 0, Cause.JUDGE, "other verdicts"),
        (seen("x"), seen("y"), ("seed", "commit", "suite.digest"), 0.7,
         Cause.CHANCE, "temperature 0.7"),
        (seen("x"), seen("y"), ("seed",), 0, Cause.UNKNOWN, "nothing that is pinned differs"),
        (seen("x"), seen("x"), (), 0.7, Cause.UNKNOWN, "nothing that is pinned differs"),
    ],
)  # fmt: skip
def test_the_cause_is_the_first_stage_at_which_two_runs_part(
    before, after, differing, temperature, cause, says
):
    likely = cause_of(result(before), result(after), pins(*differing), temperature=temperature)
    assert likely.cause is cause
    assert says in likely.evidence


def test_a_failure_and_a_deleted_document_need_no_observation():
    failed = cause_of(result(seen("x")), result(None, error="too long"), [], temperature=0)
    assert (failed.cause, failed.evidence) == (Cause.FAILURE, "the second run failed: too long")
    was = cause_of(result(None, error="too long"), result(seen("x")), [], temperature=0)
    assert was.evidence == "the first run failed: too long"
    assert cause_of(result(seen("x")), result(None), [], temperature=0).cause is Cause.DOCUMENT


def test_a_document_that_is_only_cited_is_compared_by_its_name():
    def citing(revision: int, change: int) -> Observation:
        cited = SeenCitation(9, 9, revision, "d.txt", None, 0, 1, "x")
        sentence = SeenSentence("x", Origin.QUOTED, Verdict.SUPPORTED, 1.0, (cited,))
        return replace(seen(change_number=change), sentences=(sentence,))

    likely = cause_of(result(citing(1, 5)), result(citing(2, 6)), [], temperature=0)
    assert likely.cause is Cause.DOCUMENT
    assert "d.txt" in likely.evidence


# --- Flips -------------------------------------------------------------------------------------


def test_what_flips_and_what_does_not():
    first = result(seen("x"), containment=1.0, exact_match=0.0, hallucinated=0.0, hit_at_5=1.0)
    second = result(declined(), containment=0.0, exact_match=0.0, hit_at_5=0.0)
    # `hallucinated` has no value in the second run: it has not flipped.
    assert flips_of(first, second) == {
        Flip.ANSWERED: False,
        Flip.RIGHT: False,
        Flip.RETRIEVED: False,
    }
    assert flips_of(first, first) == {}
    assert flips_of(result(None, error="x"), first) == {Flip.FAILED: False}


@pytest.mark.parametrize(
    ("expectation", "is_worse"),
    [(Expectation.ANSWER, True), (Expectation.ABSTAIN, False), (None, None)],
)
def test_whether_an_abstention_is_worse_depends_on_what_is_wanted(expectation, is_worse):
    first = [replace(result(seen("x")), expectation=expectation)]
    second = [replace(result(declined()), expectation=expectation)]
    [flip] = compare(run_of(1, first), first, run_of(2, second), second).flips
    assert flip.is_worse is is_worse


# --- Differences -------------------------------------------------------------------------------


def test_a_difference_worked_by_hand():
    first = [result_of(key, i, containment=value) for i, (key, value) in enumerate(
        [("a", 1.0), ("b", 1.0), ("c", 0.0), ("d", None), ("gone", 1.0)])]  # fmt: skip
    second = [result_of(key, i, containment=value) for i, (key, value) in enumerate(
        [("new", 1.0), ("d", 1.0), ("c", 1.0), ("b", 0.0), ("a", 0.0)])]  # fmt: skip
    found = compare(run_of(1, first), first, run_of(2, second), second)
    [difference] = [one for one in found.differences if one.metric == "containment"]
    # a, b: 1 -> 0; c: 0 -> 1; d was not scored before.
    assert difference.first == pytest.approx(2 / 3)
    assert difference.second == pytest.approx(1 / 3)
    assert difference.value == pytest.approx(-1 / 3)
    assert (difference.pairs, difference.unscored) == (3, 1)
    assert difference.low == -1
    assert difference.high > 0
    assert (found.pairs, found.only_first, found.only_second) == (4, ("gone",), ("new",))
    assert [flip.key for flip in found.flips] == ["c", "b", "a"]


def test_weights_count():
    first = [result_of("a", 0, weight=3.0, token_f1=1.0), result_of("b", 1, token_f1=0.0)]
    second = [result_of("a", 0, weight=3.0, token_f1=0.0), result_of("b", 1, token_f1=0.0)]
    drawn = draw_differences(match(first, second), ["token_f1"])
    assert drawn["token_f1"].difference.value == -0.75


@pytest.mark.parametrize("n", [0, 1])
def test_too_little_to_compare_says_so(n):
    results = [result_of(f"{i}", i, containment=1.0) for i in range(n)]
    found = compare(run_of(1, results), results, run_of(2, results), results)
    assert found.notes
    assert all(one.low is None for one in found.differences)


def test_two_runs_of_one_cluster_have_no_interval_and_identical_ones_no_difference():
    results = [result_of(f"{i}", i, cluster="one", containment=float(i % 2)) for i in range(6)]
    found = compare(run_of(1, results), results, run_of(2, results), results)
    [difference] = found.differences
    assert (difference.value, difference.low, difference.high) == (0, None, None)
    apart = [replace(one, cluster=one.key) for one in results]
    [difference] = compare(run_of(1, apart), apart, run_of(2, apart), apart).differences
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_all_metrics_survive_no_cases_and_no_values(name, n):
    results = [result_of(f"{place}", place) for place in range(n)]
    drawn = draw_differences(match(results, results), [name], draws=3)[name]
    assert drawn.difference == Difference(name, None, None, None, None, None, 0, 0)
    assert (len(drawn.resampled), len(drawn.exchanged), drawn.is_defined) == (0, 0, False)
    values = values_of(metric_of(name), results)
    found = aggregates([(metric_of(name), values)], results)(np.ones((3, n)))
    assert found.shape == (1, 3) and np.isnan(found).all()


def test_every_kind_of_metric_worked_by_hand_under_three_sets_of_weights():
    # wanted, declined, answerability, seconds
    rows = [
        (Expectation.ABSTAIN, 1.0, 0.1, 1.0),
        (Expectation.ANSWER, 1.0, 0.3, 2.0),
        (Expectation.ABSTAIN, 0.0, 0.6, 9.0),
        (Expectation.ANSWER, 0.0, 0.8, 4.0),
        (None, 1.0, 0.9, None),
    ]
    results = [
        result_of(f"{n}", n, expectation=wanted, abstained=declined, answerability=answerability,
                  seconds=seconds)
        for n, (wanted, declined, answerability, seconds) in enumerate(rows)
    ]  # fmt: skip
    weights = np.array([[1.0] * 5, [2.0, 1.0, 0.0, 3.0, 2.0], [0.0] * 5])
    expected = {
        "abstention_precision": (1 / 2, 2 / 3),
        "abstention_recall": (1 / 2, 1),
        "answered_share": (1 / 3, 3 / 6),
        # From .8 down the risks are 0, 1/2, 1/3, 2/4; then, by weight, 0 of 3, 0 of 4, 2 of 6.
        "risk_coverage_area": ((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, 2 / 6 * 2 / 6),
        "seconds_median": (2, 2),
        "seconds_p95": (9, 4),
        "answerability": (2.7 / 5, (0.2 + 0.3 + 2.4 + 1.8) / 8),
        "token_f1": (np.nan, np.nan),
    }
    metrics = [metric_of(name) for name in expected]
    columns = [(metric, values_of(metric, results)) for metric in metrics]
    found = aggregates(columns, results)(weights)
    assert found[:, :2] == pytest.approx(np.array(list(expected.values())), nan_ok=True)
    assert np.isnan(found[:, 2]).all()


def test_abstention_precision_alone_is_over_what_each_run_declined():
    first = [result_of("a", 0, abstained=1.0), result_of("b", 1, abstained=0.0, token_f1=1.0)]
    second = [replace(one, values={"abstained": 1.0, "token_f1": 0.5}) for one in first]
    second[1] = replace(second[1], expectation=Expectation.ABSTAIN)
    drawn = draw_differences(match(first, second), ["abstention_precision", "token_f1"])
    precision, f1 = (one.difference for one in drawn.values())
    # One was declined of the first run, wrongly; two of the second, one of them rightly.
    assert (precision.first, precision.second, precision.pairs) == (0, 0.5, 2)
    assert (f1.first, f1.second, f1.pairs, f1.unscored) == (1, 0.5, 1, 1)


def test_what_a_case_gives_to_abstention():
    to_answer = result_of("a", abstained=1.0)
    to_decline = result_of("b", abstained=1.0, expectation=Expectation.ABSTAIN)
    unknown = result_of("c", abstained=1.0, expectation=None)
    assert [case_value("abstention_precision", r) for r in (to_answer, to_decline)] == [0, 1]
    assert [case_value("abstention_recall", r) for r in (to_answer, to_decline)] == [None, 1]
    assert [case_value("answered_share", r) for r in (to_answer, to_decline)] == [0, None]
    assert case_value("abstention_precision", unknown) is None
    assert case_value("hallucination_rate", result_of("d", hallucinated=1.0)) == 1
    assert case_value("containment", result_of("e", containment=1.0, error="x")) is None


def test_draws_repeat_and_do_not_depend_on_how_many_fit_at_once(monkeypatch):
    first = simulated(20, Quality(), cases=1, draw=2)
    second = simulated(20, Quality(), cases=1, draw=3)
    matched = match(first, second)
    once = draw_differences(matched, ["faithfulness"], draws=101)["faithfulness"]
    again = draw_differences(matched, ["faithfulness"], draws=101)["faithfulness"]
    assert once.difference == again.difference
    monkeypatch.setattr("evals.comparing.paired._CELLS_AT_ONCE", 10 * 40)
    pieces = draw_differences(matched, ["faithfulness"], draws=101)["faithfulness"]
    assert len(pieces.resampled) == len(once.resampled) == 101


def test_edited_cases_are_named_and_not_compared():
    before = [Case("a", "What?"), Case("b", "Who?"), Case("gone", "Why?")]
    after = [Case("a", "What then?"), Case("b", "Who?"), Case("new", "Where?")]
    edited = edited_keys(before, after)
    assert edited == {"a"}
    first = [result_of("a", containment=1.0), result_of("b", 1, containment=1.0)]
    second = [result_of("a", containment=0.0), result_of("b", 1, containment=1.0)]
    found = compare(run_of(1, first), first, run_of(2, second), second, edited=edited)
    assert (found.pairs, found.edited, found.flips) == (1, ("a",), ())


def test_what_limits_a_comparison_is_said():
    results = [result_of("a", containment=1.0), result_of("b", 1, containment=0.0)]
    unfinished = run_of(2, results, state=RunState.RUNNING, suite="other")
    notes = compare(run_of(1, results), results, unfinished, results).notes
    assert any("run 2 has not ended" in note for note in notes)
    assert any("suites differ" in note for note in notes)
