"""A fold's network must not see what it is measured on."""

import pytest

from training.groundedness.rows import IN_DOMAIN, Example, group_of

pytest.importorskip("torch")
from training.groundedness.crossfit import ALTERED, FOLDS, altered, domain_stage, fold_of


def test_folds_are_fixed_and_cover_all():
    groups = [f"ragtruth_trainsplit:{n}" for n in range(200)]
    assert {fold_of(group) for group in groups} == set(range(FOLDS))
    assert fold_of("ragtruth_trainsplit:12362") == 4


def test_a_fold_never_sees_its_own_rows():
    text = (
        "Anna Berg opened the Lido on Monday, 3 May 1998. It has 12 cabins, a sauna, and a café. "
        "In winter only the restaurant beside the lake stays open, from noon until ten at night."
    )
    rows = [
        Example(source, f"{source}:{n}", "", "", (text,), "It has 12 cabins.", n % 3 > 0, None, ())
        for source in (IN_DOMAIN, "other")
        for n in range(400)
    ]
    for fold in range(FOLDS):
        shown = domain_stage("x", rows, fold, 1).examples
        assert any(e.source == "made:evidence_removed" for e in shown)
        seen = {e.group for e in shown if e.group.startswith(IN_DOMAIN)}
        assert seen
        assert all(fold_of(group) != fold for group in seen)
    everything = domain_stage("x", rows, None, 1).examples
    assert {fold_of(e.group) for e in everything if e.source == IN_DOMAIN} == set(range(FOLDS))


def test_altered_sentences_stand_beside_themselves_and_stay_in_the_fold_of_their_source():
    text = "The Lido opened on 3 May 1998. It is run by Anna Berg, not by Carl Stein."
    rows = [
        {"ds": "dev", "context": text, "question": "", "claim": f"{text} See {n}.", "label": n % 2}
        for n in range(20)
    ]
    made = altered(rows, 1)
    assert made
    assert made == altered(rows, 1)
    for right, wrong in zip(made[::2], made[1::2], strict=True):
        assert (right["label"], wrong["label"]) == (1, 0)
        assert right["claim"] != wrong["claim"]
        assert wrong["claim"] not in text
        assert {right["task"], wrong["task"]} == {ALTERED}
        assert group_of(right) == group_of(wrong) == group_of(rows[1])
