"""What of a draft is shown: four policies, worked by hand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.policies import (
    is_settled,
    ruled,
    shows_at_once,
    shows_drafts,
    strictest,
)
from generation.types import AssayedSentence, Origin, Verdict
from retrieval.types import Policy

QUOTED = AssayedSentence("Tea is at four.", Origin.QUOTED, Verdict.SUPPORTED, 1.0)
RIGHT = AssayedSentence("At four.", Origin.GENERATED, Verdict.SUPPORTED, 0.9)
WRONG = AssayedSentence("At nine.", Origin.GENERATED, Verdict.UNSUPPORTED, 0.1)
HALF = AssayedSentence("At four, with cake.", Origin.GENERATED, Verdict.PARTLY, 0.6)
sentences = st.lists(st.sampled_from([RIGHT, WRONG, HALF]), max_size=5).map(lambda s: [QUOTED, *s])


def test_the_strictest_of_several_collections_wins() -> None:
    assert strictest([Policy.SHOW, Policy.QUOTE, Policy.STRIKE]) is Policy.QUOTE
    assert strictest([Policy.ABSTAIN, Policy.SHOW]) is Policy.ABSTAIN
    assert strictest([]) is Policy.SHOW


@pytest.mark.parametrize("policy", Policy)
def test_what_is_wholly_supported_is_shown_whole(policy: Policy) -> None:
    ruling = ruled(policy, [QUOTED, RIGHT])
    assert ruling.sentences == (QUOTED, RIGHT)
    assert ruling.struck == 0
    assert not ruling.needs_quotes


@pytest.mark.parametrize(
    ("policy", "shown", "struck", "needs_quotes"),
    [
        (Policy.SHOW, (QUOTED, RIGHT, HALF, WRONG), 0, False),
        (Policy.STRIKE, (QUOTED, RIGHT), 2, False),
        (Policy.QUOTE, (QUOTED,), 3, True),
        (Policy.ABSTAIN, (), 3, False),
    ],
)
def test_each_policy_on_a_draft_that_is_right_in_part(policy, shown, struck, needs_quotes) -> None:
    ruling = ruled(policy, [QUOTED, RIGHT, HALF, WRONG])
    assert (ruling.sentences, ruling.struck, ruling.needs_quotes) == (shown, struck, needs_quotes)


@given(sentences)
def test_a_stricter_policy_shows_nothing_that_a_milder_one_would_not(given) -> None:
    shown = [ruled(policy, given).sentences for policy in Policy]
    for milder, stricter in pairwise(shown):
        assert set(stricter) <= set(milder)


@given(sentences)
def test_what_is_shown_at_once_is_the_beginning_of_what_is_shown_in_the_end(given) -> None:
    for policy in Policy:
        early = tuple(sentence for sentence in given if shows_at_once(policy, sentence))
        assert ruled(policy, given).sentences[: len(early)] == early


def test_only_what_shows_everything_shows_a_draft_that_was_not_assayed() -> None:
    assert [shows_drafts(policy) for policy in Policy] == [True, False, False, False]


def test_writing_on_is_of_no_use_once_all_or_nothing_is_decided() -> None:
    assert is_settled(Policy.QUOTE, [QUOTED, WRONG])
    assert is_settled(Policy.ABSTAIN, [QUOTED, HALF])
    assert not is_settled(Policy.STRIKE, [QUOTED, WRONG])
    assert not is_settled(Policy.ABSTAIN, [QUOTED, RIGHT])
